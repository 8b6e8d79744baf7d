"""The report in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.fit import fit, span
from clusterctl.analytics.reports.page import (
    Block,
    Card,
    Cards,
    CommSharePlot,
    CommTrendPlot,
    Facts,
    Grid,
    Note,
    Section,
    SizePlot,
    Tone,
    TrendPlot,
)
from clusterctl.analytics.reports.pages import page_of
from clusterctl.analytics.reports.sparks import band_lines, rates, spark
from clusterctl.analytics.reports.words import ENGLISH, Words, unisolated
from clusterctl.terminal import Sheet

MARGIN = 1
STYLES = {Tone.GOOD: "green", Tone.BAD: "red", Tone.WARN: "yellow", Tone.PLAIN: "dim"}
QUIET = frozenset({"definitions"})


def show(report: model.Report, lang: str = ENGLISH) -> None:
    """Print every cluster, then what the numbers mean."""
    sheet = Sheet()
    page = page_of(report, Words(lang))
    for cluster in page.clusters:
        sheet.title(f"{cluster.name}: {cluster.window}")
        for section in cluster.sections:
            _section(sheet, section)
    for section in page.closing:
        _section(sheet, section)
    for line in page.colophon:
        sheet.line(f" {line}", style="dim")


def _section(sheet: Sheet, section: Section) -> None:
    sheet.title(section.title)
    for block in section.blocks:
        _block(sheet, block, bullet=section.key in QUIET)


def _block(sheet: Sheet, block: Block, *, bullet: bool) -> None:
    if isinstance(block, Cards):
        _cards(sheet, block.cards)
    elif isinstance(block, Facts):
        sheet.facts([(unisolated(name), unisolated(value)) for name, value in block.rows])
    elif isinstance(block, Grid):
        _grid(sheet, block)
    elif isinstance(block, TrendPlot):
        _trend(sheet, block)
    elif isinstance(block, (CommTrendPlot, CommSharePlot)):
        _comm(sheet, block)
    elif isinstance(block, SizePlot):
        pass  # the table below it has the numbers
    else:
        _note(sheet, block, bullet=bullet)


def _grid(sheet: Sheet, grid: Grid) -> None:
    if grid.spare:
        return
    if grid.caption:
        sheet.paragraph(unisolated(grid.caption), style="dim")
    columns, rows = fit(grid, sheet.width - MARGIN)
    sheet.grid(columns, rows)


def _note(sheet: Sheet, note: Note, *, bullet: bool) -> None:
    lead = "· " if bullet else "! " if note.tone in (Tone.WARN, Tone.BAD) else ""
    sheet.paragraph(f"{lead}{unisolated(note.text)}", style=STYLES[note.tone])


def _cards(sheet: Sheet, cards: Sequence[Card]) -> None:
    """The number, then what it stands on; the verdicts come with their reasons below."""
    rows = []
    for card in cards:
        drawn = f"   {span(card.span)}" if card.span is not None and sheet.width >= WIDE else ""
        rows.append((unisolated(card.name), f"{card.value}{drawn}", unisolated("; ".join(card.notes))))
    sheet.numbers(rows)


WIDE = 110


def _trend(sheet: Sheet, plot: TrendPlot) -> None:
    line = spark(rates(plot.points, sheet.width - 2 * MARGIN))
    sheet.line(f" {unisolated(plot.label)}", style="dim")
    sheet.line(f" {line}", style="cyan")
    sheet.paragraph(unisolated(plot.peak), style="dim")


def _comm(sheet: Sheet, plot: CommTrendPlot | CommSharePlot) -> None:
    """The two ends of the intervals, one above the other: a single line would be a value that nobody has."""
    sheet.line(f" {unisolated(plot.label)}", style="dim")
    for line in band_lines(plot, sheet.width - 2 * MARGIN):
        sheet.line(f" {line}", style="cyan")
    sheet.paragraph(unisolated(plot.about), style="dim")
