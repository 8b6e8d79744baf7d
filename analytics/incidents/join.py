"""Stage 2 over roots: job ends and fabric elements join what single nodes show. The rules are in docs/kpi.md.

The result is a function of the set of items. First it is settled who is named: items that name one fabric element within a
few minutes of another node go to the element; symptoms beside a job end go to the job. Then every root has its runs, and
job ends join the runs that they find beside them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from clusterctl.analytics.incidents.evidence import JobRun, Rules
from clusterctl.analytics.incidents.items import LINK_KINDS, Item, Part
from clusterctl.analytics.incidents.runs import NODE, OPERATOR, Ends, Run, runs_of

ELEMENT = "element "
"""What the name of a root begins with that is a fabric element."""


@dataclass(slots=True)
class Group:
    """Runs and moved symptoms of one incident, with the jobs that it ended."""

    runs: list[Run] = field(default_factory=list)
    moved: list[Item] = field(default_factory=list)
    jobs: list[JobRun] = field(default_factory=list)

    @property
    def items(self) -> list[Item]:
        """All items, in their order."""
        return sorted([*self.moved, *(item for run in self.runs for item in run.items)], key=lambda i: i.order)


@dataclass(slots=True)
class _End:
    """One unexpected job end with what stands beside it."""

    job: JobRun
    blamed: list[Item] = field(default_factory=list)
    symptoms: list[Item] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)
    """Nodes that are roots themselves: their symptoms stay with them."""

    @property
    def ended_ms(self) -> int:
        return self.job.ended_ms or 0


def groups_of(items: Sequence[Item], jobs: Iterable[JobRun], ends: Ends, rules: Rules) -> list[Group]:
    """Incidents as groups. `items` are in their order."""
    rooted = _rooted(items, rules)
    stops = _beside(rooted, jobs, rules)
    taken = _take_symptoms(stops)
    opening = {id(item) for stop in stops for item in stop.blamed}
    roots: dict[str, list[Item]] = defaultdict(list)
    for root, item in rooted:
        if id(item) not in taken:
            roots[root].append(item)
    runs = [run for root, same in sorted(roots.items()) for run in runs_of(root, same, ends, rules, opening)]
    return _joined(runs, stops, taken, ends)


def _rooted(items: Sequence[Item], rules: Rules) -> list[tuple[str, Item]]:
    """Each item with its root: the element that it names, if another node names it too within `element_ms`."""
    named: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        if item.element:
            named[item.element].append(item)
    of_element = {id(item): name for name, same in named.items() for item in _shared(same, rules.element_ms)}
    of_element |= _fallen_with(items, of_element, rules)
    return [(ELEMENT + of_element[id(item)] if id(item) in of_element else NODE + item.node, item) for item in items]


def _fallen_with(items: Sequence[Item], of_element: Mapping[int, str], rules: Rules) -> dict[int, str]:
    """What a node shows because its element failed: its own link goes down, it falls silent, it is taken out of service."""
    named: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        if id(item) in of_element:
            named[item.node].append(item)
    found: dict[int, str] = {}
    for item in items:
        if id(item) in of_element or not (item.out or item.gap or (item.episode and item.episode.kind in LINK_KINDS)):
            continue
        for told in named.get(item.node, ()):
            if (
                -rules.element_ms
                <= item.at_ms - told.at_ms
                <= (rules.before_job_end_ms if item.out else rules.element_ms)
            ):
                found[id(item)] = of_element[id(told)]
    return found


def _shared(items: Sequence[Item], within_ms: int) -> list[Item]:
    """Items that name an element in one go with another node."""
    found: list[Item] = []
    go: list[Item] = []
    for item in [*items, None]:
        if item is None or (go and item.at_ms - go[-1].at_ms > within_ms):
            if len({each.node for each in go}) > 1:
                found += go
            go = []
        if item is not None:
            go.append(item)
    return found


def _beside(rooted: Sequence[tuple[str, Item]], jobs: Iterable[JobRun], rules: Rules) -> list[_End]:
    """Unexpected ends of jobs, each with the items on its nodes within the window around it."""
    stops = [_End(job) for job in sorted(set(jobs), key=lambda j: (j.ended_ms or 0, j.job_id)) if _unexpected(job)]
    by_node: dict[str, list[tuple[str, Item]]] = defaultdict(list)
    latest: dict[str, list[int]] = defaultdict(list)
    """By node, the latest end up to each item: what lies before a window is skipped, not looked through."""
    for root, item in rooted:
        by_node[item.node].append((root, item))
        ends = latest[item.node]
        ends.append(max(item.last_ms, ends[-1] if ends else 0))
    for stop in stops:
        since_ms, until_ms = stop.ended_ms - rules.before_job_end_ms, stop.ended_ms + rules.after_job_end_ms
        for node in stop.job.nodes:
            place = bisect_left(latest.get(node, ()), since_ms)
            same = by_node.get(node, ())
            for root, item in (same[number] for number in range(place, len(same))):
                if item.at_ms > until_ms:
                    break
                if _tells_until(item) >= since_ms:
                    if item.symptom:
                        stop.symptoms.append(item)
                    elif item.part is Part.BLAMES or _is_link(item):
                        stop.blamed.append(item)
                        stop.kept |= {node} if root.startswith(NODE) else set()
    return stops


def _tells_until(item: Item) -> int:
    """Of a silence only the beginning tells of an end: what a job did for hours in it, it did not do because of it."""
    return item.at_ms if item.gap else item.last_ms


def _unexpected(job: JobRun) -> bool:
    return job.ended_ms is not None and not job.asked_for


def _is_link(item: Item) -> bool:
    return item.episode is not None and item.episode.kind == "eth_link"


def _take_symptoms(stops: Sequence[_End]) -> dict[int, _End]:
    """Which end each symptom goes to: of several the nearest, then the first. A symptom on a blamed node stays there."""
    taken: dict[int, tuple[int, _End]] = {}
    for stop in stops:
        for item in stop.symptoms:
            away_ms = abs(item.at_ms - stop.ended_ms)
            if item.node not in stop.kept and (id(item) not in taken or away_ms < taken[id(item)][0]):
                taken[id(item)] = (away_ms, stop)
    return {key: stop for key, (_, stop) in taken.items()}


class _Sets:
    """Which runs are one incident."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def find(self, one: int) -> int:
        while self._parent[one] != one:
            self._parent[one] = self._parent[self._parent[one]]
            one = self._parent[one]
        return one

    def join(self, one: int, other: int) -> bool:
        """Whether they were two."""
        low, high = sorted((self.find(one), self.find(other)))
        self._parent[high] = low
        return low != high


def _joined(runs: list[Run], stops: Sequence[_End], taken: dict[int, _End], ends: Ends) -> list[Group]:
    """Runs that job ends join, and runs that begin on a root of an incident that is still open."""
    place = {id(item): number for number, run in enumerate(runs) for item in run.items}
    sets = _Sets(len(runs))
    alone: list[Group] = []
    ended: list[tuple[int, _End]] = []
    for stop in stops:
        found = sorted({place[id(item)] for item in stop.blamed if id(item) in place})
        if found:
            for other in found[1:]:
                sets.join(found[0], other)
            ended.append((found[0], stop))
        else:
            mine = [item for item in stop.symptoms if taken.get(id(item)) is stop]
            alone.append(Group(moved=mine, jobs=[stop.job]))
    _close_whole(runs, sets, ends)
    _hold_open(runs, sets)
    groups: dict[int, Group] = defaultdict(Group)
    for number, run in enumerate(runs):
        groups[sets.find(number)].runs.append(run)
    for number, stop in ended:
        group = groups[sets.find(number)]
        group.jobs.append(stop.job)
        group.moved += [item for item in stop.symptoms if taken.get(id(item)) is stop]
    return [*groups.values(), *alone]


def _close_whole(runs: Sequence[Run], sets: _Sets, ends: Ends) -> None:
    """An operator's word about one root is about the whole incident, once nothing more has come on any root."""
    whole: dict[int, list[Run]] = defaultdict(list)
    for number, run in enumerate(runs):
        whole[sets.find(number)].append(run)
    for same in whole.values():
        if len(same) > 1:
            last_ms = max(run.last_ms for run in same)
            said_ms = min(ends.closing_after(run.root, last_ms) for run in same)
            for run in same:
                if said_ms < run.closes_ms:
                    run.closes_ms, run.closed_by = said_ms, OPERATOR


def _hold_open(runs: Sequence[Run], sets: _Sets) -> None:
    """An incident of several roots is open until the last of them has closed: what begins on any of them before that
    belongs to it. Goes on until nothing joins any more."""
    by_root: dict[str, list[int]] = defaultdict(list)
    for number, run in enumerate(runs):
        by_root[run.root].append(number)
    joined = True
    while joined:
        joined = False
        closes: dict[int, int] = defaultdict(int)
        for number, run in enumerate(runs):
            whole = sets.find(number)
            closes[whole] = max(closes[whole], run.closes_ms)
        for same in by_root.values():
            for earlier, later in pairwise(same):
                if sets.find(earlier) != sets.find(later) and runs[later].opens_ms < closes[sets.find(earlier)]:
                    joined = sets.join(earlier, later) or joined
