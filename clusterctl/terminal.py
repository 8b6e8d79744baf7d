"""What a person sees in a terminal: tables, progress, messages. The one file that imports rich.

Text from kernels, files and hosts passes `clean` before it gets here.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text


def clean(text: str, limit: int = 200) -> str:
    """Without control and formatting characters, which could move the cursor, colour the screen or reorder text."""
    safe = "".join(char if unicodedata.category(char)[0] != "C" else " " for char in text[: limit * 4])
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


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

    def title(self, text: str) -> None:
        """A heading."""
        self._console.print()
        self._console.print(Text(text, style="bold"))

    def line(self, text: str, style: str = "") -> None:
        """A line, wrapped to the screen."""
        self._console.print(Text(text, style=style))

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


class Step(Protocol):
    """Moves a progress bar."""

    def __call__(self, text: str, done: float) -> None: ...


@contextmanager
def progress(total: float, text: str) -> Iterator[Step]:
    """A bar on standard error while something takes its time; only lines where that is not a terminal."""
    if not sys.stderr.isatty():
        said: set[str] = set()

        def plain(text: str, done: float) -> None:
            if text not in said:
                said.add(text)
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
