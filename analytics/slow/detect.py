"""A group of peers and one reading of each: which units were slow, since when, until when, how much, how sure. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from clusterctl.analytics.slow.chance import LONGEST_MIN, NORMAL, Spread, adjusted, between_units, chance, over_time
from clusterctl.analytics.slow.metrics import Metric
from clusterctl.analytics.slow.peers import Floats, behind, logs, slower, threshold, unequal_activity
from clusterctl.analytics.slow.runs import FORGET_MIN, Run, runs

BASELINE_MIN, BASELINE_LEAST_MIN = 60, 30
"""Minutes at the beginning that a unit is compared with later, and how many of them there have to be."""
MIN_HOSTS = 2
"""Peers on one node share its power, cooling and processors: a job on a single node is not judged."""

Unit = tuple[str, str]
"""Host and device."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts as slow. `comparisons` is units times readings of the whole cluster, whether looked at closely or not."""

    ratio: float = 0.10
    min_minutes: int = 5
    min_peers: int = 3
    false_alarm: float = 0.01
    comparisons: int = 1


@dataclass(frozen=True, slots=True)
class Group:
    """Units of one kind under one job, and a reading of each (row) in each minute (column); NaN is missing."""

    job_id: str
    metric: Metric
    units: tuple[Unit, ...]
    values: Floats
    activity: Floats | None = None
    baselines: Mapping[Unit, float] = field(default_factory=dict)
    """What a unit is known to have been, against its peers, before the window: of those already found slow."""


@dataclass(frozen=True, slots=True)
class Found:
    """A unit that was slow in minutes [first, last) of the window. `confidence` is one minus the chance of any such run in
    the whole cluster and window when nothing is slow."""

    unit: Unit
    job_id: str
    metric: Metric
    first: int
    last: int
    lasting: bool
    ratio: float
    confidence: float
    peers: int
    value: float
    peers_value: float
    baseline: float
    """Difference of logarithms to the peers that is this unit's own; 0 where units are compared as they are."""
    members: tuple[str, ...] = ()
    """Of a node: its devices that are slow."""


def detect(group: Group, rules: Rules) -> list[Found]:
    """Slow units of a group, in order of units and time. A group that cannot be compared has none."""
    if len({host for host, _ in group.units}) < MIN_HOSTS or len(group.units) <= rules.min_peers:
        return []
    excess = behind(group.values, group.metric, rules.min_peers)
    if group.metric.at_equal_activity:
        if group.activity is None:
            return []
        excess = np.where(unequal_activity(group.activity, rules.min_peers), np.nan, excess)
    own = np.zeros(len(group.units))
    if not group.metric.absolute:
        own = _own(excess, group)
        excess = excess - own[:, np.newaxis]
    return judge(group, excess, own, rules)


def own_past(group: Group, rules: Rules) -> list[Found]:
    """As `detect` for units without peers: each against its own beginning, such as a job's time between steps."""
    excess = logs(group.values) * (-1 if group.metric.low_is_slow else 1)
    own = _own(excess, group)
    return judge(group, excess - own[:, np.newaxis], own, rules)


def judge(group: Group, excess: Floats, own: Floats, rules: Rules) -> list[Found]:
    """The runs of each unit that are long, large and unlikely enough."""
    size = threshold(rules.ratio, group.metric)
    candidates = [
        (index, run) for index in range(len(group.units)) for run in runs(excess[index], size, rules.min_minutes)
    ]
    found = []
    rest = _without(excess, candidates)
    scatter: dict[int, list[Spread]] = {}
    for index, run in candidates:
        length = min(run.observed, LONGEST_MIN)
        if length not in scatter:
            scatter[length] = _scatter(rest, group.metric, length)
        doubt = adjusted(chance(run.level, scatter[length]), rules.comparisons, run.observed, excess.shape[1])
        if doubt <= rules.false_alarm:
            found.append(_told(group, index, run, excess[index], float(own[index]), 1.0 - doubt))
    return found


def _without(excess: Floats, candidates: Sequence[tuple[int, Run]]) -> Floats:
    """What is left to take the scatter from: slow stretches are not in it, whatever they turn out to be, so that many slow
    units do not hide one another. Equally far stretches on the fast side stay, and tell of heavy tails."""
    rest = excess.copy()
    for index, run in candidates:
        rest[index, run.first : run.last] = np.nan
    left: Floats = rest[np.isfinite(rest).any(axis=1)]
    return left


def _scatter(rest: Floats, metric: Metric, minutes: int) -> list[Spread]:
    """What a level scatters by when nothing is slow: time; and what units always are, or the error of what they were."""
    if metric.absolute:
        return [over_time(rest, minutes), between_units(rest, metric.usual_spread)]
    return [over_time(rest, minutes), over_time(rest, LONGEST_MIN), Spread(metric.usual_spread, NORMAL)]


def _own(excess: Floats, group: Group) -> Floats:
    """Each unit's usual difference to its peers, from its first minutes; missing where there are too few of them."""
    usual = np.full(len(group.units), np.nan)
    for index, unit in enumerate(group.units):
        known = excess[index][np.isfinite(excess[index])][:BASELINE_MIN]
        if unit in group.baselines:
            usual[index] = group.baselines[unit]
        elif len(known) >= BASELINE_LEAST_MIN:
            usual[index] = np.median(known)
    return usual


def _told(group: Group, index: int, run: Run, excess: Floats, own: float, confidence: float) -> Found:
    within = slice(run.first, run.last)
    value = float(np.nanmedian(group.values[index, within]))
    sign = 1.0 if group.metric.low_is_slow else -1.0
    known = np.flatnonzero(np.isfinite(group.values[index]))
    newest = int(known[-1]) + 1
    peers = int(np.median(np.isfinite(group.values[:, within]).sum(axis=0))) - 1
    return Found(
        unit=group.units[index],
        job_id=group.job_id,
        metric=group.metric,
        first=run.first,
        last=run.last,
        lasting=run.last >= newest and newest > len(excess) - FORGET_MIN,
        ratio=slower(run.level, group.metric),
        confidence=confidence,
        peers=max(0, peers),
        value=value,
        peers_value=value * float(np.exp(sign * (run.level + own))) if peers > 0 else float(np.exp(-sign * own)),
        baseline=own,
    )
