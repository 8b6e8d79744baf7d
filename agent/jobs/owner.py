"""Which job a process belongs to: its cgroup, then its environment, then its parents."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from clusterctl.agent.jobs import cgroup, environ
from clusterctl.agent.jobs.names import UserNames
from clusterctl.agent.jobs.procfs import Procfs, Stat
from clusterctl.clock import Clock, SystemClock

MAX_CACHED = 4096
MAX_PARENTS = 8
FRESH_S = 0.9
"""Within one tick a process is asked for once."""
RECHECK_S = 60.0
"""A process may be moved into its job's cgroup after its start."""


@dataclass(frozen=True, slots=True)
class Job:
    """Owner of a process. `job_id` is Slurm's number or the pod's uid, empty for a process of no scheduler."""

    job_id: str
    scheduler: str
    """slurm, kubernetes or none."""
    owner: str
    """User name, or the number of a user without one."""
    started_ms: int | None
    """Start of the process, not of the job."""
    container: str
    """Container id, or empty."""


@dataclass(slots=True)
class _Cached:
    start_ticks: int
    job: Job
    resolved_s: float
    seen_s: float


class JobResolver:
    """Answers from a cache that knows processes by pid and start, so that a pid used again is a new question. May be asked
    from several threads."""

    def __init__(self, procfs: Path, clock: Clock | None = None) -> None:
        self._procfs = Procfs(procfs)
        self._clock = clock or SystemClock()
        self._names = UserNames()
        self._lock = threading.Lock()
        self._cache: OrderedDict[int, _Cached] = OrderedDict()

    def job_of(self, pid: int) -> Job | None:
        """The job of a process, one of scheduler `none` if it belongs to none, None if there is no such process."""
        with self._lock:
            return self._job_of(pid, self._clock.monotonic_s())

    def _job_of(self, pid: int, now_s: float) -> Job | None:
        known = self._cache.get(pid)
        if known is not None and now_s - known.seen_s < FRESH_S:
            return known.job
        stat = self._procfs.stat(pid) if pid > 0 else None
        if stat is None:
            self._cache.pop(pid, None)
            return None
        if known is None or known.start_ticks != stat.start_ticks or now_s - known.resolved_s >= RECHECK_S:
            known = self._cache[pid] = _Cached(stat.start_ticks, self._resolve(pid, stat), now_s, now_s)
            if len(self._cache) > MAX_CACHED:
                self._cache.popitem(last=False)
        known.seen_s = now_s
        self._cache.move_to_end(pid)
        return known.job

    def _resolve(self, pid: int, stat: Stat) -> Job:
        own = self._placed(pid)
        found, ancestor = own, stat.parent
        for _ in range(MAX_PARENTS):
            if found.job_id or ancestor <= 1:
                break
            found = self._placed(ancestor)
            above = self._procfs.stat(ancestor)
            ancestor = above.parent if above is not None else 0
        uid = self._procfs.uid(pid)
        owner = self._names.name(uid) if uid is not None else ""
        container = own.container or (found.container if found.job_id else "")
        return Job(found.job_id, found.scheduler, owner, self._procfs.started_ms(stat), container)

    def _placed(self, pid: int) -> cgroup.Placed:
        placed = cgroup.placed_by(self._procfs.cgroup(pid, cgroup.MAX_BYTES) or b"")
        if placed.job_id:
            return placed
        scheduler, job_id = environ.claimed_by(self._procfs.environ(pid, environ.MAX_BYTES) or b"")
        return cgroup.Placed(scheduler, job_id, placed.container) if job_id else placed
