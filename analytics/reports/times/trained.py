"""What of the time of jobs was training: effective training time, goodput, and what took the rest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from clusterctl.analytics.reports.model_times import Badput, Checkpoints, Ettr, Goodput, Mttr
from clusterctl.analytics.reports.times import queries
from clusterctl.analytics.reports.times.checkpoints import intervals_s
from clusterctl.analytics.reports.times.told import Told
from clusterctl.analytics.stats import PER, Rate, ettr
from clusterctl.analytics.times.job import Job
from clusterctl.analytics.times.observed import HOUR_MS, balance_of, worst_hour
from clusterctl.analytics.times.spans import length_ms
from clusterctl.analytics.times.spread import spread_of
from clusterctl.clock import MS_PER_S, utc
from clusterctl.store import Param, Reader

BADPUT = ("queue", "init", "data_load", "checkpoint", "lost_progress", "fail_slow", "exposed_communication", "other")
NO_STEPS = "no job marked numbered steps: docs/job-hook.md says how, in one line of code"


def ettr_of(told: Told, mttr: Mttr, checkpoints: Checkpoints, headline: Rate) -> Ettr:
    """As it was, and as the model expects it from the measured rate, restart, queue and checkpoints."""
    if not told.jobs:
        return Ettr(None, None, None, None, 0, _remark(told))
    worst = worst_hour(told.jobs, told.since_ms, told.until_ms)
    return Ettr(
        cumulative=balance_of(told.jobs).ratio,
        worst_hour=worst.ratio if worst else None,
        worst_hour_at=utc(worst.since_ms).isoformat(timespec="minutes").replace("+00:00", "Z") if worst else None,
        expected=_expected(told, mttr, checkpoints, headline),
        jobs=len(told.jobs),
        remark=_remark(told),
    )


def mean_gpus(jobs: Sequence[Job]) -> float | None:
    """Size of jobs, weighted by their GPU time: what a GPU sees."""
    held = [(run.gpus, run.until_ms - run.since_ms) for job in jobs for run in job.runs]
    total = sum(gpus * lasted for gpus, lasted in held)
    return sum(gpus * gpus * lasted for gpus, lasted in held) / total if total else None


def _expected(told: Told, mttr: Mttr, checkpoints: Checkpoints, headline: Rate) -> float | None:
    gpus, interval = mean_gpus(told.jobs), _interval_s(told)
    blocked = checkpoints.blocked.median_s
    again = [found.until_ms - found.since_ms - found.parts.get("recompute", 0) for found in told.interruptions]
    restart_s = spread_of(time / MS_PER_S for time in again).median_s
    if headline.value is None or gpus is None or not interval or blocked is None or restart_s is None:
        return None
    waits = [
        length_ms(job.queued(run)) / MS_PER_S for job in told.jobs for run in job.runs if run.eligible_ms is not None
    ]
    queue_s = spread_of(waits).median_s or 0.0
    failures = headline.value * gpus / PER
    return ettr.expected_ettr(ettr.Job(failures, interval / 60, restart_s / 60, queue_s / 60, blocked / 60))


def _interval_s(told: Told) -> float | None:
    return spread_of(seconds for job in told.jobs for seconds in intervals_s(job)).median_s


def goodput_of(
    store: Reader,
    window: Mapping[str, Param],
    told: Told,
    exposed_gpu_hours: float | None = None,
    exposed_remark: str = "",
) -> Goodput:
    """Shares of all scheduled and queued GPU time. What slowness took of productive time is told by slow findings, what
    communication took by the caller; where nobody measured it that time counts as good, and the remark says so."""
    balance = balance_of(told.jobs)
    if not balance.total:
        return Goodput(None, [], 0.0, _remark(told))
    ids = [job_id for job in told.jobs for job_id in job.ids]
    slow_h = queries.FAIL_SLOW.one(store, **window, jobs=json.dumps(ids)).gpu_hours
    items, left = dict(balance.items), balance.productive
    unmeasured = []
    for name, hours in (("fail_slow", slow_h), ("exposed_communication", exposed_gpu_hours)):
        if hours is None:
            unmeasured.append(name.replace("_", " "))
        else:
            items[name] = min(left, round(hours * HOUR_MS))
            left -= items[name]
    listed = [Badput(name, items[name] / balance.total, items[name] / HOUR_MS) for name in BADPUT if name in items]
    counted = f"{' and '.join(unmeasured)} not measured: that time counts as good" if unmeasured else ""
    remark = "; ".join(filter(None, (_remark(told), counted, exposed_remark)))
    return Goodput(left / balance.total, listed, balance.total / HOUR_MS, remark)


def _remark(told: Told) -> str:
    said = [] if told.jobs else [NO_STEPS]
    if told.without_runs:
        said.append(f"{told.without_runs} jobs marked steps, and nobody says on how many GPUs: left out")
    if told.blurred:
        said.append(
            f"in {told.blurred} quarters of an hour of jobs too much happened to read every row: right to the quarter"
        )
    if told.cut:
        said.append(f"only the last {queries.MAX_JOBS} jobs that marked steps are read")
    return "; ".join(said)
