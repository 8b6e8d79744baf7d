"""What an analysis says, as data: the contract of `--format json`. Times are whole nanoseconds; null is "not known"."""

from __future__ import annotations

import msgspec

JSON_VERSION = 1
"""Raised when a key changes its meaning or goes away; new keys alone do not raise it."""


class RankRow(msgspec.Struct, frozen=True):
    """One GPU over the chosen window."""

    rank: int
    path: str
    steps: int
    window_ns: int
    compute_ns: int
    comm_ns: int
    exposed_ns: int
    overlap_ns: int
    memory_ns: int
    idle_ns: int
    exposed_ratio: float | None
    total_ratio: float | None
    overlap_ratio: float | None
    wait_ns: int | None
    unplaced_kernels: list[str]


class RankDetail(msgspec.Struct, frozen=True):
    """More of one GPU: what the headline leaves out, and how it was come by."""

    rank: int
    path: str
    rank_from: str
    source: str
    device: int | None
    window: str
    """steps or gpu_span."""
    window_ns: int
    transfer_ns: int | None
    exposed_wait_ns: int | None
    exposed_transfer_ns: int | None
    exposed_memory_ns: int
    fused_ns: int
    local_ns: int
    """Expert-parallel kernels that do local work; part of compute."""
    cpu_comm_ns: int
    """Collectives on the CPU; outside of comm."""
    span_ns: int
    span_exposed_ns: int
    span_exposed_ratio: float | None
    spill_ratio: float | None
    """GPU work outside of all steps; null without steps."""
    events: int
    left_out: dict[str, int]
    families: dict[str, int]
    """Nanoseconds by family of communicating and fused kernels; kernels that overlap count once a family."""
    unplaced_ns: dict[str, int]
    world_size: int | None
    """Ranks of the job, where the trace tells."""
    gpu_model: str
    begin_unix_ns: int | None
    """Start of the window; null where the trace does not tell its date."""
    end_unix_ns: int | None
    comm_sm_ratio: float | None
    """SMs that communicating kernels take, of all; mean over their time. Null where grids or SMs are not told."""


class StepRow(msgspec.Struct, frozen=True):
    """One step of one GPU."""

    rank: int
    step: int
    window_ns: int
    compute_ns: int
    comm_ns: int
    exposed_ns: int
    overlap_ns: int
    memory_ns: int
    idle_ns: int
    exposed_ratio: float | None
    total_ratio: float | None
    wait_ns: int | None
    overlap_ratio: float | None = None
    transfer_ns: int | None = None
    exposed_wait_ns: int | None = None
    exposed_memory_ns: int | None = None
    fused_ns: int | None = None
    """These five are null in summaries of jobs that an earlier version made."""


class Spread(msgspec.Struct, frozen=True):
    """Over ranks. Ranks for which nothing is known are not in it."""

    mean: float
    min: float
    median: float
    max: float
    ranks: int


class StepSpread(msgspec.Struct, frozen=True):
    """A step over the ranks that have it."""

    step: int
    window_ns: Spread
    exposed_ratio: Spread
    total_ratio: Spread
    idle_ratio: Spread
    overlap_ratio: Spread | None = None
    """Null, as those below, where no rank knows it."""
    wait_ratio: Spread | None = None
    transfer_ratio: Spread | None = None
    exposed_wait_ratio: Spread | None = None
    fused_ratio: Spread | None = None
    memory_ratio: Spread | None = None


class Breakdown(msgspec.Struct, frozen=True):
    """Communication of one kind, in nanoseconds a rank (mean over the ranks that have it)."""

    name: str
    ranks: int
    calls: int
    time_ns: float
    exposed_ns: float
    wait_ns: float | None
    message_bytes: int | None
    """Of all calls of all ranks together; null unless every call told its size."""


class Bandwidth(msgspec.Struct, frozen=True):
    """Bus bandwidth of calls that told their size, by NCCL's convention, 1e9 bytes/s."""

    collective: str
    group: str
    size: str
    calls: int
    message_bytes: int
    busbw_gbs: float
    basis: str
    """transfer (waiting taken out), or duration (waiting included: at least)."""


class Waiting(msgspec.Struct, frozen=True):
    """How much of the matched communication was waiting for a peer, and for whom."""

    share: float | None
    dominates: bool
    slow_rank: int | None
    """The rank that the others waited for; null where none stands out or waiting does not dominate."""
    slow_rank_share: float | None
    """Of all waiting, the part that was for that rank."""
    waited_for: int | None
    """The rank for which others waited longest, whether waiting dominates or not; null without waiting."""
    waited_for_share: float | None
    calls: dict[str, int]
    methods: list[str]


class LogCalls(msgspec.Struct, frozen=True):
    """Collectives of one name and size class in a log."""

    collective: str
    size: str
    calls: int
    message_bytes: int
    busbw_gbs: float | None
    """Mean weighted by time; null without durations."""


class LogRow(msgspec.Struct, frozen=True):
    """A source without compute: no exposed time can come from it."""

    path: str
    source: str
    """nccl_inspector, nccl_profiler, flight_recorder or nccl_debug."""
    rank: int | None
    group: str
    ranks_of_group: int | None
    comm_ns: int | None
    mark: str
    """What comm_ns is: exact, sampled, upper bound, or none."""
    window_ns: int | None
    records: int
    calls: int | None
    """Calls that were made, as far as the source tells; more than `records` where it is a sample."""
    by_call: list[LogCalls]
    notes: list[str]


class Analysis(msgspec.Struct, frozen=True):
    """All of it."""

    version: int
    tool_version: str
    kernel_table: str
    window: str
    """What was asked for: steps (where there are steps, else the span), or span."""
    grade: str
    """exact where ranks are measured from traces; none where there are only logs."""
    ranks: list[RankRow]
    details: list[RankDetail]
    steps: list[StepRow]
    over_ranks: dict[str, Spread]
    over_steps: list[StepSpread]
    collectives: list[Breakdown]
    groups: list[Breakdown]
    sizes: list[Breakdown]
    bandwidth: list[Bandwidth]
    waiting: Waiting
    slowest: list[int]
    """Ranks by exposed ratio, the highest first, five at most."""
    logs: list[LogRow]
    left_out: list[str]
    """Files that were not used, with the reason."""
    notes: list[str]
