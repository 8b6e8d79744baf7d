"""What the observers could see of it: gaps hide lines, clocks shift them, and what nobody saw is marked as blind."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence

from clusterctl.simulate.fleet.world import AGENT, KERNEL_LOG, SILENT, Echo, Gap, Incident, Line, World

KERNEL, NVML, SCHEDULER, ELSEWHERE = "kernel", "nvml", "scheduler", "elsewhere"
NEAR_MS = 3 * 3_600_000
"""Lines of an incident lie within its first hours; a later one is another's."""


class Eyes:
    """Which lines and echoes got through."""

    def __init__(self, world: World) -> None:
        self._gaps: dict[int, list[Gap]] = defaultdict(list)
        for gap in world.gaps:
            self._gaps[gap.node].append(gap)
        self.lines = [line for line in world.lines if not self.blind(line.node, line.at_ms, KERNEL)]
        self.echoes = [echo for echo in world.echoes if not self.blind(echo.node, echo.at_ms, NVML)]

    def blind(self, node: int, at_ms: int, observer: str) -> bool:
        """Whether this observer was away."""
        whats = (AGENT, SILENT, KERNEL_LOG) if observer == KERNEL else (AGENT, SILENT)
        return any(gap.first_ms <= at_ms < gap.last_ms and gap.what in whats for gap in self._gaps.get(node, ()))


def mark(world: World, eyes: Eyes) -> None:
    """Write down for each incident who saw something of it."""
    lines, echoes = _times(eyes.lines), _times(eyes.echoes)
    states: dict[int, list[int]] = defaultdict(list)
    for state in world.states:
        states[state.node].append(state.since_ms)
    for incident in world.incidents:
        seen = []
        if _any(lines[incident.node], incident):
            seen.append(KERNEL)
        if _any(echoes[incident.node], incident):
            seen.append(NVML)
        if incident.jobs or _any(states[incident.node], incident):
            seen.append(SCHEDULER)
        if incident.element or incident.mechanism == "hang":
            seen.append(ELSEWHERE)
        incident.seen_by = tuple(seen)


def _times(found: Sequence[Line] | Sequence[Echo]) -> dict[int, list[int]]:
    times: dict[int, list[int]] = defaultdict(list)
    for one in found:
        times[one.node].append(one.at_ms)
    return times


def _any(times: list[int], incident: Incident) -> bool:
    place = bisect_left(times, incident.first_ms)
    return place < len(times) and times[place] <= max(incident.last_ms, incident.first_ms + NEAR_MS)


def skewed(world: World, node: int, at_ms: int) -> int:
    """The time that the node's own clock showed."""
    return max(0, at_ms + world.fleet.nodes[node].skew_ms)
