"""The calls of every minute that are not fields, and the columns of `gpu_health` that they fill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clusterctl.agent.nvml.health import fabric, sram
from clusterctl.agent.nvml.library import NVML

if TYPE_CHECKING:
    from clusterctl.agent.nvml.gpu import Gpu

Values = dict[str, Any]
_LOCATIONS = {"dram": 2, "sram": 7, "l1": 0, "l2": 1, "register": 3, "texture": 4, "cbu": 6}
"""NVML_MEMORY_LOCATION_*, by the name that columns give them."""
_KINDS = {"corrected": NVML.NVML_MEMORY_ERROR_TYPE_CORRECTED, "uncorrected": NVML.NVML_MEMORY_ERROR_TYPE_UNCORRECTED}
_SPANS = {"volatile": NVML.NVML_VOLATILE_ECC, "aggregate": NVML.NVML_AGGREGATE_ECC}
_HISTOGRAM = ("max", "high", "partial", "low", "none")
_THRESHOLDS = {"temp_shutdown_c": 0, "temp_slowdown_c": 1, "temp_memory_max_c": 2}
"""NVML_TEMPERATURE_THRESHOLD_*."""


@dataclass(frozen=True, slots=True)
class Call:
    """`read` gives columns of `gpu_health`; None is no answer."""

    name: str
    read: Callable[[Gpu], Values]


def _single(column: str, function: Callable[..., Any], *arguments: Any) -> Callable[[Gpu], Values]:
    def read(gpu: Gpu) -> Values:
        return {column: gpu.ask(function, *arguments)}

    return read


def _ecc_at(place: str) -> Callable[[Gpu], Values]:
    """Each location by itself: one that a GPU lacks must not silence the others."""
    location = _LOCATIONS[place]

    def counters(handle: Any) -> Values:
        return {
            f"ecc_{place}_{name}_{span}": NVML.nvmlDeviceGetMemoryErrorCounter(handle, kind, which, location)
            for name, kind in _KINDS.items()
            for span, which in _SPANS.items()
        }

    counters.__name__ = f"nvmlDeviceGetMemoryErrorCounter/{place}"
    return lambda gpu: gpu.ask(counters) or {}


def _remapped(gpu: Gpu) -> Values:
    rows = gpu.ask(NVML.nvmlDeviceGetRemappedRows)
    names = ("remapped_corrected", "remapped_uncorrected", "remap_pending", "remap_failed")
    return {} if rows is None else dict(zip(names, rows, strict=True))


def _histogram(gpu: Gpu) -> Values:
    banks = gpu.ask(NVML.nvmlDeviceGetRowRemapperHistogram)
    return {} if banks is None else {f"remap_banks_{name}": int(getattr(banks, name)) for name in _HISTOGRAM}


def _retired(gpu: Gpu) -> Values:
    causes = {"retired_pages_sbe": 0, "retired_pages_dbe": 1}
    pages = {name: gpu.ask(NVML.nvmlDeviceGetRetiredPages_v2, cause) for name, cause in causes.items()}
    found: Values = {name: None if listed is None else len(listed) for name, listed in pages.items()}
    return {**found, "retired_pending": gpu.ask(NVML.nvmlDeviceGetRetiredPagesPendingStatus)}


def _repair(gpu: Gpu) -> Values:
    pending = gpu.ask(NVML.nvmlDeviceGetRepairStatus)
    return {} if pending is None else {"repair_channel_pending": int(pending[0]), "repair_tpc_pending": int(pending[1])}


def _pair(now: str, pending: str, function: Callable[..., Any]) -> Callable[[Gpu], Values]:
    def read(gpu: Gpu) -> Values:
        modes = gpu.ask(function)
        return {} if modes is None else {now: int(modes[0]), pending: int(modes[1])}

    return read


def _pcie(gpu: Gpu) -> Values:
    return {
        "pcie_gen": gpu.ask(NVML.nvmlDeviceGetCurrPcieLinkGeneration),
        "pcie_gen_max": gpu.ask(NVML.nvmlDeviceGetMaxPcieLinkGeneration),
        "pcie_width": gpu.ask(NVML.nvmlDeviceGetCurrPcieLinkWidth),
        "pcie_width_max": gpu.ask(NVML.nvmlDeviceGetMaxPcieLinkWidth),
    }


def _most(gpu: Gpu) -> Values:
    return {
        "sm_clock_max_mhz": gpu.ask(NVML.nvmlDeviceGetMaxClockInfo, NVML.NVML_CLOCK_SM),
        "memory_clock_max_mhz": gpu.ask(NVML.nvmlDeviceGetMaxClockInfo, NVML.NVML_CLOCK_MEM),
    }


def _threshold(column: str, which: int) -> Callable[[Gpu], Values]:
    def threshold(handle: Any) -> int | None:
        return int(NVML.nvmlDeviceGetTemperatureThreshold(handle, which)) or None  # 0 is no threshold

    threshold.__name__ = f"nvmlDeviceGetTemperatureThreshold/{which}"
    return _single(column, threshold)


CALLS: tuple[Call, ...] = (
    *(Call(f"ecc_{place}", _ecc_at(place)) for place in _LOCATIONS),
    Call("sram", sram),
    Call("remapped_rows", _remapped),
    Call("remap_histogram", _histogram),
    Call("retired_pages", _retired),
    Call("repair", _repair),
    Call("fabric", fabric),
    Call("ecc_mode", _pair("ecc_enabled", "ecc_pending", NVML.nvmlDeviceGetEccMode)),
    Call("mig_mode", _pair("mig_mode", "mig_pending", NVML.nvmlDeviceGetMigMode)),
    Call("persistence", _single("persistence", NVML.nvmlDeviceGetPersistenceMode)),
    Call("pcie_link", _pcie),
    Call("max_clocks", _most),
    *(Call(name, _threshold(name, which)) for name, which in _THRESHOLDS.items()),
)
"""In the order in which they are asked."""
