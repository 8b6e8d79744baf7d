"""What the part about time asks the store: each .sql file with the dataclass of its rows. Times are UTC milliseconds."""

from __future__ import annotations

from dataclasses import dataclass

from clusterctl.analytics.query import Query

BUCKET_MS = 900_000
"""Steps are read in pieces of a quarter of an hour; row by row only where something happened."""
MAX_JOBS = 4096
MAX_INCIDENTS = 20_000
MAX_NODES = 50_000


@dataclass(frozen=True, slots=True)
class StepsRow:
    job_id: str
    rank_used: int
    buckets: list[int]
    since: list[int]
    until: list[int]
    first_step: list[int]
    last_step: list[int]
    is_even: list[int]


@dataclass(frozen=True, slots=True)
class StepRowsRow:
    job_id: str
    step_rows: list[tuple[int, int, int, int]]
    """Time and number of the first and of the last step: since, until, first, last."""


@dataclass(frozen=True, slots=True)
class MarksRow:
    job_id: str
    mark: str
    marks: list[tuple[int, int | None, int | None]]
    """Time, step, bytes."""


@dataclass(frozen=True, slots=True)
class RunsRow:
    job_id: str
    owner: str
    runs: list[tuple[int, int, int, int, int | None]]
    """Start, end, whether it has ended, GPUs, when it could have started."""


@dataclass(frozen=True, slots=True)
class BlowRow:
    incident_id: str
    cls: str
    cause: str
    first_signal_ms: int
    lost_ms: int | None
    back_ms: int | None
    acted_ms: int | None
    job_ids: list[str]


@dataclass(frozen=True, slots=True)
class CostRow:
    cls: str
    cause: str
    category: str
    incidents: int
    told_share: float | None
    told_gpu_hours: float | None
    told: int


@dataclass(frozen=True, slots=True)
class JobSizeRow:
    band: int
    jobs: int
    gpu_days: float
    wall_hours: float
    mean_gpus: float
    interruptions: int


@dataclass(frozen=True, slots=True)
class NodeStatesRow:
    host: str
    states: list[tuple[int, str, str]]
    """Since when, state, who said so."""
    gpus: int | None


@dataclass(frozen=True, slots=True)
class FailSlowRow:
    gpu_hours: float | None


@dataclass(frozen=True, slots=True)
class BuildRow:
    host: str
    facts: str
    node_gpus: int


@dataclass(frozen=True, slots=True)
class FirstStepRow:
    job_id: str
    first_step_ms: int
    began_ms: int
    job_gpus: int


STEPS = Query("reports/times_steps.sql", StepsRow)
STEP_ROWS = Query("reports/times_rows.sql", StepRowsRow)
MARKS = Query("reports/times_marks.sql", MarksRow)
RUNS = Query("reports/times_runs.sql", RunsRow)
BLOWS = Query("reports/times_incidents.sql", BlowRow)
COSTS = Query("reports/times_costs.sql", CostRow)
JOB_SIZES = Query("reports/times_job_sizes.sql", JobSizeRow)
NODE_STATES = Query("reports/times_node_states.sql", NodeStatesRow)
FAIL_SLOW = Query("reports/times_fail_slow.sql", FailSlowRow)
BUILDS = Query("reports/times_builds.sql", BuildRow)
FIRST_STEPS = Query("reports/times_first_steps.sql", FirstStepRow)
