"""What the store was told of jobs, read once for all that a report says of time: steps, marks, runs, and what struck them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from clusterctl.analytics.reports.times import queries
from clusterctl.analytics.reports.times.queries import BUCKET_MS, MAX_INCIDENTS, MAX_JOBS
from clusterctl.analytics.reports.times.steps import StepReader
from clusterctl.analytics.times.chain import chained
from clusterctl.analytics.times.job import Job, Run
from clusterctl.analytics.times.repair import Blow, Interruption, interruptions_of
from clusterctl.analytics.times.saves import Mark
from clusterctl.analytics.times.steps import STALL_MS
from clusterctl.clock import to_ms
from clusterctl.store import Param, Reader


@dataclass(frozen=True)
class Told:
    """The jobs that marked numbered steps, and the unexpected incidents of the window."""

    window: Mapping[str, Param]
    jobs: Sequence[Job]
    blows: Sequence[Blow]
    outages: Sequence[queries.BlowRow]
    """The same incidents as rows, for those that took nodes out of service."""
    without_runs: int = 0
    """Jobs that marked steps, and nobody says on how many GPUs: in no figure."""
    blurred: int = 0
    """Quarters of an hour of jobs whose steps are not known more finely, though something happened in them."""
    cut: bool = False
    """More jobs marked steps than are read."""

    @property
    def since_ms(self) -> int:
        """Start of the window."""
        return moment_ms(self.window["since"])

    @property
    def until_ms(self) -> int:
        """End of the window."""
        return moment_ms(self.window["until"])

    @cached_property
    def interruptions(self) -> list[Interruption]:
        """Breaks of jobs that an incident accounts for."""
        return [found for job in self.jobs for found in interruptions_of(job, self.blows)]


def moment_ms(value: Param) -> int:
    """A bound moment of the window as milliseconds."""
    if not isinstance(value, datetime):
        raise TypeError(f"not a moment: {value!r}")
    return to_ms(value)


def told_of(store: Reader, window: Mapping[str, Param]) -> Told:
    """Read it. Where nobody marked steps this is two short questions."""
    rows = queries.BLOWS.run(store, **window, top=MAX_INCIDENTS)
    blows = [_blow(row) for row in reversed(rows)]
    steps = queries.STEPS.run(store, **window, bucket_ms=BUCKET_MS, stall_ms=STALL_MS, top=MAX_JOBS)
    if not steps:
        return Told(window, [], blows, rows)
    runs = {row.job_id: row for row in queries.RUNS.run(store, **window, jobs=json.dumps([s.job_id for s in steps]))}
    known = [row for row in steps if row.job_id in runs]
    since_ms = moment_ms(window["since"])
    marks: dict[str, dict[str, list[Mark]]] = defaultdict(dict)
    for row in queries.MARKS.run(store, **window, top=MAX_JOBS * 16):
        marks[row.job_id][row.mark] = [Mark(*mark) for mark in row.marks]
    jobs = [
        Job(
            row.job_id,
            runs[row.job_id].owner,
            [_run(run, since_ms) for run in runs[row.job_id].runs],
            [],
            marks[row.job_id],
        )
        for row in known
    ]
    reader = StepReader(store, window, known)
    whole = chained(reader.complete(jobs), blows)
    return Told(window, whole, blows, rows, len(steps) - len(known), reader.blurred, len(steps) >= MAX_JOBS)


def _blow(row: queries.BlowRow) -> Blow:
    named = [at for at in (row.lost_ms, row.acted_ms) if at is not None]
    located = min(named) if named else None
    return Blow(row.incident_id, row.cause, row.cls, row.first_signal_ms, located, tuple(row.job_ids))


def _run(run: tuple[int, int, int, int, int | None], since_ms: int) -> Run:
    begins, ends, ended, gpus, eligible = run
    return Run(begins, ends, gpus, None if eligible is None else max(eligible, since_ms), bool(ended))
