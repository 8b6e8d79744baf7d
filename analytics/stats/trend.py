"""The rate over time, and where it changed for good.

A change is looked for at every boundary between two steps: given all faults of a segment, those before the boundary are
binomial if the rate did not change (docs/kpi.md, "Statistics"). The smallest of these p-values is judged twice: by the exact
chance that any boundary gives so small a one (`walk.py`), and by other orders of the same steps (`shuffle.py`), since that
chance takes faults as independent. The greater of the two counts. Then both sides are searched in turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from clusterctl.analytics.stats.distributions import Floats, binomial_at_least, binomial_at_most
from clusterctl.analytics.stats.multiple import LEVEL
from clusterctl.analytics.stats.rates import Rate, Tally, rate_of
from clusterctl.analytics.stats.shuffle import chance_by_order
from clusterctl.analytics.stats.walk import chance_of_any

LEAST_SIDE = 3
"""Steps on each side of a change: a run of fewer is an episode."""


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """One step of the trend."""

    since: str
    until: str
    count: int
    gpu_days: float
    rate: Rate


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """Where the rate changed for good."""

    at: str
    before: Rate
    after: Rate
    ratio: float | None
    p_value: float


@dataclass(frozen=True, slots=True)
class Trend:
    """The rate over the window."""

    step_days: int
    points: list[TrendPoint]
    change_points: list[ChangePoint]
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """Faults and exposure between two moments, ISO 8601."""

    since: str
    until: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class Change:
    """The rate changed before step `index`, with the p-value over all boundaries of its segment."""

    index: int
    p_value: float


def trend_of(steps: Sequence[Step], step_days: int, basis: str, level: float = LEVEL) -> Trend:
    """Consecutive steps with their rates and the changes among them. Steps without exposure have no rate and are passed
    over."""
    points = [
        TrendPoint(
            step.since,
            step.until,
            step.tally.count,
            step.tally.gpu_days,
            rate_of(step.tally.count, step.tally.gpu_days, basis),
        )
        for step in steps
    ]
    seen = [step for step in steps if step.tally.gpu_days > 0]
    if len(seen) < 2 * LEAST_SIDE:
        return Trend(step_days, points, [], f"no change can be told: fewer than {2 * LEAST_SIDE} steps have exposure")
    tallies = [step.tally for step in seen]
    return Trend(step_days, points, list(_told(seen, changes_of(tallies, level), basis)))


def _told(steps: Sequence[Step], changes: Sequence[Change], basis: str) -> Iterator[ChangePoint]:
    """Each change with the rates between its neighbours."""
    edges = [0, *(change.index for change in changes), len(steps)]
    for place, change in enumerate(changes, start=1):
        before = _rate(steps[edges[place - 1] : change.index], basis)
        after = _rate(steps[change.index : edges[place + 1]], basis)
        ratio = after.value / before.value if before.value and after.value is not None else None
        yield ChangePoint(steps[change.index].since, before, after, ratio, change.p_value)


def _rate(steps: Sequence[Step], basis: str) -> Rate:
    return rate_of(sum(step.tally.count for step in steps), sum(step.tally.gpu_days for step in steps), basis)


def changes_of(steps: Sequence[Tally], level: float = LEVEL) -> list[Change]:
    """Where the rate changed, in order. Series without a change give one at most at the rate `level`; a part of a series is
    searched at its share of `level`, so that the parts together err no more often. Every step has exposure."""
    found: list[Change] = []
    waiting = [(0, len(steps))]
    while waiting:
        begin, end = waiting.pop()
        change = _likeliest(steps[begin:end], level * (end - begin) / len(steps))
        if change is not None:
            middle = begin + change.index
            found.append(Change(middle, change.p_value))
            waiting += [(begin, middle), (middle, end)]
    return sorted(found, key=lambda change: change.index)


def _likeliest(steps: Sequence[Tally], level: float) -> Change | None:
    """The boundary that chance explains least, unless chance explains often enough that there is one: be it by faults that
    come one by one, or by clusters that any order of the steps would show."""
    if len(steps) < 2 * LEAST_SIDE or not any(step.count for step in steps):
        return None
    counts = np.asarray([step.count for step in steps], dtype=np.float64)
    exposures = np.asarray([step.gpu_days for step in steps], dtype=np.float64)
    shares = np.cumsum(exposures) / exposures.sum()
    p_values = _p_values(np.cumsum(counts), shares)
    p_value = chance_of_any(float(p_values.min()), int(counts.sum()), shares, LEAST_SIDE)
    if p_value <= level:
        p_value = max(p_value, chance_by_order(counts, exposures, LEAST_SIDE, level))
    return Change(LEAST_SIDE + int(np.argmin(p_values)), p_value) if p_value <= level else None


def _p_values(counts: Floats, shares: Floats) -> Floats:
    """Two-sided p of every boundary that leaves enough steps on both sides, from sums of counts and of exposure."""
    inner = slice(LEAST_SIDE - 1, len(counts) - LEAST_SIDE)
    total, chance = counts[-1], shares[inner]
    fewer = binomial_at_most(counts[inner], total, chance)
    more = binomial_at_least(counts[inner], total, chance)
    return np.asarray(np.minimum(1.0, 2 * np.minimum(fewer, more)), dtype=np.float64)
