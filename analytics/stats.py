"""Counts, exposure, and how sure a rate is. Pure; formulas and worked examples in docs/kpi.md."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import chdtri

CONFIDENCE = 0.95
PER = 1000.0
"""Rates are per 1000 GPU-days."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Limits of a count."""

    low: float
    high: float


def garwood(count: float, confidence: float = CONFIDENCE) -> Interval:
    """Exact two-sided interval of a Poisson count (Garwood 1936), by chi-squared quantiles. Real counts are allowed."""
    if not count >= 0:
        raise ValueError(f"a count is not negative: {count}")
    tail = (1 - confidence) / 2
    # chdtri(df, p) is the quantile of the upper tail p
    low = 0.0 if count == 0 else float(chdtri(2 * count, 1 - tail)) / 2
    high = float(chdtri(2 * count + 2, tail)) / 2
    return Interval(low, high)


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate per 1000 GPU-days with its interval and the exposure it stands on; all missing where there is none."""

    value: float | None
    low: float | None
    high: float | None
    basis: str
    method: str = "Garwood exact, two-sided 95 %"


def rate_of(count: float, gpu_days: float | None, basis: str) -> Rate:
    """The rate on that exposure. Without exposure there is no rate, and a zero is never made up."""
    if not gpu_days:
        return Rate(None, None, None, basis)
    limits = garwood(count)
    return Rate(PER * count / gpu_days, PER * limits.low / gpu_days, PER * limits.high / gpu_days, basis)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the evidence says of a target rate, and how much more it would take."""

    target: float
    verdict: str
    gpu_days_needed: float | None
    """GPU-days still needed to say "below target" if no further fault comes; 0 once it is decided."""
    gpu_days_total_if_no_more: int | None
    gpu_days_total_at_observed_rate: int | None
    """Smallest total at the observed rate; missing means never."""


BELOW, ABOVE = "below target", "above target"
NOT_COVERED = "not decided (coverage)"
NOT_ATTRIBUTED = "not decided (unattributed)"
NOT_EXPOSED = "not decided (exposure)"


def verdict_of(count: int, unattributed: int, gpu_days: float, target: float, *, covered: bool) -> Verdict:
    """The verdict against `target` per 1000 GPU-days: the upper limit must count what nobody could attribute."""
    high_all = garwood(count + unattributed).high
    total = math.ceil(PER * high_all / target)
    still = max(0.0, total - gpu_days)
    if not covered:
        return Verdict(target, NOT_COVERED, None, None, None)
    if gpu_days > 0 and PER * high_all / gpu_days <= target:
        return Verdict(target, BELOW, 0.0, None, None)
    if gpu_days > 0 and PER * garwood(count).low / gpu_days > target:
        return Verdict(target, ABOVE, 0.0, None, None)
    reason = NOT_ATTRIBUTED if gpu_days > 0 and PER * garwood(count).high / gpu_days <= target else NOT_EXPOSED
    at_rate = total_at_rate(PER * count / gpu_days, target) if gpu_days > 0 else None
    return Verdict(target, reason, still, total, at_rate)


def total_at_rate(rate: float, target: float) -> int | None:
    """Smallest whole exposure, in GPU-days, at which `rate` would be judged below `target`; None means never."""
    if rate >= target:
        return None

    def decided(gpu_days: float) -> bool:
        return PER * garwood(rate * gpu_days / PER).high / gpu_days <= target

    high = 1
    while not decided(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decided(middle) else (middle, high)
    return high
