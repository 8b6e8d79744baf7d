"""True exposure: GPU time on the three bases, from the states and runs themselves, all of it and what was watched."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from clusterctl.clock import MS_PER_DAY
from clusterctl.simulate.fleet.world import AGENT, IN_SERVICE, SILENT, World
from clusterctl.simulate.noise import Array

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Exposure:
    """GPU-days. `watched` ones leave out the time in which no agent looked."""

    in_service: float
    capacity: float
    allocated: float
    watched_in_service: float
    watched_capacity: float
    watched_allocated: float


def service_spans(world: World) -> list[list[tuple[int, int, str]]]:
    """Of each node its states one after another, from the beginning to the end."""
    begin, end = world.settings.start_ms, world.settings.end_ms
    spans: list[list[tuple[int, int, str]]] = [[(begin, end, IN_SERVICE)] for _ in world.fleet.nodes]
    for state in world.states:
        mine = spans[state.node]
        first, _, before = mine[-1]
        mine[-1:] = [(first, state.since_ms, before), (state.since_ms, end, state.state)]
    return spans


def gpu_days_by_node(world: World, *, watched: bool = False) -> Array:
    """In-service GPU-days of each node."""
    gaps = _unwatched(world) if watched else {}
    days = [
        sum(
            last - first - _overlap(gaps.get(node, []), first, last)
            for first, last, state in spans
            if state == IN_SERVICE
        )
        for node, spans in enumerate(service_spans(world))
    ]
    found: Array = np.array(days) * (world.settings.gpus_per_node / MS_PER_DAY)
    return found


def exposure_of(world: World) -> Exposure:
    """All three bases."""
    settings = world.settings
    scale = settings.gpus_per_node / MS_PER_DAY
    gaps = _unwatched(world)
    capacity = settings.nodes * (settings.end_ms - settings.start_ms)
    blind = sum(last - first for spans in gaps.values() for first, last in spans)
    held = [(node, run.started_ms, run.ended_ms or settings.end_ms) for run in world.runs for node in run.nodes]
    allocated = sum(last - first for _, first, last in held)
    unseen = sum(_overlap(gaps.get(node, []), first, last) for node, first, last in held)
    return Exposure(
        float(gpu_days_by_node(world).sum()),
        capacity * scale,
        allocated * scale,
        float(gpu_days_by_node(world, watched=True).sum()),
        (capacity - blind) * scale,
        (allocated - unseen) * scale,
    )


def _unwatched(world: World) -> dict[int, list[Span]]:
    """Merged spans in which the agent of a node was away."""
    found: dict[int, list[Span]] = defaultdict(list)
    for gap in world.gaps:  # in order
        if gap.what not in (AGENT, SILENT):
            continue
        mine = found[gap.node]
        if mine and gap.first_ms <= mine[-1][1]:
            mine[-1] = (mine[-1][0], max(mine[-1][1], gap.last_ms))
        else:
            mine.append((gap.first_ms, gap.last_ms))
    return found


def _overlap(spans: list[Span], first: int, last: int) -> int:
    return sum(max(0, min(last, until) - max(first, since)) for since, until in spans)
