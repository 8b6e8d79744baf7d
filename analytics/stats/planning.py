"""Before measuring: how much exposure it takes until "below target" is likely to be said of a fleet that deserves it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clusterctl.analytics.stats.distributions import poisson_at_most
from clusterctl.analytics.stats.rates import PER, garwood, upper_limits

POWER = 0.8
MAX_COUNT = 1 << 19
"""Plans that need more faults than this are given up: the assumed rate is too near the target."""


@dataclass(frozen=True, slots=True)
class Power:
    """The chance of "below target" after an exposure, for an assumed true rate."""

    gpu_days: float
    expected: float
    largest_count: int | None
    """The most faults that still give "below"; missing when even none does not."""
    power: float


@dataclass(frozen=True, slots=True)
class Plan:
    """From which exposure on the power is reached. Counts are whole, so that the power falls a little before each further
    count is allowed: it is reached first, and later for good. Missing means never."""

    target: float
    assumed_rate: float
    power: float
    gpu_days_first: int | None
    gpu_days_for_good: int | None


def largest_count_below(gpu_days: float, target: float) -> int | None:
    """The most faults with which the upper limit is at or under the target; None when even zero faults are too many."""

    def allowed(count: int) -> bool:
        return PER * garwood(count).high <= target * gpu_days

    if not allowed(0):
        return None
    low, high = 0, 1
    while allowed(high):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if allowed(middle) else (low, middle)
    return low


def power_at(gpu_days: float, rate: float, target: float) -> Power:
    """The chance of "below target" if the true rate were `rate`, without unattributed incidents and with full coverage."""
    expected = rate * gpu_days / PER
    largest = largest_count_below(gpu_days, target)
    chance = 0.0 if largest is None else float(poisson_at_most(largest, expected))
    return Power(gpu_days, expected, largest, chance)


def plan_for(rate: float, target: float, power: float = POWER) -> Plan:
    """The exposures from which the chance of "below target" is at least `power`, first and for good.

    With every count that becomes allowed the power jumps up, and sinks until the next. It is looked at there, at the teeth
    of that saw, until the foot of a tooth lies halfway between `power` and certainty: from there on it only rises."""
    never = Plan(target, rate, power, None, None)
    if rate >= target:
        return never
    size = 64
    while size <= MAX_COUNT:
        counts = np.arange(size + 1)
        allowed_from = np.ceil(PER * upper_limits(counts) / target)
        tops = poisson_at_most(counts[:-1], rate * allowed_from[:-1] / PER)
        feet = poisson_at_most(counts[:-1], rate * (allowed_from[1:] - 1) / PER)
        if feet[-1] >= (1 + power) / 2:
            first = int(np.argmax(tops >= power))
            short = np.flatnonzero(feet < power)
            for_good = int(short[-1]) + 1 if len(short) else 0
            return Plan(target, rate, power, int(allowed_from[first]), int(allowed_from[for_good]))
        size *= 2
    return never
