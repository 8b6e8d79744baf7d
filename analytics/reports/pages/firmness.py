"""How firm the headline is: other joining rules, clusters of faults, single units."""

from __future__ import annotations

from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.figures import (
    count_text,
    interval_text,
    number_text,
    p_text,
    rate_sentence,
    seconds_text,
    share_text,
    told_rate,
)
from clusterctl.analytics.reports.model_faults import Dispersion
from clusterctl.analytics.reports.page import (
    ESSENTIAL,
    Block,
    Cell,
    Column,
    Facts,
    Grid,
    Note,
    Section,
    Tone,
    name_cell,
)
from clusterctl.analytics.reports.pages.headline import rate_cells, rate_columns
from clusterctl.analytics.reports.words import Words
from clusterctl.analytics.stats import rate_of


def firmness(cluster: model.ClusterReport, w: Words) -> Section:
    """What would move the number although nothing in the fleet changed."""
    faults = cluster.faults
    blocks: list[Block] = [Facts(_dispersion(faults, w)), *_sensitivity(faults, w), *_worst(faults, w)]
    return Section("firmness", w("How firm the fault rate is"), blocks)


def _dispersion(faults: model.Faults, w: Words) -> list[tuple[str, str]]:
    told: Dispersion = faults.dispersion
    name = w("do faults cluster? (φ)")
    if told.phi is None:
        why = w.told(told.remark or "not estimated")
        return [(name, w("{why}; the interval takes faults as independent", why=why))]
    verdict = w("yes: the scaled interval binds") if told.binding else w("not shown")
    text = w(
        "φ {phi}, p {p}, {bins} bins of {days} d: {verdict}",
        phi=number_text(told.phi),
        p=p_text(w, told.p_value),
        bins=told.bins,
        days=told.bin_days,
        verdict=verdict,
    )
    rows = [(name, text)]
    if told.scaled is not None:
        plain = rate_of(faults.count, faults.gpu_days.in_service, "in_service")
        rows.append((w("plain interval"), rate_sentence(w, plain)))
        rows.append((w("scaled interval"), rate_sentence(w, told.scaled)))
    if told.bootstrap_low is not None and told.bootstrap_high is not None and told_rate(faults.per_1000_gpu_days):
        resampled = interval_text(w, told.bootstrap_low, told.bootstrap_high)
        rows.append((w("resampled nodes"), w("{interval}, of 2000 draws", interval=resampled)))
    if told.remark:
        rows.append((w("remark"), w.told(told.remark)))
    return rows


def _sensitivity(faults: model.Faults, w: Words) -> list[Block]:
    if not faults.sensitivity:
        return [Note(w("The count under other joining rules needs signals of single nodes."))]
    columns = rate_columns(w, w("episodes joined"))
    rows: list[list[Cell]] = [
        rate_cells(
            w,
            w("until repaired (this report)") if line.gap_s is None else w(
                "by gaps of {gap}", gap=seconds_text(w, line.gap_s)),
            line.rate,
        )
        for line in faults.sensitivity
    ]  # fmt: skip
    counts = [line.count for line in faults.sensitivity]
    spread = max(counts) / max(1, min(counts))
    blocks: list[Block] = [Grid(columns, rows)]
    if spread >= 2:
        text = w(
            "The rule makes the number as much as the hardware does: a factor of {spread}.", spread=number_text(spread)
        )
        blocks.append(Note(text, Tone.WARN))
    return blocks


def _worst(faults: model.Faults, w: Words) -> list[Block]:
    told = faults.concentration
    if not told.worst:
        return [Note(w("The rate without its worst unit needs faults of single nodes."))]
    columns = [
        Column(w("without the worst"), keep=ESSENTIAL, wrap=True),
        Column(w("name"), keep=ESSENTIAL, cut=True),
        Column(w("its faults"), right=True, keep=ESSENTIAL, wrap=True),
        Column(w("share"), right=True, keep=6),
        Column(w("rate without it"), right=True, keep=ESSENTIAL, wrap=True),
        Column(w("falls"), right=True, keep=5),
    ]
    rows: list[list[Cell]] = [
        [
            w.told(worst.kind.replace("_", " ")),
            name_cell(worst.name, 44),
            count_text(w, worst.count),
            share_text(w, worst.share),
            rate_sentence(w, worst.rate),
            "" if worst.falls_by_factor is None else f"÷{number_text(worst.falls_by_factor)}",
        ]
        for worst in told.worst
    ]
    blocks: list[Block] = [Grid(columns, rows)]
    changing = [worst.name for worst in told.worst if worst.changes_verdict]
    if told.single_unit_dominated:
        blocks.append(Note(w("One unit makes this number: it holds half of the faults, or the verdict."), Tone.WARN))
    elif changing:
        blocks.append(Note(w("Without one unit the verdict would be another."), Tone.WARN))
    return blocks
