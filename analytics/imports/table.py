"""A CSV file as rows with line numbers, and what could not be used, with the reason."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from clusterctl.errors import InputError

MAX_CELL = 2_000
MAX_RECORD_LINES = 8
"""A quoted cell may hold line breaks, so many at most."""
_NEWLINE = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was left out."""

    line: int
    reason: str


@dataclass
class Outcome:
    """What an import did."""

    kind: str
    cluster: str
    source: str
    rows: int = 0
    incidents: int = 0
    gpu_days: float | None = None
    written: int = 0
    retired: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Line:
    """One row: its number in the file and its cells by lower-case column name."""

    number: int
    cells: dict[str, str]

    def get(self, name: str) -> str:
        """A cell, trimmed; empty if the column is not there."""
        return self.cells.get(name, "")


class CsvTable:
    """A file's header and rows. Raises InputError if it cannot be read as CSV."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            text = path.read_text(encoding="utf-8-sig", errors="replace")
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from error
        self._lines = _NEWLINE.split(text)
        header = next(csv.reader(self._lines[:1]), [])
        self.columns = [name.strip().lower() for name in header]
        if not any(self.columns):
            raise InputError(f"{path}: no header line", hint="the first line names the columns")
        repeated = {name for name in self.columns if name and self.columns.count(name) > 1}
        if repeated:
            raise InputError(f"{path}: column {', '.join(sorted(repeated))} stands twice")

    def require(self, *names: str) -> None:
        """Raises InputError unless all these columns are there."""
        missing = [name for name in names if name not in self.columns]
        if missing:
            separated = ";" in self.columns[0] or "\t" in self.columns[0]
            raise InputError(
                f"{self.path}: no column {', '.join(missing)}; it has {', '.join(self.columns)}",
                hint="cells are separated by commas" if separated else "the first line names the columns",
            )

    def unknown(self, known: set[str]) -> list[str]:
        """Columns that nobody will read."""
        return [name for name in self.columns if name and name not in known]

    def __iter__(self) -> Iterator[Line | Rejected]:
        """Every row, or why it is none. A quote that is not closed costs its own line, not the rest of the file."""
        index = 1
        while index < len(self._lines):
            used, cells = self._record(index)
            if isinstance(cells, str):
                yield Rejected(index + 1, cells)
            elif any(cell.strip() for cell in cells):
                yield self._line(index + 1, cells)
            index += used

    def _record(self, index: int) -> tuple[int, list[str] | str]:
        """How many lines the record at `index` takes, and its cells or what is wrong with it."""
        for used in range(1, MAX_RECORD_LINES + 1):
            lines = [line + "\n" for line in self._lines[index : index + used]]
            try:
                records = list(csv.reader(lines, strict=True))
            except csv.Error as error:
                if "unexpected end of data" in str(error) and index + used < len(self._lines):
                    continue
                return 1, "a quote is not closed" if "unexpected end" in str(error) else f"not CSV: {error}"
            return used, records[0] if records else []
        return 1, "a quote is not closed"

    def _line(self, number: int, cells: list[str]) -> Line | Rejected:
        if len(cells) > len(self.columns):
            return Rejected(number, f"{len(cells)} cells under {len(self.columns)} columns")
        if any(len(cell) > MAX_CELL for cell in cells):
            return Rejected(number, f"a cell of more than {MAX_CELL} characters")
        padded = cells + [""] * (len(self.columns) - len(cells))
        return Line(number, {name: cell.strip() for name, cell in zip(self.columns, padded, strict=True)})
