"""A `clusterctl` process under a supervisor, as systemd would be one: logged, watched, and started again when it ends by
itself."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

PR_SET_PDEATHSIG = 1
REVIVE_AFTER_S = 0.5
STOP_S, START_S = 25.0, 60.0
UP_AFTER_S, UP_AFTER_TROUBLE_S = 8.0, 25.0
GAVE_UP = 2
"""Exit code of a command that could not do what it was told, and said why."""


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    """`wanted` says whether it should run; `watch` makes it so."""

    def __init__(self, name: str, env: Mapping[str, str], log: Path, *arguments: str) -> None:
        self.name, self.log = name, log
        self._env = {k: v for k, v in os.environ.items() if not k.startswith("CLUSTERCTL_")} | dict(env)
        self._command = [sys.executable, "-m", "clusterctl.cli", *arguments]
        self.process: subprocess.Popen[bytes] | None = None
        self.wanted = False
        self.kills = 0
        self.own_ends: list[int] = []
        """Exit codes of the times when it ended and nobody had asked it to."""
        self.bad_stops: list[str] = []
        self.up = False
        """Whether it had the time to come up: only from then on is it held to how it stops. One that is still looking for
        its broker may take longer, or give up with a word."""
        self._calm_s: float | None = None
        self._troubled = False
        self._stopping_s: float | None = None
        self.rss_peak_kib = 0
        self._ended_s = 0.0

    def start(self) -> None:
        """Run it from now on; one that is still ending is waited for by `watch`."""
        self.wanted = True
        if self._stopping_s is None:
            self._spawn()

    def _spawn(self) -> None:
        self.up, self._calm_s, self._troubled = False, None, False
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, env=self._env, stdout=log, stderr=log, preexec_fn=_die_with_parent
            )

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int) -> None:
        if self.process is not None and self.running():
            os.kill(self.process.pid, number)

    def kill(self) -> None:
        """SIGKILL; it stays away until `start`."""
        self.wanted, self._stopping_s = False, None
        if self.process is not None and self.running():
            self.measure()
            self.kills += 1
            self.process.kill()
            self.process.wait()

    def ask_to_stop(self) -> None:
        """SIGTERM. `watch` hears of its end, and notes one that takes too long or is not clean."""
        self.wanted = False
        if self.process is None or not self.running() or self._stopping_s is not None:
            return
        self.measure()
        self._wait_for_handler()
        self.process.terminate()
        self._stopping_s = time.monotonic()

    def stopped(self) -> bool:
        """Whether nothing runs and nothing should."""
        self.watch()
        return not self.wanted and self._stopping_s is None and not self.running()

    def _watch_stopping(self, since_s: float) -> None:
        process, took_s = self.process, time.monotonic() - since_s
        if process is None or process.poll() is None:
            if process is not None and took_s > (STOP_S if self.up else START_S):
                self.bad_stops.append(f"{self.name} did not end within {took_s:.0f} s of SIGTERM")
                process.kill()
                process.wait()
                self._stopping_s = None
            return
        self._stopping_s = None
        if process.returncode != 0 and (self.up or process.returncode != GAVE_UP):
            self.bad_stops.append(f"{self.name} ended with code {process.returncode} after SIGTERM")

    def _wait_for_handler(self) -> None:
        """A process that has not come as far as its handler dies of SIGTERM by default, which says nothing of ours."""
        deadline_s = time.monotonic() + 30.0
        while self.running() and not self._listens() and time.monotonic() < deadline_s:
            time.sleep(0.02)

    def _listens(self) -> bool:
        caught = self._status("SigCgt")
        return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1) if caught else False

    def measure(self) -> None:
        """Note the most memory it has had."""
        peak = self._status("VmHWM")
        if peak:
            self.rss_peak_kib = max(self.rss_peak_kib, int(peak.split()[0]))

    def _status(self, name: str) -> str:
        pid = self.process.pid if self.process else 0
        try:
            text = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
        except OSError:
            return ""
        return next((line.split(":")[1].strip() for line in text.splitlines() if line.startswith(name + ":")), "")

    def watch(self) -> None:
        """One look: at one that was told to stop, and at one that ended by itself, which is started again."""
        if self._stopping_s is not None:
            self._watch_stopping(self._stopping_s)
            if self._stopping_s is None and self.wanted:
                self._spawn()
            return
        if not self.wanted or self.process is None:
            return
        if self.running():
            self.measure()
            return
        now_s = time.monotonic()
        if self._ended_s == 0.0:
            self._ended_s = now_s
            self.own_ends.append(self.process.returncode)
        elif now_s - self._ended_s > REVIVE_AFTER_S:
            self._ended_s = 0.0
            self._spawn()

    def note_calm(self, calm: bool) -> None:
        """One that has run in calm for a while has come up; one that began in trouble backs off for longer."""
        if not calm or not self.running():
            self._calm_s, self._troubled = None, True
        elif self._stopping_s is None:
            now_s = time.monotonic()
            self._calm_s = self._calm_s or now_s
            self.up = self.up or now_s - self._calm_s > (UP_AFTER_TROUBLE_S if self._troubled else UP_AFTER_S)

    def said(self) -> str:
        """Everything that it ever printed."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
