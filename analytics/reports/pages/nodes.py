"""The worst nodes, and those that are worse than chance allows."""

from __future__ import annotations

from collections.abc import Sequence

from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.figures import (
    count_text,
    number_text,
    p_text,
    rate_sentence,
    seconds_text,
    share_text,
)
from clusterctl.analytics.reports.model_nodes import Lemon, Lemons, NodeLine
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
from clusterctl.analytics.reports.words import Words

TOP = 12
STATES = {"in_service": Tone.GOOD, "drained": Tone.WARN, "repair": Tone.WARN, "unknown": Tone.WARN}


def nodes(cluster: model.ClusterReport, w: Words) -> Section:
    """Ranked by faults, then tested against all others."""
    blocks: list[Block] = []
    if cluster.worst_nodes:
        blocks.append(_worst(cluster.worst_nodes, w))
    else:
        blocks.append(Note(w("No incident of this window names a node.")))
    for lemons, kind in zip(cluster.lemons, (w("nodes"), w("GPUs")), strict=False):
        blocks += _lemons(lemons, kind, w)
    if not cluster.lemons:
        blocks.append(Note(w("Lemons are not looked for: it takes faults of single nodes and their exposure.")))
    return Section("nodes", w("Worst nodes and lemons"), blocks)


def _worst(lines: Sequence[NodeLine], w: Words) -> Grid:
    columns = [
        Column(w("node"), keep=ESSENTIAL, cut=True),
        Column(w("rack"), keep=4, cut=True),
        Column(w("faults"), right=True, keep=ESSENTIAL),
        Column(w("incidents"), right=True, keep=6),
        Column(w("open"), right=True, keep=6),
        Column(w("state"), keep=7),
        Column(w("time out of service"), right=True, keep=5),
        Column(w("last cause"), keep=5, cut=True),
    ]
    rows: list[list[Cell]] = [
        [
            name_cell(line.node),
            name_cell(line.rack, 24),
            count_text(w, line.faults),
            count_text(w, line.incidents),
            count_text(w, line.open_incidents),
            Badge(w.told(line.state.replace("_", " ")), STATES.get(line.state, Tone.PLAIN)),
            seconds_text(w, None if line.out_of_service_h is None else 3600 * line.out_of_service_h),
            name_cell(line.last_cause),
        ]
        for line in lines[:TOP]
    ]
    return Grid(columns, rows)


def _lemons(lemons: Lemons, kind: str, w: Words) -> list[Block]:
    tested = w(
        "{tested} {kind} tested over {days} days",
        tested=count_text(w, lemons.units_tested),
        kind=kind,
        days=number_text(lemons.window_days),
    )
    if not lemons.listed:
        remark = w.told(lemons.remark) if lemons.remark else w("none has two faults")
        return [Note(w("{tested}: {remark}.", tested=tested, remark=remark))]
    columns = [
        Column(w("lemon?"), keep=ESSENTIAL, cut=True),
        Column(w("judgement"), keep=8),
        Column(w("faults"), right=True, keep=ESSENTIAL),
        Column(w("expected"), right=True, keep=8),
        Column(w("GPU-days"), right=True, keep=5),
        Column(w("p"), right=True, keep=8),
        Column(w("what else is known of it"), keep=3, wrap=True),
    ]
    rows = [_lemon(lemon, w) for lemon in lemons.listed[:TOP]]
    blocks: list[Block] = [Grid(columns, rows, tested)]
    if lemons.rate_without is not None:
        text = w(
            "Candidates are {nodes} of the nodes and hold {faults} of the faults; without them: {rate}.",
            nodes=share_text(w, lemons.share_of_nodes),
            faults=share_text(w, lemons.share_of_faults),
            rate=rate_sentence(w, lemons.rate_without),
        )
        blocks.append(Note(text))
    if lemons.remark:
        blocks.append(Note(w.told(lemons.remark)))
    return blocks


def _lemon(lemon: Lemon, w: Words) -> list[Cell]:
    badge = Badge(w("significant"), Tone.WARN) if lemon.significant else Badge(w("chance will do"), Tone.PLAIN)
    if lemon.candidate:
        badge = Badge(w("candidate"), Tone.BAD)
    if lemon.confirmed:
        badge = Badge(w("confirmed"), Tone.BAD)
    known = [
        f"{w.told(name.replace('_', ' '))} {count_text(w, count)}" for name, count in lemon.counters.items() if count
    ]
    return [
        name_cell(lemon.name),
        badge,
        count_text(w, lemon.count),
        number_text(lemon.expected),
        number_text(lemon.gpu_days),
        p_text(w, lemon.p_value),
        w(", ").join(known),
    ]
