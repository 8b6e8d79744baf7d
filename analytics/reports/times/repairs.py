"""Repair: of jobs in five parts, of nodes, and the availability that nodes had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clusterctl.analytics.reports.model_times import Availability, Mttr, MttrPart
from clusterctl.analytics.reports.times import queries
from clusterctl.analytics.reports.times.told import Told
from clusterctl.analytics.times.nodes import NodeTimes, node_times, outages_of
from clusterctl.analytics.times.repair import PARTS, UNDIVIDED, Interruption
from clusterctl.analytics.times.spread import Spread, spread_of
from clusterctl.clock import MS_PER_S
from clusterctl.store import Param, Reader


def states_of(store: Reader, window: Mapping[str, Param]) -> list[queries.NodeStatesRow]:
    """What was said of each node."""
    return queries.NODE_STATES.run(store, **window, top=queries.MAX_NODES)


def mttr_of(told: Told, states: Sequence[queries.NodeStatesRow]) -> Mttr:
    """Repair times. An interruption cut short by the next one is no repair of its own, and is in no spread."""
    whole = [found for found in told.interruptions if not found.cut]
    parts = [MttrPart(name, _part(whole, name)) for name in PARTS]
    undivided = _part(whole, UNDIVIDED)
    if undivided.count:
        parts.append(MttrPart(UNDIVIDED, undivided))
    total = spread_of((found.until_ms - found.since_ms) / MS_PER_S for found in whole)
    return Mttr(parts, total, _nodes(told, states))


def _part(interruptions: Sequence[Interruption], name: str) -> Spread:
    return spread_of(found.parts[name] / MS_PER_S for found in interruptions if name in found.parts)


def _nodes(told: Told, states: Sequence[queries.NodeStatesRow]) -> Spread:
    """From node states where anybody stated them, else from what incidents say of their nodes."""
    if states:
        spans = [span for row in states for span in outages_of(row.states, told.since_ms)]
    else:
        spans = [
            (row.lost_ms, row.back_ms) for row in told.outages if row.lost_ms is not None and row.back_ms is not None
        ]
    return spread_of((back - lost) / MS_PER_S for lost, back in spans)


def availability_of(told: Told, states: Sequence[queries.NodeStatesRow]) -> Availability:
    """Of the nodes that anybody stated states of and whose GPUs are known."""
    total = NodeTimes()
    for row in states:
        if row.gpus:
            total = total.plus(node_times(row.states, told.since_ms, told.until_ms), row.gpus)
    stated = total.up + total.down
    return Availability(
        total.up / (stated + total.planned) if stated + total.planned else None,
        total.up / stated if stated else None,
    )
