"""From marks to rows: steps of one rank are gathered, everything else goes out at once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from clusterctl.agent.jobs.datagram import Claim
from clusterctl.agent.jobs.marks import Mark
from clusterctl.agent.jobs.owner import Job
from clusterctl.clock import MS_PER_S, Clock
from clusterctl.schema import JOB_MARK

GATHER_MS = 10 * MS_PER_S
CLOCK_BOUND_MS = 10 * MS_PER_S
"""A job's clock may differ from the agent's by this much; both are of one machine, so more is a lie or a fault."""
MAX_RANKS = 4096
MAX_READY = 8192
MAX_GAP_NS = 86_400 * 1_000_000_000


@dataclass(slots=True)
class _Row:
    """Steps of one rank on their way to one row."""

    opened_ms: int
    ts_ms: int
    last_ts_ms: int
    step: int | None
    last_step: int | None
    count: int = 1
    gap_us: int | None = None


@dataclass(slots=True)
class _Rank:
    """One rank of one job: its last step, and the row that is open."""

    pid: int
    claim: Claim
    row: _Row | None


class MarkBook:
    """Gathers marks. Memory is bounded by ranks and by rows that wait for `flush`; what does not fit is counted. One thread
    may take while another flushes."""

    def __init__(self, clock: Clock, job_of: Callable[[int], Job | None] | None = None) -> None:
        self._clock = clock
        self._job_of = job_of or (lambda _pid: None)
        self._turn = threading.Lock()
        self._ranks: OrderedDict[tuple[str, int], _Rank] = OrderedDict()
        self._ready: list[msgspec.Struct] = []
        self.overflowed = 0
        """Rows that nobody fetched in time."""
        self.disputed = 0
        """Marks for a job of another user, from a process that nobody knows to be in it."""
        self._user_of: OrderedDict[str, int] = OrderedDict()

    def take(self, marks: Iterable[Mark]) -> None:
        """Note marks, in the order they were received."""
        for mark in marks:
            job_id = self._job_id(mark)  # asks /proc: not while somebody waits
            with self._turn:
                if job_id is None:
                    self.disputed += 1
                elif mark.claim.kind == "step":
                    self._step(job_id, mark)
                else:
                    self._put(_single(job_id, mark))

    def flush(self, now_ms: int | None = None) -> list[msgspec.Struct]:
        """Rows that are finished at `now_ms`; without it all there are, as when the agent stops."""
        with self._turn:
            for key, rank in self._ranks.items():
                if rank.row is not None and (now_ms is None or abs(now_ms - rank.row.opened_ms) >= GATHER_MS):
                    self._put(_gathered(key, rank.row))
                    rank.row = None
            ready, self._ready = self._ready, []
            return ready

    @property
    def ranks(self) -> int:
        """Ranks remembered."""
        return len(self._ranks)

    def _job_id(self, mark: Mark) -> str | None:
        """The scheduler's word counts before the job's own. A process that is gone already (a shell's `clusterctl mark`), or
        that no scheduler knows, may say any job, but not one that is known to be another user's; then None."""
        job = self._job_of(mark.pid) if mark.pid else None
        if job is None or not job.job_id:
            claimed = mark.claim.job_id
            return claimed if self._user_of.get(claimed, mark.uid) == mark.uid else None
        self._user_of[job.job_id] = mark.uid
        self._user_of.move_to_end(job.job_id)
        if len(self._user_of) > MAX_RANKS:
            self._user_of.popitem(last=False)
        return job.job_id

    def _step(self, job_id: str, mark: Mark) -> None:
        key = (job_id, mark.claim.rank)
        rank = self._ranks.get(key)
        if rank is None:
            rank = self._ranks[key] = _Rank(mark.pid, mark.claim, _opened(mark))
            self._forget_oldest()
            return
        self._ranks.move_to_end(key)
        gap_us = _gap_us(rank, mark)
        rank.pid, rank.claim = mark.pid, mark.claim
        if rank.row is None:
            rank.row = _opened(mark)
        else:
            rank.row.count += 1
            rank.row.last_ts_ms = max(rank.row.ts_ms, _ts_ms(mark))
            rank.row.last_step = mark.claim.step
        if gap_us is not None:
            rank.row.gap_us = max(rank.row.gap_us or 0, gap_us)

    def _forget_oldest(self) -> None:
        if len(self._ranks) > MAX_RANKS:
            key, rank = self._ranks.popitem(last=False)
            if rank.row is not None:
                self._put(_gathered(key, rank.row))

    def _put(self, row: msgspec.Struct) -> None:
        if len(self._ready) < MAX_READY:
            self._ready.append(row)
        else:
            self.overflowed += 1


def _ts_ms(mark: Mark) -> int:
    """The job's wall clock where it can be true, else the time of receipt."""
    said_ms = mark.claim.wall_ns // 1_000_000
    return said_ms if abs(said_ms - mark.received_ms) <= CLOCK_BOUND_MS else mark.received_ms


def _opened(mark: Mark) -> _Row:
    ts_ms = _ts_ms(mark)
    return _Row(mark.received_ms, ts_ms, ts_ms, mark.claim.step, mark.claim.step)


def _gap_us(rank: _Rank, mark: Mark) -> int | None:
    """Time of one step since the rank's last mark, by the job's own monotonic clock. Over several step numbers it is their
    mean, which is a lower bound of the longest. None when the two marks do not follow each other."""
    before, now = rank.claim, mark.claim
    steps = 1 if rank.pid == mark.pid else 0
    if before.step is not None and now.step is not None:
        steps = now.step - before.step
    gap_ns = now.monotonic_ns - before.monotonic_ns
    return gap_ns // steps // 1_000 if steps > 0 and 0 < gap_ns <= MAX_GAP_NS else None


def _single(job_id: str, mark: Mark) -> msgspec.Struct:
    claim = mark.claim
    return JOB_MARK.row(
        ts=_ts_ms(mark),
        job_id=job_id,
        mark=claim.kind,
        rank=claim.rank,
        count=1,
        step=claim.step,
        size_bytes=claim.size_bytes,
    )


def _gathered(key: tuple[str, int], row: _Row) -> msgspec.Struct:
    return JOB_MARK.row(
        ts=row.ts_ms,
        job_id=key[0],
        mark="step",
        rank=key[1],
        count=row.count,
        last_ts=row.last_ts_ms,
        step=row.step,
        last_step=row.last_step,
        step_max_us=row.gap_us,
    )
