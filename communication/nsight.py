"""Nsight Systems' SQLite exports: one activity a GPU."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from clusterctl.communication.activity import Activity, Step
from clusterctl.communication.builder import MAX_STEPS, STEP_MARK, Builder
from clusterctl.communication.damage import SALVAGE
from clusterctl.communication.decimals import LIMIT_NS
from clusterctl.communication.families import KernelTable
from clusterctl.communication.source import GZIP_MAGIC, Advance
from clusterctl.errors import InputError

BATCH_ROWS = 50_000
PEER_KIND = 10
STEP_RANGE = re.compile(r"(?:train(?:ing)?[ _-]?)?(?:step|iteration|iter)[ _#:=-]*(\d{1,15})", re.IGNORECASE)
PROCESS_BITS = 24
"""A thread's number has its process's in the bits above these."""
KERNELS, COPIES, SETS = "CUPTI_ACTIVITY_KIND_KERNEL", "CUPTI_ACTIVITY_KIND_MEMCPY", "CUPTI_ACTIVITY_KIND_MEMSET"
RANGES = "NVTX_EVENTS"
Row = tuple[Any, ...]


class NsightReader:
    """Reads one export, which is opened read-only and trusted with nothing."""

    def __init__(self, path: Path, table: KernelTable, *, salvage: bool = False) -> None:
        self._path = path
        self._table = table
        self._salvage = salvage
        self._builders: dict[int, Builder] = {}
        self._texts: dict[int, str] = {}

    def read(self, advance: Advance) -> list[Activity]:
        """One activity a GPU. Raises InputError, with table and row where a row is the reason."""
        size = _size(self._path)
        try:
            with closing(self._opened()) as database:
                self._read(database)
        except (sqlite3.Error, UnicodeDecodeError) as error:  # SQLite's own messages may quote bytes that are no text
            raise InputError(
                f"{self._path}: not a readable Nsight export: {str(error)[:200]}", hint="export it again"
            ) from error
        advance(size)
        if not self._builders:
            return Builder(self._path, self._table).finish("nsight", None, None)
        return [one for _, build in sorted(self._builders.items()) for one in build.finish("nsight", None, None)]

    def _opened(self) -> sqlite3.Connection:
        database = sqlite3.connect(f"file:{quote(str(self._path))}?mode=ro&immutable=1", uri=True)
        database.text_factory = lambda data: data.decode("utf-8", "replace")
        database.execute("PRAGMA trusted_schema = OFF")
        return database

    def _read(self, database: sqlite3.Connection) -> None:
        tables = {row[0] for row in database.execute(_sql("tables"))}
        if not tables & {KERNELS, COPIES, SETS}:
            raise InputError(
                f"{self._path}: no GPU activity in it", hint="profile with --trace=cuda,nvtx, export again"
            )
        if KERNELS in tables:
            self._take(database, KERNELS, "kernels")
        if COPIES in tables:
            self._take(database, COPIES, "copies")
        if SETS in tables:
            self._take(database, SETS, "sets")
        if RANGES in tables:
            self._steps(database)

    def _take(self, database: sqlite3.Connection, table: str, query: str) -> None:
        done = 0
        for rows in _batches(database, query):
            columns = self._columns(table, done, [row[:3] for row in rows])
            done += len(rows)
            kept = np.flatnonzero(columns[:, 1] > columns[:, 0])
            for device in np.unique(columns[kept, 2]).tolist():
                mine = kept[columns[kept, 2] == device]
                build = self._builder(device)
                names = [self._name(database, build, table, rows[i][3]) for i in mine]
                none = [-1] * mine.size
                build.add(columns[mine, 0], columns[mine, 1], names, none, none, [device] * mine.size)

    def _columns(self, table: str, done: int, rows: list[Row]) -> np.ndarray:
        for place, (start, end, device) in enumerate(rows):
            whole = type(start) is int and type(end) is int and type(device) is int
            if not whole or not (-LIMIT_NS < start < LIMIT_NS and -LIMIT_NS < end < LIMIT_NS and 0 <= device < 1 << 31):
                raise InputError(f"{self._path}: {table}, row {done + place + 1}: no times and GPU that can be")
            if end < start and not self._salvage:
                raise InputError(
                    f"{self._path}: {table}, row {done + place + 1}: it ends before it starts", hint=SALVAGE
                )
            if end <= start:
                self._builder(device).left_out["events without length or below zero"] += 1
        return np.array(rows, dtype=np.int64).reshape(-1, 3)

    def _builder(self, device: int) -> Builder:
        if device not in self._builders:
            if len(self._builders) >= 1_024:
                raise InputError(f"{self._path}: more GPUs than a node has")
            self._builders[device] = Builder(self._path, self._table)
        return self._builders[device]

    def _name(self, database: sqlite3.Connection, build: Builder, table: str, told: object) -> int:
        if table == KERNELS:
            return build.name(False, self._text(database, told))
        return build.name(True, "Memset" if table == SETS else "Memcpy PtoP" if told == PEER_KIND else "Memcpy")

    def _text(self, database: sqlite3.Connection, told: object) -> str:
        if type(told) is not int:
            return told if isinstance(told, str) else ""
        if told not in self._texts:
            row = database.execute(_sql("text"), {"number": told}).fetchone()
            self._texts[told] = row[0] if row and isinstance(row[0], str) else ""
        return self._texts[told]

    def _steps(self, database: sqlite3.Connection) -> None:
        """Those of PyTorch's profiler if there are any; each for the GPUs of the process that marked it, and for all
        where processes are not told or have no GPU."""
        profiler: list[tuple[int | None, Step]] = []
        others: list[tuple[int | None, Step]] = []
        for start, end, text, thread in self._ranges(database):
            found = _step_in(text)
            if found and type(start) is int and type(end) is int and -LIMIT_NS < start < end < LIMIT_NS:
                process = thread >> PROCESS_BITS if type(thread) is int else None
                (profiler if found[0] else others).append((process, Step(found[1], start, end)))
                if len(profiler) + len(others) > MAX_STEPS:
                    raise InputError(f"{self._path}: more than {MAX_STEPS:,} steps, which no trace has")
        marks = profiler or others
        processes = self._processes(database)
        known = set().union(*processes.values()) & {process for process, _ in marks}
        for process, step in marks:
            for device, build in self._builders.items():
                if not known or process in processes.get(device, ()):
                    build.step(step)

    def _ranges(self, database: sqlite3.Connection) -> Iterator[Row]:
        try:
            batches = _batches(database, "ranges")
            first = next(batches, [])
        except sqlite3.OperationalError:
            batches, first = _batches(database, "ranges_plain"), []
        yield from first
        for rows in batches:
            yield from rows

    def _processes(self, database: sqlite3.Connection) -> dict[int, set[int]]:
        found: dict[int, set[int]] = {}
        try:
            for rows in _batches(database, "processes"):
                for device, process in rows:
                    if type(process) is int:
                        found.setdefault(device, set()).add(process >> PROCESS_BITS)
        except sqlite3.OperationalError:  # an old export without the column: every range is taken for every GPU
            return {}
        for device, processes in found.items():
            if len(processes) > 1 and device in self._builders:
                self._builders[device].notes.append(
                    f"GPU {device} was used by {len(processes)} processes: taken as one"
                )
        return found


def _step_in(text: object) -> tuple[bool, int] | None:
    """Whether PyTorch's profiler marked it, and the step's number."""
    if not isinstance(text, str):
        return None
    if found := STEP_MARK.fullmatch(text):
        return True, int(found.group(1))
    found = STEP_RANGE.fullmatch(text.strip())
    return (False, int(found.group(1))) if found else None


def _batches(database: sqlite3.Connection, query: str) -> Iterator[list[Row]]:
    cursor = database.execute(_sql(query))
    while rows := cursor.fetchmany(BATCH_ROWS):
        yield rows


def _sql(name: str) -> str:
    return (files("clusterctl.communication") / "sql" / f"nsight_{name}.sql").read_text(encoding="utf-8")


def _size(path: Path) -> int:
    try:
        with path.open("rb") as file:
            if file.read(2) == GZIP_MAGIC:
                raise InputError(f"{path}: a compressed database cannot be read in place", hint="unpack it first")
        return path.stat().st_size
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
