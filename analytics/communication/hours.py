"""Which windows of which jobs are estimated: the last minutes of each of a job's hours, from some of its nodes, by lot."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from clusterctl.analytics.slow.questions import JobRow
from clusterctl.clock import MS_PER_MINUTE, to_ms

HOUR_MS = 60 * MS_PER_MINUTE
LEAST_MS = MS_PER_MINUTE
"""A job that had less of an hour is not estimated in it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A window of a job: since when and until when, and its GPUs on each node that is read."""

    job_id: str
    since_ms: int
    until_ms: int
    gpus_of: Mapping[str, int]
    gpus: int
    """All that the job held in the window."""


def pieces(
    rows: Sequence[JobRow], since_ms: int, until_ms: int, window_min: int, most_gpus: int, done: Mapping[str, set[int]]
) -> Iterator[Piece]:
    """In the order of jobs and time. `done` are starts of windows that have an estimate."""
    by_job: dict[str, list[JobRow]] = {}
    for row in rows:
        by_job.setdefault(row.job_id, []).append(row)
    for job_id, held in sorted(by_job.items()):
        for hour_ms in range(since_ms // HOUR_MS * HOUR_MS, until_ms, HOUR_MS):
            found = _piece(job_id, held, hour_ms, max(hour_ms, since_ms), min(hour_ms + HOUR_MS, until_ms), window_min)
            if found is not None and found.since_ms not in done.get(job_id, set()):
                yield _by_lot(found, most_gpus)


def _piece(
    job_id: str, held: Sequence[JobRow], hour_ms: int, since_ms: int, until_ms: int, window_min: int
) -> Piece | None:
    """Of an hour that is over, or of a job that ended in it."""
    inside = [row for row in held if to_ms(row.began) < until_ms and _end(row, until_ms) > since_ms]
    if not inside:
        return None
    end_ms = min(until_ms, max(_end(row, until_ms) for row in inside))
    if end_ms < hour_ms + HOUR_MS and any(row.ended is None or to_ms(row.ended) > end_ms for row in inside):
        return None  # the hour is not over yet
    begin_ms = max(end_ms - window_min * MS_PER_MINUTE, since_ms, max(to_ms(row.began) for row in inside))
    if end_ms - begin_ms < LEAST_MS:
        return None
    whole = {row.host: row.gpu_count for row in inside if _end(row, until_ms) >= end_ms}
    return Piece(job_id, begin_ms, end_ms, whole, sum(whole.values())) if whole else None


def _end(row: JobRow, until_ms: int) -> int:
    return until_ms if row.ended is None else to_ms(row.ended)


def _by_lot(piece: Piece, most_gpus: int) -> Piece:
    """The same nodes every time, so that a trend is of the same GPUs."""
    chosen: dict[str, int] = {}
    left = most_gpus
    for host in sorted(piece.gpus_of, key=lambda host: hashlib.sha256(f"{piece.job_id}/{host}".encode()).digest()):
        if chosen and piece.gpus_of[host] > left:
            break
        chosen[host] = piece.gpus_of[host]
        left -= piece.gpus_of[host]
    return Piece(piece.job_id, piece.since_ms, piece.until_ms, chosen, piece.gpus)
