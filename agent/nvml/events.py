"""NVML's own events: a cross-check of the kernel log, and the clean sign that a driver was bound or unbound."""

from __future__ import annotations

import time
from collections.abc import Mapping
from ctypes import byref
from typing import TYPE_CHECKING, Any

from clusterctl.agent.nvml.library import LOST, NVML, or_none
from clusterctl.agent.nvml.values import SUCCESS

if TYPE_CHECKING:
    from clusterctl.agent.nvml.gpu import Gpu

XID = 0x8
KINDS: dict[int, str] = {
    0x2: "double_bit_ecc",
    XID: "xid",
    0x100: "mig_config",
    0x200: "sbe_storm",
    0x400: "dram_retirement",
    0x800: "dram_retirement_failure",
    0x1000: "nonfatal_poison",
    0x2000: "fatal_poison",
    0x4000: "gpu_unavailable",
    0x8000: "recovery_action",
}
"""nvmlEventType bits that say something about health, by the word that our events have for them."""
WANTED = sum(KINDS)
NO_INSTANCE = 0xFFFF_FFFF
MOST = 256
REBUILD_S = 60.0
UNBIND, BIND = 1, 2


class GpuEvents:
    """One set for all GPUs; None of NVML's errors leaves it. An event before registration is lost: the log has it."""

    def __init__(self, gpus: Mapping[str, Gpu]) -> None:
        self._gpus = gpus
        self._set: Any = None
        self._build()

    def _build(self) -> None:
        self._built_s = time.monotonic()
        self._set = or_none(NVML.nvmlEventSetCreate)
        for gpu in [gpu for gpu in self._gpus.values() if not gpu.lost] if self._set is not None else ():
            # one bit that is not supported would fail the whole registration
            mask = WANTED & (or_none(NVML.nvmlDeviceGetSupportedEventTypes, gpu.handle) or 0)
            if mask:
                or_none(NVML.nvmlDeviceRegisterEvents, gpu.handle, mask, self._set)

    def take(self) -> list[dict[str, Any]]:
        """Events since the last call, at most `MOST`."""
        found: list[dict[str, Any]] = []
        while self._set is not None and len(found) < MOST:
            data = NVML.c_nvmlEventData_t()
            # the wrapper raises on time-out, which is the normal end here; the plain call returns it
            status = NVML._nvmlGetFunctionPointer("nvmlEventSetWait_v2")(self._set, byref(data), 0)
            if status in (NVML.NVML_ERROR_UNKNOWN, LOST) and time.monotonic() - self._built_s >= REBUILD_S:
                or_none(NVML.nvmlEventSetFree, self._set)
                self._build()
            if status != SUCCESS:
                break
            event = self._event(data)
            if event:
                found.append(event)
        return found

    def _event(self, data: Any) -> dict[str, Any]:
        kind = KINDS.get(int(data.eventType))
        uuid = str(or_none(NVML.nvmlDeviceGetUUID, data.device) or "")
        gpu = self._gpus.get(uuid)
        if kind is None:
            return {}
        event = {"kind": kind, "data": int(data.eventData), "gpu_uuid": uuid, "pci": gpu.pci if gpu else ""}
        if int(data.gpuInstanceId) != NO_INSTANCE:
            event["gpu_instance"] = int(data.gpuInstanceId)
        return event


class DriverEvents:
    """Unbind and bind of the driver, per GPU (driver 575 on). Older drivers have none, and `take` gives nothing."""

    def __init__(self) -> None:
        self._set: Any = None
        if hasattr(NVML, "nvmlSystemEventSetCreate"):
            self._set = or_none(NVML.nvmlSystemEventSetCreate, NVML.nvmlSystemEventSetCreateRequest_v1)
        if self._set is not None:
            version = NVML.nvmlSystemRegisterEventRequest_v1
            if or_none(_register, version, UNBIND | BIND, self._set) is None:
                self._set = None

    def take(self) -> list[str]:
        """`unbind` and `bind`, in their order, since the last call."""
        if self._set is None:
            return []
        request = NVML.c_nvmlSystemEventSetWaitRequest_v1_t()
        events = (NVML.c_nvmlSystemEventData_v1_t * 16)()
        request.timeoutms, request.set, request.data, request.dataSize = 0, self._set, events, 16
        status = NVML._nvmlGetFunctionPointer("nvmlSystemEventSetWait")(byref(request))
        if status != SUCCESS:
            return []
        names = {UNBIND: "unbind", BIND: "bind"}
        return [names[int(e.eventType)] for e in events[: min(16, request.numEvent)] if int(e.eventType) in names]


def _register(version: int, types: int, event_set: Any) -> bool:
    """True once registered: the wrapper itself returns nothing."""
    NVML.nvmlSystemRegisterEvents(version, types, event_set)
    return True
