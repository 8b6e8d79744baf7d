"""Charts about communication: a job's exposed share over its time, and how GPU-hours spread over exposed shares.

Nothing that a cluster named is drawn: the drawing library would read some of it as formulas.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clusterctl.analytics.communication.grade import Grade
from clusterctl.analytics.reports.charts import BAND, CHANGE, LINE, MARK, X_LABELS, drawn
from clusterctl.analytics.reports.model_comm import CommPoint, CommSegment
from clusterctl.analytics.reports.page import CommSharePlot, CommTrendPlot
from clusterctl.clock import MS_PER_DAY, iso_text, utc
from clusterctl.timetext import parse_time

if TYPE_CHECKING:
    from clusterctl.analytics.reports.charts import Axes

GRADES = {grade.value for grade in Grade}
LEAST_SHOWN = 0.2
"""An axis reaches this far at least, so that both lines are on it."""
ROOM = 1.12
HOUR_MS = 3_600_000
STEPS_H = (1, 2, 3, 6, 12, 24, 48, 72, 168, 336, 672, 1344, 2688)
"""Hours between two labels."""
SHORT_MS = 3 * MS_PER_DAY
"""Below it a moment is told by its hour."""


def comm_trend_svg(plot: CommTrendPlot, prefix: str, size: tuple[float, float]) -> str:
    """A line with its band where a grade has values, the band alone where it has bounds, marks where it was measured."""
    moments = [parse_time(point.at) for segment in plot.segments for point in segment.points]
    begin, end = min(moments), max(moments)

    def draw(axes: Axes) -> None:
        top = max([LEAST_SHOWN, *(point.high for segment in plot.segments for point in segment.points)])
        axes.set_ylim(0, ROOM * top)
        for segment in plot.segments:
            _segment(axes, segment, begin, ROOM * top)
        _lines(axes, plot.lines)
        axes.margins(x=0.02)
        _moments(axes, begin, end, X_LABELS[size])

    return drawn(draw, prefix, size, plot.label)


def _segment(axes: Axes, segment: CommSegment, begin: int, top: float) -> None:
    places = [float(parse_time(point.at) - begin) for point in segment.points]
    if segment.grade == Grade.EXACT.value:
        axes.plot(places, _values(segment.points), "D", color=CHANGE, markersize=5, clip_on=False, zorder=3)
        return
    low, high = [point.low for point in segment.points], [point.high for point in segment.points]
    if len(places) == 1:
        axes.plot(places * 2, [*low, *high], color=BAND, linewidth=5, solid_capstyle="butt", zorder=0.5)
    axes.fill_between(places, low, high, color=BAND, linewidth=0, zorder=0.5)
    if any(point.value is not None for point in segment.points):
        axes.plot(places, _values(segment.points), color=LINE, linewidth=1.1, marker="o", markersize=2.5)
    else:
        for edge in (low, high):
            axes.plot(places, edge, color=LINE, linewidth=0.8, linestyle=(0, (1, 2)))
    if segment.grade in GRADES:
        axes.annotate(segment.grade, (places[0], top), xytext=(0, -2), textcoords="offset points", va="top")


def _values(points: Sequence[CommPoint]) -> list[float]:
    return [float("nan") if point.value is None else point.value for point in points]


def _lines(axes: Axes, lines: Sequence[float]) -> None:
    for line in lines:
        axes.axhline(line, color=MARK, linewidth=1, linestyle=(0, (5, 3)))
    axes.yaxis.set_major_formatter(_percent)
    axes.grid(axis="y")


def _moments(axes: Axes, begin: int, end: int, most: int) -> None:
    """Full days, or full hours where there are few; both ends where there is none of them between."""
    short = end - begin < SHORT_MS
    most = most * 3 // 4 if short else most
    apart = next(
        (hours * HOUR_MS for hours in STEPS_H if (end - begin) < most * hours * HOUR_MS), STEPS_H[-1] * HOUR_MS
    )
    places = list(range(-(-begin // apart) * apart, end + 1, apart))
    if len(places) < 2:
        places = sorted({begin, end})
    names = [iso_text(utc(at))[5:16].replace("T", " ") if short else iso_text(utc(at))[5:10] for at in places]
    axes.set_xticks([float(at - begin) for at in places], names)


def comm_share_svg(plot: CommSharePlot, prefix: str, size: tuple[float, float]) -> str:
    """Between what is surely and what is possibly at or under each share runs the true curve."""

    def draw(axes: Axes) -> None:
        places = [share.at_most for share in plot.shares]
        right = max(LEAST_SHOWN, places[-1])
        surely, possibly = [s.surely for s in plot.shares], [s.possibly for s in plot.shares]
        places, surely, possibly = [*places, right], [*surely, surely[-1]], [*possibly, possibly[-1]]
        axes.fill_between(places, surely, possibly, step="post", color=BAND, linewidth=0, zorder=0.5)
        for edge in (surely, possibly):
            axes.step(places, edge, where="post", color=LINE, linewidth=1.1)
        for line in plot.lines:
            axes.axvline(line, color=MARK, linewidth=1, linestyle=(0, (5, 3)))
        axes.set_xlim(0, right)
        axes.set_ylim(0, 1.03)
        axes.xaxis.set_major_formatter(_percent)
        axes.yaxis.set_major_formatter(_percent)
        axes.grid(axis="y")

    return drawn(draw, prefix, size, plot.label)


def _percent(value: float, _place: float) -> str:
    return f"{100 * value:.4g} %"
