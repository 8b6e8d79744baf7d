"""The parent's side of the NVML process: every answer has a deadline, and a hung driver is a finding, not a hang."""

from __future__ import annotations

import select
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import Any

from clusterctl.clock import Clock
from clusterctl.frames import read_frame, write_frame

START_S = 20.0
"""A worker has to start Python and to initialise every GPU before its first answer."""
RETRY_S = 60.0
"""How long after a failure the next worker is started: a driver may have been loaded meanwhile."""


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One answer. `missing` is a word when nobody could be asked."""

    samples: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    missing: str = ""


class GpuWorker:
    """Starts the worker when it is needed and not sooner than `RETRY_S` after a failure.

    A worker that does not answer is not killed and replaced at once: it may sit in the driver where no signal reaches it,
    and a second one would only join it."""

    def __init__(self, clock: Clock, deadline_s: float, *, enabled: bool = True) -> None:
        self._clock = clock
        self._deadline_s = deadline_s
        self._process: subprocess.Popen[bytes] | None = None
        self._hung: subprocess.Popen[bytes] | None = None
        self._next_start_s = clock.monotonic_s()
        self._missing = "" if enabled else "off_by_configuration"
        self._enabled = enabled
        self.driver_version = ""
        self._turn = threading.Lock()
        self._lost_since_s: float | None = None

    def sample(self) -> GpuReading:
        """Readings and events of all GPUs, or why there are none."""
        answer = self._request("sample")
        if answer is None:
            return GpuReading(missing=self._missing)
        reading = GpuReading(answer["samples"], answer["events"], answer["lost"])
        if not reading.lost:
            self._lost_since_s = None
        elif self._lost_since_s is None:
            self._lost_since_s = self._clock.monotonic_s()
        elif self._clock.monotonic_s() - self._lost_since_s >= RETRY_S:
            self.restart()  # a worker does not ask a lost GPU again; a new one finds out whether it is back
        return reading

    def restart(self) -> None:
        """Let the worker go; the next question starts a new one."""
        with self._turn:
            self._lost_since_s = None
            if self._process is not None:
                self._failed(self._process, "")
                self._next_start_s = self._clock.monotonic_s()

    def inventory(self) -> list[dict[str, Any]]:
        """What each GPU is; empty when nobody can be asked."""
        answer = self._request("inventory")
        return [] if answer is None else list(answer["gpus"])

    def close(self) -> None:
        """Let the worker go; one that hangs is killed, which a driver may put off."""
        for process in (self._process, self._hung):
            if process is not None:
                _let_go(process)
        self._process = self._hung = None

    def _request(self, name: str) -> dict[str, Any] | None:
        """One question and its answer; threads take turns, since the pipe has no addresses."""
        with self._turn:
            return self._ask(name)

    def _ask(self, name: str) -> dict[str, Any] | None:
        process = self._process or self._start()
        if process is None or process.stdin is None:
            return None
        try:
            write_frame(process.stdin, [name])
        except OSError:
            return self._failed(process, "worker_died")
        return self._answer(process, self._deadline_s)

    def _start(self) -> subprocess.Popen[bytes] | None:
        if not self._enabled or self._clock.monotonic_s() < self._next_start_s or self._still_hung():
            return None
        process = subprocess.Popen(
            [sys.executable, "-m", "clusterctl.agent.nvml_worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
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
        if self._hung is not None and self._hung.poll() is not None:
            self._hung = None
        return self._hung is not None

    def _answer(self, process: subprocess.Popen[bytes], deadline_s: float) -> dict[str, Any] | None:
        """The worker's next frame, or None once its deadline has passed."""
        if process.stdout is None:
            return self._failed(process, "worker_died")
        ready, _, _ = select.select([process.stdout], [], [], deadline_s)
        if not ready:
            self._process, self._hung = None, process
            process.kill()
            self._missing = "nvml_hung"
            self._next_start_s = self._clock.monotonic_s() + RETRY_S
            return None
        try:
            answer = read_frame(process.stdout)
        except (EOFError, OSError):
            return self._failed(process, "worker_died")
        return answer if isinstance(answer, dict) else self._failed(process, "worker_died")

    def _failed(self, process: subprocess.Popen[bytes], why: str) -> dict[str, Any] | None:
        """Let the worker go and say why; there is no answer."""
        self._missing = why
        self._process = None
        self._next_start_s = self._clock.monotonic_s() + RETRY_S
        _let_go(process)
        return None


def _let_go(process: subprocess.Popen[bytes]) -> None:
    """Close its pipes and give it a second; then kill it, which a driver may put off."""
    if process.stdin:
        process.stdin.close()
    try:
        process.wait(timeout=1.0)
    except subprocess.TimeoutExpired:
        process.kill()
    if process.stdout:
        process.stdout.close()
