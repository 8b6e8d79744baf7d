"""What was measured slower than its peers."""

from __future__ import annotations

from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.figures import count_text, moment_text, number_text, share_text
from clusterctl.analytics.reports.page import ESSENTIAL, Badge, Cell, Column, Grid, Note, Section, Tone, name_cell
from clusterctl.analytics.reports.words import Words

TOP = 12


def slow(cluster: model.ClusterReport, w: Words) -> Section:
    """Findings, the greatest loss first."""
    title = w("Fail-slow")
    if not cluster.slow:
        why = w(
            "Nothing was measured at least 10 % slower than its peers for 5 min; it takes samples of GPUs under a job."
        )
        return Section("slow", title, [Note(why)])
    columns = [
        Column(w("node"), keep=ESSENTIAL, cut=True),
        Column(w("what"), keep=8, cut=True),
        Column(w("metric"), keep=5, cut=True),
        Column(w("slower by"), right=True, keep=ESSENTIAL),
        Column(w("confidence"), right=True, keep=4),
        Column(w("peers"), right=True, keep=3),
        Column(w("since (UTC)"), keep=6),
        Column(w("until"), keep=4),
        Column(w("job"), keep=4, cut=True),
        Column(w("GPU-hours lost"), right=True, keep=7),
    ]
    rows: list[list[Cell]] = [
        [
            name_cell(found.node),
            name_cell(found.name, 40),
            w.told(found.metric.replace("_", " ")),
            share_text(w, found.slow_ratio),
            share_text(w, found.confidence),
            count_text(w, found.peers),
            moment_text(found.onset),
            moment_text(found.until) if found.until else Badge(w("still"), Tone.BAD),
            name_cell(found.job_id, 24),
            w("unknown") if found.gpu_hours_lost is None else number_text(found.gpu_hours_lost),
        ]
        for found in cluster.slow[:TOP]
    ]
    return Section("slow", title, [Grid(columns, rows)])
