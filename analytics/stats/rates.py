"""Counts, exposure, and how sure a rate is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clusterctl.analytics.stats.distributions import Floats, chi2_quantile

CONFIDENCE = 0.95
PER = 1000.0
"""Rates are per 1000 GPU-days."""
PLAIN_METHOD = "Garwood exact, two-sided 95 %"


@dataclass(frozen=True, slots=True)
class Interval:
    """Limits of a count."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Tally:
    """Faults and the exposure they came from."""

    count: int
    gpu_days: float


@dataclass(frozen=True, slots=True)
class Units:
    """Faults and exposure of every node, GPU or fabric element; those without a fault belong to it too. Raises ValueError
    for lists of different length, or a negative number."""

    names: Sequence[str]
    counts: Sequence[int]
    gpu_days: Sequence[float]

    def __post_init__(self) -> None:
        if not len(self.names) == len(self.counts) == len(self.gpu_days):
            raise ValueError("names, counts and gpu_days differ in length")
        if len(self.names) and not (min(self.counts) >= 0 and min(self.gpu_days) >= 0):
            raise ValueError("a count or an exposure is negative")

    @classmethod
    def of(cls, counts: Mapping[str, int], gpu_days: Mapping[str, float]) -> Units:
        """Join counts (which name only what had faults) with exposures (which name everything). A unit with faults whose
        exposure nobody knows is kept with none: it is counted, and cannot be tested."""
        names = sorted(counts.keys() | gpu_days.keys())
        return cls(names, [counts.get(name, 0) for name in names], [gpu_days.get(name, 0.0) for name in names])

    def total(self) -> Tally:
        """All of them together."""
        return Tally(sum(self.counts), sum(self.gpu_days))


def garwood(count: float, confidence: float = CONFIDENCE) -> Interval:
    """Exact two-sided interval of a Poisson count (Garwood 1936), by chi-squared quantiles. Real counts are allowed."""
    if not count >= 0:
        raise ValueError(f"a count is not negative: {count}")
    low = 0.0 if count == 0 else float(chi2_quantile(2 * count, (1 + confidence) / 2)) / 2
    return Interval(low, float(upper_limits(count, confidence)))


def upper_limits(counts: float | Iterable[float] | Floats, confidence: float = CONFIDENCE) -> Floats:
    """The upper Garwood limits of many counts at once."""
    return chi2_quantile(2 * np.asarray(counts, dtype=np.float64) + 2, (1 - confidence) / 2) / 2


def scaled(count: float, phi: float) -> Interval:
    """The interval of a count that varies `phi` times as much as a Poisson count; with 1 it is Garwood's."""
    limits = garwood(count / phi)
    return Interval(phi * limits.low, phi * limits.high)


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate per 1000 GPU-days with its interval, and the count and exposure it stands on, without which it says nothing.

    Value and limits are missing where there is no exposure."""

    value: float | None
    low: float | None
    high: float | None
    basis: str
    method: str = PLAIN_METHOD
    count: float | None = None
    gpu_days: float | None = None
    """Node-days where `basis` says so."""


def rate_of(count: float, gpu_days: float | None, basis: str, phi: float = 1.0) -> Rate:
    """The rate on that exposure. Without exposure there is no rate, and a zero is never made up. `phi` over 1 widens the
    interval, docs/kpi.md."""
    method = PLAIN_METHOD if phi == 1.0 else f"{PLAIN_METHOD}, scaled by phi {phi:.3f}"
    if not gpu_days:
        return Rate(None, None, None, basis, method, count)
    limits = scaled(count, phi)
    low, high = PER * limits.low / gpu_days, PER * limits.high / gpu_days
    return Rate(PER * count / gpu_days, low, high, basis, method, count, gpu_days)
