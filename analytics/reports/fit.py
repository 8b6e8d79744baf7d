"""A grid made to fit a terminal: columns that matter least go, long names are cut, rates never are."""

from __future__ import annotations

from clusterctl.analytics.reports.page import ESSENTIAL, Badge, Bar, Cell, Column, Grid, Span
from clusterctl.analytics.reports.words import unisolated
from clusterctl.terminal import GAP, Fitted, cells

BAR_CELLS, SPAN_CELLS = 16, 24
MIN_NAME = 12
WRAPPED = 24
DRAWN = 3
"""Columns kept no more than this are drawings and extras: they go before anything is wrapped or cut."""
EIGHTHS = " ▏▎▍▌▋▊▉█"
STYLES = {"good": "green", "bad": "red", "warn": "yellow", "": ""}


def bar(share: float, width: int = BAR_CELLS) -> str:
    """A bar of block characters to an eighth of a cell; something always shows."""
    eighths = max(1, round(8 * width * min(1.0, max(0.0, share))))
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def span(told: Span, width: int = SPAN_CELLS) -> str:
    """An interval with its point, and what to compare it with."""
    line = [" "] * width

    def at(value: float) -> int:
        return min(width - 1, max(0, int(width * value / told.scale)))

    for mark in told.marks:
        line[at(mark)] = "┊"
    for place in range(at(told.low), at(told.high) + 1):
        line[place] = "┼" if line[place] == "┊" else "─"
    if told.high > told.scale:
        line[-1] = "▸"
    if told.value is not None:
        line[at(told.value)] = "●"
    return "".join(line).rstrip()


def cell(told: Cell) -> tuple[str, str]:
    """Text and style."""
    if told is None:
        return "", ""
    if isinstance(told, Badge):
        return unisolated(told.text), STYLES[told.tone.value]
    if isinstance(told, Bar):
        return f"{bar(told.share)} {told.text}".rstrip(), "cyan"
    if isinstance(told, Span):
        return span(told), "cyan"
    return unisolated(told), ""


Texts = list[list[tuple[str, str]]]


def fit(grid: Grid, width: int) -> tuple[list[Fitted], Texts]:
    """Columns and texts within `width`: drawings go first, then sentences wrap and names are cut, then columns go."""
    columns = list(grid.columns)
    rows = [[cell(entry) for entry in row] for row in grid.rows]
    kept = [index for index, column in enumerate(columns) if column.keep == ESSENTIAL or _told(rows, index)]
    widths = {index: _widest(columns[index], rows, index) for index in kept}
    spare = sorted((i for i in kept if columns[i].keep < ESSENTIAL), key=lambda i: (columns[i].keep, -i))
    while (excess := _total(widths) - width) > 0:
        room = {index: _room(columns[index], widths[index]) for index in widths}
        drawn = bool(spare) and columns[spare[0]].keep <= DRAWN
        if not spare or (sum(room.values()) >= excess and not drawn):
            _take(widths, room, min(excess, sum(room.values())))
            _take(widths, {i: max(0, widths[i] - MIN_NAME) for i in widths if columns[i].wrap}, _total(widths) - width)
            break
        del widths[spare.pop(0)]
    order = sorted(widths)
    return (
        [Fitted(unisolated(columns[i].title), columns[i].right, widths[i], columns[i].wrap) for i in order],
        [[row[i] for i in order] for row in rows],
    )


def _room(column: Column, width: int) -> int:
    """How much narrower a column may become: a sentence may wrap, a name may lose a third, numbers and times nothing."""
    if column.wrap:
        return max(0, width - WRAPPED)
    return max(0, width - max(MIN_NAME, 2 * width // 3)) if column.cut else 0


def _told(rows: Texts, index: int) -> bool:
    """A column in which nothing stands is left out."""
    return any(row[index][0] for row in rows)


def _widest(column: Column, rows: Texts, index: int) -> int:
    return max([cells(column.title), *(cells(row[index][0]) for row in rows)])


def _total(widths: dict[int, int]) -> int:
    return sum(widths.values()) + GAP * len(widths)


def _take(widths: dict[int, int], room: dict[int, int], excess: int) -> None:
    """From the widest first, so that short names stay whole."""
    while excess > 0:
        widest = max((index for index in room if room[index]), key=lambda index: (widths[index], -index), default=None)
        if widest is None:
            return
        widths[widest] -= 1
        room[widest] -= 1
        excess -= 1
