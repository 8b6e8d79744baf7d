"""The node itself at each tick: CPU, memory, disks, pressure, clock, temperatures. Files of procfs are kept open."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from clusterctl.agent.probes.cost import own_cost
from clusterctl.agent.probes.disks import DiskTable
from clusterctl.agent.probes.host_text import (
    below,
    cpu_times,
    first_number,
    memory,
    number_after,
    stalled_us,
    whole_seconds,
)
from clusterctl.agent.probes.hwmon import hottest
from clusterctl.agent.probes.kernel_clock import KernelClock
from clusterctl.agent.rounding import significant, whole
from clusterctl.agent.sysfs import KeptFile, read_text

PRESSURES = tuple(
    (resource, share, f"psi_{resource}_{share}_us")
    for resource in ("cpu", "memory", "io")
    for share in ("some", "full")
)
BUSY_BITS, USED_BITS, LATENCY_BITS = 8, 12, 5
STALL_US = 100
"""A ten-thousandth of a second's stall: what is below says nothing of a node."""
MEBIBYTE = 1 << 20
_STAT_BYTES = 32_768
_VMSTAT_BYTES = 16_384


class HostProbe:
    """Remembers the last CPU times, since a busy share needs two readings."""

    def __init__(self, sysfs: Path, procfs: Path) -> None:
        self._sysfs = sysfs
        self._stat = KeptFile(procfs / "stat", _STAT_BYTES)
        self._meminfo = KeptFile(procfs / "meminfo")
        self._vmstat = KeptFile(procfs / "vmstat", _VMSTAT_BYTES)
        self._loadavg = KeptFile(procfs / "loadavg", 256)
        self._uptime = KeptFile(procfs / "uptime", 256)
        self._pressure = {name: KeptFile(procfs / "pressure" / name, 512) for name in ("cpu", "memory", "io")}
        self._disks = DiskTable(procfs, sysfs)
        self._clock = KernelClock()
        self._cpu = cpu_times(self._stat.read() or b"")

    def read(self, *, slow: bool = True) -> dict[str, Any]:
        """Readings by field name of `host_sample`. With `slow`, for every tenth tick or so, temperatures too; without,
        they are missing."""
        if slow:
            self._check()
        temperature, sensor = hottest(self._sysfs) if slow else (None, None)
        stat = self._stat.read() or b""
        return {
            "cpu_busy_ratio": self._cpu_busy(stat),
            "procs_running": below(number_after(stat, b"procs_running "), 2**32),
            "procs_blocked": below(number_after(stat, b"procs_blocked "), 2**32),
            **_whole_memory(memory(self._meminfo.read() or b"")),
            **self._disks.totals(),
            **_root(),
            **self._pressures(),
            **self._clock.read(),
            "oom_kills": number_after(self._vmstat.read() or b"", b"oom_kill "),
            "load_1m": first_number(self._loadavg.read()),
            "uptime_s": whole_seconds(self._uptime.read()),
            "temp_max_c": temperature,
            "temp_max_sensor": sensor,
        }

    def close(self) -> None:
        """Give all descriptors back."""
        for file in self._files():
            file.close()
        self._disks.close()

    def _check(self) -> None:
        for file in self._files():
            file.check()
        self._disks.check()

    def _files(self) -> tuple[KeptFile, ...]:
        return self._stat, self._meminfo, self._vmstat, self._loadavg, self._uptime, *self._pressure.values()

    def _cpu_busy(self, stat: bytes) -> float | None:
        before, self._cpu = self._cpu, cpu_times(stat)
        if before is None or self._cpu is None or self._cpu[0] <= before[0]:
            return None
        idle = (self._cpu[1] - before[1]) / (self._cpu[0] - before[0])
        return significant(min(1.0, max(0.0, 1.0 - idle)), BUSY_BITS)

    def _pressures(self) -> dict[str, int | None]:
        said = {name: file.read() or b"" for name, file in self._pressure.items()}
        return {
            column: whole(stalled_us(said[resource], share.encode()), STALL_US) for resource, share, column in PRESSURES
        }


def _whole_memory(found: dict[str, Any]) -> dict[str, Any]:
    return {**found, "memory_available_bytes": whole(found.get("memory_available_bytes"), MEBIBYTE)}


def boot_id(procfs: Path) -> str:
    """The kernel's boot id; empty if it cannot be read."""
    return (read_text(procfs / "sys" / "kernel" / "random" / "boot_id") or "")[:64]


def _root() -> dict[str, Any]:
    began_ns = time.perf_counter_ns()
    try:
        root = os.statvfs("/")
    except OSError:
        return {}
    took_us = (time.perf_counter_ns() - began_ns) // 1_000
    used = (1 - root.f_bavail / root.f_blocks) if root.f_blocks else None
    return {
        "root_used_ratio": None if used is None else significant(used, USED_BITS),
        "root_latency_us": int(significant(min(took_us, 2**32 - 1), LATENCY_BITS)),
    }


__all__ = ["HostProbe", "boot_id", "own_cost"]
