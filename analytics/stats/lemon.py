"""Lemons: units with more faults than all the others' rate explains."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clusterctl.analytics.stats.distributions import Floats, binomial_at_least, poisson_at_least
from clusterctl.analytics.stats.multiple import benjamini_hochberg
from clusterctl.analytics.stats.rates import Rate, Units, rate_of

LEAST_COUNT = 2
LEAST_COUNTERS = 2
PERCENTILE = 99.0
MOST_LISTED = 100
COUNTERS = (
    "jobs_excluding",
    "xid_episodes",
    "tickets",
    "times_out_of_service",
    "multi_node_job_failures",
    "single_node_job_failures",
    "single_node_job_failure_rate",
)
"""The seven of docs/kpi.md. A site may know fewer; two of them must be high."""


@dataclass(frozen=True, slots=True)
class Lemon:
    """A node or GPU tested against all others. `counters` are the seven of docs/kpi.md, those that are known."""

    kind: str
    name: str
    count: int
    expected: float
    gpu_days: float
    p_value: float
    significant: bool
    """After Benjamini-Hochberg over all units, at 0.05."""
    candidate: bool
    confirmed: bool
    counters: dict[str, float]
    counters_high: int


@dataclass(frozen=True, slots=True)
class Lemons:
    """Ranked, the likeliest first; only units with at least two faults are listed."""

    window_days: float
    units_tested: int
    listed: list[Lemon]
    share_of_nodes: float | None
    share_of_faults: float | None
    rate_without: Rate | None
    remark: str


@dataclass(frozen=True, slots=True)
class Tested:
    """What chance says of each unit, in the order of the units. NaN where a unit has no exposure."""

    expected: Floats
    p_values: Floats
    significant: NDArray[np.bool_]


def judged_units(units: Units) -> Tested:
    """`P(X >= count)` for a Poisson X with the rate of all others on the unit's own exposure, which is what is printed.

    That rate is taken as known, which it hardly is where the others have few faults; where they have none it would make any
    fault impossible. So a unit stands out only if it also does when all faults are divided by chance (binomial); where the
    others have none that is the p-value."""
    counts = np.asarray(units.counts, dtype=np.float64)
    exposures = np.asarray(units.gpu_days, dtype=np.float64)
    total, exposure = counts[exposures > 0].sum(), exposures.sum()
    told = (exposures > 0) & (exposures < exposure)
    rest = np.where(told, exposure - exposures, 1.0)
    expected = np.where(told, (total - counts) / rest * exposures, np.nan)
    divided = binomial_at_least(
        counts, np.maximum(total, counts), np.where(told, exposures / max(exposure, 1e-300), 0.5)
    )
    p_values = np.where(expected > 0, poisson_at_least(counts, np.maximum(expected, 1e-300)), divided)
    p_values, divided = np.where(told, p_values, np.nan), np.where(told, divided, np.nan)
    return Tested(expected, p_values, benjamini_hochberg(np.maximum(p_values, divided)))


def high_counters(counters: Mapping[str, Sequence[float]], size: int) -> NDArray[np.int64]:
    """For each unit how many of its counters lie above the fleet's 99th percentile. NaN is unknown, and not high."""
    high = np.zeros(size, dtype=np.int64)
    for values in counters.values():
        column = np.asarray(values, dtype=np.float64)
        if not np.isnan(column).all():
            high += np.nan_to_num(column, nan=-np.inf) > np.nanpercentile(column, PERCENTILE)
    return high


def lemons_of(
    kind: str,
    units: Units,
    basis: str,
    *,
    window_days: float,
    counters: Mapping[str, Sequence[float]] | None = None,
    confirmed: Collection[str] = (),
    most_listed: int = MOST_LISTED,
) -> Lemons:
    """`counters` are columns in the order of the units; `confirmed` are units that failed a diagnostic, or had a new fault
    within 7 days of a repair. Without counters nobody is a candidate, and the remark says so."""
    columns = counters or {}
    tested, high = judged_units(units), high_counters(columns, len(units.names))
    counts = np.asarray(units.counts, dtype=np.int64)
    candidate = tested.significant & (counts >= LEAST_COUNT) & (high >= LEAST_COUNTERS)
    listed = np.flatnonzero((counts >= LEAST_COUNT) & ~np.isnan(tested.p_values))
    ranked = listed[np.lexsort((-counts[listed], tested.p_values[listed]))]
    made = [
        Lemon(
            kind=kind,
            name=units.names[index],
            count=int(counts[index]),
            expected=float(tested.expected[index]),
            gpu_days=float(units.gpu_days[index]),
            p_value=float(tested.p_values[index]),
            significant=bool(tested.significant[index]),
            candidate=bool(candidate[index]),
            confirmed=units.names[index] in confirmed,
            counters=_known(columns, index),
            counters_high=int(high[index]),
        )
        for index in map(int, ranked[:most_listed])
    ]
    untested = int((np.isnan(tested.p_values) & (counts > 0)).sum())
    remark = _remark(columns, len(listed), most_listed, untested)
    return _summed(units, basis, window_days, made, tested, candidate, remark)


def _known(columns: Mapping[str, Sequence[float]], index: int) -> dict[str, float]:
    return {name: float(values[index]) for name, values in columns.items() if not np.isnan(values[index])}


def _remark(columns: Mapping[str, Sequence[float]], found: int, most_listed: int, untested: int) -> str:
    said = [] if len(columns) >= LEAST_COUNTERS else ["candidates cannot be told: fewer than two counters are known"]
    if found > most_listed:
        said.append(f"{most_listed} of {found} listed")
    if untested:
        said.append(f"{untested} with faults could not be tested: they have no exposure, or all of it")
    return "; ".join(said)


def _summed(
    units: Units,
    basis: str,
    window_days: float,
    listed: list[Lemon],
    tested: Tested,
    candidate: NDArray[np.bool_],
    remark: str,
) -> Lemons:
    """Shares of the candidates, and the fleet's rate without them; missing where there is none."""
    made = int((~np.isnan(tested.p_values)).sum())
    total, taken = units.total(), int(candidate.sum())
    if not taken:
        return Lemons(window_days, made, listed, None, None, None, remark)
    count = int(np.asarray(units.counts)[candidate].sum())
    gpu_days = float(np.asarray(units.gpu_days, dtype=np.float64)[candidate].sum())
    without = rate_of(total.count - count, total.gpu_days - gpu_days, basis)
    return Lemons(window_days, made, listed, taken / made, count / total.count, without, remark)
