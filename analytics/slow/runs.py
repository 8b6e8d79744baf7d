"""Stretches of time in which a unit was slow: a sum of exceedances (Page's CUSUM) finds them, a change-point dates them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clusterctl.analytics.slow.peers import Floats

FORGET_MIN = 15
"""So many good minutes end the longest run, and so many without a reading too: throttling that comes and goes is one run."""
SEARCH_MIN, CONTEXT_MIN = 15, 30
"""How far an edge is looked for around where the sum put it, and what is looked at on either side."""


@dataclass(frozen=True, slots=True)
class Run:
    """Minutes [first, last) in which a unit was slow, with the median difference and the minutes that have a reading."""

    first: int
    last: int
    level: float
    observed: int


def runs(excess: Floats, size: float, min_minutes: int) -> list[Run]:
    """Runs of at least `min_minutes` readings whose median is at least `size`, in order of time."""
    slow = excess >= size
    if slow.sum() < max(1, min_minutes // 2):
        return []
    found: list[Run] = []
    for first, last in _rises(excess, size):
        run = _dated(excess, first, last)
        if run.observed >= min_minutes and run.level >= size and (not found or run.first >= found[-1].last):
            found.append(run)
    return found


def _rises(excess: Floats, size: float) -> list[tuple[int, int]]:
    """Where the sum of exceedances over half the size stood above zero: from its first rise to its last. What one minute can
    add is bounded, so that a spike is a spike; the sum is bounded, so that a run ends."""
    steps = np.clip(excess - size / 2, -size, size)
    known = np.isfinite(excess)
    bound, decay = FORGET_MIN * size / 2, size / 2
    spans, total, first, last = [], 0.0, -1, -1
    for minute in range(len(steps)):
        step = float(steps[minute]) if known[minute] else -decay
        if total <= 0 < step:
            first = minute
        total = max(0.0, min(bound, total + step))
        if step > 0:
            last = minute
        if first >= 0 and total <= 0:
            spans.append((first, last + 1))
            first = -1
    return [*spans, (first, last + 1)] if first >= 0 else spans


def _dated(excess: Floats, first: int, last: int) -> Run:
    """The run with its edges where a step between two levels fits best, in absolute deviation."""
    level = float(np.nanmedian(excess[first:last]))
    start = _edge(excess, first, 0.0, level)
    end = _edge(excess, last, level, 0.0) if last < len(excess) else last
    if end <= start:
        start, end = first, last
    known = start + np.flatnonzero(np.isfinite(excess[start:end]))
    if not known.size:
        return Run(start, end, 0.0, 0)
    return Run(int(known[0]), int(known[-1]) + 1, float(np.median(excess[known])), int(known.size))


def _edge(excess: Floats, guess: int, before: float, after: float) -> int:
    low, high = max(0, guess - CONTEXT_MIN), min(len(excess), guess + CONTEXT_MIN)
    part = excess[low:high]
    known = np.isfinite(part)
    as_before = np.where(known, np.abs(part - before), 0.0).cumsum()
    as_after = np.where(known, np.abs(part - after), 0.0).cumsum()
    cost = np.concatenate(([0.0], as_before)) + as_after[-1] - np.concatenate(([0.0], as_after))
    begin, end = max(low, guess - SEARCH_MIN), min(high, guess + SEARCH_MIN)
    return begin + int(np.argmin(cost[begin - low : end - low + 1]))
