"""What the newest trace of a job says beside its shares: which kernels communicate, and which nobody could place."""

from __future__ import annotations

from clusterctl.analytics.reports.figures import moment_text, share_text
from clusterctl.analytics.reports.model_comm import Communication, Traced
from clusterctl.analytics.reports.page import ESSENTIAL, Block, Cell, Column, Grid, Note, Tone, name_cell
from clusterctl.analytics.reports.words import Words

SHOWN = 3
"""Names in a cell; JSON has more."""
NAME = 48


def traced(told: Communication, w: Words) -> list[Block]:
    """A line a job that left traces."""
    columns = [
        Column(w("job"), keep=ESSENTIAL, cut=True),
        Column(w("kernels that communicate"), keep=7, wrap=True),
        Column(w("kernels that no rule knows"), keep=ESSENTIAL, wrap=True),
        Column(w("others waited for"), keep=8, wrap=True),
        Column(w("kernel table"), keep=3),
        Column(w("trace of"), keep=4),
    ]
    rows: list[list[Cell]] = [
        [name_cell(job.job_id, 40), *_cells(job.traced, w)] for job in told.jobs if job.traced is not None
    ]
    if not rows:
        return []
    blocks: list[Block] = [Grid(columns, rows, w("What the newest trace of each job holds"))]
    if any(job.traced is not None and job.traced.unplaced for job in told.jobs):
        text = w("Kernels that no rule knows count as compute: look at their names before you believe a low share.")
        blocks.append(Note(text, Tone.WARN))
    return blocks


def _cells(told: Traced, w: Words) -> list[Cell]:
    return [
        _names(told.families, w),
        _names(told.unplaced, w),
        ""
        if told.waited_for is None or told.waited_for_share is None
        else w("rank {rank}, {share} of all waiting", rank=told.waited_for, share=share_text(w, told.waited_for_share)),
        w(", ").join(name_cell(table, 16) for table in told.kernel_tables),
        moment_text(told.at),
    ]


def _names(names: list[str] | None, w: Words) -> str:
    """Between semicolons: kernels have commas in their names."""
    if not names:
        return w("unknown") if names is None else w("none")
    shown = [name_cell(name, NAME) for name in names[:SHOWN]]
    return w("; ").join([*shown, *([w("{count} more", count=len(names) - SHOWN)] if len(names) > SHOWN else [])])
