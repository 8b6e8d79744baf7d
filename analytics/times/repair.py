"""What an interruption took from a job: from its last step to the step that it lost, in five parts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from clusterctl.analytics.times.job import Job

PARTS = ("detect", "locate", "replace", "reload", "recompute")
UNDIVIDED = "undivided"
"""Time between two moments that were told, where nobody told the one between: so that the parts still sum to the total."""
BEFORE_MS = 600_000
"""A signal may come this long before the job's last step: the fault needs time to stop it."""


@dataclass(frozen=True, slots=True)
class Blow:
    """An unexpected incident, as far as jobs are concerned."""

    incident_id: str
    cause: str
    cls: str
    first_signal_ms: int
    located_ms: int | None
    """When somebody named the part: the node was drained, or the incident acknowledged."""
    jobs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Interruption:
    """One break of one job. `parts` in milliseconds; they sum to `until_ms - since_ms`."""

    job_id: str
    blow: Blow
    since_ms: int
    until_ms: int
    gpus: int
    parts: Mapping[str, int]
    cut: bool
    """True if the next break came before the job had caught up: the rest of the loss is that one's."""

    @property
    def gpu_ms(self) -> int:
        """Allocated GPUs times the time lost."""
        return self.gpus * (self.until_ms - self.since_ms)


def interruptions_of(job: Job, blows: Iterable[Blow]) -> list[Interruption]:
    """The job's breaks that an incident accounts for and that it came back from. Those it has not caught up with are left
    out: how long they take is not known yet."""
    ours = set(job.ids)
    left = sorted((blow for blow in blows if not ours.isdisjoint(blow.jobs)), key=lambda blow: blow.first_signal_ms)
    found = []
    peak = -1
    for number, (before, after) in enumerate(pairwise(job.stretches), 1):
        peak = max(peak, before.last)
        near = [b for b in left if before.until_ms - BEFORE_MS <= b.first_signal_ms <= after.since_ms]
        end = _caught_up(job, number, peak)
        if near and end is not None:
            left.remove(near[0])
            found.append(_interruption(job, near[0], number, *end))
    return found


def _caught_up(job: Job, stretch: int, peak: int) -> tuple[int, bool] | None:
    """When step `peak` had been done again after the break before this stretch, or the next break came first."""
    now = job.stretches[stretch]
    if now.last >= peak:
        return (now.since_ms if now.first > peak else now.ended_ms(peak)), False
    return None if stretch + 1 == len(job.stretches) else (now.until_ms, True)


def _interruption(job: Job, blow: Blow, stretch: int, until_ms: int, cut: bool) -> Interruption:
    since_ms, again_ms = job.stretches[stretch - 1].until_ms, job.stretches[stretch].since_ms
    marked = [mark.at_ms for mark in job.marks.get("restore_end", ()) if since_ms < mark.at_ms <= again_ms]
    replaced = job.started_before(stretch)
    moments = (
        ("detect", blow.first_signal_ms),
        ("locate", blow.located_ms if blow.located_ms is not None and blow.located_ms <= again_ms else None),
        ("replace", replaced),
        ("reload", marked[-1] if marked else again_ms),
        ("recompute", until_ms),
    )
    held = [run.gpus for run in job.runs[: bisect_right(job.runs, since_ms, key=lambda run: run.since_ms)]]
    parts = divided(since_ms, moments)
    return Interruption(job.job_id, blow, since_ms, until_ms, held[-1] if held else job.gpus, parts, cut)


def divided(since_ms: int, moments: Sequence[tuple[str, int | None]]) -> dict[str, int]:
    """Time up to each moment, by its name. A moment before the one before it took no time; where one is missing, the time up
    to the next that is known is undivided."""
    parts: dict[str, int] = {}
    at, missing = since_ms, False
    last = moments[-1][1]
    for name, moment in moments:
        if moment is None:
            missing = True
            continue
        until = max(at, moment if last is None else min(moment, last))
        under = UNDIVIDED if missing else name
        parts[under] = parts.get(under, 0) + until - at
        at, missing = until, False
    return parts
