"""Pickles without their danger: plain values only. Nothing is imported, called or built, and what a pickle may do to make
a reader work without end (keys of nested tuples, memory by the gigabyte) it cannot say here."""

from __future__ import annotations

import pickle
import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clusterctl.communication.damage import Damaged

MAX_BYTES = 256 << 20
MAX_VALUES = 10_000_000
"""A small archive unpacks to as many empty dictionaries as it likes; each takes a hundred bytes. The largest dump that
the recorder can be told to keep has some four million values."""
_MARK = object()
_CONSTANT = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_NUMBERS_AND_TEXT = frozenset(
    ("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
     "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BINSTRING", "SHORT_BINSTRING")
)  # fmt: skip
_SILENT = frozenset(("PROTO", "FRAME"))


class Refused(pickle.UnpicklingError):
    """An operation that only a pickle with a purpose of its own has."""


class PlainPickle:
    """Reads one pickle."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._do: dict[str, Callable[[Any], None]] = {
            "MARK": lambda _: self._stack.append(_MARK),
            "EMPTY_DICT": lambda _: self._stack.append({}),
            "EMPTY_LIST": lambda _: self._stack.append([]),
            "EMPTY_TUPLE": lambda _: self._stack.append(()),
            "MEMOIZE": lambda _: self._keep(len(self._memo)),
            "BINPUT": self._keep,
            "LONG_BINPUT": self._keep,
            "BINGET": self._recall,
            "LONG_BINGET": self._recall,
            "APPEND": lambda _: self._append([self._pop()]),
            "APPENDS": lambda _: self._append(self._marked()),
            "SETITEM": lambda _: self._set([self._pop(), self._pop()][::-1]),
            "SETITEMS": lambda _: self._set(self._marked()),
            "TUPLE": lambda _: self._stack.append(tuple(self._marked())),
            "LIST": lambda _: self._stack.append(self._marked()),
            "TUPLE1": lambda _: self._tuple(1),
            "TUPLE2": lambda _: self._tuple(2),
            "TUPLE3": lambda _: self._tuple(3),
            "POP": lambda _: self._stack.pop(),
        }

    def step(self, name: str, argument: Any) -> None:
        """One operation. Raises Refused."""
        if name in _NUMBERS_AND_TEXT:
            self._stack.append(_text(argument) if type(argument) is str else argument)
        elif name in _CONSTANT:
            self._stack.append(_CONSTANT[name])
        elif name in self._do:
            self._do[name](argument)
        elif name not in _SILENT:
            raise Refused(f"it asks to {name.replace('_', ' ').lower()}: only plain values are read")

    def result(self) -> Any:
        """What the pickle holds."""
        return self._pop()

    def _pop(self) -> Any:
        value = self._stack.pop()
        if value is _MARK:
            raise Refused("an operation without its value")
        return value

    def _marked(self) -> list[Any]:
        at = len(self._stack) - 1
        while self._stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise Refused("an operation without its mark")
        values = self._stack[at + 1 :]
        del self._stack[at:]
        return values

    def _keep(self, number: int) -> None:
        self._memo[number] = self._stack[-1]

    def _recall(self, number: int) -> None:
        self._stack.append(self._memo[number])

    def _append(self, values: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not list:
            raise Refused("it appends to what is no list")
        target += values

    def _set(self, pairs: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not dict or len(pairs) % 2:
            raise Refused("it sets members of what is no dictionary")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if type(key) not in (str, int, bytes, bool, type(None)):
                raise Refused("a key that is neither text nor number")
            target[key] = value

    def _tuple(self, count: int) -> None:
        values = [self._pop() for _ in range(count)]
        self._stack.append(tuple(reversed(values)))


def _text(told: str) -> str:
    """Text that every output takes: a pickle may have halves of characters in it."""
    return told if told.isascii() else told.encode("utf-8", "replace").decode("utf-8")


def unpickle(path: Path, data: bytes) -> Any:
    """The plain value in `data`. Raises Damaged, with the byte."""
    reader = PlainPickle()
    position = 0
    try:
        for count, (operation, argument, at) in enumerate(pickletools.genops(data)):
            position = at or 0
            if operation.name == "STOP":
                return reader.result()
            if count > MAX_VALUES:
                raise Refused("it goes on without end")
            reader.step(operation.name, argument)
    except Refused as error:
        raise Damaged(path, position, f"not a plain pickle: {error}", hint="") from error
    except (ValueError, KeyError, IndexError, OverflowError) as error:
        raise Damaged(path, position, f"a broken pickle: {error}", hint="") from error
    raise Damaged(path, position, "a pickle that does not stop", hint="")
