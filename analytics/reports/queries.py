"""The questions a report asks: each .sql file with the dataclass of its rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from clusterctl.analytics.query import Query


@dataclass(frozen=True, slots=True)
class ClusterRow:
    cluster: str
    first_ts: datetime
    last_ts: datetime


@dataclass(frozen=True, slots=True)
class MinutesRow:
    minutes: int


@dataclass(frozen=True, slots=True)
class StatedRow:
    in_service: float
    all_bases_days: float
    covered_days: float
    in_service_only_rows: int
    all_bases_rows: int


@dataclass(frozen=True, slots=True)
class LeftOutRow:
    rows_left_out: int


@dataclass(frozen=True, slots=True)
class CauseRow:
    domain: str
    cls: str
    cause: str
    category: str
    impact: str
    watched: int
    exposed: int
    incidents: int
    interruptions: int
    nodes_hit: int
    on_jobs: int
    still_open: int


@dataclass(frozen=True, slots=True)
class CoverageRow:
    nodes: int
    node_minutes: int
    node_minutes_expected: int
    ticks_done: int
    ticks_expected: int
    log_records_lost: int
    gpus_expected: int
    gpus_seen: int | None
    gpu_minutes_expected: int
    log_minutes: int
    blind: list[str]


@dataclass(frozen=True, slots=True)
class LostRow:
    batches_lost: int
    batches_arrived: int


@dataclass(frozen=True, slots=True)
class GapRow:
    messages_lost: int
    gaps: int


@dataclass(frozen=True, slots=True)
class PortRow:
    host: str
    port: str
    link_layer: str
    link_up_now: int | None
    rate_mbps_now: int | None
    rx_bytes_grown: int | None
    tx_bytes_grown: int | None
    errors_grown: int | None
    carrier_changes_grown: int | None
    saturated: int
    ticks: int


@dataclass(frozen=True, slots=True)
class HostRow:
    host: str
    last_tick: datetime
    ticks: int
    cpu_busy: float | None
    memory_available: int | None
    memory_total: int | None
    root_used: float | None
    temp_max: int | None
    uptime: int | None
    agent_cpu_ratio: float | None
    agent_rss: int | None
    spool_lost: int | None


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """For dashboards; reports list incidents by analytics/incidents/lifecycle.py."""

    opened_at: datetime
    closed_at: datetime | None
    domain: str
    cls: str
    cause: str
    impact: str
    node: str
    gpu: str
    nodes_affected: int
    episodes: int
    signals: int
    repeat_of: str
    note: str


@dataclass(frozen=True, slots=True)
class FaultRateRow:
    fault_count: int
    gpu_days: float
    per_1000_gpu_days: float | None
    low_95: float | None
    high_95: float | None


CLUSTERS = Query("reports/clusters.sql", ClusterRow)
MINUTES = Query("reports/minutes_observed.sql", MinutesRow)
STATED = Query("reports/exposure_stated.sql", StatedRow)
LEFT_OUT = Query("reports/exposure_left_out.sql", LeftOutRow)
CAUSES = Query("reports/causes.sql", CauseRow)
COVERAGE = Query("reports/coverage.sql", CoverageRow)
LOST = Query("reports/batches_lost.sql", LostRow)
GAPS = Query("reports/offsets_lost.sql", GapRow)
PORTS = Query("reports/ports.sql", PortRow)
HOSTS = Query("reports/hosts.sql", HostRow)
INCIDENTS = Query("reports/incidents.sql", IncidentRow)
FAULT_RATE = Query("reports/fault_rate.sql", FaultRateRow)
