"""Of which time a source told everything: kept a day at a time, so that what it did not tell stays unknown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from clusterctl.analytics.query import Query
from clusterctl.analytics.write import insert_rows
from clusterctl.clock import MS_PER_DAY, to_ms, utc
from clusterctl.schema import TOLD
from clusterctl.store import Store

JOBS, STATES = "jobs", "states"
MAX_SNAPSHOT_GAP_MS = 3_600_000
"""Snapshots that follow each other within an hour tell of the time between them; a longer silence is one."""


@dataclass(frozen=True, slots=True)
class DayRow:
    day: datetime
    since: datetime
    until: datetime


DAYS = Query("imports/told.sql", DayRow)


def told(store: Store, cluster: str, subject: str, source: str, since_ms: int, until_ms: int, version: int) -> None:
    """Note that a source told everything of this time. What it told of the same days before is joined if the two touch; of
    two apart on one day the new one counts, which claims less and never more. A moment alone is noted too: the next snapshot
    goes on from it."""
    if until_ms < since_ms:
        return
    known = {to_ms(row.day): row for row in _days(store, cluster, subject, source, since_ms, until_ms)}
    rows = []
    for day in range(since_ms // MS_PER_DAY * MS_PER_DAY, max(until_ms, since_ms + 1), MS_PER_DAY):
        begins, ends = max(since_ms, day), min(until_ms, day + MS_PER_DAY)
        old = known.get(day)
        if old is not None and to_ms(old.since) <= ends and to_ms(old.until) >= begins:
            begins, ends = min(begins, to_ms(old.since)), max(ends, to_ms(old.until))
        elif old is not None and to_ms(old.until) > ends:
            continue  # an older file, imported late
        if old is None or (begins, ends) != (to_ms(old.since), to_ms(old.until)):
            rows.append({"day": day, "since": begins, "until": ends})
    same = {"cluster": cluster, "subject": subject, "source": source, "version": version}
    insert_rows(store, TOLD, [{**row, **same} for row in rows])


def snapshot_since(store: Store, cluster: str, subject: str, source: str, at_ms: int) -> int:
    """From when on a snapshot tells: from the one before, unless that is too long ago."""
    before = list(_days(store, cluster, subject, source, at_ms - MAX_SNAPSHOT_GAP_MS, at_ms + 1))
    return max(
        (to_ms(row.until) for row in before if at_ms - MAX_SNAPSHOT_GAP_MS <= to_ms(row.until) <= at_ms), default=at_ms
    )


def _days(store: Store, cluster: str, subject: str, source: str, since_ms: int, until_ms: int) -> Iterator[DayRow]:
    first = since_ms // MS_PER_DAY * MS_PER_DAY
    yield from DAYS.run(store, cluster=cluster, subject=subject, source=source, since=utc(first), until=utc(until_ms))
