"""Several commands of ours as one tree of processes: started together, restarted when one dies, stopped together."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from clusterctl.errors import ClusterctlError

log = logging.getLogger(__name__)
LOOK_EVERY_S = 0.2
MAX_RESTARTS = 5
CALM_S = 60.0
"""A child that lived this long has its failures forgiven."""
STOP_S = 25.0
PR_SET_PDEATHSIG = 1


def _stop_with_parent() -> None:
    """In the child: SIGTERM when the parent dies, however it dies. Nobody would stop the child otherwise."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Child:
    """One command with its process and its recent failures."""

    name: str
    arguments: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    failures: int = 0

    def start(self, env: dict[str, str]) -> None:
        """Start it anew."""
        command = [sys.executable, "-m", "clusterctl.cli", *self.arguments]
        self.process = subprocess.Popen(command, env=env, preexec_fn=_stop_with_parent)
        self.started_s = time.monotonic()


class ProcessTree:
    """Children that live as long as this does."""

    def __init__(self, children: Sequence[Child], env: dict[str, str]) -> None:
        self._children = children
        self._env = {**os.environ, **env}

    def start(self) -> None:
        """Start every child."""
        for child in self._children:
            child.start(self._env)

    def watch(self, stop: threading.Event) -> None:
        """Until `stop` is set. Raises ClusterctlError when a child keeps failing."""
        while not stop.wait(LOOK_EVERY_S):
            for child in self._children:
                self._revive(child)

    def _revive(self, child: Child) -> None:
        if child.process is None or child.process.poll() is None:
            return
        if time.monotonic() - child.started_s > CALM_S:
            child.failures = 0
        child.failures += 1
        if child.failures > MAX_RESTARTS:
            raise ClusterctlError(
                f"{child.name} has failed {child.failures} times (last exit code {child.process.returncode})",
                hint="its messages stand above",
            )
        log.warning("%s ended with exit code %s: starting it again", child.name, child.process.returncode)
        time.sleep(min(5.0, 0.5 * child.failures))
        child.start(self._env)

    def stop(self) -> None:
        """Ask the children to stop, in order, and wait; kill one that does not."""
        for child in self._children:
            if child.process is None or child.process.poll() is not None:
                continue
            child.process.terminate()
            try:
                child.process.wait(timeout=STOP_S)
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
