"""Guesses at a cause, and which ranks and links are slow."""

from __future__ import annotations

from clusterctl.analytics.reports.communication import hint
from clusterctl.analytics.reports.figures import share_text
from clusterctl.analytics.reports.model_comm import CommJob, Communication
from clusterctl.analytics.reports.page import ESSENTIAL, Badge, Block, Cell, Column, Grid, Note, Tone, name_cell
from clusterctl.analytics.reports.words import Words

SHOWN = 3
"""Ranks and links of a job; JSON has more."""


def hints(told: Communication, w: Words) -> list[Block]:
    """One line a job of which something can be said."""
    columns = [
        Column(w("job"), keep=ESSENTIAL, cut=True),
        Column(w("hint at a cause"), keep=ESSENTIAL, wrap=True),
        Column(w("because; what is missing"), keep=8, wrap=True),
    ]
    rows = [_hint(job, w) for job in told.jobs if job.hint.cause != hint.NONE]
    if not rows:
        return []
    caption = w("What may be behind it: a guess by a rule from the trend of the job, no finding")
    return [Grid(columns, rows, caption), Note(w("How a hint is made: docs/kpi.md, section Communication."))]


def slowest(told: Communication, w: Words) -> list[Block]:
    """A table of its own, so that a narrow page has it too."""
    columns = [
        Column(w("job"), keep=ESSENTIAL, cut=True),
        Column(w("slowest ranks"), keep=ESSENTIAL, wrap=True),
        Column(w("slowest links"), keep=ESSENTIAL, wrap=True),
    ]
    rows = [_slowest(job, w) for job in told.jobs if job.slow_ranks or job.slow_links]
    return [Grid(columns, rows, w("Ranks that others wait for, and links found slow under the job"))] if rows else []


def _hint(job: CommJob, w: Words) -> list[Cell]:
    told = job.hint
    seen = w.told(told.because)
    if seen and told.grade:
        seen = w("{because} (grade {grade})", because=seen, grade=name_cell(told.grade, 8))
    known = told.cause in (hint.NETWORK, hint.SLOW_PEER, hint.CONFIGURATION)
    cause = w("cause unknown") if told.cause == hint.UNKNOWN else w.told(told.cause)
    return [
        name_cell(job.job_id, 40),
        Badge(w.told(told.cause), Tone.WARN) if known else cause,
        w("; ").join([seen] * bool(seen) + [w("missing: {what}", what=w.told(one)) for one in told.missing]),
    ]


def _slowest(job: CommJob, w: Words) -> list[Cell]:
    return [
        name_cell(job.job_id, 40),
        w(", ").join(
            w(
                "{rank} at {points} of {all} points",
                rank=_placed(rank.rank, rank.host),
                points=rank.points,
                all=rank.of_points,
            )
            for rank in job.slow_ranks[:SHOWN]
        ),
        w(", ").join(
            w("{port} by {share}", port=_placed(link.port, link.host), share=share_text(w, link.slow_ratio))
            for link in job.slow_links[:SHOWN]
        ),
    ]


def _placed(name: str, host: str) -> str:
    """A rank or port with its node, unless its name begins with it."""
    return (
        name_cell(name, 40)
        if not host or name.startswith(f"{host}/")
        else f"{name_cell(name, 24)} ({name_cell(host, 24)})"
    )
