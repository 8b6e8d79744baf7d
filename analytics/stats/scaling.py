"""From a rate to times: between faults of a fleet, to failure of a job of some size, and how many to expect."""

from __future__ import annotations

import math
from dataclasses import dataclass

from clusterctl.analytics.stats.distributions import Floats, poisson_at_most
from clusterctl.analytics.stats.rates import PER, Rate, scaled

HOURS_PER_DAY = 24.0
MODEL, PROJECTED = "model", "projected"
FARTHEST = 4.0
"""A rate measured at N GPUs holds for up to so many times N; beyond, the time is projected."""


@dataclass(frozen=True, slots=True)
class HoursInterval:
    """Hours with their two-sided 95 % interval; without a fault only `low` is known."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Mttf:
    """Time to failure of a job that needs all its GPUs, if the rate per GPU does not depend on the size: a hypothesis, so
    that the word `label` (model, or projected) goes with it."""

    gpus: int
    hours: HoursInterval
    label: str


def hours_between(count: int, hours: float, phi: float = 1.0) -> HoursInterval:
    """Hours (wall, GPU or node hours: those that are given) between faults. Without a fault only the least is known."""
    limits = scaled(count, phi)
    least = hours / limits.high
    return HoursInterval(hours / count, least, hours / limits.low) if count else HoursInterval(None, least, None)


def mttf_of(rate: Rate, gpus: int, measured_gpus: float | None = None) -> Mttf:
    """The model at that size, with the interval of the rate. `measured_gpus` is the size at which it was measured; missing
    where nobody knows, and then nobody can say that it is projected."""

    def hours(per_1000: float | None) -> float | None:
        return HOURS_PER_DAY * PER / (per_1000 * gpus) if per_1000 else None

    far = measured_gpus is not None and gpus > FARTHEST * measured_gpus
    return Mttf(gpus, HoursInterval(hours(rate.value), hours(rate.high), hours(rate.low)), PROJECTED if far else MODEL)


def gpu_rate(node_rate: float, gpus_per_node: int) -> float:
    """The rate per 1000 GPU-days of a rate per 1000 node-days."""
    return node_rate / gpus_per_node


def no_interruption(rate: float, gpus: int, hours: float) -> float:
    """The chance that a job of that size runs so long without a failure; independent failures are assumed."""
    return math.exp(-rate * gpus * hours / HOURS_PER_DAY / PER)


@dataclass(frozen=True, slots=True)
class Expected:
    """How many of something fail in a period: the mean, and what 19 of 20 periods stay within (2.5 to 97.5 %)."""

    mean: float
    low: int
    high: int
    none: float
    """The chance that none fails."""


def expected_failures(share: float, units: int, periods: float = 1.0) -> Expected:
    """Of `units` (links, say) of which `share` fails in a period, over so many periods."""
    mean = share * units * periods
    return Expected(mean, _quantile(mean, 0.025), _quantile(mean, 0.975), math.exp(-mean))


def _quantile(mean: float, level: float) -> int:
    """The smallest count that is not exceeded with that chance."""

    def reached(count: int) -> bool:
        chance: Floats = poisson_at_most(count, mean)
        return float(chance) >= level

    low, high = -1, 1
    while not reached(high):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high
