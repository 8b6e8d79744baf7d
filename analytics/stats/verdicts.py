"""What the evidence says of a target rate, and how much more it would take."""

from __future__ import annotations

import math
from dataclasses import dataclass

from clusterctl.analytics.stats.rates import PER, scaled

BELOW, ABOVE = "below target", "above target"
NOT_COVERED = "not decided (coverage)"
NOT_ATTRIBUTED = "not decided (unattributed)"
NOT_EXPOSED = "not decided (exposure)"


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


def verdict_of(
    count: int, unattributed: int, gpu_days: float, target: float, *, covered: bool, phi: float = 1.0
) -> Verdict:
    """The verdict against `target` per 1000 GPU-days: the upper limit must count what nobody could attribute. `phi` is that
    of a binding dispersion, and widens every limit."""
    if not covered:
        return Verdict(target, NOT_COVERED, None, None, None)
    high_all = scaled(count + unattributed, phi).high
    total = math.ceil(PER * high_all / target)
    if gpu_days > 0:
        if PER * high_all / gpu_days <= target:
            return Verdict(target, BELOW, 0.0, None, None)
        if PER * scaled(count, phi).low / gpu_days > target:
            return Verdict(target, ABOVE, 0.0, None, None)
    attributed = gpu_days > 0 and PER * scaled(count, phi).high / gpu_days <= target
    at_rate = total_at_rate(PER * count / gpu_days, target, phi) if gpu_days > 0 else None
    reason = NOT_ATTRIBUTED if attributed else NOT_EXPOSED
    return Verdict(target, reason, max(0.0, total - gpu_days), total, at_rate)


def total_at_rate(rate: float, target: float, phi: float = 1.0) -> int | None:
    """Smallest whole exposure, in GPU-days, at which `rate` would be judged below `target`; None means never."""
    if rate >= target:
        return None

    def decided(gpu_days: float) -> bool:
        return PER * scaled(rate * gpu_days / PER, phi).high / gpu_days <= target

    high = 1
    while not decided(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decided(middle) else (middle, high)
    return high
