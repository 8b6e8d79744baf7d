"""Jobs that go on under another id: people submit a training again after a fault, and the scheduler gives it a new number.

A job goes on in another if an incident ended it, and the first later job of the same owner with as many GPUs, started within
a day, resumed from a step that the first one had reached. Nothing else is taken for the same training.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clusterctl.analytics.times.job import Job
from clusterctl.analytics.times.repair import Blow
from clusterctl.analytics.times.saves import Mark

RESUME_MS = 86_400_000


def chained(jobs: Sequence[Job], blows: Iterable[Blow]) -> list[Job]:
    """The jobs, each joined with those that it went on in, under the id of the first."""
    struck = {job_id for blow in blows for job_id in blow.jobs}
    found: list[Job] = []
    for job in sorted(jobs, key=lambda job: job.runs[0].since_ms):
        at = next((n for n, before in enumerate(found) if before.ids[-1] in struck and _goes_on(before, job)), None)
        if at is None:
            found.append(job)
        else:
            found[at] = _joined(found[at], job)
    return found


def _goes_on(before: Job, after: Job) -> bool:
    last, first = before.runs[-1], after.runs[0]
    if not (last.ended and 0 <= first.since_ms - last.until_ms <= RESUME_MS and before.stretches and after.stretches):
        return False
    same = before.owner != "" and before.owner == after.owner and last.gpus == first.gpus
    return same and 1 < after.stretches[0].first <= max(stretch.last for stretch in before.stretches) + 1


def _joined(before: Job, after: Job) -> Job:
    kinds = {*before.marks, *after.marks}
    marks: dict[str, list[Mark]] = {kind: [*before.marks.get(kind, ()), *after.marks.get(kind, ())] for kind in kinds}
    return Job(
        before.job_id,
        before.owner,
        [*before.runs, *after.runs],
        [*before.stretches, *after.stretches],
        marks,
        (*before.others, *after.ids),
    )
