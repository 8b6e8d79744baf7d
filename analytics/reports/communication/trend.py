"""The trend of a job, broken where points may not be compared: another source, grade, calibration or configuration. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from clusterctl.analytics.communication.grade import Grade
from clusterctl.analytics.reports.communication.queries import TrendRow
from clusterctl.analytics.reports.model_comm import CommPoint, CommSegment
from clusterctl.clock import iso_text

START, SOURCE, GRADE, CONFIGURATION, CALIBRATION = "start", "source", "grade", "configuration", "calibration"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows that may be compared with one another."""

    rows: Sequence[TrendRow]
    calibrated_at: datetime | None
    began: str


def stretches(rows: Sequence[TrendRow], calibrations: Sequence[datetime]) -> list[Stretch]:
    """In order of time, telemetry and exact sources apart. `calibrations` are moments in order, of this job."""
    found: list[Stretch] = []
    for _exact, series in groupby(sorted(rows, key=_series), key=lambda row: row.source != "telemetry"):
        last: tuple[object, ...] | None = None
        for key, part in groupby(series, key=lambda row: _key(row, calibrations)):
            found.append(Stretch(list(part), key[4], START if last is None else _why(last, key)))
            last = key
    return found


def _series(row: TrendRow) -> tuple[bool, datetime]:
    return row.source != "telemetry", row.at


def _key(row: TrendRow, calibrations: Sequence[datetime]) -> tuple[str, str, str, int | None, datetime | None]:
    place = bisect_right(calibrations, row.at) if row.held_grade == Grade.A.value else 0
    return row.source, row.held_grade, row.layout, row.ranks_of_job, calibrations[place - 1] if place else None


def _why(last: Sequence[object], key: Sequence[object]) -> str:
    names = (SOURCE, GRADE, CONFIGURATION, CONFIGURATION, CALIBRATION)
    return next(name for name, was, now in zip(names, last, key, strict=True) if was != now)


def segments(found: Sequence[Stretch]) -> list[CommSegment]:
    """As the report tells them."""
    return [
        CommSegment(
            source=one.rows[0].source,
            grade=one.rows[0].held_grade,
            layout=one.rows[0].layout,
            ranks_of_job=one.rows[0].ranks_of_job,
            calibrated_at=None if one.calibrated_at is None else iso_text(one.calibrated_at),
            began=one.began,
            points=[
                CommPoint(
                    iso_text(row.at), row.windows, row.value, row.low or 0.0, row.high or 0.0, row.wait, row.transfer
                )
                for row in one.rows
            ],
        )
        for one in found
    ]
