"""Small plots of block characters, for terminals and Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from clusterctl.analytics.reports.model_faults import TrendPoint
from clusterctl.analytics.reports.page import CommSharePlot, CommTrendPlot

LEVELS = "▁▂▃▄▅▆▇█"
NOTHING = "·"
PER = 1000.0


def spark(values: Sequence[float]) -> str:
    """One character a value, from zero to the greatest; `·` is zero, so that it differs from little."""
    most = max(values, default=0.0)
    if most <= 0:
        return NOTHING * len(values)
    return "".join(NOTHING if value <= 0 else LEVELS[min(7, int(8 * value / most))] for value in values)


def rates(points: Sequence[TrendPoint], width: int) -> list[float]:
    """Rates of at most `width` stretches of about equal length: counts and exposures are added, never rates averaged."""
    if not points:
        return []
    stretch = -(-len(points) // max(1, width))
    parts = [points[start : start + stretch] for start in range(0, len(points), stretch)]
    sums = [(sum(p.count for p in part), sum(p.gpu_days for p in part)) for part in parts]
    return [PER * count / days if days else 0.0 for count, days in sums]


def band_lines(plot: CommTrendPlot | CommSharePlot, width: int) -> tuple[str, str]:
    """The upper ends above the lower ones, on one scale, whose top stands at their end. `│` is where a trend breaks."""
    if isinstance(plot, CommSharePlot):
        upper, lower = [share.possibly for share in plot.shares], [share.surely for share in plot.shares]
        room = width - len(TOP.format(100.0))
        return _drawn(upper, lower, 1.0, room)
    upper, lower = [], []
    for segment in plot.segments:
        upper += (
            [BREAK, *(point.high for point in segment.points)] if upper else [point.high for point in segment.points]
        )
        lower += [BREAK, *(point.low for point in segment.points)] if lower else [point.low for point in segment.points]
    return _drawn(upper, lower, max(upper), width - len(TOP.format(100.0)))


BREAK = -1.0
TOP = " ≤ {:.1f} %"


def _drawn(upper: Sequence[float], lower: Sequence[float], top: float, room: int) -> tuple[str, str]:
    """Where there is no room for all, stretches: the greatest of the upper, the least of the lower ends."""
    stretch = -(-len(upper) // max(1, room))
    parts = range(0, len(upper), stretch)
    high = [_end(max, upper[at : at + stretch]) for at in parts]
    low = [_end(min, lower[at : at + stretch]) for at in parts]
    return "".join(_level(value, top) for value in high) + TOP.format(100 * top), "".join(
        _level(value, top) for value in low
    )


def _end(pick: Callable[[Sequence[float]], float], part: Sequence[float]) -> float:
    known = [value for value in part if value != BREAK]
    return pick(known) if known and len(known) == len(part) else BREAK


def _level(value: float, top: float) -> str:
    if value == BREAK:
        return "│"
    return NOTHING if value <= 0 or top <= 0 else LEVELS[min(7, int(8 * value / top))]
