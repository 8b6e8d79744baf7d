"""This window against an earlier one: pure, from two reports of one cluster.

Rates are compared by the exact conditional test of docs/kpi.md; all tests of a comparison are judged together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.build import Asked
from clusterctl.analytics.stats import Rate, Tally, cohort
from clusterctl.analytics.stats.multiple import benjamini_hochberg
from clusterctl.errors import InputError
from clusterctl.timetext import parse_moment

WORSE, BETTER, SAME = "worse", "better", "no change shown"
NOT_EXPOSED, NOT_TESTED = cohort.THIN, "not tested"
PREVIOUS = "previous"
HINT = "write previous, a span such as 30d, or a window such as 2026-10-01/2026-11-01"
PER_GPU_DAYS = "per_1000_gpu_days"


def compare(after: model.ClusterReport, before: model.ClusterReport) -> model.Comparison:
    """Every number that both windows have."""
    then, now = _causes(before), _causes(after)
    return model.Comparison(
        before.window.since,
        before.window.until,
        [*_rates(after, before), *_others(after, before)],
        sorted(now - then),
        sorted(then - now),
    )


def _causes(cluster: model.ClusterReport) -> set[str]:
    return {cause.cause for cause in cluster.interruptions.by_cause}


def _rates(after: model.ClusterReport, before: model.ClusterReport) -> list[model.Change]:
    divisor = _pooled_phi(before.faults, after.faults)
    measures: tuple[tuple[str, Callable[[model.ClusterReport], Rate], float], ...] = (
        ("faults", lambda c: c.faults.per_1000_gpu_days, divisor),
        ("interruptions", lambda c: c.interruptions.per_1000_gpu_days, 1.0),
        ("faults incl. software", lambda c: c.lines.including_software.per_1000_gpu_days, divisor),
        ("faults incl. unattributed", lambda c: c.lines.including_unattributed.per_1000_gpu_days, divisor),
        ("user", lambda c: c.lines.user.per_1000_gpu_days, 1.0),
        ("degradations", lambda c: c.lines.degradations.per_1000_gpu_days, 1.0),
        ("fail-slow", lambda c: c.lines.fail_slow.per_1000_gpu_days, 1.0),
        ("silent nodes", lambda c: c.lines.telemetry_gaps.per_1000_gpu_days, 1.0),
    )
    return _judged([_tested(name, rate(before), rate(after), phi) for name, rate, phi in measures])


def _pooled_phi(*faults: model.Faults) -> float:
    """Of both windows, weighted by their bins, where clusters of faults are shown in either."""
    known = [told.dispersion for told in faults if told.dispersion.phi is not None and told.dispersion.bins]
    if not any(told.binding for told in known):
        return 1.0
    bins = sum(told.bins for told in known)
    return max(1.0, sum((told.phi or 0.0) * told.bins for told in known) / bins)


def _tested(measure: str, before: Rate, after: Rate, phi: float) -> model.Change:
    """One rate by itself. Without an event in either window nothing is tested."""
    change = model.Change(measure, before.value, after.value, None, None, NOT_TESTED, PER_GPU_DAYS, before, after)
    then, now = _tally(before), _tally(after)
    if then is None or now is None or before.basis != after.basis:
        return change
    told = cohort.compare(now, then, phi)
    return replace(
        change,
        ratio=told.ratio,
        ratio_low=told.low,
        ratio_high=told.high,
        p_value=told.p_value if now.count or then.count else None,
        verdict=SAME if _alike(told) else NOT_EXPOSED,
    )


def _tally(rate: Rate) -> Tally | None:
    return None if rate.count is None or not rate.gpu_days else Tally(round(rate.count), rate.gpu_days)


def _alike(told: cohort.Compared) -> bool:
    """An interval that could hide a doubling shows no likeness either."""
    least = 1 / cohort.TELLING_RATIO
    return told.low is not None and told.high is not None and told.low > least and told.high < cohort.TELLING_RATIO


def _judged(changes: Sequence[model.Change]) -> list[model.Change]:
    """Worse or better where it stands after Benjamini-Hochberg over all that could be tested."""
    stands = benjamini_hochberg([math.nan if change.p_value is None else change.p_value for change in changes])
    return [
        replace(change, verdict=WORSE if (change.after or 0.0) > (change.before or 0.0) else BETTER)
        if found
        else change
        for change, found in zip(changes, stands, strict=True)
    ]


def _others(after: model.ClusterReport, before: model.ClusterReport) -> list[model.Change]:
    """Numbers that no test is for: shown side by side, without a verdict."""
    measures: tuple[tuple[str, str, Callable[[model.ClusterReport], float | None]], ...] = (
        ("time to interruption", "hours", lambda c: c.interruptions.mtti_hours),
        ("availability", "share", lambda c: c.times.availability.planned_left_out),
        ("effective training time (ETTR)", "share", lambda c: c.times.ettr.cumulative),
        ("goodput", "share", lambda c: c.times.goodput.share),
        ("time to repair of a job, median", "seconds", lambda c: c.times.mttr.total.median_s),
        ("time to repair of a node, median", "seconds", lambda c: c.times.mttr.nodes.median_s),
        ("blocked by checkpoints", "share", lambda c: c.times.checkpoints.blocked_share),
        ("unattributed", "share", lambda c: c.faults.unattributed_share),
        ("coverage", "share", lambda c: c.coverage.share),
    )
    changes = []
    for name, unit, value in measures:
        old, new = value(before), value(after)
        if old is not None or new is not None:
            ratio = new / old if old and new is not None else None
            changes.append(model.Change(name, old, new, ratio, None, NOT_TESTED, unit))
    return changes


def earlier(text: str, asked: Asked, now_ms: int) -> Asked:
    """The window that `--compare` names. Raises InputError for one that is none, or overlaps the report's own."""
    since_ms = asked.since_ms
    until_ms = now_ms if asked.until_ms is None else asked.until_ms
    begin, slash, end = text.strip().partition("/")
    if slash:
        first_ms, last_ms = parse_moment(begin, now_ms), parse_moment(end, now_ms)
    elif since_ms is None:
        raise InputError("--compare with a span needs --since: without it the report takes all evidence", hint=HINT)
    elif begin == PREVIOUS:
        first_ms, last_ms = since_ms - (until_ms - since_ms), since_ms
    else:
        first_ms, last_ms = parse_moment(begin, since_ms), since_ms
    if first_ms >= last_ms:
        raise InputError(f"--compare {text[:64]}: the window is empty", hint=HINT)
    if since_ms is None or (first_ms < until_ms and last_ms > since_ms):
        raise InputError("--compare: the two windows overlap", hint="give the report its own with --since and --until")
    return replace(asked, since_ms=first_ms, until_ms=last_ms)


def with_comparison(after: model.Report, before: model.Report) -> model.Report:
    """The later report, each cluster compared with its earlier self."""
    old = {cluster.name: cluster for cluster in before.clusters}
    clusters = []
    for cluster in after.clusters:
        if cluster.name in old:
            clusters.append(replace(cluster, comparison=compare(cluster, old[cluster.name])))
        else:
            clusters.append(replace(cluster, warnings=[*cluster.warnings, "the window compared with has no evidence"]))
    return replace(after, clusters=clusters)
