"""What a driver and a GPU are: asked at start and after a rebind, for the inventory."""

from __future__ import annotations

from collections.abc import Callable
from ctypes import byref
from typing import Any

from clusterctl.agent.nvml.gpu import Gpu
from clusterctl.agent.nvml.library import NVML

_TEXTS: dict[str, Callable[..., Any]] = {
    "model": NVML.nvmlDeviceGetName,
    "serial": NVML.nvmlDeviceGetSerial,
    "firmware": NVML.nvmlDeviceGetVbiosVersion,
    "part": NVML.nvmlDeviceGetBoardPartNumber,
    "inforom_image": NVML.nvmlDeviceGetInforomImageVersion,
    "gsp_firmware": NVML.nvmlDeviceGetGspFirmwareVersion,
}
_SYSTEM: dict[str, Callable[..., Any]] = {
    "nvml_version": NVML.nvmlSystemGetNVMLVersion,
    "cuda_version": NVML.nvmlSystemGetCudaDriverVersion_v2,
}
_INFOROM = {"inforom_oem": 0, "inforom_ecc": 1, "inforom_power": 2}
_PLATFORM = {"tray": "trayIndex", "slot": "slotNumber", "host_id": "hostId"}


def system_facts() -> dict[str, str]:
    """Versions of the software under all GPUs."""
    found = {}
    for name, call in (
        ("nvml_version", NVML.nvmlSystemGetNVMLVersion),
        ("cuda_version", NVML.nvmlSystemGetCudaDriverVersion_v2),
    ):
        try:
            found[name] = _text(call())
        except NVML.NVMLError:
            continue  # not every driver tells
    return found


def gpu_facts(gpu: Gpu) -> dict[str, Any]:
    """Texts and numbers by name; what this GPU does not tell is not in it."""
    facts: dict[str, Any] = {"gpu_uuid": gpu.uuid, "pci": gpu.pci, "index": gpu.index}
    for name, call in _TEXTS.items():
        facts[name] = _text(gpu.ask(call))
    for name, which in _INFOROM.items():
        facts[name] = _text(gpu.ask(NVML.nvmlDeviceGetInforomVersion, which))
    capability = gpu.ask(NVML.nvmlDeviceGetCudaComputeCapability)
    if capability is not None:
        facts["compute_capability"] = ".".join(str(part) for part in capability)
    facts["module_id"] = _text(gpu.ask(NVML.nvmlDeviceGetModuleId))
    facts["memory_bytes"] = _text(getattr(gpu.ask(NVML.nvmlDeviceGetMemoryInfo), "total", None))
    facts.update(_platform(gpu))
    facts["mig"] = gpu.mig.names()
    return facts


def _platform(gpu: Gpu) -> dict[str, str]:
    """Where the GPU sits in a rack-scale system."""
    info = NVML.c_nvmlPlatformInfo_v2_t()
    if gpu.ask(NVML.nvmlDeviceGetPlatformInfo, byref(info)) is None:
        return {}
    found = {name: str(ord(getattr(info, member) or b"\0")) for name, member in _PLATFORM.items()}
    return {**found, "chassis": _text(info.chassisSerialNumber)}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value.decode("ascii", errors="replace") if isinstance(value, bytes) else str(value)
