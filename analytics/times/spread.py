"""How durations spread. The mean of repairs is several times their median, so both are told."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """Durations in seconds. All but `count` are missing where there is none."""

    count: int
    mean_s: float | None
    median_s: float | None
    p90_s: float | None


NONE = Spread(0, None, None, None)


def spread_of(seconds: Iterable[float]) -> Spread:
    """Mean, median, and the smallest value that nine in ten do not exceed."""
    ordered = sorted(seconds)
    if not ordered:
        return NONE
    p90 = ordered[-(-9 * len(ordered) // 10) - 1]
    return Spread(len(ordered), statistics.fmean(ordered), statistics.median(ordered), p90)
