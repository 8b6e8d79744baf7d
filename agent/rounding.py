"""Readings without the digits that mean nothing; what is dropped, and why nothing is lost, is decision 016."""

from __future__ import annotations

import math


def significant(value: float, bits: int) -> float:
    """The value to this many significant binary digits, so off by 2**-bits of itself at most; zero is zero."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(round(math.ldexp(mantissa, bits)), exponent - bits)


def whole(value: int | None, step: int) -> int | None:
    """The value down to a multiple of `step`; a counter stays one. Missing stays missing."""
    return None if value is None else value // step * step
