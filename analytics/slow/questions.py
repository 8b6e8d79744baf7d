"""What the store is asked for slow units: each .sql file with the dataclass of its rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from clusterctl.analytics.query import Query


@dataclass(frozen=True, slots=True)
class ClusterRow:
    cluster: str


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job's time on one node."""

    job_id: str
    host: str
    began: datetime
    ended: datetime | None
    gpu_count: int


@dataclass(frozen=True, slots=True)
class GpuRow:
    """A GPU's minutes under one job; lists go together, NaN is missing."""

    host: str
    gpu_uuid: str
    job: str
    minutes: list[int]
    sm_clock_mhz: list[float]
    memory_clock_mhz: list[float]
    activity: list[float]
    tensor_ratio: list[float]
    power_mw: list[float]
    nvlink_bytes_per_s: list[float]
    pcie_bytes_per_s: list[float]
    hw_slowdown_ratio: list[float]
    sw_thermal_ratio: list[float]
    hw_thermal_ratio: list[float]
    hw_power_brake_ratio: list[float]
    sw_power_cap_ratio: list[float]
    memory_total_bytes: int


HELD_BACK = ("hw_slowdown_ratio", "sw_thermal_ratio", "hw_thermal_ratio", "hw_power_brake_ratio", "sw_power_cap_ratio")
"""Shares of a minute's ticks at which the GPU gave this reason for a lower clock."""


@dataclass(frozen=True, slots=True)
class GpuKindRow:
    host: str
    gpu_uuid: str
    product: str
    limit_mw: int | None
    default_mw: int | None
    mig_on: int | None


@dataclass(frozen=True, slots=True)
class PortRow:
    """A port's minutes."""

    host: str
    port: str
    model: str
    minutes: list[int]
    rate_mbps: list[float]
    bytes_per_s: list[float]


@dataclass(frozen=True, slots=True)
class StepsRow:
    """A job's time between two steps, by minute."""

    job_id: str
    host_count: int
    minutes: list[int]
    step_time_us: list[float]


@dataclass(frozen=True, slots=True)
class SuspectRow:
    job_id: str
    host: str
    score: float


@dataclass(frozen=True, slots=True)
class PassedRow:
    rollup: str
    until: datetime
    at_ms: int


@dataclass(frozen=True, slots=True)
class StandingRow:
    host: str
    subject_kind: str
    subject: str
    metric: str
    onset: datetime
    job_id: str
    slow_ratio: float
    confidence_ratio: float
    peers: int
    evidence: str
    until: datetime | None
    gpu_hours_lost: float | None


CLUSTERS = Query("slow/clusters.sql", ClusterRow)
JOBS = Query("slow/jobs.sql", JobRow)
GPU_MINUTES = Query("slow/gpu_minutes.sql", GpuRow)
GPU_KINDS = Query("slow/gpu_kinds.sql", GpuKindRow)
PORT_MINUTES = Query("slow/port_minutes.sql", PortRow)
STEPS = Query("slow/steps.sql", StepsRow)
GPU_SUSPECTS = Query("slow/gpu_suspects.sql", SuspectRow)
PORT_SUSPECTS = Query("slow/port_suspects.sql", SuspectRow)
PASSED = Query("slow/passed.sql", PassedRow)
STANDING = Query("slow/standing.sql", StandingRow)
