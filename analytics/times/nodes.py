"""Nodes in and out of service, from what was said of their state. A state holds until the next one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from clusterctl.analytics.times.spans import Span

State = tuple[int, str, str]
"""Since when, state, who said so; of two at one time the later counts."""
UP, PLANNED = "in_service", "planned"
DOWN = frozenset({"drained", "repair"})


@dataclass(frozen=True, slots=True)
class NodeTimes:
    """Milliseconds, or GPU-milliseconds; unknown states are in none."""

    up: int = 0
    down: int = 0
    planned: int = 0

    def plus(self, other: NodeTimes, weight: int) -> NodeTimes:
        """With another's, weighted."""
        return NodeTimes(
            self.up + weight * other.up, self.down + weight * other.down, self.planned + weight * other.planned
        )


def node_times(states: Sequence[State], since_ms: int, until_ms: int) -> NodeTimes:
    """How long the node was in what state within the window."""
    up = down = planned = 0
    for state, following in pairwise([*states, (until_ms, "", "")]):
        lasted = max(0, min(following[0], until_ms) - max(state[0], since_ms))
        up += lasted * (state[1] == UP)
        down += lasted * (state[1] in DOWN)
        planned += lasted * (state[1] == PLANNED)
    return NodeTimes(up, down, planned)


def outages_of(states: Sequence[State], since_ms: int) -> list[Span]:
    """Times out of service that began at `since_ms` or later and are over. Planned work is none, and unknown ends none."""
    found = []
    lost_ms: int | None = None
    for at_ms, state, _ in states:
        if state in DOWN and lost_ms is None:
            lost_ms = at_ms
        elif state == UP and lost_ms is not None:
            if lost_ms >= since_ms and at_ms > lost_ms:
                found.append((lost_ms, at_ms))
            lost_ms = None
        elif state == PLANNED:
            lost_ms = None
    return found
