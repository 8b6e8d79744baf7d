"""NVML through pynvml; the one file that imports it. Runs in the worker process only: a hung GPU hangs the caller.

Absent is not zero: a call that this GPU or driver does not support gives None, and is not asked again; a GPU that is lost
keeps its row, without readings.
"""

from __future__ import annotations

from collections.abc import Callable
from ctypes import byref
from typing import Any

import pynvml

from clusterctl.agent.nvml_bits import FIELDS, field_value, normal_pci

NO_DRIVER = frozenset({pynvml.NVML_ERROR_DRIVER_NOT_LOADED, pynvml.NVML_ERROR_LIBRARY_NOT_FOUND})
ABSENT = frozenset(
    {pynvml.NVML_ERROR_NOT_SUPPORTED, pynvml.NVML_ERROR_FUNCTION_NOT_FOUND, pynvml.NVML_ERROR_INVALID_ARGUMENT, 25, 26}
)
"""Answers that stand for the life of the driver: 25 argument version mismatch, 26 deprecated."""
LOST = frozenset({pynvml.NVML_ERROR_GPU_IS_LOST})


class NvmlUnavailable(Exception):
    """There is no NVML to ask; the text is the reason, one word."""


class Nvml:
    """An open NVML session. Raises NvmlUnavailable when there is none to be had."""

    def __init__(self) -> None:
        if not hasattr(pynvml, "nvmlDeviceGetMarginTemperature"):
            raise NvmlUnavailable("wrong_pynvml_package")
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            raise NvmlUnavailable(
                "no_NVIDIA_driver" if error.value in NO_DRIVER else f"nvml_error_{error.value}"
            ) from error
        except pynvml.NVMLLibraryMismatchError as error:
            raise NvmlUnavailable("library_mismatch") from error
        self.driver_version = str(_or_none(pynvml.nvmlSystemGetDriverVersion) or "")
        self._absent: set[tuple[str, str]] = set()
        self._lost: set[str] = set()
        self._handles = self._discover()
        self._events = self._register()

    def close(self) -> None:
        """Let go of the driver."""
        pynvml.nvmlShutdown()

    def _discover(self) -> dict[str, tuple[int, Any, str]]:
        """Index, handle and PCI address of each GPU that answers, by UUID."""
        found = {}
        for index in range(pynvml.nvmlDeviceGetCount()):
            try:
                handle = pynvml.nvmlDeviceGetHandleByIndex(index)
                uuid = str(pynvml.nvmlDeviceGetUUID(handle))
                found[uuid] = (index, handle, normal_pci(pynvml.nvmlDeviceGetPciInfo(handle).busId))
            except pynvml.NVMLError:
                continue  # counted against the PCI bus, not here
        return found

    def _register(self) -> Any:
        """An event set for Xids; None where the driver offers none."""
        try:
            events = pynvml.nvmlEventSetCreate()
        except pynvml.NVMLError:
            return None
        for _, handle, _ in self._handles.values():
            try:
                mask = pynvml.nvmlDeviceGetSupportedEventTypes(handle) & pynvml.nvmlEventTypeXidCriticalError
                if mask:
                    pynvml.nvmlDeviceRegisterEvents(handle, mask, events)
            except pynvml.NVMLError:
                continue
        return events

    def sample(self) -> list[dict[str, Any]]:
        """Readings of every GPU by field name of `gpu_sample`, without the time."""
        return [self._read(uuid, *where) for uuid, where in self._handles.items()]

    def _read(self, uuid: str, index: int, handle: Any, pci: str) -> dict[str, Any]:
        row: dict[str, Any] = {"gpu_uuid": uuid, "gpu_index": index, "pci": pci}
        if uuid in self._lost:
            return row

        def ask(call: Callable[..., Any], *arguments: Any) -> Any:
            return self._ask(uuid, call, handle, *arguments)

        row.update(
            temp_c=ask(pynvml.nvmlDeviceGetTemperature, pynvml.NVML_TEMPERATURE_GPU),
            temp_margin_c=ask(pynvml.nvmlDeviceGetMarginTemperature),
            sm_clock_mhz=ask(pynvml.nvmlDeviceGetClockInfo, pynvml.NVML_CLOCK_SM),
            memory_clock_mhz=ask(pynvml.nvmlDeviceGetClockInfo, pynvml.NVML_CLOCK_MEM),
            throttle_mask=ask(pynvml.nvmlDeviceGetCurrentClocksEventReasons),
            ecc_corrected=ask(
                pynvml.nvmlDeviceGetTotalEccErrors, pynvml.NVML_MEMORY_ERROR_TYPE_CORRECTED, pynvml.NVML_VOLATILE_ECC
            ),
            ecc_uncorrected=ask(
                pynvml.nvmlDeviceGetTotalEccErrors, pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, pynvml.NVML_VOLATILE_ECC
            ),
        )
        memory = ask(pynvml.nvmlDeviceGetMemoryInfo)
        if memory is not None:
            row.update(memory_used_bytes=int(memory.used), memory_total_bytes=int(memory.total))
        load = ask(pynvml.nvmlDeviceGetUtilizationRates)
        if load is not None:
            row["util_ratio"] = load.gpu / 100
        row.update(self._fields(uuid, handle))
        if row.get("power_mw") is None:
            row["power_mw"] = ask(pynvml.nvmlDeviceGetPowerUsage)
        return row

    def _fields(self, uuid: str, handle: Any) -> dict[str, Any]:
        """One batched call; each field has a return code of its own."""
        values = self._ask(uuid, pynvml.nvmlDeviceGetFieldValues, handle, list(FIELDS.values()))
        if values is None:
            return {}
        return {name: field_value(value) for name, value in zip(FIELDS, values, strict=True)}

    def _ask(self, uuid: str, call: Callable[..., Any], *arguments: Any) -> Any:
        key = (uuid, call.__name__)
        if key in self._absent or uuid in self._lost:
            return None
        try:
            return call(*arguments)
        except pynvml.NVMLError as error:
            if error.value in ABSENT:
                self._absent.add(key)
            elif error.value in LOST:
                self._lost.add(uuid)
            return None

    @property
    def lost(self) -> list[str]:
        """UUIDs of GPUs that said they are lost; they are not asked any more."""
        return sorted(self._lost)

    def events(self) -> list[dict[str, Any]]:
        """Xid events since the last call."""
        found: list[dict[str, Any]] = []
        while self._events is not None and len(found) < 1_000:
            data = pynvml.c_nvmlEventData_t()
            # the wrapper raises on time-out, which is the normal end here; the plain call returns it
            status = pynvml._nvmlGetFunctionPointer("nvmlEventSetWait_v2")(self._events, byref(data), 0)
            if status != pynvml.NVML_SUCCESS:
                break
            uuid = _or_none(pynvml.nvmlDeviceGetUUID, data.device)
            if uuid is not None and data.eventType == pynvml.nvmlEventTypeXidCriticalError:
                where = self._handles.get(str(uuid))
                found.append({"gpu_uuid": str(uuid), "xid": int(data.eventData), "pci": where[2] if where else ""})
        return found

    def inventory(self) -> list[dict[str, Any]]:
        """What each GPU is."""
        return [
            {
                "gpu_uuid": uuid,
                "pci": pci,
                "model": _text(pynvml.nvmlDeviceGetName, handle),
                "serial": _text(pynvml.nvmlDeviceGetSerial, handle),
                "firmware": _text(pynvml.nvmlDeviceGetVbiosVersion, handle),
                "part": _text(pynvml.nvmlDeviceGetBoardPartNumber, handle),
            }
            for uuid, (_, handle, pci) in self._handles.items()
        ]


def _or_none(call: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except pynvml.NVMLError:
        return None


def _text(call: Callable[..., Any], handle: Any) -> str:
    return str(_or_none(call, handle) or "")
