"""GPM, Hopper and later: engine activity between two readings. Two buffers take turns, nothing is allocated a tick."""

from __future__ import annotations

import math
import struct
import time
from ctypes import sizeof
from typing import TYPE_CHECKING, Any

from clusterctl.agent.nvml.batch import Readings
from clusterctl.agent.nvml.fields import SAMPLE
from clusterctl.agent.nvml.library import NVML, or_none
from clusterctl.agent.nvml.values import SUCCESS
from clusterctl.agent.rounding import significant

if TYPE_CHECKING:
    from clusterctl.agent.nvml.gpu import Gpu

MIB = 1_048_576
PERCENT = 0.01
LEAST_S = 0.1
"""The driver refreshes its counters ten times a second; two readings within that say nothing."""
RATIO_BITS, RATE_BITS = 8, 7
"""Significant binary digits that are kept: a ratio is off by 0.4 % of itself at most, a rate by 0.8 %. The driver's own
refresh moves a second's window by up to a tenth of it, so nothing is lost that was there; the rest of the double cost two
bytes a metric (docs/decisions/016-codecs.md). The exact bytes of NVLink and PCIe are counters of gpu_link_sample."""
METRICS: tuple[tuple[int, str, float], ...] = (
    (1, "graphics_active_ratio", PERCENT),
    (2, "sm_active_ratio", PERCENT),
    (3, "sm_occupancy_ratio", PERCENT),
    (5, "tensor_active_ratio", PERCENT),
    (10, "dram_active_ratio", PERCENT),
    (20, "pcie_tx_bytes_per_s", MIB),
    (21, "pcie_rx_bytes_per_s", MIB),
    (60, "nvlink_rx_bytes_per_s", MIB),
    (61, "nvlink_tx_bytes_per_s", MIB),
)
"""NVML_GPM_METRIC_* number, column, and what one unit of it is."""


_METRIC = struct.Struct("<IId24x")
"""nvmlGpmMetric_t: id, return code, value, and three pointers to names."""


class Gpm:
    """Readings of one GPU, or of one GPU instance. The first call has none, and so has every GPU before Hopper."""

    def __init__(self, gpu: Gpu, instance: int | None = None) -> None:
        self._gpu = gpu
        self._instance = instance
        self._supported: bool | None = None
        self._buffers: list[Any] = []
        self._last_s: float | None = None
        self._request: Any = None
        self._view = memoryview(b"")

    def read(self) -> Readings:
        """Ratios and rates since the last call."""
        if self._supported is None:
            self._open()
        now_s = time.monotonic()
        if not self._supported or (self._last_s is not None and now_s - self._last_s < LEAST_S):
            return {}
        older, newer = self._buffers
        if self._take(newer) is None:
            self._last_s = None  # across a reset the old buffer is of another life
            return {}
        self._buffers = [newer, older]
        first, self._last_s = self._last_s is None, now_s
        return {} if first else self._metrics(older, newer)

    def _open(self) -> None:
        support = self._gpu.ask(NVML.nvmlGpmQueryDeviceSupport)
        if support is None:
            return  # not an answer yet; where the call is absent it costs nothing to ask
        buffers = [self._gpu.call(NVML.nvmlGpmSampleAlloc) for _ in range(2)] if support.isSupportedDevice else []
        if None in buffers:
            return
        self._supported, self._buffers = bool(buffers), buffers
        if self._supported:
            self._request = NVML.c_nvmlGpmMetricsGet_t()
            self._request.version = NVML.NVML_GPM_METRICS_GET_VERSION
            self._request.numMetrics = len(METRICS)
            for cell, (number, _, _) in zip(self._request.metrics, METRICS, strict=False):
                cell.metricId = number
            offset = type(self._request).metrics.offset
            whole = memoryview(self._request).cast("B")
            self._view = whole[offset : offset + len(METRICS) * sizeof(NVML.c_nvmlGpmMetric_t)]

    def _take(self, buffer: Any) -> Any:
        if self._instance is None:
            return self._gpu.ask(NVML.nvmlGpmSampleGet, buffer)
        return self._gpu.ask(NVML.nvmlGpmMigSampleGet, self._instance, buffer)

    def _metrics(self, older: Any, newer: Any) -> Readings:
        self._request.sample1, self._request.sample2 = older, newer
        if self._gpu.call(NVML.nvmlGpmMetricsGet, self._request) is None:
            return {}
        readings: Readings = {}
        for (_, code, value), (_, column, unit) in zip(_METRIC.iter_unpack(self._view), METRICS, strict=True):
            # out of range or not a number: one of the two readings lies across a reset
            if code == SUCCESS and math.isfinite(value) and value >= 0 and (unit == MIB or value <= 100):
                readings[SAMPLE, column, None] = significant(value * unit, RATE_BITS if unit == MIB else RATIO_BITS)
        return readings

    def close(self) -> None:
        """Give the buffers back."""
        for buffer in self._buffers:
            or_none(NVML.nvmlGpmSampleFree, buffer)
        self._buffers, self._supported = [], None
