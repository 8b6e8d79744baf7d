"""The parent's side of the NVML process: every answer has a deadline, and a hung driver is a finding, not a hang.

The worker finds out by itself which GPU does not answer, and goes on with the others. The deadline here is for a worker that
does not answer at all: it may sit in the driver where no signal reaches it, so it is not replaced before it is gone.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from clusterctl.agent.patience import Patience
from clusterctl.clock import Clock
from clusterctl.frames import read_frame_until, write_frame

START_S = 20.0
"""A worker has to start Python and to initialise NVML before its first answer."""
RETRY_S = 60.0
"""How long after a failure the next worker is started: a driver may have been loaded meanwhile."""
LET_GO_S = 1.0
HUNG, RELEASED, OFF = "nvml_hung", "released", "off_by_configuration"


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One answer. `missing` is a word when nobody could be asked; then all else is empty."""

    gpus: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    driver_events: list[str] = field(default_factory=list)
    stuck_s: dict[str, float] = field(default_factory=dict)
    opening: int = 0
    """GPUs that NVML counts and that have not been found yet."""
    missing: str = ""

    @property
    def lost(self) -> list[str]:
        """UUIDs of GPUs that said they are lost."""
        return [gpu["uuid"] for gpu in self.gpus if gpu["lost"]]

    @property
    def answering(self) -> int:
        """GPUs that are neither lost nor stuck."""
        return sum(not gpu["lost"] and gpu["uuid"] not in self.stuck_s for gpu in self.gpus)


class GpuWorker:
    """Starts the worker when it is needed and not sooner than `RETRY_S` after a failure."""

    def __init__(self, clock: Clock, deadline_s: float, stall_s: float = 0.3, *, enabled: bool = True) -> None:
        self._clock = clock
        self._deadline_s = deadline_s
        self._stall_s = stall_s
        self._process: subprocess.Popen[bytes] | None = None
        self._lingering: list[subprocess.Popen[bytes]] = []
        """Killed, and not gone: they sit in the driver."""
        self._next_start_s = clock.monotonic_s()
        self._missing = "" if enabled else OFF
        self.enabled = enabled
        self.driver_version = ""
        self._turn = threading.Lock()
        self._patience = Patience()

    @property
    def pids(self) -> list[int]:
        """Of the worker, and of those that hang."""
        return [process.pid for process in (self._process, *self._lingering) if process is not None]

    def sample(self, level: int = 0, gpus_on_bus: int = 0) -> GpuReading:
        """Readings and events of all GPUs up to tier `level`, or why there are none.

        The worker is replaced when GPUs stay lost, when the driver was bound anew, or when the bus has another number of
        GPUs than it knows: only a new one finds out what is there now."""
        answer = self._request(["sample", level])
        if answer is None:
            return GpuReading(missing=self._missing)
        reading = GpuReading(
            answer["gpus"], answer["events"], answer["driver_events"], answer["stuck"], answer["opening"]
        )
        if self._patience.is_over(reading, gpus_on_bus, self._clock.monotonic_s()):
            self.restart()
        return reading

    def restart(self) -> None:
        """Let the worker go; the next question starts a new one."""
        with self._turn:
            if self._process is not None:
                self._failed(self._process, "")
                self._next_start_s = self._clock.monotonic_s()

    def release(self, for_s: float) -> list[int]:
        """Let go of the driver, so that a GPU can be reset or the driver reloaded, and stay away for `for_s`. Process ids of
        what could not be ended: they still hold it."""
        with self._turn:
            if self._process is not None:
                self._failed(self._process, RELEASED)
            self._missing = RELEASED
            self._next_start_s = self._clock.monotonic_s() + for_s
            self._still_hung()
            return self.pids

    def resume(self) -> None:
        """Come back before the time of `release` has passed."""
        with self._turn:
            self._next_start_s = min(self._next_start_s, self._clock.monotonic_s())

    def inventory(self) -> dict[str, Any]:
        """What driver and GPUs are: `system` and `gpus`; empty when nobody can be asked."""
        return self._request(["inventory"]) or {"system": {}, "gpus": []}

    def close(self) -> None:
        """Let the worker go; one that hangs is killed, which a driver may put off."""
        process, self._process = self._process, None
        if process is not None:
            self._let_go(process)

    def _request(self, request: list[Any]) -> dict[str, Any] | None:
        """One question and its answer; threads take turns, since the pipe has no addresses."""
        with self._turn:
            return self._ask(request)

    def _ask(self, request: list[Any]) -> dict[str, Any] | None:
        process = self._process or self._start()
        if process is None or process.stdin is None:
            return None
        try:
            write_frame(process.stdin, request)
        except OSError:
            return self._failed(process, "worker_died")
        answer = self._answer(process, self._deadline_s)
        if answer is not None and "gone" in answer:
            return self._failed(process, "driver_gone")
        return answer

    def _start(self) -> subprocess.Popen[bytes] | None:
        if not self.enabled or self._clock.monotonic_s() < self._next_start_s or self._still_hung():
            return None
        command = [sys.executable, "-m", "clusterctl.agent.nvml.worker", str(self._stall_s)]
        try:
            # from the root: a file named pynvml.py in whatever folder we were started in is not ours
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, cwd="/")
        except OSError as error:  # no memory, no right, too many processes: a blind spot, not the agent's end
            self._missing = "worker_not_started_" + (error.strerror or "unknown").lower().replace(" ", "_")
            self._next_start_s = self._clock.monotonic_s() + RETRY_S
            return None
        hello = self._answer(process, max(START_S, self._deadline_s))
        if hello is None:
            return None
        if "missing" in hello:
            self._failed(process, str(hello["missing"]))
            return None
        self.driver_version = str(hello["driver_version"])
        self._missing = ""
        self._process = process
        return process

    def _still_hung(self) -> bool:
        self._lingering = [process for process in self._lingering if process.poll() is None]
        return bool(self._lingering)

    def _answer(self, process: subprocess.Popen[bytes], deadline_s: float) -> dict[str, Any] | None:
        """The worker's next frame, or None once its deadline has passed: for all of it, not for its first byte."""
        if process.stdout is None:
            return self._failed(process, "worker_died")
        try:
            answer = read_frame_until(process.stdout.fileno(), deadline_s)
        except (EOFError, OSError):
            return self._failed(process, "worker_died")
        if answer is None:
            process.kill()
            return self._failed(process, HUNG)
        return answer if isinstance(answer, dict) else self._failed(process, "worker_died")

    def _failed(self, process: subprocess.Popen[bytes], why: str) -> dict[str, Any] | None:
        """Let the worker go and say why; there is no answer."""
        self._missing = why
        self._process = None
        self._next_start_s = self._clock.monotonic_s() + RETRY_S
        self._let_go(process)
        return None

    def _let_go(self, process: subprocess.Popen[bytes]) -> None:
        """Close its pipe and give it a second; then kill it, which a driver may put off."""
        if process.stdin:
            with suppress(OSError):
                process.stdin.close()
        try:
            process.wait(timeout=LET_GO_S)
        except subprocess.TimeoutExpired:
            process.kill()
            try:
                process.wait(timeout=LET_GO_S)
            except subprocess.TimeoutExpired:
                self._lingering.append(process)
        if process.stdout:
            process.stdout.close()
