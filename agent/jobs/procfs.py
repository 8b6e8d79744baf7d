"""The little that is read of other processes, each read bounded; a process that is gone or hidden gives None."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from clusterctl.clock import MS_PER_S

MAX_STAT_BYTES = 4_096
MAX_SYSTEM_STAT_BYTES = 1_048_576
"""/proc/stat has a number for every interrupt line."""


@dataclass(frozen=True, slots=True)
class Stat:
    """From `/proc/PID/stat`."""

    parent: int
    start_ticks: int
    """Since boot; with the pid it names a process for good."""


class Procfs:
    """One mounted procfs."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._ticks_per_s = os.sysconf("SC_CLK_TCK")
        self._boot_s = _boot_s(self._read("stat", MAX_SYSTEM_STAT_BYTES))

    def stat(self, pid: int) -> Stat | None:
        """Parent and start. The name of a process is its own choice and may hold anything, so fields count from its last
        closing bracket."""
        data = self._read(f"{pid}/stat", MAX_STAT_BYTES)
        if data is None:
            return None
        fields = data[data.rfind(b")") + 1 :].split()
        try:
            return Stat(int(fields[1]), int(fields[19]))
        except (IndexError, ValueError):
            return None

    def started_ms(self, stat: Stat) -> int | None:
        """Start in wall time; None if the time of boot is unknown."""
        if self._boot_s is None or not 0 <= stat.start_ticks < 1 << 63:
            return None
        return self._boot_s * MS_PER_S + stat.start_ticks * MS_PER_S // self._ticks_per_s

    def cgroup(self, pid: int, limit: int) -> bytes | None:
        """The text of its cgroup file."""
        return self._read(f"{pid}/cgroup", limit)

    def environ(self, pid: int, limit: int) -> bytes | None:
        """The environment it was started with; needs the right to trace it."""
        return self._read(f"{pid}/environ", limit)

    def uid(self, pid: int) -> int | None:
        """Its real user; not the owner of the directory, which is root for a process that forbids dumps."""
        for line in (self._read(f"{pid}/status", MAX_STAT_BYTES) or b"").splitlines():
            if line.startswith(b"Uid:"):
                first = line[4:].split()[:1]
                return int(first[0]) if first and first[0].isdigit() and len(first[0]) <= 10 else None
        return None

    def _read(self, name: str, limit: int) -> bytes | None:
        try:
            handle = os.open(f"{self._root}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            parts = []
            while limit > 0 and (part := os.read(handle, limit)):
                parts.append(part)
                limit -= len(part)
            return b"".join(parts)
        except OSError:
            return None
        finally:
            os.close(handle)


def _boot_s(data: bytes | None) -> int | None:
    for line in (data or b"").splitlines():
        if line.startswith(b"btime "):
            value = line[6:].strip()
            return int(value) if value.isdigit() and len(value) <= 12 else None
    return None
