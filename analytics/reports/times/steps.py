"""Steps of jobs from the store: in quarters of an hour, and row by row where a quarter does not tell enough."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence

from clusterctl.analytics.reports.times import queries
from clusterctl.analytics.reports.times.queries import BUCKET_MS
from clusterctl.analytics.times.job import Job
from clusterctl.analytics.times.pieces import Coarse, busy_buckets, pieces_of, turning_buckets
from clusterctl.analytics.times.steps import Piece, Stretch, stretches_of
from clusterctl.store import Param, Reader

MAX_QUARTERS = 5_000
"""Read row by row, at ninety rows or so each. Beyond, steps are known to a quarter of an hour, and the report says so."""


class StepReader:
    """Puts the stretches of jobs together. `blurred` counts quarters that should have been read row by row, and were not."""

    def __init__(self, store: Reader, window: Mapping[str, Param], rows: Sequence[queries.StepsRow]) -> None:
        self._store = store
        self._window = window
        self._coarse = {row.job_id: Coarse(row) for row in rows}
        self._ranks = {row.job_id: row.rank_used for row in rows}
        self._asked: set[tuple[str, int]] = set()
        self._fine: dict[str, dict[int, list[Piece]]] = defaultdict(lambda: defaultdict(list))
        self.blurred = 0

    def complete(self, jobs: Sequence[Job]) -> list[Job]:
        """The jobs with their steps. First what may hold a break is read row by row; then, with the breaks known, where a
        lost step ended or was done again, so that times of steps are right to a step."""
        self._read({(job.job_id, at) for job in jobs for at in busy_buckets(self._coarse[job.job_id], starts_of(job))})
        stretches = {job.job_id: self._stretches(job) for job in jobs}
        turning = {job.job_id: turning_buckets(stretches[job.job_id], BUCKET_MS) for job in jobs}
        read = self._read({(job_id, at) for job_id, found in turning.items() for at in found})
        return [
            Job(
                job.job_id,
                job.owner,
                job.runs,
                self._stretches(job) if job.job_id in read else stretches[job.job_id],
                job.marks,
            )
            for job in jobs
        ]

    def _stretches(self, job: Job) -> list[Stretch]:
        return stretches_of(pieces_of(self._coarse[job.job_id], self._fine[job.job_id]), starts_of(job))

    def _read(self, wanted: set[tuple[str, int]]) -> set[str]:
        """Read these quarters, the latest first; the jobs that more is known of than before."""
        new = sorted(wanted - self._asked, key=lambda quarter: (-quarter[1], quarter[0]))
        chosen = new[: MAX_QUARTERS - len(self._asked)]
        self.blurred += len(new) - len(chosen)
        self._asked.update(chosen)
        if chosen:
            asked = json.dumps([(job_id, self._ranks[job_id], at) for job_id, at in chosen])
            for row in queries.STEP_ROWS.run(self._store, **self._window, bucket_ms=BUCKET_MS, chosen=asked):
                for since, until, first, last in row.step_rows:
                    self._fine[row.job_id][since // BUCKET_MS] += as_pieces(since, until, first, last)
        return {job_id for job_id, _ in chosen}


def starts_of(job: Job) -> list[int]:
    """When the job is known to have started, the ends of first steps among them."""
    return sorted({*job.starts, *(mark.at_ms for mark in job.marks.get("first_step", ()))})


def as_pieces(since: int, until: int, first: int, last: int) -> list[Piece]:
    """A row as pieces. A row whose number went back holds a restart: of that only its two ends are known."""
    if last >= first:
        return [Piece(since, until, first, last)]
    return [Piece(since, since, first, first), Piece(until, until, last, last)]
