"""Mounted file systems, asked in a thread: statvfs on a dead NFS never returns, and must not take the agent with it.

One thread asks all. While it waits in a call beyond the deadline, that mount counts as hung and is not asked again
until the call returns; another thread goes on with the rest. At most `MAX_STUCK` threads may wait like that.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from clusterctl.agent.probes.mounts import Mount, mounts
from clusterctl.schema import FILESYSTEM_SAMPLE

DEADLINE_S = 2.0
MAX_STUCK = 4
MAX_MOUNTINFO_BYTES = 1_048_576
StatVfs = Callable[[bytes], os.statvfs_result]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call gave; None for `status` if it failed."""

    path: bytes
    status: os.statvfs_result | None
    latency_us: int


class _Asker:
    """One thread with what it has been asked and has answered."""

    def __init__(self, statvfs: StatVfs) -> None:
        self._statvfs = statvfs
        self._asked: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="statvfs", daemon=True)
        self._thread.start()

    def ask(self, path: bytes, timeout_s: float) -> Answer | None:
        """The answer, or None if it did not come in time; after that only `late` may be called."""
        self._asked.put(path)
        try:
            return self.answers.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def late(self) -> bool:
        """Whether the call that was too late has come back."""
        return not self.answers.empty()

    def end(self) -> None:
        self._asked.put(None)

    def _work(self) -> None:
        while (path := self._asked.get()) is not None:
            began_ns = time.perf_counter_ns()
            try:
                status = self._statvfs(path)
            except OSError:
                status = None
            self.answers.put(Answer(path, status, (time.perf_counter_ns() - began_ns) // 1_000))


class FilesystemProbe:
    """Rows for every minute. `sample` waits for at most `MAX_STUCK` deadlines, and only when mounts newly hang."""

    def __init__(self, procfs: Path, *, statvfs: StatVfs = os.statvfs, deadline_s: float = DEADLINE_S) -> None:
        self._mountinfo = procfs / "self" / "mountinfo"
        self._statvfs = statvfs
        self._deadline_s = deadline_s
        self._asker: _Asker | None = None
        self._stuck: dict[bytes, _Asker] = {}

    def sample(self, ts_ms: int) -> list[msgspec.Struct]:
        """Rows of `filesystem_sample`. A mount that could not be asked, since too many hang, has no readings."""
        for path in [path for path, asker in self._stuck.items() if asker.late()]:
            self._stuck.pop(path).end()
        return [_row(ts_ms, mount, self._ask(mount), mount.path in self._stuck) for mount in self._mounts()]

    def close(self) -> None:
        """End the threads; one that hangs ends with the process."""
        for asker in (self._asker, *self._stuck.values()):
            if asker is not None:
                asker.end()
        self._asker = None

    def _mounts(self) -> list[Mount]:
        try:
            with self._mountinfo.open("rb") as file:
                return mounts(file.read(MAX_MOUNTINFO_BYTES))
        except OSError:
            return []

    def _ask(self, mount: Mount) -> Answer | None:
        if mount.path in self._stuck or len(self._stuck) >= MAX_STUCK:
            return None
        if self._asker is None:
            self._asker = _Asker(self._statvfs)
        answer = self._asker.ask(mount.path, self._deadline_s)
        if answer is None:
            self._stuck[mount.path], self._asker = self._asker, None
        return answer


def _row(ts_ms: int, mount: Mount, answer: Answer | None, hung: bool) -> msgspec.Struct:
    status = answer.status if answer is not None else None
    return FILESYSTEM_SAMPLE.row(
        ts=ts_ms,
        mount=mount.mount,
        device=mount.device,
        fstype=mount.fstype,
        read_only=int(mount.read_only),
        latency_us=min(answer.latency_us, 2**32 - 1) if answer is not None else None,
        hung=1 if hung else 0 if answer is not None else None,
        **_sizes(status),
    )


def _sizes(status: os.statvfs_result | None) -> dict[str, Any]:
    if status is None:
        return {}
    return {
        "size_bytes": status.f_blocks * status.f_frsize % 2**64,
        "free_bytes": status.f_bavail * status.f_frsize % 2**64,
        # btrfs, some NFS servers and object stores have no fixed number, and say 0
        "inodes": status.f_files or None,
        "inodes_free": status.f_favail if status.f_files else None,
    }
