"""Jobs one by one: exposed share with what it stands on, its parts, its trend, and what half of it would win."""

from __future__ import annotations

from collections.abc import Sequence

from clusterctl.analytics.communication.grade import Grade
from clusterctl.analytics.communication.job import ABOVE, BELOW
from clusterctl.analytics.reports.figures import count_text, moment_text, number_text, seconds_text, share_text
from clusterctl.analytics.reports.model_comm import Against, CommJob, Communication, Exposed, Halving
from clusterctl.analytics.reports.page import (
    ESSENTIAL,
    Badge,
    Block,
    Cell,
    Column,
    CommTrendPlot,
    Grid,
    Note,
    Tone,
    name_cell,
)
from clusterctl.analytics.reports.pages.communication_words import exposed_text, span, standing
from clusterctl.analytics.reports.words import Words, named

MAX_PLOTS = 3
BREAKS = ("source", "grade", "configuration", "calibration")


def jobs(told: Communication, w: Words, scale: float) -> Grid:
    """The best source of each job; a value with its interval, grade, source, window and ranks in every width."""
    columns = [
        Column(w("job"), keep=ESSENTIAL, cut=True),
        Column(w("GPUs"), right=True, keep=6),
        Column(w("GPU-hours"), right=True, keep=5),
        Column(w("exposed (90 % interval)"), keep=ESSENTIAL, wrap=True),
        Column(w("drawn, lines at 6 % and 12 %"), keep=2),
        Column(w("stands on"), keep=ESSENTIAL, wrap=True),
        Column(w("against 6 % and 12 %"), keep=ESSENTIAL, wrap=True),
    ]
    return Grid(columns, [_job(job, w, scale, told.lines) for job in told.jobs], w("The jobs with the most GPU-hours"))


def _job(job: CommJob, w: Words, scale: float, lines: Sequence[float]) -> list[Cell]:
    mark = "≈ " if job.gpu_hours_from == "windows" else ""
    return [
        name_cell(job.job_id, 40),
        count_text(w, job.gpus),
        f"{mark}{number_text(job.gpu_hours)}",
        exposed_text(w, job.exposed),
        span(job.exposed.value, job.exposed.low, job.exposed.high, scale, lines),
        standing(w, job.exposed),
        _verdict(job.verdicts, w),
    ]


def halved(told: Communication, w: Words) -> list[Block]:
    """What half of each job's exposed share would win; a table of its own, so that a narrow page has it too."""
    columns = [
        Column(w("job"), keep=ESSENTIAL, cut=True),
        Column(w("steps shorter by"), right=True, keep=8),
        Column(w("more steps an hour"), right=True, keep=ESSENTIAL),
        Column(w("GPU-hours won"), right=True, keep=ESSENTIAL),
    ]
    rows = [_halved(job, job.halving, w) for job in told.jobs if job.halving is not None]
    return [Grid(columns, rows, w("What half of the exposed share would win, all else as before"))] if rows else []


def _halved(job: CommJob, told: Halving, w: Words) -> list[Cell]:
    shorter = told.step_shorter_low, told.step_shorter_high
    gain = told.throughput_gain_low, told.throughput_gain_high
    hours = told.gpu_hours_low, told.gpu_hours_high
    return [
        name_cell(job.job_id, 40),
        _ends(w, *(share_text(w, end) for end in shorter)),
        _ends(w, *(share_text(w, end) for end in gain)),
        _ends(w, *map(number_text, hours)),
    ]


def _verdict(told: Sequence[Against], w: Words) -> Cell:
    """Of lines that rise: below one is below all that follow, above one above all before it."""
    below = [one for one in told if one.verdict == BELOW][:1]
    above = [one for one in told if one.verdict == ABOVE][-1:]
    if not below and not above:
        return w("not decided")
    phrases = [
        w("{verdict} {line}", verdict=w.told(one.verdict), line=f"{100 * one.target:g} %") for one in (*above, *below)
    ]
    tone = Tone.PLAIN if above and below else Tone.GOOD if below else Tone.BAD
    return Badge(w(", ").join(phrases), tone)


def _ends(w: Words, low: str, high: str) -> str:
    return low if low == high else w("{low} to {high}", low=low, high=high)


def further(told: Communication, w: Words) -> list[Block]:
    """The same jobs by other sources, each by itself: what two methods say is no course of a job."""
    columns = [
        Column(w("job"), keep=ESSENTIAL, cut=True),
        Column(w("exposed (90 % interval)"), keep=ESSENTIAL, wrap=True),
        Column(w("stands on"), keep=ESSENTIAL, wrap=True),
    ]
    rows: list[list[Cell]] = [
        [name_cell(job.job_id, 40), exposed_text(w, other), standing(w, other)]
        for job in told.jobs
        for other in job.others
    ]
    caption = w("The same jobs by other sources and grades: shown apart, since methods differ")
    return [Grid(columns, rows, caption)] if rows else []


def parts(told: Communication, w: Words) -> list[Block]:
    """What the exposed time and all communication consist of, and how single ranks differ."""
    columns = [
        Column(w("job"), keep=ESSENTIAL, cut=True),
        Column(w("all communication"), keep=8, wrap=True),
        Column(w("of it hidden"), right=True, keep=5),
        Column(w("waiting or silent"), keep=ESSENTIAL, wrap=True),
        Column(w("transfer or moving"), keep=ESSENTIAL, wrap=True),
        Column(w("fused"), right=True, keep=3),
        Column(w("idle"), right=True, keep=4),
        Column(w("bus bandwidth, GB/s"), right=True, keep=4),
        Column(w("over ranks: median (least to most)"), keep=7, wrap=True),
        Column(w("why no better grade"), keep=8, wrap=True),
    ]
    rows = [row for row in (_parts(job, w) for job in told.jobs) if any(row[1:])]
    return [Grid(columns, rows, w("What it consists of, as shares of the time of steps"))] if rows else []


def _parts(job: CommJob, w: Words) -> list[Cell]:
    told = job.exposed
    total = "" if told.total is None else share_text(w, told.total)
    mark = w.told(told.total_mark) if told.total_mark else w("unmarked")
    spread = job.spread
    return [
        name_cell(job.job_id, 40),
        w("{total}, {mark}", total=total, mark=mark) if total else "",
        _share(w, told.overlap),
        *_split(w, told),
        _share(w, told.fused),
        _share(w, told.idle),
        "" if told.busbw_gbs is None else number_text(told.busbw_gbs),
        ""
        if spread is None
        else w(
            "{median} ({low} to {high}) of {ranks} ranks, {at}",
            median=share_text(w, spread.median),
            low=share_text(w, spread.low),
            high=share_text(w, spread.high),
            ranks=count_text(w, spread.ranks),
            at=moment_text(spread.at),
        ),
        "" if told.grade == Grade.EXACT.value or told.low is None else w.told(told.reason),
    ]


def _split(w: Words, told: Exposed) -> tuple[str, str]:
    """A trace tells waiting; from telemetry it may be small kernels as well, and is called silent."""
    wait, transfer = _share(w, told.wait), _share(w, told.transfer)
    if told.grade == Grade.EXACT.value:
        return wait and w("{share} waiting", share=wait), transfer and w("{share} transfer", share=transfer)
    return wait and w("{share} silent", share=wait), transfer and w("{share} moving", share=transfer)


def _share(w: Words, share: float | None) -> str:
    return "" if share is None else share_text(w, share)


def trends(told: Communication, w: Words) -> list[Block]:
    """The largest jobs that have a course to show."""
    found = [job for job in told.jobs if sum(len(segment.points) for segment in job.trend) > 1]
    return [_trend(job, told.lines, w) for job in found[:MAX_PLOTS]]


def _trend(job: CommJob, lines: Sequence[float], w: Words) -> CommTrendPlot:
    grades = {segment.grade for segment in job.trend}
    breaks = [w.told(segment.began) for segment in job.trend if segment.began in BREAKS]
    about = w("not broken: one source, grade and configuration")
    if len(job.trend) > 1:
        about = w("sources stand apart and are never joined")
    if breaks:
        about = w("broken where another begins: {what}", what=w(", ").join(dict.fromkeys(breaks)))
    legend = [
        *([("line", w("grades A and B: value"))] if grades & {"A", "B"} else []),
        *([("band", w("90 % interval; of grades C and D bounds only"))] if grades - {Grade.EXACT.value} else []),
        *([("change", w("exact, from a trace"))] if Grade.EXACT.value in grades else []),
        ("mark", w("6 % claimed, 12 % of the industry")),
    ]
    label = w("Exposed share of job {job} over its time", job=named(job.job_id, 40))
    return CommTrendPlot(job.trend, lines, label, about, legend)


def configured(told: Communication, w: Words) -> list[Block]:
    """Whose mean is one over several configurations."""
    names = [named(job.job_id, 40) for job in told.jobs if job.configurations > 1]
    if not names:
        return []
    text = w(
        "The layout or the number of ranks changed within the window, so the mean is one over both: {jobs}.",
        jobs=w(", ").join(names),
    )
    return [Note(text, Tone.WARN)]


def calibrated(told: Communication, w: Words) -> list[Block]:
    """How old the calibration of grade A is."""
    rows = [
        w(
            "{job} {at}, {age} before the end of its newest window",
            job=named(job.job_id, 40),
            at=moment_text(job.calibrated_at),
            age=seconds_text(w, job.calibration_age_s),
        )
        for job in told.jobs
        if job.calibrated_at is not None and job.calibration_age_s is not None
    ]
    return [Note(w("Calibrated from a trace: {jobs}.", jobs=w(", ").join(rows)))] if rows else []
