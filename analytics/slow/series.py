"""A device's readings by minute, read a few nodes at a time: what comes as lists of numbers is packed before more is read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clusterctl.analytics.slow.peers import Floats
from clusterctl.analytics.slow.questions import GPU_MINUTES, HELD_BACK, PORT_MINUTES
from clusterctl.clock import MS_PER_MINUTE, utc
from clusterctl.store import Param, Reader

HOSTS_AT_ONCE = 8
GPU_READINGS = (
    "sm_clock_mhz",
    "memory_clock_mhz",
    "activity",
    "tensor_ratio",
    "power_mw",
    "nvlink_bytes_per_s",
    "pcie_bytes_per_s",
    *HELD_BACK,
)
PORT_READINGS = ("rate_mbps", "bytes_per_s")


@dataclass(frozen=True, slots=True)
class Window:
    """Minutes of one cluster, [since, since + minutes)."""

    cluster: str
    since_ms: int
    minutes: int

    @property
    def until_ms(self) -> int:
        return self.since_ms + self.minutes * MS_PER_MINUTE

    def params(self) -> dict[str, Param]:
        """As queries want it."""
        return {"cluster": self.cluster, "since": utc(self.since_ms), "until": utc(self.until_ms)}


@dataclass(frozen=True, slots=True)
class Series:
    """Readings of a GPU under one job, or of a port, one a minute of the window; NaN is missing."""

    host: str
    device: str
    job_id: str
    """Empty for a port, which nobody owns."""
    product: str
    """Of a port its model; of a GPU, where the inventory has none, its memory says as much."""
    readings: Mapping[str, Floats]


def gpus(store: Reader, window: Window, hosts: Sequence[str]) -> Iterator[Series]:
    """GPUs of these nodes in the minutes in which they worked for one job."""
    for chunk in _chunks(hosts):
        for row in GPU_MINUTES.run(store, hosts=chunk, **window.params()):
            readings = {name: _dense(row.minutes, getattr(row, name), window.minutes) for name in GPU_READINGS}
            yield Series(row.host, row.gpu_uuid, row.job, f"{row.memory_total_bytes} bytes", readings)


def ports(store: Reader, window: Window, hosts: Sequence[str]) -> Iterator[Series]:
    """Physical ports of these nodes."""
    for chunk in _chunks(hosts):
        for row in PORT_MINUTES.run(store, hosts=chunk, **window.params()):
            readings = {name: _dense(row.minutes, getattr(row, name), window.minutes) for name in PORT_READINGS}
            yield Series(row.host, row.port, "", row.model, readings)


def _chunks(hosts: Sequence[str]) -> Iterator[str]:
    for at in range(0, len(hosts), HOSTS_AT_ONCE):
        yield json.dumps(list(hosts[at : at + HOSTS_AT_ONCE]))


def _dense(minutes: Sequence[int], values: Sequence[float], length: int) -> Floats:
    packed = np.full(length, np.nan)
    packed[np.asarray(minutes, dtype=np.int64)] = np.asarray(values, dtype=np.float64)
    return packed
