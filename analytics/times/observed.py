"""Effective training time as it was: productive over scheduled and queued time, in all and in the worst hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clusterctl.analytics.times.job import ITEMS, PRODUCTIVE, Job
from clusterctl.analytics.times.spans import clipped

HOUR_MS = 3_600_000
GRID_MS = 60_000
"""The sliding hour moves by a minute."""


@dataclass(frozen=True, slots=True)
class Hour:
    """The hour with the least of it."""

    since_ms: int
    ratio: float


@dataclass(frozen=True, slots=True)
class Balance:
    """GPU time of jobs by what it was, in milliseconds. The items and `productive` sum to `total`."""

    total: int
    productive: int
    items: dict[str, int]

    @property
    def ratio(self) -> float | None:
        """Missing where no job held or awaited a GPU."""
        return self.productive / self.total if self.total else None


def balance_of(jobs: Sequence[Job]) -> Balance:
    """All time of the jobs, weighted by their GPUs."""
    items = dict.fromkeys(ITEMS, 0)
    productive = 0
    for job in jobs:
        productive += job.gpu_ms(job.parts[PRODUCTIVE])
        items["queue"] += job.queue_gpu_ms
        for name, spans in job.parts.items():
            if name != PRODUCTIVE:
                items[name] += job.gpu_ms(spans)
    return Balance(productive + sum(items.values()), productive, items)


def worst_hour(jobs: Sequence[Job], since_ms: int, until_ms: int) -> Hour | None:
    """The hour within the window in which the smallest share was productive, all jobs together; the first of several.
    Missing where no whole hour had a job in it."""
    starts = np.arange(since_ms, until_ms - HOUR_MS + 1, GRID_MS, dtype=np.float64)
    if not len(starts) or not jobs:
        return None
    good: list[tuple[int, int, int]] = []
    all_: list[tuple[int, int, int]] = []
    for job in jobs:
        for run in job.runs:
            inside = clipped(job.parts[PRODUCTIVE], run.since_ms, run.until_ms)
            good += [(since, until, run.gpus) for since, until in inside]
            all_ += [(since, until, run.gpus) for since, until in (*job.queued(run), (run.since_ms, run.until_ms))]
    productive, scheduled = _within_hours(good, starts), _within_hours(all_, starts)
    busy = scheduled > 0
    if not busy.any():
        return None
    ratio = np.where(busy, productive / np.where(busy, scheduled, 1.0), np.inf)
    at = int(np.argmin(ratio))
    return Hour(int(starts[at]), float(ratio[at]))


def _within_hours(weighted: Sequence[tuple[int, int, int]], starts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """GPU-milliseconds of spans (start, end, GPUs) within the hour from each start."""
    if not weighted:
        return np.zeros(len(starts))
    table = np.asarray(weighted, dtype=np.float64)
    edges = np.concatenate((table[:, 0], table[:, 1]))
    order = np.argsort(edges, kind="stable")
    held = np.cumsum(np.concatenate((table[:, 2], -table[:, 2]))[order])
    at = edges[order]
    grown = np.concatenate(([0.0], np.cumsum(held[:-1] * np.diff(at))))
    result: npt.NDArray[np.float64] = np.interp(starts + HOUR_MS, at, grown) - np.interp(starts, at, grown)
    return result
