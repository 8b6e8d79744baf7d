"""What each cause cost: by count, and by the GPU time that jobs lost. The two orders differ strongly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from clusterctl.analytics.reports.model_faults import CauseCost
from clusterctl.analytics.reports.times import queries
from clusterctl.analytics.reports.times.told import Told
from clusterctl.analytics.times.observed import HOUR_MS
from clusterctl.store import Param, Reader


def cause_costs(store: Reader, window: Mapping[str, Param], told: Told) -> list[CauseCost]:
    """The dearest cause first, those of unknown cost last by count. What jobs told is added to what imports state; where only
    published shares are known, they stand."""
    rows = queries.COSTS.run(store, **window)
    lost_ms: dict[tuple[str, str], int] = defaultdict(int)
    struck: dict[tuple[str, str], set[str]] = defaultdict(set)
    for found in told.interruptions:
        key = (found.blow.cause, found.blow.cls)
        lost_ms[key] += found.gpu_ms
        struck[key].add(found.blow.incident_id)
    costs = []
    for row in rows:
        key = (row.cause, row.cls)
        measured = lost_ms[key] / HOUR_MS if struck[key] else None
        parts = [hours for hours in (measured, row.told_gpu_hours) if hours is not None]
        costs.append(_Cost(row, sum(parts) if parts else None, row.told + len(struck.pop(key, ()))))
    return _shared(costs)


class _Cost:
    """A cause on its way to a line."""

    def __init__(self, row: queries.CostRow, hours: float | None, counted: int) -> None:
        self.row = row
        self.hours = hours
        self.counted = counted


def _shared(costs: Sequence[_Cost]) -> list[CauseCost]:
    count = sum(cost.row.incidents for cost in costs)
    hours = sum(cost.hours for cost in costs if cost.hours is not None)
    told = sum(cost.row.told_share for cost in costs if cost.row.told_share is not None)
    lines = [_line(cost, count, hours, told) for cost in costs if cost.row.incidents]
    return sorted(lines, key=lambda line: (-(line.share_of_cost or 0.0), -line.count, line.cause))


def _line(cost: _Cost, count: int, hours: float, told: float) -> CauseCost:
    row = cost.row
    # published shares stand as printed; those of several tables together are shares of their sum
    share = None if row.told_share is None or hours else row.told_share / max(told, 1.0)
    if cost.hours is not None and hours:
        share = cost.hours / hours
    return CauseCost(
        row.cause, row.cls, row.incidents, row.incidents / count, cost.hours, share, cost.counted, row.category
    )
