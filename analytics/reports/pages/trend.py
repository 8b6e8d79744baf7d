"""The rate over the window."""

from __future__ import annotations

from collections.abc import Sequence

from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.figures import moment_text, p_text, rate_sentence, ratio_text, told_rate
from clusterctl.analytics.reports.model_faults import TrendPoint
from clusterctl.analytics.reports.page import Block, Column, Grid, Note, Section, Tone, TrendPlot
from clusterctl.analytics.reports.pages.headline import rate_cells, rate_columns
from clusterctl.analytics.reports.words import Words
from clusterctl.analytics.stats import rate_of

MIN_POINTS = 2
STRETCHES = (1, 2, 3, 7, 14, 28)
"""Steps that may be shown as one."""
FAULTS_A_POINT = 3
"""A point of fewer faults on average would show chance and nothing else."""
LEAST_POINTS, MOST_POINTS = 8, 60


def trend(cluster: model.ClusterReport, w: Words) -> Section:
    """A plot, its numbers, and where the rate changed for good."""
    told, title = cluster.trend, w("Trend of the fault rate")
    known = [point for point in told.points if told_rate(point.rate)]
    if len(known) < MIN_POINTS:
        why = w.told(told.remark) if told.remark else w("it takes two steps with exposure")
        return Section("trend", title, [Note(w("Not shown: {why}.", why=why))])
    stretch = stretch_of(known)
    points = joined(known, stretch)
    peak = max(points, key=lambda point: point.rate.value or 0.0)
    plot = TrendPlot(
        points,
        told.change_points,
        [verdict.target for verdict in cluster.faults.verdicts],
        w(
            "Faults per 1000 GPU-days by steps of {days} d, {since} to {until}",
            days=told.step_days * stretch,
            since=points[0].since[:10],
            until=points[-1].until[:10],
        ),
        w("highest from {day}: {rate}", day=peak.since[:10], rate=rate_sentence(w, peak.rate)),
        [
            ("line", w("rate of a step")),
            ("band", w("95 % interval")),
            ("mark", w("targets")),
            *([("change", w("the rate changed for good"))] if told.change_points else []),
        ],
    )
    blocks: list[Block] = [plot, *_changes(cluster, w)]
    if told.remark:
        blocks.append(Note(w.told(told.remark)))
    columns = rate_columns(w, w("from"))
    blocks.append(Grid(columns, [rate_cells(w, p.since[:10], p.rate) for p in points], w("Steps"), spare=True))
    return Section("trend", title, blocks)


def stretch_of(points: Sequence[TrendPoint]) -> int:
    """How many steps are shown as one: few faults are spread over few points."""
    faults = sum(point.count for point in points)
    most = min(MOST_POINTS, max(LEAST_POINTS, faults // FAULTS_A_POINT))
    return next((size for size in STRETCHES if len(points) <= size * most), STRETCHES[-1])


def joined(points: Sequence[TrendPoint], stretch: int) -> list[TrendPoint]:
    """So many steps as one: counts and exposures are added, rates never averaged."""
    parts = [points[start : start + stretch] for start in range(0, len(points), stretch)]
    return [part[0] if len(part) == 1 else _sum(part) for part in parts]


def _sum(part: Sequence[TrendPoint]) -> TrendPoint:
    count, gpu_days = sum(point.count for point in part), sum(point.gpu_days for point in part)
    return TrendPoint(part[0].since, part[-1].until, count, gpu_days, rate_of(count, gpu_days, part[0].rate.basis))


def _changes(cluster: model.ClusterReport, w: Words) -> list[Block]:
    changes = cluster.trend.change_points
    if not changes:
        return [Note(w("No change of the rate is shown within the window."))]
    columns = [
        Column(w("changed at"), keep=9),
        Column(w("before"), keep=9, wrap=True),
        Column(w("after"), keep=9, wrap=True),
        Column(w("ratio"), right=True),
        Column(w("p"), right=True),
    ]
    rows = [
        [
            moment_text(change.at),
            rate_sentence(w, change.before),
            rate_sentence(w, change.after),
            ratio_text(change.ratio),
            p_text(w, change.p_value),
        ]
        for change in changes
    ]
    return [Grid(columns, rows), Note(w("A change of the rate is no cause by itself."), Tone.PLAIN)]
