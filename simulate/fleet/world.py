"""What a fleet leaves behind, and what was true of it. Times are true ones; clocks of nodes come in when it is written."""

from __future__ import annotations

from dataclasses import dataclass, field

from clusterctl.simulate.fleet.layout import Fleet
from clusterctl.simulate.fleet.settings import Settings

IN_SERVICE, DRAINED, REPAIR, PLANNED = "in_service", "drained", "repair", "planned"
AGENT, KERNEL_LOG, SILENT = "agent dead", "kernel log unread", "node silent"


@dataclass(frozen=True, slots=True)
class Line:
    """A kernel line, or `count` of it evenly from `at_ms` to `until_ms`. `gpu` is -1 where it is about none."""

    node: int
    at_ms: int
    text: str
    gpu: int = -1
    count: int = 1
    until_ms: int = 0


@dataclass(frozen=True, slots=True)
class Echo:
    """An Xid that NVML tells when it is polled."""

    node: int
    at_ms: int
    gpu: int
    code: int


@dataclass(frozen=True, slots=True)
class State:
    """State of a node from a moment on, as Slurm would say it."""

    node: int
    since_ms: int
    state: str
    reason: str


@dataclass(slots=True)
class Run:
    """One run of a job. `ended_ms` is missing while it runs."""

    job_id: str
    owner: str
    nodes: tuple[int, ...]
    submitted_ms: int
    started_ms: int
    due_ms: int
    ended_ms: int | None = None
    end_state: str = "RUNNING"
    exit_code: int = 0
    wanted_end: bool | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """An event that another system tells: a subnet manager, a job's log, a building."""

    at_ms: int
    node: int
    device: str
    kind: str
    code: str
    severity: str
    element: str
    job_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Time in which a node was not watched, and how."""

    node: int
    first_ms: int
    last_ms: int
    what: str


@dataclass(frozen=True, slots=True)
class Slow:
    """A unit that was slower than its peers: of a node, GPU `unit` or port `unit`; -1 is the node itself."""

    node: int
    kind: str
    unit: int
    first_ms: int
    last_ms: int
    ratio: float


@dataclass(slots=True)
class Incident:
    """One thing that truly happened. `nodes` has the root first; `seen_by` says which observers could have seen it."""

    mechanism: str
    cls: str
    node: int
    element: str
    gpu: int
    first_ms: int
    last_ms: int
    is_fault: bool
    attributable: bool
    """Whether what can be seen is enough, by docs/kpi.md, to say whose fault it was."""
    nodes: tuple[int, ...]
    jobs: tuple[str, ...] = ()
    signals: int = 0
    seen_by: tuple[str, ...] = ()


@dataclass
class World:
    """Everything."""

    settings: Settings
    fleet: Fleet
    lines: list[Line] = field(default_factory=list)
    echoes: list[Echo] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    slow: list[Slow] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
