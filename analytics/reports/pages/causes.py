"""Causes, by count and by what they cost: the two orders differ."""

from __future__ import annotations

from collections.abc import Sequence

from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.figures import count_text, share_text
from clusterctl.analytics.reports.model_faults import CauseCost
from clusterctl.analytics.reports.page import ESSENTIAL, Bar, Block, Cell, Column, Grid, Note, Section, name_cell
from clusterctl.analytics.reports.words import Words

TOP = 12


def causes(cluster: model.ClusterReport, w: Words) -> Section:
    """All unexpected incidents by cause, the dearest first where cost is known."""
    title = w("Causes")
    stops = cluster.interruptions
    if not stops.by_cause and not cluster.costs:
        return Section("causes", title, [Note(w("No unexpected incident in this window."))])
    costs = [cost for cost in cluster.costs if cost.share_of_cost is not None or cost.gpu_hours_lost is not None]
    blocks: list[Block] = [_by_cost(cluster.costs, w)] if costs else []
    if stops.by_cause:
        blocks.append(_by_count(stops, w))
    if not costs:
        blocks.append(Note(w("Cost in GPU-hours needs jobs that tell their steps: see the job hook.")))
    if stops.by_category:
        blocks.append(_categories(stops, costs, w))
    return Section("causes", title, blocks)


def _categories(stops: model.Interruptions, costs: Sequence[CauseCost], w: Words) -> Grid:
    columns = [
        Column(w("category"), keep=ESSENTIAL, cut=True),
        Column(w("count"), right=True, keep=ESSENTIAL),
        Column(w("share"), right=True),
        Column(w("of cost"), right=True),
    ]
    rows: list[list[Cell]] = []
    for group in stops.by_category[:TOP]:
        shares = [
            cost.share_of_cost for cost in costs if cost.category == group.category and cost.share_of_cost is not None
        ]
        of_cost = share_text(w, sum(shares)) if shares else ""
        rows.append([name_cell(group.category), count_text(w, group.count), share_text(w, group.share), of_cost])
    return Grid(columns, rows, w("Categories of the source"))


def _by_cost(costs: Sequence[CauseCost], w: Words) -> Grid:
    columns = [
        Column(w("cause"), keep=ESSENTIAL, cut=True),
        Column(w("class"), keep=4),
        Column(w("count"), right=True, keep=ESSENTIAL),
        Column(w("share"), right=True, keep=5),
        Column(w("GPU-hours lost"), right=True, keep=8),
        Column(w("of cost"), right=True, keep=6),
        Column(w("cost"), keep=3),
        Column(w("told by"), right=True, keep=2),
    ]
    most = max((cost.share_of_cost or 0.0 for cost in costs), default=0.0) or 1.0
    rows: list[list[Cell]] = [
        [
            name_cell(cost.cause),
            w.told(cost.cls),
            count_text(w, cost.count),
            share_text(w, cost.share_of_count),
            count_text(w, None if cost.gpu_hours_lost is None else round(cost.gpu_hours_lost)),
            share_text(w, cost.share_of_cost),
            None if cost.share_of_cost is None else Bar(cost.share_of_cost / most, ""),
            w("{told} of {count}", told=count_text(w, cost.counted_in_cost), count=count_text(w, cost.count)),
        ]
        for cost in costs[:TOP]
    ]
    rest = costs[TOP:]
    if rest:
        known = [cost.gpu_hours_lost for cost in rest if cost.gpu_hours_lost is not None]
        shares = [cost.share_of_cost for cost in rest if cost.share_of_cost is not None]
        rows.append(
            [
                w("{count} more", count=len(rest)),
                "",
                count_text(w, sum(cost.count for cost in rest)),
                share_text(w, sum(cost.share_of_count for cost in rest)),
                count_text(w, round(sum(known)) if known else None),
                share_text(w, sum(shares) if shares else None),
                None,
                "",
            ]
        )
    return Grid(columns, rows, w("By cost"))


def _by_count(stops: model.Interruptions, w: Words) -> Grid:
    columns = [
        Column(w("cause"), keep=ESSENTIAL, cut=True),
        Column(w("class"), keep=6),
        Column(w("count"), right=True, keep=ESSENTIAL),
        Column(w("share"), right=True, keep=7),
        Column("", keep=3),
    ]
    widest = max(cause.count for cause in stops.by_cause)
    rows: list[list[Cell]] = [
        [
            name_cell(cause.cause),
            w.told(cause.cls),
            count_text(w, cause.count),
            share_text(w, cause.share),
            Bar(cause.count / widest, ""),
        ]
        for cause in stops.by_cause[:TOP]
    ]
    rest = stops.by_cause[TOP:]
    if rest:
        count = sum(cause.count for cause in rest)
        more = w("{count} more", count=len(rest))
        rows.append([more, "", count_text(w, count), share_text(w, count / stops.count), None])
    return Grid(columns, rows, w("By count"))
