"""The questions about single units: days, nodes, GPUs, and what they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from clusterctl.analytics.query import Query


@dataclass(frozen=True, slots=True)
class ExposureRow:
    """GPU-days of everything, one day, one node, one day of one node, or of one kind of node, as `part` says."""

    part: str
    since: datetime
    node: str
    model: str
    driver: str
    firmware: str
    rack: str
    batch: str
    age_days: int | None
    gpu_days: float | None
    recent_gpu_days: float | None
    node_minutes: int
    first_minute: datetime | None
    capacity: float | None
    allocated: float | None
    unknown_state: float | None


@dataclass(frozen=True, slots=True)
class GpusRow:
    node: str
    gpus: list[str]


@dataclass(frozen=True, slots=True)
class StatedRow:
    """Exposure that an import states: `gpus` GPUs from `since` to `until`."""

    gpu: str
    node: str
    since: datetime
    until: datetime
    gpus: int


@dataclass(frozen=True, slots=True)
class FaultRow:
    """A fault that a rate counts, and what its node was that day."""

    incident_id: str
    opened_at: datetime
    dated: int
    node: str
    gpu: str
    fabric: str
    count: int
    cause: str
    nodes_affected: int
    repeat_of: str
    repaired_at: datetime | None
    groups_5s: int
    groups_3min: int
    groups_15min: int
    model: str
    driver: str
    firmware: str
    rack: str
    batch: str
    installed: datetime | None


@dataclass(frozen=True, slots=True)
class CounterRow:
    node: str
    xid_episodes: int
    times_out: int
    multi_node_failures: int | None
    single_node_failures: int | None


@dataclass(frozen=True, slots=True)
class ExcludedRow:
    node: str
    jobs: int


@dataclass(frozen=True, slots=True)
class WorstRow:
    node: str
    faults: int
    incidents: int
    open_now: int
    out_h: float | None
    last_cause: str


@dataclass(frozen=True, slots=True)
class NowRow:
    node: str
    state: str
    rack: str


EXPOSURE = Query("reports/unit_exposure.sql", ExposureRow)
GPUS = Query("reports/unit_gpus.sql", GpusRow)
STATED = Query("reports/unit_stated.sql", StatedRow)
FAULTS = Query("reports/unit_faults.sql", FaultRow)
COUNTERS = Query("reports/unit_counters.sql", CounterRow)
EXCLUDED = Query("reports/unit_excluded.sql", ExcludedRow)
WORST = Query("reports/worst_nodes.sql", WorstRow)
NOW = Query("reports/node_now.sql", NowRow)
