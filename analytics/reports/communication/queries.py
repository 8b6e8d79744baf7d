"""What the part about communication asks the store: each .sql file with the dataclass of its rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from clusterctl.analytics.query import Query

MAX_JOBS, MAX_POINTS = 20, 100
"""Jobs that are told of by themselves; points of a trend, for telemetry and as many for exact rows."""


@dataclass(frozen=True, slots=True)
class AnyRow:
    found: int


@dataclass(frozen=True, slots=True)
class JobsRow:
    job: str
    band: int
    kind: str
    held_grade: str
    preference: int
    whole: int
    jobs: int
    gpu_hours: float
    told_jobs: int
    gpus: int
    value_hours: float | None
    low_hours: float | None
    high_hours: float | None
    side_hours: list[float]
    """Hours of jobs whose interval is at or under both lines, between them, over both."""
    low_percents: list[int]
    low_weights: list[float]
    high_percents: list[int]
    high_weights: list[float]


@dataclass(frozen=True, slots=True)
class SourceRow:
    job_id: str
    source: str
    held_grade: str
    preference: int
    windows: int
    first_ts: datetime
    last_until: datetime
    window_hours: float
    steps_seen: int
    ranks_seen: int | None
    ranks_of_job: int | None
    value: float | None
    low: float | None
    high: float | None
    total: float | None
    mark: str
    hidden: float | None
    wait: float | None
    transfer: float | None
    fused_share: float | None
    idle_share: float | None
    busbw: float | None
    why: str
    layout_now: str
    layouts: int
    model: str
    median_over: float | None
    low_over: float | None
    high_over: float | None


@dataclass(frozen=True, slots=True)
class TrendRow:
    job_id: str
    source: str
    held_grade: str
    layout: str
    ranks_of_job: int | None
    at: datetime
    windows: int
    value: float | None
    low: float | None
    high: float | None
    wait: float | None
    transfer: float | None
    busbw: float | None
    late_ranks: str


@dataclass(frozen=True, slots=True)
class RanksRow:
    job_id: str
    at: datetime
    ranks_told: int
    median: float
    low: float
    high: float
    late_hosts: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class TracedRow:
    job_id: str
    at: datetime
    told_by: str
    families: list[str]
    unplaced: list[str]
    families_told: int
    unplaced_told: int
    waited_for: int | None
    waited_for_share: float | None
    tables: list[str]


@dataclass(frozen=True, slots=True)
class CalibrationRow:
    job_id: str
    layout: str
    world_size: int
    at: datetime


@dataclass(frozen=True, slots=True)
class PortGrowthRow:
    host: str
    port: str
    errors_before: int
    errors_after: int
    waits_before: int
    waits_after: int


ANY = Query("reports/comm_any.sql", AnyRow)
JOBS = Query("reports/comm_jobs.sql", JobsRow)
SOURCES = Query("reports/comm_sources.sql", SourceRow)
TREND = Query("reports/comm_trend.sql", TrendRow)
RANKS = Query("reports/comm_ranks.sql", RanksRow)
TRACED = Query("reports/comm_traced.sql", TracedRow)
CALIBRATIONS = Query("reports/comm_calibrations.sql", CalibrationRow)
PORT_GROWTH = Query("reports/comm_ports.sql", PortGrowthRow)
