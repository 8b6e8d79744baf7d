"""Checkpoints as jobs marked them, the interval that would lose least, and what that says of 10,000 GPUs."""

from __future__ import annotations

import statistics
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from clusterctl.analytics.reports.model_times import CheckpointPlan, Checkpoints
from clusterctl.analytics.reports.times.told import Told
from clusterctl.analytics.stats import PER, Rate
from clusterctl.analytics.stats.ettr import best_interval_min
from clusterctl.analytics.times.job import Job
from clusterctl.analytics.times.observed import balance_of
from clusterctl.analytics.times.saves import Save
from clusterctl.analytics.times.spans import Span, length_ms
from clusterctl.analytics.times.spread import spread_of
from clusterctl.clock import MS_PER_S

PLANS = 5
"""Job sizes that a plan is made for, those with the most GPU time."""
SCALE_GPUS = 10_000


def checkpoints_of(told: Told, headline: Rate) -> Checkpoints:
    """All saves and restores of the window."""
    saves = [save for job in told.jobs for save in job.saves]
    done = [save for save in saves if not save.failed and not save.open]
    balance = balance_of(told.jobs)
    sizes = [save.size_bytes for save in done if save.size_bytes is not None]
    speeds = [speed for save in done if (speed := bytes_per_s(save)) is not None]
    return Checkpoints(
        saves=len(done),
        failed=sum(save.failed for save in saves),
        blocked=spread_of(length_ms([save.blocked]) / MS_PER_S for save in done if save.blocked),
        durable=spread_of((save.durable_ms - save.begin_ms) / MS_PER_S for save in done if save.durable_ms is not None),
        restore=spread_of(length_ms([span]) / MS_PER_S for job in told.jobs for span in job.restores),
        bytes_median=round(statistics.median(sizes)) if sizes else None,
        bytes_per_s_median=statistics.median(speeds) if speeds else None,
        blocked_share=balance.items["checkpoint"] / balance.total if saves and balance.total else None,
        plan=plans_of(told, headline),
        at_10000_gpus=projected(told, headline),
    )


def bytes_per_s(save: Save) -> float | None:
    """Bytes over the time until they were durable; where nobody marked that, over the time that training stood still."""
    over = save.durable_ms if save.durable_ms is not None else save.end_ms
    if save.size_bytes is None or over is None or over <= save.begin_ms:
        return None
    return save.size_bytes * MS_PER_S / (over - save.begin_ms)


def intervals_s(job: Job) -> Iterator[float]:
    """Seconds from one save to the next within a stretch of steps."""
    begins = [save.begin_ms for save in job.saves]
    for stretch in job.stretches:
        inside = begins[bisect_left(begins, stretch.since_ms) : bisect_right(begins, stretch.until_ms)]
        yield from ((after - before) / MS_PER_S for before, after in pairwise(inside))


def plans_of(told: Told, headline: Rate) -> list[CheckpointPlan]:
    """For each job size, the interval in use and the best one by the fleet's measured rate of faults."""
    by_size: dict[int, list[Job]] = defaultdict(list)
    for job in told.jobs:
        by_size[job.gpus].append(job)
    held = {size: sum(job.gpu_ms(job.scheduled) for job in jobs) for size, jobs in by_size.items()}
    largest = sorted(by_size, key=lambda size: (-held[size], size))[:PLANS]
    return [_plan(size, by_size[size], headline) for size in largest]


def _plan(gpus: int, jobs: Sequence[Job], headline: Rate) -> CheckpointPlan:
    blocked = _blocked_s(jobs)
    best_min = _best_min(headline.value, blocked, gpus)
    return CheckpointPlan(
        gpus=gpus,
        observed_interval_s=spread_of(seconds for job in jobs for seconds in intervals_s(job)).median_s,
        blocked_s=blocked,
        failures_per_day=None if headline.value is None else headline.value * gpus / PER,
        best_interval_s=None if best_min is None else best_min * 60,
    )


def _blocked_s(jobs: Sequence[Job]) -> float | None:
    spans: list[Span] = [save.blocked for job in jobs for save in job.saves if save.blocked and not save.failed]
    return spread_of((until - since) / MS_PER_S for since, until in spans).median_s


def projected(told: Told, headline: Rate) -> str:
    """The largest job's checkpoints at 10,000 GPUs: the same state a GPU, once with storage that grows with the fleet and
    once with the bandwidth that was measured."""
    plans = [plan for plan in plans_of(told, headline) if plan.blocked_s and plan.gpus]
    if not plans:
        return ""
    largest = max(plans, key=lambda plan: plan.gpus)
    same_s, blocked_s = largest.blocked_s or 0.0, (largest.blocked_s or 0.0) * SCALE_GPUS / largest.gpus
    text = (
        f"projected from jobs of {largest.gpus:,} GPUs to {SCALE_GPUS:,} with the same state a GPU: a save blocks "
        f"{same_s:,.1f} s if storage grows with the fleet, {blocked_s:,.1f} s at the bandwidth measured"
    )
    limits = [_best_min(rate, same_s, SCALE_GPUS) for rate in (headline.value, headline.high, headline.low)]
    value, short, long = limits
    if value is None or short is None:
        return text
    upper = f"{long:,.1f}" if long is not None else "any"
    return f"{text}; projected best interval {value:,.1f} min (95 %: {short:,.1f} to {upper})"


def _best_min(rate: float | None, blocked_s: float | None, gpus: int) -> float | None:
    """Minutes; missing where nothing fails or nothing blocks."""
    return best_interval_min(rate * gpus / PER, blocked_s / 60) if rate and blocked_s and gpus else None
