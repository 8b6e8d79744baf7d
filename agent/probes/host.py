"""The node itself: CPU, memory, disks, pressure, temperatures, and what the agent costs it."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

import psutil

from clusterctl.agent.sysfs import entries, read_int, read_text

_PRESSURE = re.compile(r"^(some|full) .*total=(\d+)", re.MULTILINE)
_MILLI = 1_000


class HostProbe:
    """Remembers the last CPU times, since a busy share needs two readings."""

    def __init__(self, sysfs: Path, procfs: Path) -> None:
        self._sysfs = sysfs
        self._procfs = procfs
        self._cpu = self._cpu_times()

    def read(self) -> dict[str, Any]:
        """Readings by field name of `host_sample`."""
        psutil.PROCFS_PATH = str(self._procfs)
        return {
            "cpu_busy_ratio": self._cpu_busy(),
            **self._memory(),
            **self._disks(),
            **self._root(),
            **self._pressure(),
            "load_1m": self._load(),
            "temp_max_c": self._temperature(),
            "uptime_s": self._uptime(),
        }

    def _cpu_times(self) -> tuple[float, float] | None:
        psutil.PROCFS_PATH = str(self._procfs)
        try:
            times = psutil.cpu_times()
        except (OSError, RuntimeError, ValueError):
            return None
        # guest time is part of user time on Linux
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        return total, times.idle + getattr(times, "iowait", 0.0)

    def _cpu_busy(self) -> float | None:
        before, self._cpu = self._cpu, self._cpu_times()
        if before is None or self._cpu is None or self._cpu[0] <= before[0]:
            return None
        idle = (self._cpu[1] - before[1]) / (self._cpu[0] - before[0])
        return min(1.0, max(0.0, 1.0 - idle))

    def _memory(self) -> dict[str, Any]:
        try:
            memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        except (OSError, KeyError, ValueError, RuntimeWarning):
            return {}
        return {
            "memory_total_bytes": memory.total,
            "memory_available_bytes": memory.available,
            "swap_used_bytes": swap.used,
        }

    def _disks(self) -> dict[str, Any]:
        try:
            disks = psutil.disk_io_counters(perdisk=False)
        except (OSError, NotImplementedError, ValueError):
            disks = None
        if disks is None:
            return {}
        return {
            "disk_read_bytes": disks.read_bytes,
            "disk_write_bytes": disks.write_bytes,
            "disk_busy_ms": getattr(disks, "busy_time", None),
        }

    def _root(self) -> dict[str, Any]:
        began_ns = time.perf_counter_ns()
        try:
            root = os.statvfs("/")
        except OSError:
            return {}
        took_us = (time.perf_counter_ns() - began_ns) // 1_000
        used = (1 - root.f_bavail / root.f_blocks) if root.f_blocks else None
        return {"root_used_ratio": used, "root_latency_us": min(took_us, 2**32 - 1)}

    def _pressure(self) -> dict[str, Any]:
        wanted = (
            ("cpu", "some", "psi_cpu_some_us"),
            ("memory", "full", "psi_memory_full_us"),
            ("io", "full", "psi_io_full_us"),
        )
        values = {}
        for name, share, column in wanted:
            totals = dict(_PRESSURE.findall(read_text(self._procfs / "pressure" / name) or ""))
            values[column] = int(totals[share]) if share in totals else None
        return values

    def _load(self) -> float | None:
        text = read_text(self._procfs / "loadavg")
        try:
            return float(text.split()[0]) if text else None
        except ValueError:
            return None

    def _temperature(self) -> int | None:
        readings = [
            value // _MILLI
            for chip in entries(self._sysfs / "class" / "hwmon")
            for sensor in chip.glob("temp*_input")
            if (value := read_int(sensor)) is not None
        ]
        return max((value for value in readings if -60 <= value <= 250), default=None)

    def _uptime(self) -> int | None:
        text = read_text(self._procfs / "uptime")
        try:
            return int(float(text.split()[0])) if text else None
        except ValueError:
            return None


def boot_id(procfs: Path) -> str:
    """The kernel's boot id; empty if it cannot be read."""
    return (read_text(procfs / "sys" / "kernel" / "random" / "boot_id") or "")[:64]


def own_cost() -> dict[str, int]:
    """CPU time and resident memory of this process and its children. Our own /proc, not the host's: in a container the
    two number processes differently."""
    psutil.PROCFS_PATH = "/proc"
    me = psutil.Process()
    cpu_ms, rss = 0, 0
    for process in (me, *me.children(recursive=True)):
        try:
            times = process.cpu_times()
            cpu_ms += int((times.user + times.system) * _MILLI)
            rss += process.memory_info().rss
        except psutil.Error:
            continue  # a child that ended meanwhile costs nothing any more
    return {"agent_cpu_ms": cpu_ms, "agent_rss_bytes": rss}
