"""What a person sees in a terminal: tables, progress, messages. The one file that imports rich.

Text from kernels, files and hosts passes `clean` before it gets here.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from clusterctl.clock import Clock, SystemClock

GAP = 3
"""Columns of a terminal between two columns of a grid."""


class Fitted(NamedTuple):
    """A column of a grid and the width that it was given."""

    title: str
    right: bool
    width: int
    wrap: bool


_STEERING = re.compile("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def clean(text: str, limit: int = 200) -> str:
    """Without control and formatting characters, which could move the cursor, colour the screen or reorder text."""
    safe = "".join(char if unicodedata.category(char)[0] != "C" else " " for char in text[: limit * 4])
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


def harmless(json_text: str) -> str:
    """The same JSON, with every character that could move the cursor or reorder text as an escape."""
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", json_text)


def cells(text: str) -> int:
    """How many columns of a terminal a text takes: a Chinese character takes two."""
    return cell_len(text)


def console() -> Console:
    """Standard output."""
    return Console(highlight=False, soft_wrap=False)


def say(message: str) -> None:
    """A line to standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text(message))


class Sheet:
    """A page of headings, lines and tables."""

    def __init__(self) -> None:
        self._console = console()

    @property
    def width(self) -> int:
        """Columns of the screen."""
        return self._console.width

    def title(self, text: str) -> None:
        """A heading."""
        self._console.print()
        self._console.print(Text(text, style="bold"))

    def line(self, text: str, style: str = "") -> None:
        """A line, wrapped to the screen."""
        self._console.print(Text(text, style=style))

    def paragraph(self, text: str, style: str = "") -> None:
        """A text that keeps its indent when it wraps."""
        self._console.print(Padding(Text(text, style=style), (0, 0, 0, 1)))

    def numbers(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """Name, number, and what it stands on."""
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 1))
        table.add_column(overflow="fold")
        table.add_column(style="bold", overflow="fold")
        table.add_column(style="dim", overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self._console.print(table)

    def facts(self, rows: Sequence[tuple[str, str]]) -> None:
        """Name and value in two columns."""
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 1))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in rows:
            table.add_row(Text(name), Text(value))
        self._console.print(table)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> None:
        """A table; columns named in `right` are numbers."""
        table = Table(box=None, header_style="dim", padding=(0, 2, 0, 1))
        for name in columns:
            table.add_column(name, justify="right" if name in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self._console.print(table)

    def grid(self, columns: Sequence[Fitted], rows: Sequence[Sequence[tuple[str, str]]]) -> None:
        """A table of given widths; rows of text and style. What is too long wraps between words where the column wraps,
        and ends with "…" where not."""
        table = Table(box=None, header_style="dim", padding=(0, GAP - 1, 0, 1))
        for column in columns:
            table.add_column(
                Text(column.title),
                justify="right" if column.right else "left",
                no_wrap=not column.wrap,
                overflow="fold" if column.wrap else "ellipsis",
                width=column.width,
            )
        for row in rows:
            table.add_row(*(Text(cell, style=style) for cell, style in row))
        self._console.print(table)


class Step(Protocol):
    """Moves a progress bar."""

    def __call__(self, text: str, done: float) -> None: ...


_CLOCK = SystemClock()
LINE_EVERY_S = 5.0
"""Where progress goes into a file, a line so often says enough: a year has 8,760 hours."""


@contextmanager
def progress(total: float, text: str, clock: Clock = _CLOCK) -> Iterator[Step]:
    """A bar on standard error while something takes its time; where that is not a terminal a line, the first at once and
    then at most one in LINE_EVERY_S, none of them twice in a row."""
    if not sys.stderr.isatty():
        last, next_s = "", clock.monotonic_s()

        def plain(text: str, done: float) -> None:
            nonlocal last, next_s
            if text != last and clock.monotonic_s() >= next_s:
                last, next_s = text, clock.monotonic_s() + LINE_EVERY_S
                say(f"[{100 * min(1.0, done / total):3.0f} %] {clean(text)}")

        yield plain
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(text, total=total)

        def move(text: str, done: float) -> None:
            bar.update(task, description=clean(text, 60), completed=done)

        yield move
