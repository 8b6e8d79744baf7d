"""Chrome's microseconds, written in decimal, as whole nanoseconds: exactly, and never by way of a float."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal

import numpy as np
from numpy.typing import NDArray

LIMIT_NS = 4_000_000_000_000_000_000
"""About 127 years: beyond it a time is nonsense, and sums of two would leave 64 bits."""
_THREE_PLACES = re.compile(rb"(?:-?\d{1,16}\.\d{3} )*")
_WHOLE = re.compile(rb"(?:-?\d{1,15} )*")
_NUMBER = re.compile(r"-?\d{1,40}(?:\.\d{1,400})?(?:[eE][+-]?\d{1,3})?")
_EXACT = Context(prec=500)


class NotATime(ValueError):
    """A number that is no time; `index` is its place among those given."""

    def __init__(self, index: int, what: str) -> None:
        super().__init__(what)
        self.index = index


def nanoseconds(texts: Sequence[bytes]) -> NDArray[np.int64]:
    """Nanoseconds of JSON numbers in microseconds; digits beyond the nanosecond round half to even. Raises NotATime."""
    joined = b" ".join([*texts, b""])
    if _THREE_PLACES.fullmatch(joined):  # what Kineto writes
        values = np.fromstring(joined.replace(b".", b""), dtype=np.int64, sep=" ")
    elif _WHOLE.fullmatch(joined):
        values = np.fromstring(joined, dtype=np.int64, sep=" ") * 1_000
    else:
        return np.array([_one(index, bytes(text)) for index, text in enumerate(texts)], dtype=np.int64)
    outside = np.flatnonzero((values > LIMIT_NS) | (values < -LIMIT_NS))
    if outside.size:
        raise NotATime(int(outside[0]), _shown(bytes(texts[outside[0]])))
    return values


def _one(index: int, text: bytes) -> int:
    written = text.decode("ascii", "replace")
    if not _NUMBER.fullmatch(written):
        raise NotATime(index, _shown(text))
    exact = _EXACT.multiply(_EXACT.create_decimal(written), Decimal(1_000))
    if not exact.is_finite() or abs(exact) > LIMIT_NS:
        raise NotATime(index, _shown(text))
    return int(exact.to_integral_value(rounding=ROUND_HALF_EVEN, context=_EXACT))


def _shown(text: bytes) -> str:
    return f"{text[:40].decode('ascii', 'replace')} is no time in microseconds"
