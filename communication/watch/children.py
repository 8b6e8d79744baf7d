"""Starts the process that reads, waits for it, and ends it when it takes too long or we have to go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import NamedTuple

import msgspec

from clusterctl.communication.watch.child import MAX_OUTPUT_BYTES, OUT_OF_MEMORY
from clusterctl.communication.watch.errand import Answer, Errand, answer_of, encode

CHILD = [sys.executable, "-m", "clusterctl.communication.watch.child"]
LOOK_EVERY_S = 0.05
MAX_SAID_BYTES = 1 << 16
NO_FAULT = frozenset({-signal.SIGTERM, -signal.SIGINT})
"""Whoever ended it meant us."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""Each thread of such a library would reserve memory, and they are of no use here."""


class Failed(NamedTuple):
    """No answer came; `dear` is true if that took so long that it is not tried again in parts."""

    reason: str
    dear: bool = False


def ask(errand: Errand, stop: threading.Event) -> Answer | Failed | None:
    """Have the files, of absolute paths, read; None if we were told to stop meanwhile."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as made, tempfile.TemporaryFile() as said:
        given.write(encode(errand))
        given.seek(0)
        # of its own session, and at home in no folder that others fill: Python looks for modules where it stands
        child = subprocess.Popen(
            CHILD, stdin=given, stdout=made, stderr=said, env=_environment(), cwd="/", start_new_session=True
        )
        try:
            in_time = _wait(child, errand.time_s, stop)
        finally:
            child.kill()
            child.wait()
        if stop.is_set() or child.returncode in NO_FAULT:
            return None
        if not in_time:
            return Failed(f"took longer than {errand.time_s} s to read", dear=True)
        if child.returncode:
            said.seek(0)
            return _failed(child.returncode, errand, said.read(MAX_SAID_BYTES))
        made.seek(0)
        try:
            return answer_of(made.read(MAX_OUTPUT_BYTES))
        except msgspec.MsgspecError as error:
            return Failed(f"its reader gave no answer: {error}")


def _environment() -> dict[str, str]:
    """Ours, without settings, which may have passwords in them; modules are found where we found them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CLUSTERCTL_")}
    return {**kept, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(os.path.abspath(place) for place in sys.path if place)}


def _wait(child: subprocess.Popen[bytes], time_s: int, stop: threading.Event) -> bool:
    """Whether it ended by itself before its time was over."""
    until_s = time.monotonic() + time_s
    while child.poll() is None:
        if stop.wait(LOOK_EVERY_S) or time.monotonic() > until_s:
            return False
    return True


def _failed(code: int, errand: Errand, said: bytes) -> Failed:
    if code == OUT_OF_MEMORY:
        return Failed(f"took more than {errand.memory_bytes >> 20} MiB to read")
    if code == -signal.SIGXCPU:
        return Failed(f"took longer than {errand.time_s} s to read", dear=True)
    last = said.decode("utf-8", "replace").strip().rpartition("\n")[2]
    return Failed(f"its reader ended with {code}: {last[:200] or 'killed'}")
