"""What the agent costs its node. Our own /proc, not the host's: in a container the two number processes differently.

Only the processes that are asked for are read; /proc is never walked.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from clusterctl.agent.probes.host_text import KIB, number_after
from clusterctl.agent.sysfs import read_bytes
from clusterctl.clock import MS_PER_S

PROC = Path("/proc")
MAX_PROCESSES = 64
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_UTIME, _STIME, _RSS = 11, 12, 21
"""Places in /proc/<pid>/stat, counted from the state, which follows the name in brackets."""


def own_pids() -> tuple[int, ...]:
    """This process and its descendants, as the kernel lists them."""
    found = [os.getpid()]
    for pid in found:
        if len(found) >= MAX_PROCESSES:
            break
        for task in _tasks(pid):
            found += [int(child) for child in (_read(f"{pid}/task/{task}/children") or b"").split()]
    return tuple(found[:MAX_PROCESSES])


def own_cost(pids: Sequence[int] | None = None, *, slow: bool = False) -> dict[str, int | None]:
    """CPU time and memory of these processes together; of ourselves and our children if none are named. One that has
    ended costs nothing any more. The share of shared pages is dear to read, and told only with `slow`."""
    cpu_ticks, rss_pages = 0, 0
    alive = []
    for pid in own_pids() if pids is None else pids[:MAX_PROCESSES]:
        found = _cost(_read(f"{pid}/stat") or b"")
        if found is not None:
            alive.append(pid)
            cpu_ticks += found[0]
            rss_pages += found[1]
    if not alive:
        return {"agent_cpu_ms": None, "agent_rss_bytes": None, "agent_pss_bytes": None}
    return {
        "agent_cpu_ms": cpu_ticks * MS_PER_S // _TICKS_PER_S,
        "agent_rss_bytes": rss_pages * _PAGE_BYTES,
        "agent_pss_bytes": _pss(alive) if slow else None,
    }


def _cost(stat: bytes) -> tuple[int, int] | None:
    """Ticks and pages. The name may hold brackets and blanks, so fields are counted from its last bracket."""
    fields = stat[stat.rfind(b")") + 1 :].split()
    if len(fields) <= _RSS:
        return None
    try:
        return int(fields[_UTIME]) + int(fields[_STIME]), int(fields[_RSS])
    except ValueError:
        return None


def _pss(pids: Sequence[int]) -> int | None:
    """The sum, unless one of them may not be read."""
    total = 0
    for pid in pids:
        kib = number_after(_read(f"{pid}/smaps_rollup") or b"", b"Pss:")
        if kib is None:
            return None
        total += kib * KIB
    return total


def _tasks(pid: int) -> list[str]:
    try:
        return os.listdir(PROC / str(pid) / "task")
    except OSError:
        return []


def _read(name: str) -> bytes | None:
    return read_bytes(f"{PROC}/{name}", 4_096)
