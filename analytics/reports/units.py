"""Faults and exposure by day, node and GPU: what clusters, lemons, cohorts and trends are computed from."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from clusterctl.analytics.reports import unit_rows as rows
from clusterctl.analytics.stats import Tally, Units
from clusterctl.clock import MS_PER_DAY, to_ms, utc
from clusterctl.store import Param, Reader

DAY = timedelta(days=1)
TOP_REPAIRS = 50
RECENT = timedelta(days=28)
"""The window in which lemons are looked for."""
WHOLE_PART, DAY_PART, NODE_PART, NODE_DAY_PART, KIND_PART = "whole", "day", "node", "node_day", "kind"


@dataclass(frozen=True)
class Evidence:
    """Faults and exposure of one cluster in one window. `stated` ends where agents begin to watch."""

    since: datetime
    until: datetime
    faults: Sequence[rows.FaultRow]
    exposure: Mapping[str, Sequence[rows.ExposureRow]]
    """By part: day, node, node_day (of nodes that were repaired after a fault), kind."""
    gpus: Sequence[rows.GpusRow]
    stated: Sequence[rows.StatedRow]

    @property
    def seen(self) -> rows.ExposureRow:
        """What agents and sources saw in all, on every basis."""
        return self.exposure[WHOLE_PART][0]

    @property
    def dated(self) -> list[rows.FaultRow]:
        """Faults of which the time is known; only these have a day."""
        return [fault for fault in self.faults if fault.dated]

    @cached_property
    def daily(self) -> list[tuple[datetime, Tally]]:
        """Every day of the window that has evidence of exposure before or after it, with its faults and GPU-days."""
        exposure: dict[int, float] = defaultdict(float)
        for day in self.exposure.get(DAY_PART, ()):
            exposure[to_ms(day.since) // MS_PER_DAY] += day.gpu_days or 0.0
        for block in self.stated:
            for number, share in _by_day(to_ms(block.since), to_ms(block.until)):
                exposure[number] += share * block.gpus
        if not exposure:
            return []
        counts = Counter(to_ms(fault.opened_at) // MS_PER_DAY for fault in self.dated)
        first, last = min(exposure), max(exposure)
        return [
            (utc(number * MS_PER_DAY), Tally(counts.get(number, 0), exposure.get(number, 0.0)))
            for number in range(first, last + 1)
        ]

    @cached_property
    def by_node(self) -> Units:
        """Faults of every node that had exposure. A fabric element's fault is nobody's."""
        exposure: dict[str, float] = defaultdict(float)
        for row in self.exposure.get(NODE_PART, ()):
            exposure[row.node] += row.gpu_days or 0.0
        for block in self.stated:
            if block.node:
                exposure[block.node] += block.gpus * _length(block)
        return _units(Counter(fault.node for fault in self.dated if fault.node), exposure)

    @cached_property
    def by_gpu(self) -> Units:
        """Faults of every GPU; a node's exposure is divided among its GPUs. Published counts may name a GPU too."""
        exposure: dict[str, float] = defaultdict(float)
        of_node = {row.node: row.gpu_days or 0.0 for row in self.exposure.get(NODE_PART, ())}
        for held in self.gpus:
            for gpu in held.gpus:
                exposure[gpu] += of_node.get(held.node, 0.0) / len(held.gpus)
        for block in self.stated:
            if block.gpu:
                exposure[block.gpu] += _length(block)
        counts: Counter[str] = Counter()
        for fault in self.faults:
            if fault.gpu:
                counts[_gpu_name(fault)] += fault.count
        return _units(counts, exposure)

    @cached_property
    def by_fabric(self) -> Units:
        """Faults of fabric elements, which have no exposure of their own."""
        counts = Counter(fault.fabric for fault in self.dated if fault.fabric)
        return Units(list(counts), list(counts.values()), [0.0] * len(counts))


def evidence_of(store: Reader, window: Mapping[str, Param], lived_until: datetime) -> Evidence:
    """Ask the store. `window` has cluster, since and until; nobody can have been in service after `lived_until`."""
    since, until = window["since"], window["until"]
    assert isinstance(since, datetime), "a window has moments"
    assert isinstance(until, datetime), "a window has moments"
    faults = rows.FAULTS.run(store, **window)
    repaired = {fault.node for fault in last_repaired(faults, until)}
    exposure = exposure_of(store, {**window, "until": lived_until}, repaired)
    stated_until = exposure[WHOLE_PART][0].first_minute or lived_until
    return Evidence(
        since,
        until,
        faults,
        exposure,
        rows.GPUS.run(store, cluster=window["cluster"], until=until),
        rows.STATED.run(store, **{**window, "until": max(since, stated_until)}),
    )


def last_repaired(faults: Iterable[rows.FaultRow], until: datetime) -> list[rows.FaultRow]:
    """Faults after which their node came back within the window, the last TOP_REPAIRS of them, in order."""
    done = [fault for fault in faults if fault.dated and fault.node and fault.repaired_at and fault.repaired_at < until]
    return sorted(done, key=lambda fault: (fault.repaired_at or fault.opened_at, fault.node))[-TOP_REPAIRS:]


def exposure_of(
    store: Reader, window: Mapping[str, Param], by_day: Iterable[str] = ()
) -> dict[str, list[rows.ExposureRow]]:
    """Exposure by part; `by_day` names the nodes whose days are wanted one by one."""
    since, until = window["since"], window["until"]
    assert isinstance(since, datetime), "a window has moments"
    assert isinstance(until, datetime), "a window has moments"
    hosts = json.dumps(sorted(by_day))
    parts: dict[str, list[rows.ExposureRow]] = defaultdict(list)
    for row in rows.EXPOSURE.run(store, **window, hosts=hosts, recent=max(since, until - RECENT)):
        parts[row.part].append(row)
    return dict(parts)


def recent_of(evidence: Evidence) -> Evidence:
    """The last four weeks of it, by node and GPU."""
    since = max(evidence.since, evidence.until - RECENT)
    if since == evidence.since:
        return evidence
    nodes = [replace(row, gpu_days=row.recent_gpu_days) for row in evidence.exposure.get(NODE_PART, ())]
    stated = [replace(row, since=max(row.since, since)) for row in evidence.stated if row.until > since]
    faults = [fault for fault in evidence.faults if fault.opened_at >= since]
    return Evidence(since, evidence.until, faults, {NODE_PART: nodes}, evidence.gpus, stated)


def _gpu_name(fault: rows.FaultRow) -> str:
    """A PCI address is one only within its node."""
    return f"{fault.node} {fault.gpu}" if fault.node and ":" in fault.gpu else fault.gpu


def _units(counts: Mapping[str, int], exposure: Mapping[str, float]) -> Units:
    """Units with exposure, and those without that had faults all the same."""
    names = [name for name, gpu_days in exposure.items() if gpu_days > 0]
    names += [name for name in counts if exposure.get(name, 0.0) <= 0]
    return Units(names, [counts.get(name, 0) for name in names], [exposure.get(name, 0.0) for name in names])


def _length(block: rows.StatedRow) -> float:
    """Days of an interval."""
    return (block.until - block.since) / DAY


def _by_day(since_ms: int, until_ms: int) -> list[tuple[int, float]]:
    """The days that an interval touches, each with the share of a day that lies in it."""
    found = []
    for number in range(since_ms // MS_PER_DAY, -(-until_ms // MS_PER_DAY)):
        begin, end = max(since_ms, number * MS_PER_DAY), min(until_ms, (number + 1) * MS_PER_DAY)
        found.append((number, (end - begin) / MS_PER_DAY))
    return found
