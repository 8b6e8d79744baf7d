"""Times: between faults, to the failure of a job, to repair; availability and effective training time."""

from __future__ import annotations

from collections.abc import Sequence

from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.figures import (
    count_text,
    gpu_days_text,
    hours_text,
    moment_text,
    number_text,
    rate_sentence,
    seconds_text,
    share_text,
    told_rate,
)
from clusterctl.analytics.reports.model_times import Mttr, RackToTrain, SizeBand, Times
from clusterctl.analytics.reports.page import (
    ESSENTIAL,
    Bar,
    Block,
    Cell,
    Column,
    Facts,
    Grid,
    Note,
    Section,
    SizePlot,
    name_cell,
)
from clusterctl.analytics.reports.words import Words

PARTS = ("detect", "locate", "replace", "reload", "recompute")


def times(cluster: model.ClusterReport, w: Words) -> Section:
    """Each with what it was counted from; what needs job marks or node states says so."""
    told = cluster.times
    blocks: list[Block] = [Facts(_facts(cluster, w)), *_sizes(told.job_sizes, w), *_mttr(told.mttr, w)]
    blocks += _rack_to_train(told.rack_to_train, w)
    return Section("times", w("Times"), blocks)


def _facts(cluster: model.ClusterReport, w: Words) -> list[tuple[str, str]]:
    told, faults = cluster.times, cluster.faults
    between = w(
        "{hours}; {count} faults in {days} GPU-days in service",
        hours=hours_text(w, told.mtbf_gpu_hours),
        count=count_text(w, faults.count),
        days=gpu_days_text(w, faults.gpu_days.in_service),
    )
    if not told_rate(faults.per_1000_gpu_days):
        between = w("no exposure to divide by")
    rows = [(w("GPU-hours between faults (MTBF)"), between)]
    if cluster.interruptions.mtti_hours is not None:
        text = w(
            "{hours} h; {count} interruptions in {evidence} h of evidence",
            hours=number_text(cluster.interruptions.mtti_hours),
            count=count_text(w, cluster.interruptions.count),
            evidence=number_text(cluster.window.evidence_hours),
        )
        rows.append((w("time to interruption (MTTI)"), text))
    rows.append((w("availability"), _availability(told, w)))
    rows.append((w("effective training time (ETTR)"), _ettr(told, w)))
    return rows


def _availability(told: Times, w: Words) -> str:
    known = told.availability
    if known.planned_left_out is None:
        return w("unknown: it takes node states, from the scheduler, the agent or “clusterctl import”")
    return w(
        "{left_out}; {is_down} with planned downtime counted as down",
        left_out=share_text(w, known.planned_left_out),
        is_down=share_text(w, known.planned_is_down),
    )


def _ettr(told: Times, w: Words) -> str:
    known = told.ettr
    if known.cumulative is None:
        return w("unknown: {why}", why=w.told(known.remark) or w("no job marked its steps"))
    parts = [w("{share} of {jobs} jobs", share=share_text(w, known.cumulative), jobs=count_text(w, known.jobs))]
    if known.worst_hour is not None and known.worst_hour_at is not None:
        at = moment_text(known.worst_hour_at)
        parts.append(w("worst hour {share}, from {at}", share=share_text(w, known.worst_hour), at=at))
    if known.expected is not None:
        parts.append(w("the linear model expects {share}", share=share_text(w, known.expected)))
    if known.remark:
        parts.append(w.told(known.remark))
    return w("; ").join(parts)


def _sizes(bands: Sequence[SizeBand], w: Words) -> list[Block]:
    if not bands:
        return [
            Note(w("Time to failure by job size needs jobs: start them under the hook, or “clusterctl import jobs”."))
        ]
    plotted = [band for band in bands if band.mttf_measured_h.value is not None or band.mttf_model_h is not None]
    legend = [("line", w("measured, 95 % interval")), ("mark", w("model: fleet rate, independent failures"))]
    blocks: list[Block] = []
    if len(plotted) > 1:
        blocks.append(SizePlot(plotted, w("Hours to the failure of a job, by its size in GPUs"), legend))
    columns = [
        Column(w("job size, GPUs"), keep=ESSENTIAL, wrap=True),
        Column(w("jobs"), right=True, keep=4),
        Column(w("GPU-days"), right=True, keep=ESSENTIAL),
        Column(w("interruptions"), right=True, keep=ESSENTIAL),
        Column(w("measured MTTF"), right=True, keep=ESSENTIAL, wrap=True),
        Column(w("model MTTF"), right=True, keep=7),
        Column(w("per 1000 GPU-days"), right=True, keep=3, wrap=True),
    ]
    rows: list[list[Cell]] = [_band(band, w) for band in bands]
    return [*blocks, Grid(columns, rows)]


def _band(band: SizeBand, w: Words) -> list[Cell]:
    return [
        name_cell(band.name),
        count_text(w, band.jobs),
        gpu_days_text(w, band.gpu_days),
        count_text(w, band.interruptions),
        hours_text(w, band.mttf_measured_h),
        w("unknown") if band.mttf_model_h is None else w("{hours} h", hours=number_text(band.mttf_model_h)),
        rate_sentence(w, band.rate),
    ]


def _mttr(mttr: Mttr, w: Words) -> list[Block]:
    columns = [
        Column(w("stage"), keep=ESSENTIAL),
        Column(w("times"), right=True, keep=ESSENTIAL),
        Column(w("median"), right=True, keep=ESSENTIAL),
        Column(w("90 %"), right=True, keep=7),
        Column(w("mean"), right=True, keep=7),
        Column(w("mean, as a bar"), keep=3),
    ]
    listed = [(w.told(part.name), part.spread) for part in sorted(mttr.parts, key=_order)]
    listed += [(w("job, in all"), mttr.total), (w("node, out to back"), mttr.nodes)]
    known = [(name, spread) for name, spread in listed if spread.count]
    if not known:
        return [Note(w("Time to repair needs job marks (of jobs) or node states (of nodes)."))]
    longest = max((spread.mean_s or 0.0 for _name, spread in known[:-1]), default=0.0) or 1.0
    rows: list[list[Cell]] = [
        [
            name,
            count_text(w, spread.count),
            seconds_text(w, spread.median_s),
            seconds_text(w, spread.p90_s),
            seconds_text(w, spread.mean_s),
            Bar(min(1.0, (spread.mean_s or 0.0) / longest), "") if spread is not mttr.nodes else None,
        ]
        for name, spread in known
    ]
    return [
        Grid(columns, rows, w("Time to repair (MTTR): a job from last to first useful step, in parts; a node apart"))
    ]


def _order(part: object) -> int:
    name = getattr(part, "name", "")
    return PARTS.index(name) if name in PARTS else len(PARTS)


def _rack_to_train(told: Sequence[RackToTrain], w: Words) -> list[Block]:
    if not told:
        return [Note(w("Rack to train needs an inventory with times of power-on and a job at target size."))]
    columns = [
        Column(w("rack to train"), keep=ESSENTIAL, cut=True),
        Column(w("hours"), right=True, keep=ESSENTIAL),
        Column(w("target GPUs"), right=True, keep=ESSENTIAL),
        Column(w("nodes"), right=True, keep=7),
        Column(w("accepted at first"), right=True, keep=8),
        Column(w("accepted"), right=True, keep=7),
        Column(w("hours by stage"), keep=5, wrap=True),
    ]
    rows: list[list[Cell]] = [
        [
            name_cell(entry.name),
            number_text(entry.hours),
            count_text(w, entry.target_gpus),
            count_text(w, entry.nodes),
            _of(w, entry.nodes_accepted_first, entry.nodes),
            _of(w, entry.nodes_accepted, entry.nodes),
            w(", ").join(f"{w.told(stage.replace('_', ' '))} {number_text(h)}" for stage, h in entry.stages.items()),
        ]
        for entry in told
    ]
    return [Grid(columns, rows)]


def _of(w: Words, part: int | None, whole: int) -> str:
    if part is None:
        return w("unknown")
    return share_text(w, part / whole) if whole else count_text(w, part)
