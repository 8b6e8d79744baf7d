"""What communication took of the time that jobs trained: for goodput."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from clusterctl.analytics.communication.estimate import LABEL
from clusterctl.analytics.communication.grade import Grade
from clusterctl.analytics.reports.communication import queries
from clusterctl.analytics.reports.communication.verdicts import POINT_GRADES
from clusterctl.analytics.reports.times import Told
from clusterctl.analytics.times.job import PRODUCTIVE
from clusterctl.analytics.times.observed import HOUR_MS
from clusterctl.store import Param, Reader


@dataclass(frozen=True, slots=True)
class Taken:
    """GPU-hours of exposed communication in useful steps, and what a reader must know of them. Missing where no job has a
    value."""

    gpu_hours: float | None
    remark: str


NOTHING = Taken(None, "")


def taken_of(store: Reader, window: Mapping[str, Param], told: Told) -> Taken:
    """Share of grade exact, A or B, over all ranks, times the useful time of its job. Bounds are no measurement."""
    ids = [job_id for job in told.jobs for job_id in job.ids]
    if not ids:
        return NOTHING
    rows: dict[str, queries.SourceRow] = {}
    for row in queries.SOURCES.run(store, **window, jobs=json.dumps(ids)):
        if row.held_grade in POINT_GRADES and _is_whole(row):
            rows.setdefault(row.job_id, row)
    trained, sums = 0.0, _Sums()
    for job in told.jobs:
        useful = job.gpu_ms(job.parts[PRODUCTIVE])
        trained += useful
        known = [rows[job_id] for job_id in job.ids if job_id in rows]
        for row in known:
            sums.add(row, useful / len(known))
    return Taken(sums.value / HOUR_MS, sums.remark(trained)) if sums.measured else NOTHING


def _is_whole(row: queries.SourceRow) -> bool:
    return row.ranks_seen is not None and row.ranks_of_job is not None and row.ranks_seen >= row.ranks_of_job


class _Sums:
    """GPU-milliseconds: measured, and exposed by value and by both ends of intervals."""

    def __init__(self) -> None:
        self.measured = self.value = self.low = self.high = 0.0
        self.grades: set[str] = set()

    def add(self, row: queries.SourceRow, useful: float) -> None:
        """A job's useful time, or its part."""
        self.measured += useful
        self.value += useful * (row.value or 0.0)
        self.low += useful * (row.low or 0.0)
        self.high += useful * (row.high or 0.0)
        self.grades.add(row.held_grade)

    def remark(self, trained: float) -> str:
        """No point from telemetry goes without its interval and grade, nor a part for the whole."""
        said = []
        worst = max(self.grades, key=_order)
        if worst != Grade.EXACT.value:
            ends = f"{self.low / HOUR_MS:.3g} to {self.high / HOUR_MS:.3g}"
            said.append(
                f"exposed communication: {ends} GPU-hours by 90 % intervals, of grade {worst} at worst; {LABEL}"
            )
        if self.measured < trained:
            share = f"{100 * self.measured / trained:.1f} %"
            said.append(f"exposed communication measured in {share} of useful time: the rest counts as good")
        return "; ".join(said)


def _order(grade: str) -> int:
    return [one.value for one in Grade].index(grade)
