"""What the store is asked for communication: each .sql file with the dataclass of its rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from clusterctl.analytics.query import Query


@dataclass(frozen=True, slots=True)
class GpuRow:
    """A GPU's ticks under one job; lists go together, NaN is missing."""

    host: str
    gpu_uuid: str
    at_ms: list[int]
    graphics: list[float]
    sm: list[float]
    tensor: list[float]
    dram: list[float]
    nvlink_bytes_per_s: list[float]
    pcie_bytes_per_s: list[float]
    power_w: list[float]
    sm_clock_mhz: list[float]


@dataclass(frozen=True, slots=True)
class PortsRow:
    """A node's network traffic by tick."""

    host: str
    at_ms: list[int]
    bytes_per_s: list[float]
    limit_bytes_per_s: float


@dataclass(frozen=True, slots=True)
class StepsRow:
    """Steps between two times, the first and the last of them."""

    first_ms: int
    last_ms: int
    mark_count: int


@dataclass(frozen=True, slots=True)
class EstimatedRow:
    job_id: str
    starts_ms: list[int]


@dataclass(frozen=True, slots=True)
class CaptureRow:
    """A profile of most ranks of a job."""

    job_id: str
    parallel_layout: str
    world: int | None
    rank_count: int
    begin: datetime
    end: datetime
    exposed: float | None
    comm_sm: float | None


@dataclass(frozen=True, slots=True)
class CalibrationRow:
    job_id: str
    layout: str
    world_size: int
    at: datetime
    kept: str


GPU_SAMPLES = Query("communication/gpu_samples.sql", GpuRow)
PORT_SAMPLES = Query("communication/port_samples.sql", PortsRow)
STEPS = Query("communication/steps.sql", StepsRow)
ESTIMATED = Query("communication/estimated.sql", EstimatedRow)
CAPTURES = Query("communication/captures.sql", CaptureRow)
CALIBRATIONS = Query("communication/calibrations.sql", CalibrationRow)
