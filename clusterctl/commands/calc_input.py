"""What `clusterctl calc` takes: options that many of its commands share, and CSV files of counts.

A row that cannot be used stops the command: a test over the rest would answer another question.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Annotated

import typer

from clusterctl.analytics.imports.table import CsvTable, Line, Rejected
from clusterctl.commands.common import ShortFormat
from clusterctl.errors import InputError

MAX_ROWS = 1_000_000
MAX_NAME = 200
MOST = 1_000_000_000
"""Of anything that is counted: faults, GPUs, links."""
LEAST_POSITIVE, GREATEST = 1e-9, 1e12
"""What is measured lies within: beyond, it is a slip, and arithmetic would end in infinities."""
STATED = "stated"
"""The basis of an exposure that was given by hand."""

FormatOption = Annotated[ShortFormat, typer.Option("--format", help="table or json; JSON is not rounded.")]
GpuDaysOption = Annotated[float | None, typer.Option(help="Exposure in GPU-days; or --gpus and --days.")]
GpusOption = Annotated[int | None, typer.Option(min=1, max=MOST, help="GPUs in service.")]
DaysOption = Annotated[float | None, typer.Option(help="For so many days.")]
RateOption = Annotated[float | None, typer.Option(help="Failures per 1000 GPU-days.")]
NodeRateOption = Annotated[float | None, typer.Option(help="Or per 1000 node-days.")]
GpusPerNodeOption = Annotated[int, typer.Option(min=1, max=MOST, help="GPUs a node.")]
PhiOption = Annotated[float, typer.Option(help="Overdispersion that widens the intervals; from `calc dispersion`.")]


def number(name: str, value: float, *, least: float = 0.0, over: bool = False) -> float:
    """The value, if it is finite, at least `least`, and over 0 where it must be. Raises InputError."""
    if math.isfinite(value) and (LEAST_POSITIVE if over else least) <= value <= GREATEST:
        return value
    bound = "over 0" if over else f"at least {least:g}"
    raise InputError(f"{name} is {value:g}; it must be {bound}, and {GREATEST:g} at most")


def exposure(gpu_days: float | None, gpus: int | None, days: float | None) -> float:
    """GPU-days from whichever of the options was given. Raises InputError."""
    if gpu_days is not None and (gpus is not None or days is not None):
        raise InputError("--gpu-days and --gpus with --days say the same twice", hint="give one of them")
    if gpu_days is not None:
        return number("--gpu-days", gpu_days, over=True)
    if gpus is None or days is None:
        raise InputError("no exposure", hint="a rate needs one: --gpu-days, or --gpus and --days")
    return gpus * number("--days", days, over=True)


def bare_rate(rate: float | None, node_rate: float | None, gpus_per_node: int) -> float:
    """Failures per 1000 GPU-days from whichever option was given. Raises InputError."""
    if (rate is None) == (node_rate is None):
        raise InputError("give --rate (per 1000 GPU-days) or --node-rate (per 1000 node-days)")
    if rate is not None:
        return number("--rate", rate)
    return number("--node-rate", node_rate or 0.0) / gpus_per_node


def lines(path: Path, *columns: str) -> tuple[list[str], Iterator[Line]]:
    """The file's columns and its rows, with these columns at least. Raises InputError, also on the way, for a row that cannot
    be used."""
    table = CsvTable(path)
    table.require(*columns)
    return table.columns, _used(table)


def _used(table: CsvTable) -> Iterator[Line]:
    for count, line in enumerate(table, start=1):
        if isinstance(line, Rejected):
            raise InputError(f"{table.path}: line {line.line}: {line.reason}")
        if count > MAX_ROWS:
            raise InputError(f"{table.path}: more than {MAX_ROWS:,} rows")
        yield line


def cell(path: Path, line: Line, column: str) -> float:
    """A number that is not negative. Raises InputError with the line."""
    try:
        value = float(line.get(column))
    except ValueError as error:
        raise InputError(f"{path}: line {line.number}: {column} is {line.get(column)[:40]!r}, no number") from error
    return number(f"{path}: line {line.number}: {column}", value)


def count_cell(path: Path, line: Line, column: str) -> int:
    """A whole number that is not negative. Raises InputError with the line."""
    value = cell(path, line, column)
    if value != int(value):
        raise InputError(f"{path}: line {line.number}: {column} is {value:g}, no whole number")
    return int(value)


def name_cell(path: Path, line: Line, column: str, seen: Container[str]) -> str:
    """A name that was not there before. Raises InputError with the line."""
    name = line.get(column)
    if not name or len(name) > MAX_NAME:
        raise InputError(f"{path}: line {line.number}: {column} has no name, or one of over {MAX_NAME} characters")
    if name in seen:
        raise InputError(f"{path}: line {line.number}: {name[:40]!r} stands twice", hint="one row a name")
    return name
