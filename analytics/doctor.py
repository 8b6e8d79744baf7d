"""What the doctor asks the store: each .sql file with the dataclass of its rows. What the answers mean: clusterctl/doctor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from clusterctl.analytics.query import Query


@dataclass(frozen=True, slots=True)
class ServerRow:
    version: str
    user: str
    uptime_s: int
    now: datetime
    readonly: int


@dataclass(frozen=True, slots=True)
class SettingRow:
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class EngineRow:
    name: str
    engine: str


@dataclass(frozen=True, slots=True)
class PartsRow:
    table: str
    partition: str
    parts: int
    row_count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class DetachedRow:
    table: str
    why: str
    parts: int
    since: datetime


@dataclass(frozen=True, slots=True)
class MutationRow:
    table: str
    mutation_id: str
    age_s: int
    parts_to_do: int
    reason: str


@dataclass(frozen=True, slots=True)
class MergesRow:
    running: int
    longest_s: float


@dataclass(frozen=True, slots=True)
class DiskRow:
    name: str
    path: str
    free_bytes: int
    total_bytes: int
    read_only: int
    broken: int


@dataclass(frozen=True, slots=True)
class MemoryRow:
    used_bytes: int | None
    limit_bytes: int | None


@dataclass(frozen=True, slots=True)
class ReplicaRow:
    table: str
    read_only: int
    queue: int
    delay_s: int
    active: int
    total: int


@dataclass(frozen=True, slots=True)
class OldestRow:
    table: str
    age_days: int


@dataclass(frozen=True, slots=True)
class NewestRow:
    row_count: int
    newest_ts: datetime
    ingested_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class HostsRow:
    hosts: int
    speaking: int
    silent: list[str]
    minutes: int
    minutes_expected: int


@dataclass(frozen=True, slots=True)
class BatchesRow:
    hosts: int
    arrived: int
    lost: int
    worst: list[str]


@dataclass(frozen=True, slots=True)
class AgentClockRow:
    host: str
    ahead_ms: int
    behind_ms: int
    synchronized: int | None
    offset_us: int | None
    hosts: int


SERVER = Query("doctor/server.sql", ServerRow)
SETTINGS = Query("doctor/settings.sql", SettingRow)
ENGINES = Query("doctor/engines.sql", EngineRow)
PARTS = Query("doctor/parts.sql", PartsRow)
DETACHED = Query("doctor/detached.sql", DetachedRow)
MUTATIONS = Query("doctor/mutations.sql", MutationRow)
MERGES = Query("doctor/merges.sql", MergesRow)
DISKS = Query("doctor/disks.sql", DiskRow)
MEMORY = Query("doctor/memory.sql", MemoryRow)
REPLICAS = Query("doctor/replicas.sql", ReplicaRow)
OLDEST = Query("doctor/oldest.sql", OldestRow)
NEWEST = Query("doctor/newest.sql", NewestRow)
HOSTS = Query("doctor/hosts.sql", HostsRow)
BATCHES = Query("doctor/batches.sql", BatchesRow)
AGENT_CLOCKS = Query("doctor/agent_clocks.sql", AgentClockRow)
