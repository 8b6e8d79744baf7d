"""Where scheduled GPU time went, and what checkpoints cost of it."""

from __future__ import annotations

from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.figures import (
    count_text,
    decimal_bytes_text,
    number_text,
    seconds_text,
    share_text,
)
from clusterctl.analytics.reports.model_times import CheckpointPlan, Checkpoints, Goodput
from clusterctl.analytics.reports.page import ESSENTIAL, Bar, Block, Cell, Column, Facts, Grid, Note, Section
from clusterctl.analytics.reports.words import Words


def goodput(cluster: model.ClusterReport, w: Words) -> Section:
    """Goodput with its losses, then checkpoints."""
    blocks = [*_goodput(cluster.times.goodput, w), *_checkpoints(cluster.times.checkpoints, w)]
    return Section("goodput", w("Goodput and checkpoints"), blocks)


def _goodput(told: Goodput, w: Words) -> list[Block]:
    if told.share is None:
        why = w.told(told.remark) or w("no job marked its steps")
        return [Note(w("Goodput is unknown: {why}. The job hook marks steps; one line in the training loop.", why=why))]
    columns = [
        Column(w("of scheduled GPU time"), keep=ESSENTIAL),
        Column(w("share"), right=True, keep=ESSENTIAL),
        Column(w("GPU-hours"), right=True, keep=ESSENTIAL),
        Column("", keep=3),
    ]
    listed = [(w("goodput"), told.share, told.share * told.gpu_hours)]
    listed += [(w.told(item.name.replace("_", " ")), item.share, item.gpu_hours) for item in told.items]
    rows: list[list[Cell]] = [
        [name, share_text(w, share), count_text(w, round(hours)), Bar(max(0.0, min(1.0, share)), "")]
        for name, share, hours in listed
    ]
    remark = [Note(w.told(told.remark))] if told.remark else []
    return [Grid(columns, rows), *remark]


def _checkpoints(told: Checkpoints, w: Words) -> list[Block]:
    if not told.saves:
        return [
            Note(w("No checkpoint was marked: the job hook's checkpoint marks would tell how long training stops."))
        ]
    rows = [
        (
            w("checkpoints"),
            w("{saves} saves, {failed} failed", saves=count_text(w, told.saves), failed=count_text(w, told.failed)),
        )
    ]
    for name, spread in (
        (w("training blocked"), told.blocked),
        (w("until durable"), told.durable),
        (w("restore"), told.restore),
    ):
        if spread.count:
            text = w(
                "median {median}, 90 % within {p90}, mean {mean}; {count} times",
                median=seconds_text(w, spread.median_s),
                p90=seconds_text(w, spread.p90_s),
                mean=seconds_text(w, spread.mean_s),
                count=count_text(w, spread.count),
            )
            rows.append((name, text))
        else:
            rows.append((name, w("not marked")))
    if told.bytes_median is not None:
        speed = "" if told.bytes_per_s_median is None else w(
            " at {speed}/s", speed=decimal_bytes_text(w, told.bytes_per_s_median))  # fmt: skip
        rows.append((w("state"), w("{size} median{speed}", size=decimal_bytes_text(w, told.bytes_median), speed=speed)))
    rows.append((w("blocked share of wall time"), share_text(w, told.blocked_share)))
    blocks: list[Block] = [Facts(rows)]
    if told.plan:
        blocks.append(_plan(told.plan, w))
    if told.at_10000_gpus:
        blocks.append(Note(w.told(told.at_10000_gpus)))
    return blocks


def _plan(plans: list[CheckpointPlan], w: Words) -> Grid:
    columns = [
        Column(w("job of GPUs"), right=True, keep=ESSENTIAL),
        Column(w("interval now"), right=True, keep=ESSENTIAL),
        Column(w("blocked"), right=True, keep=7),
        Column(w("failures a day"), right=True, keep=6),
        Column(w("interval that loses least"), right=True, keep=ESSENTIAL),
    ]
    rows: list[list[Cell]] = [
        [
            count_text(w, plan.gpus),
            seconds_text(w, plan.observed_interval_s),
            seconds_text(w, plan.blocked_s),
            w("unknown") if plan.failures_per_day is None else number_text(plan.failures_per_day),
            seconds_text(w, plan.best_interval_s),
        ]
        for plan in plans
    ]
    return Grid(columns, rows, w("Checkpoint interval: √(2 × blocked ÷ failure rate) (Young, Daly)"))
