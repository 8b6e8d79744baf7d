"""The report as Markdown, for a weekly review."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clusterctl.analytics.reports.fit import bar, span
from clusterctl.analytics.reports.page import (
    Badge,
    Bar,
    Block,
    Card,
    Cards,
    Cell,
    ClusterPage,
    CommSharePlot,
    CommTrendPlot,
    Facts,
    Grid,
    Page,
    Section,
    Span,
    TrendPlot,
)
from clusterctl.analytics.reports.sparks import band_lines, rates, spark
from clusterctl.analytics.reports.words import Words, unisolated
from clusterctl.terminal import clean

SPARK_CELLS = 60
BAR_CELLS = 10
SPECIAL = "\\`*_[]|<>&~#"
"""What Markdown, or HTML within it, could take for markup."""
ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}


def to_markdown(page: Page, w: Words) -> str:
    """CommonMark with tables. Nothing in a name can end a cell or become markup."""
    parts = [f"# {_text(page.title)}", ""]
    for cluster in page.clusters:
        parts += _cluster(cluster, w)
    for section in page.closing:
        parts += _section(section, w, level="##")
    parts += [_text(line) + "  " for line in page.colophon]
    return "\n".join(parts) + "\n"


def _cluster(cluster: ClusterPage, w: Words) -> Iterator[str]:
    yield from (f"## {_text(cluster.name)}", "", _text(cluster.window), "")
    for section in cluster.sections:
        yield from _section(section, w, level="###")


def _section(section: Section, w: Words, level: str) -> Iterator[str]:
    yield from (f"{level} {_text(section.title)}", "")
    for block in section.blocks:
        lines = list(_block(block, w, section.key))
        yield from ([*lines, ""] if lines else [])


def _block(block: Block, w: Words, key: str) -> Iterator[str]:
    if isinstance(block, Cards):
        yield from _cards(block.cards, w)
    elif isinstance(block, Facts):
        yield from (f"- {_text(name)}: {_text(value)}" for name, value in block.rows)
    elif isinstance(block, Grid):
        yield from _grid(block)
    elif isinstance(block, TrendPlot):
        yield from (f"`{spark(rates(block.points, SPARK_CELLS))}`", "", f"{_text(block.label)}; {_text(block.peak)}.")
    elif isinstance(block, (CommTrendPlot, CommSharePlot)):
        yield from (
            "```text",
            *band_lines(block, SPARK_CELLS),
            "```",
            "",
            f"{_text(block.label)}; {_text(block.about)}.",
        )
    elif not isinstance(block, (Cards, Facts, Grid)) and hasattr(block, "text"):
        yield f"- {_text(block.text)}" if key in ("definitions", "headline") else _text(block.text)


def _cards(cards: Sequence[Card], w: Words) -> Iterator[str]:
    yield from (f"| {_text(w('measure'))} | | {_text(w('stands on'))} |", "|---|---:|---|")
    for card in cards:
        notes = "; ".join(_text(note) for note in card.notes)
        badges = "".join(f"; **{_text(badge.text)}**" for badge in card.badges)
        yield f"| {_text(card.name)} | **{_text(card.value)}** | {notes}{badges} |"


def _grid(grid: Grid) -> Iterator[str]:
    if grid.spare:
        return
    shown = [i for i in range(len(grid.columns)) if any(row[i] not in (None, "") for row in grid.rows)]
    if grid.caption:
        yield from (f"*{_text(grid.caption)}*", "")
    yield "| " + " | ".join(_text(grid.columns[i].title) for i in shown) + " |"
    yield "|" + "|".join("---:" if grid.columns[i].right else "---" for i in shown) + "|"
    for row in grid.rows:
        yield "| " + " | ".join(_cell(row[i]) for i in shown) + " |"


def _cell(told: Cell) -> str:
    if told is None:
        return ""
    if isinstance(told, Badge):
        return f"**{_text(told.text)}**" if told.tone.value else _text(told.text)
    if isinstance(told, Bar):
        return bar(told.share, BAR_CELLS)
    if isinstance(told, Span):
        drawn = span(told).replace(" ", "\u00a0")
        return f"`{drawn}`"
    return _text(told)


def _text(text: str) -> str:
    """Escaped; `clean` once more, since nothing but this stands between a name and the page."""
    safe = clean(unisolated(text), 600)
    escaped = "".join(ENTITIES.get(char) or ("\\" + char if char in SPECIAL else char) for char in safe)
    return escaped.replace("http://", "http&#58;//").replace("https://", "https&#58;//").replace("www.", "www&#46;")
