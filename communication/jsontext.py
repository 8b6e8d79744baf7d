"""A window on a long JSON text: what is before it was read and let go, what is after it is not read yet."""

from __future__ import annotations

import re
from pathlib import Path

from clusterctl.communication.damage import Damaged
from clusterctl.communication.source import CHUNK_BYTES, Source

MAX_VALUE_BYTES = 64 << 20
"""No single value of a trace is longer; a text that claims one is not a trace."""
MAX_DEPTH = 100
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|"|[{}\[\],]', re.DOTALL)
_SPACE = re.compile(rb"[ \t\r\n]*")
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_SCALAR = re.compile(rb"[^,\]}\s]*")


class JsonText:
    """Reads forward only. Positions are bytes of the decompressed text."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.path: Path = source.path
        self.held = b""
        self.ended = False
        self._failure: Damaged | None = None

    @property
    def start(self) -> int:
        """Position of the first byte held."""
        return self._source.position - len(self.held)

    def more(self) -> bool:
        """Hold another chunk, twice as much each time so that long values cost no more than their length. False at the
        end of the text, and where the file can be read no further: that is raised once what is held is used up, so that
        it can be salvaged. Raises Damaged if a value does not end."""
        if len(self.held) > MAX_VALUE_BYTES:
            raise self.damaged(0, f"a value of more than {MAX_VALUE_BYTES >> 20} MiB")
        try:
            chunk = b"" if self.ended else self._source.read(max(CHUNK_BYTES, len(self.held)))
        except Damaged as error:
            self._failure, chunk = error, b""
        self.ended = not chunk
        self.held += chunk
        return bool(chunk)

    def drop(self, count: int) -> None:
        """Let go of the first bytes held."""
        self.held = self.held[count:]

    def damaged(self, offset: int, what: str) -> Damaged:
        """An error at a byte of what is held."""
        return Damaged(self.path, self.start + offset, what)

    def cut_off(self) -> Damaged:
        """The text ended too early; why, if that is known."""
        return self._failure or self.damaged(len(self.held), "the file is cut off: it ends within its JSON")

    def peek(self) -> bytes:
        """The next byte that is no white space, which is let go; empty at the end."""
        while True:
            space = _SPACE.match(self.held)
            self.drop(space.end() if space else 0)
            if self.held:
                return self.held[:1]
            if not self.more():
                if self._failure:
                    raise self._failure
                return b""

    def take(self, wanted: bytes) -> None:
        """Pass over one byte that must come next."""
        found = self.peek()
        if not found:
            raise self.cut_off()
        if found != wanted:
            raise self.damaged(0, f"expected {wanted.decode()} here")
        self.drop(1)

    def key(self) -> bytes:
        """The name of a member, as it is written, and the colon behind it."""
        if self.peek() != b'"':
            raise self.damaged(0, "expected a name in quotes here") if self.held else self.cut_off()
        while not (found := _STRING.match(self.held)):
            if not self.more():
                raise self.cut_off()
        self.drop(found.end())
        self.take(b":")
        return found.group()[1:-1]

    def value(self) -> bytes:
        """The text of the next value, however it is built."""
        if not self.peek():
            raise self.cut_off()
        while True:
            end = self._value_end()
            if end is not None:
                text = self.held[:end]
                self.drop(end)
                return text
            if not self.more():
                raise self.cut_off()

    def _value_end(self) -> int | None:
        first = self.held[:1]
        if first == b'"':
            found = _STRING.match(self.held)
            return found.end() if found else None
        if first not in (b"{", b"["):
            found = _SCALAR.match(self.held)
            end = found.end() if found else 0
            if end == 0:
                raise self.damaged(0, "expected a value here")
            return end if end < len(self.held) or self.ended else None
        return self._closing(0)

    def _closing(self, depth: int) -> int | None:
        for token in _TOKEN.finditer(self.held):
            text = token.group()
            if text in (b"{", b"["):
                depth += 1
                self._bounded(depth, token.start())
            elif text in (b"}", b"]"):
                depth -= 1
                if depth == 0:
                    return token.end()
            elif text == b'"':
                return None
        return None

    def elements(self) -> tuple[int, int | None]:
        """Of the elements of an array that is open here: how many bytes of them are held whole, the comma behind left
        out, and where the array's bracket closes if that is held."""
        depth = whole = 0
        for token in _TOKEN.finditer(self.held):
            text = token.group()
            if text in (b"{", b"["):
                depth += 1
                self._bounded(depth, token.start())
            elif text == b"]" and depth == 0:
                return token.start(), token.start()
            elif text in (b"}", b"]"):
                depth -= 1
                if depth < 0:
                    raise self.damaged(token.start(), "a brace closes what was not opened")
            elif text == b"," and depth == 0:
                whole = token.start()
            elif text == b'"':
                break
        return whole, None

    def _bounded(self, depth: int, offset: int) -> None:
        if depth > MAX_DEPTH:
            raise self.damaged(offset, f"nested more than {MAX_DEPTH} deep")
