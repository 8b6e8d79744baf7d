"""When a node was out of service, and who held it: from states and job runs."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from clusterctl.analytics.incidents.evidence import IN_SERVICE, OUT, PLANNED, JobRun, NodeState

SHARED = 64
"""More jobs than this are not looked through for the one that held a node: more GPUs than nodes have."""


@dataclass(frozen=True, slots=True)
class Out:
    """A time out of service. `back_ms` is None while it lasts."""

    node: str
    at_ms: int
    back_ms: int | None
    reason: str
    raw: str
    planned: bool


class Service:
    """States of all nodes, asked by time. Of two sources the later word holds; of two at once, the name decides."""

    def __init__(self, states: Iterable[NodeState]) -> None:
        ordered = sorted(set(states), key=lambda s: (s.node, s.since_ms, s.source, s.state, s.reason))
        self._of = {node: list(same) for node, same in groupby(ordered, key=lambda s: s.node)}
        self._since = {node: [state.since_ms for state in same] for node, same in self._of.items()}

    def state_before(self, node: str, at_ms: int) -> str:
        """State just before a moment; empty where nobody had said anything."""
        place = bisect_right(self._since.get(node, []), at_ms - 1)
        return self._of[node][place - 1].state if place else ""

    def outs(self) -> list[Out]:
        """Every time out of service. One that was announced ends when the node is back or is drained for another
        reason; one that was not lasts until the node is back, whatever it is called meanwhile."""
        return [out for node, states in self._of.items() for out in _outs(node, states)]


def _outs(node: str, states: Sequence[NodeState]) -> Iterable[Out]:
    begun: NodeState | None = None
    for state in states:
        goes = state.state in OUT or state.state == PLANNED
        if begun is None:
            begun = state if goes else None
        elif state.state == IN_SERVICE or (begun.state == PLANNED and state.state in OUT):
            yield _out(node, begun, state.since_ms)
            begun = state if goes else None
    if begun is not None:
        yield _out(node, begun, None)


def _out(node: str, begun: NodeState, back_ms: int | None) -> Out:
    return Out(node, begun.since_ms, back_ms, begun.reason, begun.raw, begun.state == PLANNED)


class Holders:
    """Which job held a node when. Where a node is shared, the job that began last is taken."""

    def __init__(self, jobs: Iterable[JobRun]) -> None:
        self._of: dict[str, list[JobRun]] = defaultdict(list)
        for job in sorted(set(jobs), key=lambda j: (j.started_ms, j.job_id)):
            for node in job.nodes:
                self._of[node].append(job)
        self._started = {node: [job.started_ms for job in held] for node, held in self._of.items()}
        self.told = bool(self._of)

    def at(self, node: str, at_ms: int) -> JobRun | None:
        """The job on a node just before a moment, or just ending at it."""
        held = self._of.get(node, [])
        place = bisect_right(self._started.get(node, []), at_ms)
        for job in reversed(held[max(0, place - SHARED) : place]):
            if job.ended_ms is None or job.ended_ms >= at_ms - 1:
                return job
        return None
