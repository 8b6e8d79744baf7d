"""An open NVML: its GPUs, and the answers to the worker's requests.

Whatever touches a GPU is a job on a lane, finding it included: one that hangs from the start must not hide the others.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Hashable
from functools import partial
from typing import Any

from clusterctl.agent.nvml.events import DriverEvents, GpuEvents
from clusterctl.agent.nvml.facts import gpu_facts, system_facts
from clusterctl.agent.nvml.gpu import DriverGone, Gpu
from clusterctl.agent.nvml.lanes import Failure, Job, Lanes
from clusterctl.agent.nvml.library import NVML, open_library, or_none
from clusterctl.agent.nvml.values import normal_pci

EVENTS = "events"
MAX_GPUS = 64
MAX_EVENTS = 1_024
BROKEN = -1
"""In the place of an NVML code: our own code failed on what this GPU answered."""


class Session:
    """Raises NvmlUnavailable when there is no NVML to be had."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self.driver_version = open_library()
        self.gpus: dict[str, Gpu] = {}
        self._unopened = set(range(min(MAX_GPUS, or_none(NVML.nvmlDeviceGetCount) or 0)))
        self._gpu_events: GpuEvents | None = None
        self._driver_events = DriverEvents()
        self._happened: deque[dict[str, Any]] = deque(maxlen=MAX_EVENTS)
        self._driver_did: deque[str] = deque(maxlen=MAX_EVENTS)
        self._asked_s = time.monotonic()

    def _open(self) -> None:
        """Find the GPUs that have not been found yet. One that takes its time (the first client initialises it) is found at
        a later reading."""
        jobs = [
            Job(f"index {index}", partial(self._open_one, index), self._clock()) for index in sorted(self._unopened)
        ]
        for index, found in zip(sorted(self._unopened), self._answers(jobs), strict=True):
            if isinstance(found, Gpu):
                self.gpus[found.uuid] = found
                self._gpu_events = None  # registered anew, with this one
            if found is not None:
                self._unopened.discard(index)
        self.gpus = dict(sorted(self.gpus.items(), key=lambda item: item[1].index))

    def _answers(self, jobs: list[Job]) -> list[Any]:
        results = self._lanes.run(jobs) if jobs else {}
        return [results.get(job.key) for job in jobs]

    def _open_one(self, index: int) -> Gpu | bool:
        """The GPU; False if it does not answer, which is counted against the PCI bus and not here."""
        self._asked_s = time.monotonic()
        handle = or_none(NVML.nvmlDeviceGetHandleByIndex, index)
        uuid = None if handle is None else or_none(NVML.nvmlDeviceGetUUID, handle)
        where = None if uuid is None else or_none(NVML.nvmlDeviceGetPciInfo, handle)
        return where is not None and Gpu(str(uuid), index, handle, normal_pci(where.busId), self.driver_version)

    def sample(self, level: int) -> dict[str, Any]:
        """One reading of everything up to tier `level`. Raises DriverGone.

        `stuck` has the seconds for which a GPU has not come back from a question; it is in `gpus` without readings. A GPU
        that hangs while it is being found is there as `index N`; `opening` counts those that are not found yet."""
        if self._unopened:
            self._open()
        gpus = list(self.gpus.values())
        jobs = [Job(gpu.uuid, partial(gpu.read, level), _clock_of(gpu)) for gpu in gpus]
        jobs.append(Job(EVENTS, self._take_events, self._clock()))
        answers = self._answers(jobs)
        for answer in answers:
            if isinstance(answer, Failure) and isinstance(answer.error, DriverGone):
                raise answer.error
        stuck = self._lanes.stuck_s()
        return {
            "gpus": [_row(gpu, answer) for gpu, answer in zip(gpus, answers, strict=False)],
            "events": _drained(self._happened),
            "driver_events": _drained(self._driver_did),
            "stuck": {str(key): seconds for key, seconds in stuck.items() if key != EVENTS},
            "opening": len(self._unopened),
        }

    def _take_events(self) -> bool:
        """Events are kept where a late answer finds them: NVML tells each only once."""
        self._asked_s = time.monotonic()
        if self._gpu_events is None:
            self._gpu_events = GpuEvents(self.gpus)
        self._happened.extend(self._gpu_events.take())
        self._driver_did.extend(self._driver_events.take())
        return True

    def _clock(self) -> Any:
        return lambda: self._asked_s

    def inventory(self) -> dict[str, Any]:
        """What driver and GPUs are; a GPU that hangs is left out."""
        jobs = [Job(gpu.uuid, partial(gpu_facts, gpu), _clock_of(gpu)) for gpu in self.gpus.values()]
        jobs.append(Job("system", system_facts, time.monotonic))
        results: dict[Hashable, Any] = {
            key: found for key, found in self._lanes.run(jobs).items() if not isinstance(found, Failure)
        }
        return {"system": results.pop("system", {}), "gpus": list(results.values())}


def _clock_of(gpu: Gpu) -> Any:
    return lambda: gpu.asked_s


def _row(gpu: Gpu, answer: Any) -> dict[str, Any]:
    """The answer; or, from a GPU that gave none, its name and what is wrong."""
    if isinstance(answer, dict):
        return answer
    row: dict[str, Any] = {"uuid": gpu.uuid, "index": gpu.index, "pci": gpu.pci, "lost": gpu.lost, "sample": {}}
    if isinstance(answer, Failure):
        row["errors"] = [(BROKEN, f"{type(answer.error).__name__}: {answer.error}"[:200])]
    return row


def _drained(items: deque[Any]) -> list[Any]:
    found = []
    while items:
        found.append(items.popleft())
    return found
