"""What a report says of time: between failures, to repair, and what of it was training. Definitions in docs/kpi.md."""

from __future__ import annotations

from dataclasses import dataclass

from clusterctl.analytics.stats import Rate
from clusterctl.analytics.stats.scaling import HoursInterval as HoursInterval
from clusterctl.analytics.times.spread import Spread as Spread


@dataclass(frozen=True, slots=True)
class SizeBand:
    """Jobs of one size, in GPUs from `gpus_from` up to and without `gpus_until` (missing: no limit)."""

    name: str
    gpus_from: int
    gpus_until: int | None
    jobs: int
    gpu_days: float
    interruptions: int
    rate: Rate
    mttf_measured_h: HoursInterval
    """Job wall hours over unexpected interruptions of jobs of this size."""
    mttf_model_h: float | None
    """24 / (rate N / 1000) of the fleet's rate, N the band's GPU-time-weighted mean size: a model, and labelled so."""


@dataclass(frozen=True, slots=True)
class MttrPart:
    """detect, locate, replace, reload or recompute; `undivided` is time between two moments that were told where nobody told
    the one between. The spread is over the interruptions that have this part."""

    name: str
    spread: Spread


@dataclass(frozen=True, slots=True)
class Mttr:
    """Repair of jobs, from the last useful step to the first new useful one; an interruption's parts sum to its total."""

    parts: list[MttrPart]
    total: Spread
    nodes: Spread
    """Repair of nodes, out of service to back; never mixed with the jobs'."""


@dataclass(frozen=True, slots=True)
class Availability:
    """Up over up and down, in GPU-hours; missing where nobody stated node states."""

    planned_is_down: float | None
    planned_left_out: float | None


@dataclass(frozen=True, slots=True)
class Ettr:
    """Productive over scheduled and eligible-queued wall time of jobs, weighted by their GPUs."""

    cumulative: float | None
    worst_hour: float | None
    worst_hour_at: str | None
    expected: float | None
    """The linear model; only while its subtracted term is below 0.5."""
    jobs: int
    remark: str


@dataclass(frozen=True, slots=True)
class Badput:
    """One part of what was not good: queue, init, data_load, checkpoint, lost_progress, fail_slow, exposed_communication or
    other."""

    name: str
    share: float
    gpu_hours: float


@dataclass(frozen=True, slots=True)
class Goodput:
    """Of scheduled GPU time; the items sum to 1 - share. Missing where jobs marked no steps."""

    share: float | None
    items: list[Badput]
    gpu_hours: float
    remark: str


@dataclass(frozen=True, slots=True)
class CheckpointPlan:
    """The interval that loses least: sqrt(2 w / rate) (Young, Daly), from the measured rate and blocked time."""

    gpus: int
    observed_interval_s: float | None
    blocked_s: float | None
    failures_per_day: float | None
    best_interval_s: float | None


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Saves as jobs marked them: blocked (training stopped) and durable (request to state on shared storage)."""

    saves: int
    failed: int
    blocked: Spread
    durable: Spread
    restore: Spread
    bytes_median: int | None
    bytes_per_s_median: float | None
    blocked_share: float | None
    plan: list[CheckpointPlan]
    at_10000_gpus: str
    """The statement scaled to 10,000 GPUs, with the word projected; empty where nothing was measured."""


@dataclass(frozen=True, slots=True)
class RackToTrain:
    """Last node powered on to the first optimiser step of a job at target size."""

    name: str
    hours: float
    target_gpus: int
    nodes: int
    nodes_accepted_first: int | None
    nodes_accepted: int | None
    stages: dict[str, float]
    """Hours by stage, as far as they were told."""


@dataclass(frozen=True, slots=True)
class Times:
    """Everything about time."""

    mtbf_gpu_hours: HoursInterval
    job_sizes: list[SizeBand]
    mttr: Mttr
    availability: Availability
    ettr: Ettr
    goodput: Goodput
    checkpoints: Checkpoints
    rack_to_train: list[RackToTrain]
