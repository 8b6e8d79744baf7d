"""The elements of a long JSON array, many at a time, decoded by a compiled library.

Where to cut the text is guessed, and the decoder proves the guess: if the text up to the cut decodes as whole elements,
then the cut lies between two of them. Only where a guess fails is the text looked through token by token."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from clusterctl.communication.damage import Damaged
from clusterctl.communication.jsontext import JsonText

Row = TypeVar("Row", bound=msgspec.Struct)
_AT_BYTE = re.compile(r"\(byte (\d+)\)")
MAX_GUESSES = 8


@dataclass(frozen=True, slots=True)
class Slice(Generic[Row]):
    """Some elements in a row; `text` is a JSON array of them, `position` that of its first element in the file."""

    rows: list[Row]
    text: bytes
    position: int
    places: list[int] | None = None
    """Which element each row is, where some elements were unusable: no objects, or with members of impossible types."""
    unusable: int = 0

    def position_of(self, index: int) -> int:
        """Where the element of a row begins. Slow: for messages only."""
        wanted = index if self.places is None else self.places[index]
        at = 1
        for number, element in enumerate(msgspec.json.decode(self.text, type=list[msgspec.Raw])):
            at = self.text.index(bytes(element), at)
            if number == wanted:
                break
            at += len(bytes(element))
        return self.position + at - 1


class Elements(Generic[Row]):
    """Decodes the elements of the array that is open in `text` as `row`, until its bracket closes."""

    def __init__(self, text: JsonText, row: type[Row]) -> None:
        self._text = text
        self._row = row
        self._comma = False
        self._many: msgspec.json.Decoder[list[Row]] = msgspec.json.Decoder(list[row])  # type: ignore[valid-type]

    def slices(self) -> Iterator[Slice[Row]]:
        """Slices until the array is closed. Raises Damaged."""
        text = self._text
        while True:
            cut = self._guess()
            part = self._proven(cut) if cut else None
            if part is not None:
                yield part
                text.more()
                continue
            whole, closed = text.elements()
            if text.held[:whole].strip():
                yield self._decoded(whole)
            elif closed is not None:
                if self._comma:
                    raise text.damaged(closed, "a comma before the closing bracket")
                text.drop(closed)
            if closed is not None:
                text.take(b"]")
                return
            if not text.more():
                raise self._unended()

    def _guess(self) -> int:
        """A comma that seems to stand between two objects, near the end; 0 if none is seen."""
        held, end = self._text.held, len(self._text.held)
        for _ in range(MAX_GUESSES):
            end = held.rfind(b"{", 0, end)
            if end < 1:
                return 0
            before = held[max(0, end - 64) : end].rstrip()
            if before.endswith(b",") and before[:-1].rstrip().endswith(b"}"):
                return held.rindex(b",", 0, end)
        return 0

    def _proven(self, cut: int) -> Slice[Row] | None:
        array = self._array(cut)
        try:
            if not array.isascii():
                array.decode("utf-8")
            return self._taken(cut, array, self._many.decode(array))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def _array(self, cut: int) -> bytes:
        return b"".join((b"[", memoryview(self._text.held)[:cut], b"]"))

    def _taken(
        self, cut: int, array: bytes, rows: list[Row], places: list[int] | None = None, unusable: int = 0
    ) -> Slice[Row]:
        text = self._text
        taken = Slice(rows, array, text.start, places, unusable)
        text.drop(cut)
        self._comma = text.held[:1] == b","
        text.drop(self._comma)
        return taken

    def _decoded(self, whole: int) -> Slice[Row]:
        """The elements before `whole`, which is a boundary, or the error in them."""
        text = self._array(whole)
        try:
            text.decode("utf-8")
            elements = msgspec.json.decode(text, type=list[msgspec.Raw])
        except UnicodeDecodeError as error:
            raise self._text.damaged(error.start - 1, "not UTF-8") from error
        except msgspec.DecodeError as error:
            raise self._malformed(error) from error
        found = [(place, row) for place, element in enumerate(elements) if (row := self._one(element)) is not None]
        places = [place for place, _ in found]
        return self._taken(whole, text, [row for _, row in found], places, len(elements) - len(found))

    def _one(self, element: msgspec.Raw) -> Row | None:
        try:
            return msgspec.json.decode(element, type=self._row)
        except msgspec.ValidationError:
            return None
        except msgspec.DecodeError as error:
            raise self._malformed(error) from error

    def _unended(self) -> Damaged:
        """The text ends and the array does not: cut off, unless something before that is no JSON at all."""
        try:
            msgspec.json.decode(b"[" + self._text.held, type=list[msgspec.Raw])
        except msgspec.DecodeError as error:
            if _AT_BYTE.search(str(error)):
                return self._malformed(error)
        except RecursionError:
            return self._text.damaged(0, "nested too deep")
        return self._text.cut_off()

    def _malformed(self, error: msgspec.DecodeError) -> Damaged:
        found = _AT_BYTE.search(str(error))
        offset = max(0, int(found.group(1)) - 1) if found else 0
        return self._text.damaged(offset, f"not JSON: {_AT_BYTE.sub('', str(error)).strip()}")
