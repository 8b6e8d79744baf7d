"""Communication share of training time: the fleet, then job by job, each value with what it stands on."""

from __future__ import annotations

from collections.abc import Sequence

from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.figures import count_text, number_text, share_text
from clusterctl.analytics.reports.model_comm import CommGroup, Communication
from clusterctl.analytics.reports.page import (
    ESSENTIAL,
    Block,
    Cell,
    Column,
    CommSharePlot,
    Grid,
    Note,
    Section,
    Tone,
    name_cell,
)
from clusterctl.analytics.reports.pages.communication_hints import hints, slowest
from clusterctl.analytics.reports.pages.communication_jobs import (
    calibrated,
    configured,
    further,
    halved,
    jobs,
    parts,
    trends,
)
from clusterctl.analytics.reports.pages.communication_traced import traced
from clusterctl.analytics.reports.pages.communication_words import interval, span
from clusterctl.analytics.reports.words import Words

SCALE = 0.25
"""Exposed share at the right end of a drawn interval, unless one is larger."""


def communication(cluster: model.ClusterReport, w: Words) -> Section:
    """The share of training time that goes to communication."""
    told, title = cluster.communication, w("Communication share of training time")
    if not told.groups:
        return Section("communication", title, [Note(w.told(told.status))])
    scale = max([SCALE, *(group.high or 0.0 for group in told.groups), *(job.exposed.high or 0.0 for job in told.jobs)])
    blocks: list[Block] = [*_distribution(told, w), _groups(told, w, scale), jobs(told, w, scale), *halved(told, w)]
    blocks += [
        *further(told, w),
        *parts(told, w),
        *traced(told, w),
        *trends(told, w),
        *hints(told, w),
        *slowest(told, w),
        *_remarks(told, w),
    ]
    return Section("communication", title, blocks)


def _distribution(told: Communication, w: Words) -> list[Block]:
    if sum(group.jobs for group in told.groups if group.dimension == "all") < 2 or len(told.distribution) < 2:
        return []
    return [
        CommSharePlot(
            told.distribution,
            told.lines,
            w("Share of GPU-hours in jobs that expose at most so much of their step to communication"),
            w(
                "from 0 % to {last} exposed; {hours} GPU-hours of jobs with an interval",
                last=share_text(w, told.distribution[-1].at_most),
                hours=number_text(told.gpu_hours_with_interval),
            ),
            [
                ("line", w("by the upper ends (below) and the lower ends (above) of 90 % intervals")),
                ("band", w("where the true curve may run")),
                ("mark", w("6 % claimed, 12 % of the industry")),
            ],
        )
    ]


def _groups(told: Communication, w: Words, scale: float) -> Grid:
    columns = [
        Column(w("jobs, by GPU time"), keep=ESSENTIAL, cut=True),
        Column(w("jobs"), right=True, keep=7),
        Column(w("GPU-hours"), right=True, keep=ESSENTIAL),
        Column(w("mean exposed (90 % interval)"), right=True, keep=ESSENTIAL, wrap=True),
        Column(w("drawn, lines at 6 % and 12 %"), keep=2),
        Column(w("at most 6 %"), right=True, keep=8),
        Column(w("between"), right=True, keep=5),
        Column(w("above 12 %"), right=True, keep=8),
        Column(w("undecided"), right=True, keep=8),
        Column(w("not available"), right=True, keep=4),
    ]
    return Grid(columns, [_group(group, w, scale, told.lines) for group in told.groups])


def _group(group: CommGroup, w: Words, scale: float, lines: Sequence[float]) -> list[Cell]:
    name = name_cell(group.name, 40) if group.dimension == "gpu_model" else w.told(group.name)
    named = {"job_size": w("{name} GPUs", name=name), "grade": w("grade {grade}", grade=name)}
    shares = (group.below_share, group.between_share, group.above_share, group.undecided_share, group.unavailable_share)
    return [
        named.get(group.dimension, name),
        count_text(w, group.jobs),
        number_text(group.gpu_hours),
        interval(w, group.value, group.low, group.high),
        span(group.value, group.low, group.high, scale, lines),
        *(share_text(w, share) for share in shares),
    ]


def _remarks(told: Communication, w: Words) -> list[Block]:
    notes: list[Block] = [*configured(told, w), *calibrated(told, w)]
    if told.more_jobs:
        text = w(
            "{count} jobs more, with {hours} GPU-hours, are in the groups above and not listed.",
            count=count_text(w, told.more_jobs),
            hours=number_text(told.more_gpu_hours),
        )
        notes.append(Note(text))
    sources = [source for job in told.jobs for source in (job.exposed, *job.others)]
    for label in sorted({source.label for source in sources if source.label}):
        notes.append(Note(w("Grades A to D, from telemetry: {label}.", label=w.told(label)), Tone.WARN))
    if any(job.gpu_hours_from == "windows" for job in told.jobs):
        notes.append(
            Note(w("No scheduler told of jobs marked ≈: their GPU-hours are ranks times the windows looked at."))
        )
    return notes
