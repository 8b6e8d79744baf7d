"""MIG devices of one GPU: memory, activity and processes of each."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from clusterctl.agent.nvml.gpm import Gpm
from clusterctl.agent.nvml.library import NVML, or_none

if TYPE_CHECKING:
    from clusterctl.agent.nvml.gpu import Gpu

MAX_DEVICES = 8
FIND_EVERY = 6
"""Readings between two searches: instances come and go by an operator's hand."""


class MigDevices:
    """Found anew every `FIND_EVERY` readings; none where MIG is off."""

    def __init__(self, gpu: Gpu) -> None:
        self._gpu = gpu
        self._found: list[tuple[Any, str, int, int]] = []
        self._gpm: dict[int, Gpm] = {}
        self._round = 0
        self._known = False

    @property
    def count(self) -> int | None:
        """Devices as last found; None where nobody could tell. A GPU that knows no MIG has none."""
        return len(self._found) if self._known else None

    def read(self) -> list[dict[str, Any]]:
        """A dict for each device, by column of `mig_sample`, and its `pids`."""
        if self._round % FIND_EVERY == 0:
            self._find()
        self._round += 1
        activity: dict[int, dict[str, Any]] = {}
        return [self._one(*device, activity) for device in self._found]

    def names(self) -> list[dict[str, Any]]:
        """What each device is, for the inventory."""
        return [
            {
                "mig_uuid": uuid,
                "gpu_instance": gi,
                "compute_instance": ci,
                "name": _text(NVML.nvmlDeviceGetName, handle),
            }
            for handle, uuid, gi, ci in self._found
        ]

    def _find(self) -> None:
        mode = self._gpu.ask(NVML.nvmlDeviceGetMigMode)
        self._known = mode is not None or self._gpu.is_absent("nvmlDeviceGetMigMode")
        if not self._known:
            return  # what was there is still the best that is known
        found = []
        for number in range(MAX_DEVICES if mode is not None and mode[0] else 0):
            handle = or_none(NVML.nvmlDeviceGetMigDeviceHandleByIndex, self._gpu.handle, number)
            if handle is not None:
                uuid = _text(NVML.nvmlDeviceGetUUID, handle)
                gi = or_none(NVML.nvmlDeviceGetGpuInstanceId, handle)
                ci = or_none(NVML.nvmlDeviceGetComputeInstanceId, handle)
                if uuid and gi is not None and ci is not None:
                    found.append((handle, uuid, int(gi), int(ci)))
        self._found = found
        gone = set(self._gpm) - {gi for _, _, gi, _ in found}
        for instance in gone:
            self._gpm.pop(instance).close()

    def _one(self, handle: Any, uuid: str, gi: int, ci: int, activity: dict[int, dict[str, Any]]) -> dict[str, Any]:
        """`activity` holds what was read of a GPU instance already: its compute instances share it."""
        self._gpu.asked_s = time.monotonic()
        row: dict[str, Any] = {"mig_uuid": uuid, "gpu_instance": gi, "compute_instance": ci}
        memory = or_none(NVML.nvmlDeviceGetMemoryInfo, handle)
        if memory is not None:
            row.update(memory_used_bytes=int(memory.used), memory_total_bytes=int(memory.total))
        if gi not in activity:
            read = self._gpm.setdefault(gi, Gpm(self._gpu, gi)).read()
            activity[gi] = {column: value for (_, column, _), value in read.items() if column.endswith("_ratio")}
        row.update(activity[gi])
        processes = or_none(NVML.nvmlDeviceGetComputeRunningProcesses, handle)
        row["pids"] = None if processes is None else sorted({int(process.pid) for process in processes})[:512]
        return row


def _text(call: Any, handle: Any) -> str:
    return str(or_none(call, handle) or "")
