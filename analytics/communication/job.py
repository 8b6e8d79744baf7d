"""Exposed communication of a job from its GPUs: mean and interval, spread over ranks, who was not seen, who is late.

What a grade assumes of the levels it assumes for all ranks of a job alike, so their errors do not average out: the interval
of the mean is the mean of the intervals.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clusterctl.analytics.communication.estimate import LABEL, Estimate
from clusterctl.analytics.communication.grade import Grade, Reason

LATE, LATE_SPREADS, MIN_RANKS = 0.02, 4.0, 4
"""A rank that communicates this much less than the median, and this many times the usual spread, is waited for."""
MAX_LATE = 16


@dataclass(frozen=True, slots=True)
class Spread:
    """Over ranks, of the middles: ranks of one step can differ several-fold."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class JobEstimate:
    """Mean over the ranks that have an estimate. `value` only where every one of them has a point."""

    value: float | None
    low: float | None
    high: float | None
    grade: Grade | None
    reason: Reason
    notes: tuple[Reason, ...]
    ranks: int
    ranks_seen: int
    spread: Spread | None
    late_ranks: tuple[str, ...]
    """Ranks that all others seem to wait for, the latest first. Stages of a pipeline differ by themselves: give one stage."""
    moving: float | None
    silent: float | None
    """Means over the ranks where bursts are visible; missing where they are not on all that were seen."""
    total_at_least: float | None
    label: str = LABEL


def of_job(estimates: Mapping[str, Estimate], ranks: int | None = None) -> JobEstimate:
    """`ranks` is how many the job has, where known; those without an estimate are counted, not guessed."""
    expected = max(ranks or 0, len(estimates))
    seen = {rank: one for rank, one in estimates.items() if one.middle is not None and one.grade is not None}
    at_least = _mean([one.total_at_least.total for one in estimates.values()])
    if not seen:
        reason = _commonest([one.reason for one in estimates.values()]) or Reason.NO_SAMPLES
        return JobEstimate(None, None, None, None, reason, (), expected, 0, None, (), None, None, at_least)
    grade = _worst([one.grade for one in seen.values() if one.grade is not None])
    reasons = [one.reason for one in seen.values() if one.grade is grade]
    others = Counter(word for one in estimates.values() for word in (one.reason, *one.notes))
    reason = _commonest(reasons) or Reason.NO_SAMPLES
    return JobEstimate(
        value=_mean([one.value for one in seen.values()]),
        low=_mean([one.low for one in seen.values()]),
        high=_mean([one.high for one in seen.values()]),
        grade=grade,
        reason=reason,
        notes=tuple(word for word, _ in others.most_common() if word is not reason),
        ranks=expected,
        ranks_seen=len(seen),
        spread=_spread([one.middle for one in seen.values() if one.middle is not None]),
        late_ranks=_late({rank: one.middle for rank, one in seen.items() if one.middle is not None}),
        moving=_mean([one.parts.moving for one in seen.values()]),
        silent=_mean([one.parts.silent for one in seen.values()]),
        total_at_least=at_least,
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of a target: `below`, `above` or `not decided`, and why not."""

    target: float
    verdict: str
    why: str


BELOW, ABOVE, NOT_DECIDED = "below", "above", "not decided"


def verdict(found: JobEstimate | Estimate, target: float) -> Verdict:
    """Only where the whole interval is on one side, and never from grades C and D: their model may be wrong for the job."""
    if found.low is None or found.high is None or found.grade is None:
        return Verdict(target, NOT_DECIDED, found.reason.value)
    if not found.grade.has_point:
        return Verdict(target, NOT_DECIDED, f"grade {found.grade.value}: {found.reason.value}")
    if isinstance(found, JobEstimate) and found.ranks_seen < found.ranks:
        return Verdict(target, NOT_DECIDED, f"{found.ranks_seen} of {found.ranks} ranks seen")
    if found.high <= target:
        return Verdict(target, BELOW, "")
    if found.low > target:
        return Verdict(target, ABOVE, "")
    return Verdict(target, NOT_DECIDED, "the interval holds the target")


def gain(exposed: float, target: float) -> float:
    """Relative throughput won if the share fell to `target` and all else took as long as before: 0.12 to 0.06 wins 6.8 %."""
    return (1 - target) / (1 - exposed) - 1


def _worst(grades: Sequence[Grade]) -> Grade:
    found = grades[0]
    for grade in grades[1:]:
        found = found.worse(grade)
    return found


def _commonest(reasons: Sequence[Reason]) -> Reason | None:
    return Counter(reasons).most_common(1)[0][0] if reasons else None


def _mean(values: Sequence[float | None]) -> float | None:
    """Missing where one is: a mean of some is not a mean of all."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known and len(known) == len(values) else None


def _spread(middles: Sequence[float]) -> Spread:
    return Spread(statistics.median(middles), min(middles), max(middles))


def _late(middles: Mapping[str, float]) -> tuple[str, ...]:
    if len(middles) < MIN_RANKS:
        return ()
    median = statistics.median(middles.values())
    usual = statistics.median(abs(value - median) for value in middles.values())
    limit = median - max(LATE, LATE_SPREADS * 1.4826 * usual)
    late = sorted((value, rank) for rank, value in middles.items() if value < limit)
    return tuple(rank for _, rank in late[:MAX_LATE])
