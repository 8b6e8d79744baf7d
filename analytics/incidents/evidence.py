"""What incidents are made of: signals, node states, job runs and silences; and the windows by which they join."""

from __future__ import annotations

from dataclasses import dataclass, field

from clusterctl.analytics.incidents.episodes import Signal
from clusterctl.catalog import Catalogue, shipped
from clusterctl.clock import MS_PER_DAY, MS_PER_MINUTE

OUT = frozenset({"drained", "repair"})
IN_SERVICE, PLANNED = "in_service", "planned"
ASKED_FOR = frozenset(
    {"COMPLETED", "SUCCEEDED", "CANCELLED", "TIMEOUT", "DEADLINE", "REVOKED", "SUSPENDED", "PENDING", ""}
)
"""Ends that are the owner's own: done, taken back, or as long as was asked for. Every other end is unexpected."""
BY_THE_SCHEDULER = frozenset({"PREEMPTED"})
"""Ends that were announced: the scheduler took the nodes for somebody else."""


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node is in `state` (in_service, drained, repair, planned, unknown) from `since_ms` until its next state."""

    node: str
    since_ms: int
    state: str
    source: str = ""
    reason: str = ""
    raw: str = ""


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run of a job; `ended_ms` is None while it runs."""

    job_id: str
    owner: str
    nodes: tuple[str, ...]
    gpus: int
    started_ms: int
    ended_ms: int | None
    end_state: str = ""
    exit_code: int | None = None
    wanted_end: bool | None = None

    @property
    def asked_for(self) -> bool:
        """Whether its owner wanted it to end so. A scheduler's word `CANCELLED by 1000` counts by its first part."""
        if self.wanted_end is not None:
            return self.wanted_end
        word = self.end_state.split(" ", 1)[0].rstrip("+")
        return word in ASKED_FOR or word in BY_THE_SCHEDULER


@dataclass(frozen=True, slots=True)
class Gap:
    """Minutes in which a node that had been watched said nothing."""

    node: str
    first_ms: int
    last_ms: int
    """When it spoke again; the end of what is known while it has not."""
    ended: bool = True


@dataclass(frozen=True, slots=True)
class Restart:
    """A node came up anew, or a GPU was reset: evidence that a repair was done."""

    node: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Closing:
    """An operator said that the incident of a node or element which was open at `at_ms` is over."""

    root: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything known of a cluster. The result is a function of these as sets: order and repeats do not matter."""

    cluster: str
    signals: tuple[Signal, ...] = ()
    states: tuple[NodeState, ...] = ()
    jobs: tuple[JobRun, ...] = ()
    gaps: tuple[Gap, ...] = ()
    restarts: tuple[Restart, ...] = ()
    closings: tuple[Closing, ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """The windows of docs/kpi.md, in milliseconds, and who judges codes."""

    episode_gap_ms: int = 5_000
    quiet_ms: int = MS_PER_DAY
    before_job_end_ms: int = 10 * MS_PER_MINUTE
    after_job_end_ms: int = 5 * MS_PER_MINUTE
    element_ms: int = 5 * MS_PER_MINUTE
    """Two nodes that name one fabric element within this time blame the element; later ones have cables of their own."""
    repeat_ms: int = 7 * MS_PER_DAY
    longest_ms: int = 60 * MS_PER_DAY
    """An incident whose node never came back is given up after this long without a word."""
    catalogue: Catalogue = field(default_factory=shipped)
