"""Which jobs hold this node's GPUs, since when, and until when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from clusterctl.agent.jobs.owner import Job, JobResolver
from clusterctl.clock import Clock
from clusterctl.schema import JOB

GONE_S = 30.0
"""A job between two programs holds no GPU for a moment; it has ended when that lasts."""
MAX_JOBS = 1024
MAX_PIDS = 512
"""Of one GPU; MPS lets many processes share it."""
MAX_ID_CHARS = 200

Key = tuple[str, str]
"""Scheduler and job id."""


@dataclass(slots=True)
class _Held:
    """A job of this node. `gpus` is the most that it held at one time."""

    job: Job
    ts_ms: int
    seen_ms: int
    seen_s: float
    gpus: int = 0
    uuids: frozenset[str] = frozenset()
    pids: frozenset[int] = frozenset()


@dataclass(slots=True)
class _Found:
    """A job in one observation."""

    job: Job
    started_ms: int
    uuids: set[str] = field(default_factory=set)
    pids: set[int] = field(default_factory=set)


class JobBook:
    """Joins GPU processes with jobs. A process of no scheduler makes no job, only an owner of scheduler `none`."""

    def __init__(self, clock: Clock, resolver: JobResolver) -> None:
        self._clock = clock
        self._resolver = resolver
        self._held: dict[Key, _Held] = {}
        self._owners: dict[str, tuple[str | None, str | None]] = {}
        self._busy = 0
        self._unseen = 0
        self.overflowed = 0
        """Jobs beyond the bound, which have no rows."""

    @property
    def gpus_with_processes(self) -> int:
        """GPUs that had a process in the last observation."""
        return self._busy

    @property
    def pids_unseen(self) -> int:
        """Processes of the last observation that procfs did not show. All of them, again and again: the agent lives in a pid
        namespace and cannot tell owners; that is a blind spot, not idle GPUs."""
        return self._unseen

    def observe(self, gpu_pids: Mapping[str, Sequence[int]], now_ms: int) -> list[msgspec.Struct]:
        """Note the processes of every GPU that answered: an empty list is an idle GPU, an absent GPU is an unknown one.

        A row when a job comes, when it holds more GPUs than before, and when it has been gone for half a minute; rows of
        one job have one key, and the last counts."""
        found = self._find(gpu_pids, now_ms)
        now_s = self._clock.monotonic_s()
        rows = [row for key, seen in found.items() if (row := self._come(key, seen, now_ms, now_s))]
        self._stay_out_of_sight(found.keys(), gpu_pids.keys(), now_ms, now_s)
        return rows + self._go(now_s)

    def owner_of(self, gpu_uuid: str) -> tuple[str | None, str | None]:
        """Job ids, sorted and joined by commas, and scheduler of a GPU in the last observation.

        `(None, None)` for a GPU without processes and for one that was not observed; `("", "none")` if all its processes
        belong to no scheduler."""
        return self._owners.get(gpu_uuid, (None, None))

    def _find(self, gpu_pids: Mapping[str, Sequence[int]], now_ms: int) -> dict[Key, _Found]:
        found: dict[Key, _Found] = {}
        self._owners = {}
        self._busy = self._unseen = 0
        for uuid, pids in gpu_pids.items():
            jobs = [(pid, job) for pid in pids[:MAX_PIDS] if (job := self._resolver.job_of(pid)) is not None]
            self._busy += bool(pids)
            self._unseen += min(len(pids), MAX_PIDS) - len(jobs)
            if pids:
                self._owners[uuid] = _joined([job for _pid, job in jobs])
            for pid, job in jobs:
                if not job.job_id:
                    continue
                started_ms = min(job.started_ms if job.started_ms is not None else now_ms, now_ms)
                seen = found.setdefault((job.scheduler, job.job_id), _Found(job, started_ms))
                seen.started_ms = min(seen.started_ms, started_ms)
                seen.uuids.add(uuid)
                seen.pids.add(pid)
        return found

    def _come(self, key: Key, seen: _Found, now_ms: int, now_s: float) -> msgspec.Struct | None:
        held = self._held.get(key)
        if held is None:
            if len(self._held) >= MAX_JOBS:
                self.overflowed += 1
                return None
            held = self._held[key] = _Held(seen.job, seen.started_ms, now_ms, now_s)
        grown = len(seen.uuids) > held.gpus
        held.gpus = max(held.gpus, len(seen.uuids))
        held.seen_ms, held.seen_s = now_ms, now_s
        held.job = seen.job  # its owner's name may be known by now
        held.uuids, held.pids = frozenset(seen.uuids), frozenset(seen.pids)
        return _row(held, None) if grown else None

    def _stay_out_of_sight(self, found: Iterable[Key], observed: Iterable[str], now_ms: int, now_s: float) -> None:
        """A job whose GPUs all gave no answer is still there while one of its processes is."""
        there, answered = set(found), frozenset(observed)
        for key, held in self._held.items():
            if key not in there and not held.uuids & answered and self._lives(key, held):
                held.seen_ms, held.seen_s = now_ms, now_s

    def _lives(self, key: Key, held: _Held) -> bool:
        jobs = (self._resolver.job_of(pid) for pid in held.pids)
        return any(job is not None and (job.scheduler, job.job_id) == key for job in jobs)

    def _go(self, now_s: float) -> list[msgspec.Struct]:
        gone = [key for key, held in self._held.items() if now_s - held.seen_s >= GONE_S]
        return [_row(held, held.seen_ms) for key in gone if (held := self._held.pop(key))]


def _joined(jobs: Sequence[Job]) -> tuple[str | None, str | None]:
    """Owner of one GPU that has processes; unknown if all of them went away before they could be asked."""
    if not jobs:
        return None, None
    known = sorted({job.job_id for job in jobs if job.job_id})
    schedulers = sorted({job.scheduler for job in jobs if job.job_id})
    text = ""
    for job_id in known:
        longer = f"{text},{job_id}" if text else job_id
        if len(longer) > MAX_ID_CHARS:
            break
        text = longer
    return text, ",".join(schedulers) or "none"


def _row(held: _Held, ended_ms: int | None) -> msgspec.Struct:
    return JOB.row(
        ts=held.ts_ms,
        job_id=held.job.job_id,
        owner=held.job.owner,
        scheduler=held.job.scheduler,
        gpus=held.gpus,
        end_state="",
        ended_at=ended_ms if ended_ms is None else max(ended_ms, held.ts_ms),
    )
