"""What a report says of communication. A value from telemetry never goes without its interval, grade, source, window and
ranks; of grades C and D there is no value at all. Definitions in docs/communication.md."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Exposed:
    """What one source says of the exposed communication of a job, as a share of the wall time of its steps."""

    source: str
    """telemetry, kineto, nsight, ... as in the table collective."""
    grade: str
    """exact, A, B, C, D, or none."""
    value: float | None
    """Of exact, A and B only; mean over ranks and steps."""
    low: float | None
    """Lower end of the 90 % interval."""
    high: float | None
    """Upper end of the 90 % interval."""
    reason: str
    """Why there is no value, or no better grade; at the newest window."""
    since: str
    until: str
    windows: int
    """Windows that were looked at; shares are means of them, weighted by their time."""
    window_hours: float
    """Length of those windows together."""
    steps: int | None
    """Whole steps in those windows; missing where nobody counted them."""
    ranks: int | None
    """Ranks that the values are of, the least over the windows."""
    ranks_of_job: int | None
    total: float | None
    """Share of all communication, as total_mark says."""
    total_mark: str
    """exact, sampled, upper bound, at least, or empty."""
    overlap: float | None
    """Of all communication, the share under compute."""
    wait: float | None
    """Waiting for a peer, of wall time; from telemetry what is silent: waiting or small kernels."""
    transfer: float | None
    """Exposed and no waiting, of wall time; from telemetry what moves bytes below compute."""
    fused: float | None
    """Kernels that compute and communicate in one."""
    idle: float | None
    busbw_gbs: float | None
    """Bus bandwidth of the largest messages, 1e9 bytes a second."""
    label: str
    """What a reader must know of the method; empty for exact."""


@dataclass(frozen=True, slots=True)
class RankSpread:
    """Exposed share over single ranks, at the newest window of the job's best source that told of them."""

    median: float
    low: float
    """The least of a rank."""
    high: float
    """The most of a rank."""
    ranks: int
    at: str


@dataclass(frozen=True, slots=True)
class SlowRank:
    """A rank that the others wait for."""

    rank: str
    host: str
    """Empty where no capture told its node."""
    points: int
    """Points of the trend at which it was late."""
    of_points: int


@dataclass(frozen=True, slots=True)
class Traced:
    """What the newest exact capture of a job says beside its shares: can they be believed, and for whom do ranks wait."""

    source: str
    """As in Exposed."""
    at: str
    """End of the capture."""
    families: list[str] | None
    """Families of kernels that communicate, the longest time first, eight at most; missing where the row does not tell."""
    unplaced: list[str] | None
    """Kernels that no rule knows, which count as compute, the longest time first, eight at most: a low share is to be
    believed only after a look at them. Missing as families."""
    waited_for: int | None
    """The rank for which others waited longest; missing without waiting, or where it could not be told."""
    waited_for_share: float | None
    """Of all waiting, the part that was for that rank."""
    kernel_tables: list[str]
    """Versions of the table of kernels' names."""


@dataclass(frozen=True, slots=True)
class SlowLink:
    """A port measured slower than its peers under this job."""

    host: str
    port: str
    slow_ratio: float
    since: str


@dataclass(frozen=True, slots=True)
class Against:
    """The share against a line: `below` and `above` need the whole interval on one side, all ranks, a grade with a value."""

    target: float
    verdict: str
    """below, above, or not decided."""
    why: str
    """Why it is not decided."""


@dataclass(frozen=True, slots=True)
class Halving:
    """What half of the exposed share would win, all else as before; from the two ends of the interval."""

    step_shorter_low: float
    step_shorter_high: float
    throughput_gain_low: float
    throughput_gain_high: float
    gpu_hours_low: float
    """GPU-hours of this window that it would have saved, at least."""
    gpu_hours_high: float


@dataclass(frozen=True, slots=True)
class CommPoint:
    """Some windows of a trend: means of them."""

    at: str
    """Start of the first of them."""
    windows: int
    value: float | None
    """As in Exposed: of exact, A and B only."""
    low: float
    """Lower end of the 90 % interval."""
    high: float
    """Upper end of the 90 % interval."""
    wait: float | None
    """As in Exposed."""
    transfer: float | None
    """As in Exposed."""


@dataclass(frozen=True, slots=True)
class CommSegment:
    """A stretch of the trend within which points may be compared: one source, grade, calibration and configuration."""

    source: str
    """As in Exposed."""
    grade: str
    """exact, A, B, C or D."""
    layout: str
    """Parallel layout in the job's own words; empty if nobody said."""
    ranks_of_job: int | None
    calibrated_at: str | None
    """Of grade A: which calibration."""
    began: str
    """Why it begins here: start, source, grade, configuration or calibration."""
    points: list[CommPoint]


@dataclass(frozen=True, slots=True)
class Hint:
    """A guess at the cause, by a rule that docs/kpi.md states. No finding."""

    cause: str
    """network, slow peer, configuration, unknown, or none: nothing to explain."""
    grade: str
    """Of the stretch of the trend that it is read from; empty where there is none."""
    because: str
    """What was seen, in words."""
    missing: list[str]
    """What would have to be known to say more."""


@dataclass(frozen=True, slots=True)
class CommJob:
    """One job: its best source, the others beside it and never mixed with it."""

    job_id: str
    gpus: int
    gpu_hours: float
    gpu_hours_from: str
    """scheduler, or windows: ranks times the windows that were looked at."""
    gpu_model: str
    """Product name; empty if it is unknown."""
    layout: str
    """Parallel layout in the job's own words, the newest; empty if nobody said."""
    configurations: int
    """Layouts and numbers of ranks within the window; more than one makes its mean one over different jobs."""
    calibrated_at: str | None
    """The newest calibration from a trace."""
    calibration_age_s: float | None
    """From it to the end of the newest window of grade A; missing without one."""
    exposed: Exposed
    others: list[Exposed]
    spread: RankSpread | None
    verdicts: list[Against]
    halving: Halving | None
    slow_ranks: list[SlowRank]
    slow_links: list[SlowLink]
    hint: Hint
    trend: list[CommSegment]
    traced: Traced | None
    """Missing where no trace was imported or handed over."""


@dataclass(frozen=True, slots=True)
class CommGroup:
    """Jobs of one size or model, weighted by their GPU-hours. Shares of hours are of all hours of the group."""

    dimension: str
    """all, job_size, gpu_model or grade."""
    name: str
    jobs: int
    gpu_hours: float
    value: float | None
    """Mean over its jobs; only where each of them has a value."""
    low: float | None
    """Mean of the lower ends, of the jobs that have an interval."""
    high: float | None
    below_share: float
    """GPU-hours of jobs whose whole interval is at or under the lower line."""
    between_share: float
    above_share: float
    """The same over the upper line."""
    undecided_share: float
    """An interval that holds a line, ranks that nobody saw, or grade C or D."""
    unavailable_share: float


@dataclass(frozen=True, slots=True)
class CommShare:
    """How much of the GPU-hours is in jobs with an exposed share of at most `at_most`, as far as intervals tell."""

    at_most: float
    surely: float
    """Jobs whose whole interval is at or under it."""
    possibly: float
    """Jobs whose interval begins at or under it."""


@dataclass(frozen=True, slots=True)
class Communication:
    """Share of training time that goes to communication: over all jobs, and of those with the most GPU-hours."""

    status: str
    """Why there is no share, and what would measure it; empty where something was measured."""
    lines: list[float]
    """Exposed shares that jobs are held against: the better one claimed, and the industry's."""
    jobs: list[CommJob]
    """Those with the most GPU-hours."""
    more_jobs: int
    """Others, which are in the groups only."""
    more_gpu_hours: float
    groups: list[CommGroup]
    distribution: list[CommShare]
    """Over the GPU-hours of jobs that have an interval, whatever the grade."""
    gpu_hours_with_interval: float


def unmeasured(status: str) -> Communication:
    """Nothing is known, and why."""
    return Communication(status, [], [], 0, 0.0, [], [], 0.0)
