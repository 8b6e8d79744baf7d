"""Groups of nodes: splits of the rate, cohorts compared, and whether repairs helped."""

from __future__ import annotations

from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.figures import (
    count_text,
    gpu_days_text,
    moment_text,
    number_text,
    p_text,
    rate_sentence,
    ratio_text,
    share_text,
)
from clusterctl.analytics.reports.model_faults import Split
from clusterctl.analytics.reports.model_nodes import Cohort, Repair
from clusterctl.analytics.reports.page import (
    ESSENTIAL,
    Badge,
    Block,
    Cell,
    Column,
    Grid,
    Note,
    Section,
    Tone,
    name_cell,
)
from clusterctl.analytics.reports.pages.headline import rate_cells, rate_columns, span_of
from clusterctl.analytics.reports.words import Words

TOP = 12
VERDICTS = {"not enough exposure": Tone.WARN, "helped": Tone.GOOD, "worse since": Tone.BAD}


def splits(cluster: model.ClusterReport, w: Words) -> Section:
    """The fault rate by model, driver, rack and so on."""
    title = w("Splits of the fault rate")
    blocks: list[Block] = []
    for split in cluster.splits:
        blocks += _split(split, w)
    if not blocks:
        blocks = [Note(w("Splits need an inventory: the agent's own, or “clusterctl import inventory”."))]
    return Section("splits", title, blocks)


def _split(split: Split, w: Words) -> list[Block]:
    dimension = w.told(split.dimension.replace("_", " "))
    if not split.rows:
        why = w.told(split.remark) or w("nobody told it")
        return [Note(w("By {dimension}: {why}.", dimension=dimension, why=why))]
    highs = [row.rate.high for row in split.rows if row.rate.high is not None and row.count]
    scale = 1.05 * max(highs or [row.rate.high or 1.0 for row in split.rows])
    columns = [*rate_columns(w, dimension), Column(w("of faults"), right=True, keep=4), Column(w("interval"), keep=3)]
    rows: list[list[Cell]] = [
        [*rate_cells(w, name_cell(w.told(row.name)), row.rate), share_text(w, row.share), span_of(row.rate, (), scale)]
        for row in split.rows[:TOP]
    ]
    blocks: list[Block] = [Grid(columns, rows)]
    if len(split.rows) > TOP:
        blocks.append(Note(w("{count} more in the JSON.", count=len(split.rows) - TOP)))
    return blocks + ([Note(w.told(split.remark))] if split.remark else [])


def cohorts(cluster: model.ClusterReport, w: Words) -> Section:
    """Two groups at a time, by the exact conditional test."""
    title = w("Cohorts")
    if not cluster.cohorts:
        why = w(
            "Not compared: it takes two groups of nodes (driver, firmware, batch, rack) with exposure of their own."
        )
        return Section("cohorts", title, [Note(why)])
    columns = [
        Column(w("by"), keep=6),
        Column(w("a"), keep=ESSENTIAL, cut=True),
        Column(w("b"), keep=ESSENTIAL, cut=True),
        Column(w("faults in GPU-days, a"), right=True, keep=ESSENTIAL, wrap=True),
        Column(w("faults in GPU-days, b"), right=True, keep=ESSENTIAL, wrap=True),
        Column(w("rate a ÷ b"), right=True, keep=ESSENTIAL, wrap=True),
        Column(w("p"), right=True, keep=5),
        Column(w("verdict"), keep=8, wrap=True),
    ]
    rows: list[list[Cell]] = [_cohort(cohort, w) for cohort in cluster.cohorts[:TOP]]
    note = w("Verdicts after Benjamini-Hochberg over this page. A difference between groups is no cause by itself.")
    return Section("cohorts", title, [Grid(columns, rows), Note(note)])


def _cohort(cohort: Cohort, w: Words) -> list[Cell]:
    tone = Tone.BAD if "worse" in cohort.verdict else Tone.GOOD if "better" in cohort.verdict else Tone.WARN
    ratio = ratio_text(cohort.ratio)
    if ratio and cohort.low is not None:
        high = "∞" if cohort.high is None else number_text(cohort.high)
        interval = w("{low} to {high}", low=number_text(cohort.low), high=high)
        ratio = f"{ratio} ({interval})"
    return [
        w.told(cohort.dimension.replace("_", " ")),
        name_cell(w.told(cohort.a)),
        name_cell(w.told(cohort.b)),
        _counted(w, cohort.count_a, cohort.gpu_days_a),
        _counted(w, cohort.count_b, cohort.gpu_days_b),
        ratio or w("unknown"),
        p_text(w, cohort.p_value),
        Badge(w.told(cohort.verdict), tone),
    ]


def _counted(w: Words, count: int, gpu_days: float) -> str:
    return w("{count} in {days}", count=count_text(w, count), days=gpu_days_text(w, gpu_days))


def repairs(cluster: model.ClusterReport, w: Words) -> Section:
    """Before and after, on the repaired node itself."""
    title = w("Repairs")
    if not cluster.repairs:
        return Section(
            "repairs", title, [Note(w("No repair was recorded: “clusterctl incidents” takes what was done."))]
        )
    columns = [
        Column(w("node"), keep=ESSENTIAL, cut=True),
        Column(w("at (UTC)"), keep=6),
        Column(w("action"), keep=7, cut=True),
        Column(w("before"), right=True, keep=ESSENTIAL, wrap=True),
        Column(w("after"), right=True, keep=ESSENTIAL, wrap=True),
        Column(w("p"), right=True, keep=4),
        Column(w("verdict"), keep=8, wrap=True),
    ]
    rows: list[list[Cell]] = [_repair(repair, w) for repair in cluster.repairs[:TOP]]
    return Section("repairs", title, [Grid(columns, rows)])


def _repair(repair: Repair, w: Words) -> list[Cell]:
    return [
        name_cell(repair.node),
        moment_text(repair.at),
        w.told(repair.action),
        rate_sentence(w, repair.before),
        rate_sentence(w, repair.after),
        p_text(w, repair.p_value),
        Badge(w.told(repair.verdict), VERDICTS.get(repair.verdict, Tone.PLAIN)),
    ]
