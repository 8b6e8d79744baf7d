"""Charts of a report as SVG that belongs into a page: no script, no font, no fixed colour, no size of its own.

Matplotlib draws; colours are then replaced by those of the page (`var(--chart-…)`), so that one drawing serves light, dark
and paper. The one file that imports matplotlib, and only when something is drawn.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from clusterctl.analytics.reports.model_faults import TrendPoint
from clusterctl.analytics.reports.page import SizePlot, TrendPlot
from clusterctl.errors import InputError
from clusterctl.timetext import parse_time

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes

WIDE, NARROW = (9.2, 3.0), (3.6, 2.7)
"""Inches, at 72 units an inch: a chart for a desk and one for a phone, whose letters stay of a size to read."""
TEXT, GRID, LINE, BAND, MARK, CHANGE = "#000001", "#000002", "#000003", "#000004", "#000005", "#000006"
PAINT = {TEXT: "text", GRID: "grid", LINE: "line", BAND: "band", MARK: "mark", CHANGE: "change"}
SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "clusterctl", "font.size": 9.0, "font.family": "DejaVu Sans", "text.color": TEXT,
    "axes.edgecolor": GRID, "axes.labelcolor": TEXT, "xtick.color": GRID, "ytick.color": GRID, "xtick.labelcolor": TEXT,
    "ytick.labelcolor": TEXT, "grid.color": GRID, "grid.linewidth": 0.5, "axes.linewidth": 0.8, "axes.spines.top": False,
    "axes.spines.right": False, "axes.unicode_minus": False, "axes.axisbelow": True,
}  # fmt: skip
MAX_DOTS = 100
LETTER = 0.08
"""Height of a line of letters, of the axis: targets nearer than that share a label."""
X_LABELS = {WIDE: 8, NARROW: 4}


def trend_svg(plot: TrendPlot, prefix: str, size: tuple[float, float]) -> str:
    """The rate by step. `prefix` keeps the ids of drawings on one page apart."""

    def draw(axes: Axes) -> None:
        rates = [point.rate.value or 0.0 for point in plot.points]
        edges = [place - 0.5 for place in range(len(rates) + 1)]
        low, high = [p.rate.low or 0.0 for p in plot.points], [p.rate.high or 0.0 for p in plot.points]
        axes.fill_between(edges, [*low, low[-1]], [*high, high[-1]], step="post", color=BAND, linewidth=0, zorder=0.5)
        axes.step(edges, [*rates, rates[-1]], where="post", color=LINE, linewidth=1.1)
        if len(rates) <= MAX_DOTS:
            axes.plot(range(len(rates)), rates, "o", color=LINE, markersize=3, clip_on=False)
        _changes(axes, plot)
        _days(axes, [point.since[5:10] for point in plot.points], X_LABELS[size])
        axes.set_xlim(-0.5, len(rates) - 0.5)
        axes.set_ylim(bottom=0, top=1.06 * max([*high, *plot.targets, 1e-9]))
        _targets(axes, plot.targets, len(rates))

    return drawn(draw, prefix, size, plot.label)


def _targets(axes: Axes, targets: Sequence[float], steps: int) -> None:
    apart = LETTER * axes.get_ylim()[1]
    named: list[tuple[float, str]] = []
    for target in sorted(targets):
        axes.axhline(target, color=MARK, linewidth=1, linestyle=(0, (5, 3)))
        if named and target - named[-1][0] < apart:
            named[-1] = (target, f"{named[-1][1]}, {target:g}")
        else:
            named.append((target, f"{target:g}"))
    for target, text in named:
        axes.annotate(text, (steps - 0.5, target), xytext=(3, 0), textcoords="offset points", va="center")


def _changes(axes: Axes, plot: TrendPlot) -> None:
    """A line where the rate changed, and the level before and after it."""
    places = [place_of(plot.points, change.at) for change in plot.change_points]
    edges = [-0.5, *places, len(plot.points) - 0.5]
    for index, change in enumerate(plot.change_points):
        axes.axvline(places[index], color=CHANGE, linewidth=1)
        for level, begin, end in (
            (change.before.value, edges[index], edges[index + 1]),
            (change.after.value, edges[index + 1], edges[index + 2]),
        ):
            if level is not None:
                axes.hlines(level, begin, end, color=CHANGE, linewidth=2)


def place_of(points: Sequence[TrendPoint], moment: str) -> float:
    """Where a moment is on an axis whose steps are one apart, also within a step."""
    for index, point in enumerate(points):
        if moment < point.until:
            begin, end, at = (parse_time(text) for text in (point.since, point.until, moment))
            return index - 0.5 + max(0.0, (at - begin) / max(1, end - begin))
    return len(points) - 0.5


def _days(axes: Axes, labels: Sequence[str], most: int) -> None:
    every = -(-len(labels) // most)
    axes.set_xticks(range(0, len(labels), every), labels[::every])
    axes.grid(axis="y")


def size_svg(plot: SizePlot, prefix: str, size: tuple[float, float]) -> str:
    """Hours to failure by size of job, both logarithmic."""

    def draw(axes: Axes) -> None:
        places = [_middle(band.gpus_from, band.gpus_until) for band in plot.bands]
        modelled = [(x, band.mttf_model_h) for x, band in zip(places, plot.bands, strict=True) if band.mttf_model_h]
        axes.plot(*zip(*modelled, strict=True), "s--", color=MARK, markersize=4, linewidth=1, markerfacecolor="none")
        for place, band in zip(places, plot.bands, strict=True):
            hours = band.mttf_measured_h
            if hours.low is not None and hours.value is not None:
                axes.plot([place] * 2, [hours.low, hours.high or hours.value * 4], color=LINE, linewidth=1.5)
                axes.plot([place], [hours.value], "o", color=LINE, markersize=5)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(places, [f"{band.gpus_from:,}+" for band in plot.bands])
        axes.minorticks_off()
        axes.yaxis.set_major_formatter(lambda value, _place: f"{value:,.4g} h")
        axes.grid()

    return drawn(draw, prefix, size, plot.label)


def _middle(low: int, high: int | None) -> float:
    """Of a band, on a logarithmic axis."""
    return float((max(1, low) * (high or 4 * max(1, low))) ** 0.5)


def drawn(draw: Callable[[Axes], None], prefix: str, size: tuple[float, float], label: str) -> str:
    """What `draw` puts on axes, for a page."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError("--format html draws with matplotlib", hint="pip install 'clusterctl[collector]'") from error
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.add_subplot())
        out = io.BytesIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _for_a_page(ElementTree.fromstring(out.getvalue()), prefix, label)


def _for_a_page(svg: ElementTree.Element, prefix: str, label: str) -> str:
    for parent in list(svg.iter()):
        for child in list(parent):
            if child.tag.endswith(("metadata", "style")):
                parent.remove(child)
    for element in svg.iter():
        element.tag = element.tag.rpartition("}")[2]
        kept = {name.rpartition("}")[2]: _attribute(value, name, prefix) for name, value in element.attrib.items()}
        element.attrib.clear()
        element.attrib.update(kept)
    for name in ("width", "height", "version"):
        svg.attrib.pop(name, None)
    svg.attrib.update({"role": "img", "aria-label": label})
    return ElementTree.tostring(svg, encoding="unicode")


def _attribute(value: str, name: str, prefix: str) -> str:
    if name == "id":
        return prefix + value
    if name.endswith("href"):
        return value.replace("#", "#" + prefix, 1)
    value = re.sub(r"url\(#", f"url(#{prefix}", value)
    value = re.sub(r"font: ([\d.]+px)[^;]*", r"font-size: \1", value)
    return re.sub(r"#00000[1-6]", lambda match: f"var(--chart-{PAINT[match[0]]})", value)
