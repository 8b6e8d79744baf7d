"""Calls that want a struct from us: SRAM errors and the NVLink fabric."""

from __future__ import annotations

from ctypes import byref
from typing import TYPE_CHECKING, Any
from uuid import UUID

from clusterctl.agent.nvml.library import NVML

if TYPE_CHECKING:
    from clusterctl.agent.nvml.gpu import Gpu

_BUCKETS = ("L2", "Sm", "Pcie", "Mcu", "Other")
_FABRIC = (
    ("nvmlDeviceGetGpuFabricInfoV/3", "c_nvmlGpuFabricInfo_v3_t"),
    ("nvmlDeviceGetGpuFabricInfoV/2", "c_nvmlGpuFabricInfo_v2_t"),
)
"""Asked in this order: version 3 has a summary, drivers before 580 know 2 only, and before that there is version 1."""


def sram(gpu: Gpu) -> dict[str, Any]:
    """SRAM errors by how they were found and where (104-byte struct; some drivers want root)."""
    status = NVML.c_nvmlEccSramErrorStatus_v1_t()
    if gpu.ask(NVML.nvmlDeviceGetSramEccErrorStatus, byref(status)) is None:
        return {}
    found = {
        "sram_parity_volatile": status.volatileUncParity,
        "sram_secded_volatile": status.volatileUncSecDed,
        "sram_parity_aggregate": status.aggregateUncParity,
        "sram_secded_aggregate": status.aggregateUncSecDed,
        "sram_threshold_exceeded": int(bool(status.bThresholdExceeded)),
    }
    found.update({f"sram_bucket_{name.lower()}": getattr(status, f"aggregateUncBucket{name}") for name in _BUCKETS})
    return found


def fabric(gpu: Gpu) -> dict[str, Any]:
    """Registration with the NVLink fabric, in the newest version that the driver knows."""
    for name, struct in _FABRIC:
        info = getattr(NVML, struct)()
        if gpu.ask(_named(name, NVML.nvmlDeviceGetGpuFabricInfoV), byref(info)) is not None:
            return _fabric_values(info)
    info = NVML.c_nvmlGpuFabricInfo_t()
    return {} if gpu.ask(NVML.nvmlDeviceGetGpuFabricInfo, byref(info)) is None else _fabric_values(info)


def _named(name: str, function: Any) -> Any:
    """The function under a name of its own: a refusal of one version must not stand for the others."""

    def versioned(*arguments: Any) -> Any:
        return function(*arguments)

    versioned.__name__ = name
    return versioned


def _fabric_values(info: Any) -> dict[str, Any]:
    return {
        "fabric_state": int(info.state),
        "fabric_status": int(info.status),
        "fabric_clique": int(info.cliqueId),
        "fabric_cluster": str(UUID(bytes=bytes(info.clusterUuid))),
        "fabric_health_mask": getattr(info, "healthMask", None),
        "fabric_health_summary": getattr(info, "healthSummary", None),
    }
