"""Reads the files of one errand: traces that belong together are measured together, every other file by itself."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clusterctl.communication.activity import Activity
from clusterctl.communication.analyze import Options, analysis_of
from clusterctl.communication.collected import NS_PER_MS, Origin, Row, rows_of, rows_of_logs
from clusterctl.communication.damage import Damaged
from clusterctl.communication.families import load
from clusterctl.communication.finding import shown
from clusterctl.communication.model import LogRow
from clusterctl.communication.opening import Form, form_of
from clusterctl.communication.reading import Logs, read, read_log
from clusterctl.communication.source import Source
from clusterctl.communication.watch.errand import MAX_ROWS, MAX_ROWS_OF_FILE, Answer, Errand, Fate, Told, Wanted
from clusterctl.communication.watch.pieces import LINES, Piece, end_of
from clusterctl.communication.watch.summary import ENDING, job_told, rows_of_summary
from clusterctl.errors import InputError

MAX_JOB, MAX_LINE = 256, 1_000
SPREAD_MS = 600_000
"""Over so long before its end the beginning of a log lies, which no log tells."""
Traces = list[tuple[int, list[Activity]]]
"""Files by their place in the errand, with the GPUs in each."""


class Reader:
    """Of one errand."""

    def __init__(self, errand: Errand) -> None:
        self._errand = errand
        self._table = load(None)
        self._rows: list[tuple[int, Row]] = []
        self._traces: dict[str, Traces] = {}
        self._taken: set[tuple[Any, ...]] = set()

    def answer(self) -> Answer:
        """What is in the files. A file that cannot be read says so, and nothing of the others."""
        told = []
        for number, wanted in enumerate(self._errand.files):
            try:
                told.append(self._checked(number, wanted, Path(os.fsdecode(wanted.path))))
            except (InputError, OSError) as error:
                told.append(_damaged(error))
        for job, traces in self._traces.items():
            for capture in self._captures(traces):
                self._measure(job, capture, told)
        kept = self._kept()
        return Answer(told, kept, len(self._rows) - len(kept))

    def _kept(self) -> list[tuple[int, Row]]:
        of_file: Counter[int] = Counter()
        kept = []
        for number, row in self._rows:
            of_file[number] += 1
            if of_file[number] <= MAX_ROWS_OF_FILE:
                kept.append((number, row))
        return kept[:MAX_ROWS]

    def _checked(self, number: int, wanted: Wanted, path: Path) -> Told:
        """Nothing of a file that is not the one that was seen, such as a link in its place to what is another's."""
        told = self._file(number, wanted, path) if _as_seen(path, wanted) else Told(Fate.GROWING)
        if told.fate is Fate.GROWING or _as_seen(path, wanted):
            return told
        self._rows = [one for one in self._rows if one[0] != number]
        self._traces = {job: [one for one in made if one[0] != number] for job, made in self._traces.items()}
        return Told(Fate.GROWING)

    def _file(self, number: int, wanted: Wanted, path: Path) -> Told:
        if path.name.endswith(ENDING):
            if wanted.growing:
                return Told(Fate.GROWING)
            self._rows += [(number, row) for row in rows_of_summary(path, wanted.job, self._errand.layout)]
            return Told(Fate.SENT)
        form = form_of(path, named=False)
        if form is None:
            return Told(Fate.OTHER)
        with Source(path) as source:
            packed = source.packed
        in_pieces = form in LINES and not packed
        if wanted.growing and not in_pieces:
            return Told(Fate.GROWING)
        job = (wanted.job or job_told(path))[:MAX_JOB]
        if not job:
            return Told(Fate.NO_JOB)
        return self._piece(number, wanted, path, form, job) if in_pieces else self._whole(number, wanted, path, job)

    def _whole(self, number: int, wanted: Wanted, path: Path, job: str) -> Told:
        made = read(path, self._table, named=False)
        if isinstance(made, Logs):
            for row in rows_of_logs(made.rows, self._origin(job)):
                self._rows.append((number, self._apart(_spread(row, wanted, row["until"], 0))))
        elif made:
            self._traces.setdefault(job, []).append((number, made))
        return Told(Fate.SENT)

    def _piece(self, number: int, wanted: Wanted, path: Path, form: Form, job: str) -> Told:
        """What came since the last reading. A log that has become shorter was begun anew. Lines that are none are counted
        in the row: several processes may write into one log."""
        begin = wanted.offset if wanted.offset <= wanted.size else 0
        end = end_of(path, begin, wanted.size, growing=wanted.growing)
        if end <= begin:
            return Told(Fate.LOG, offset=begin, until_ms=wanted.until_ms)
        rows = rows_of_logs(_logs(path, begin, end, form), self._origin(job))
        until_ms = wanted.until_ms
        for row in rows:
            _spread(row, wanted, wanted.mtime_ns // NS_PER_MS, wanted.until_ms if begin else 0)
            until_ms = max(until_ms, self._apart(row)["until"])
        self._rows += [(number, row) for row in rows]
        return Told(Fate.LOG, offset=end, until_ms=until_ms)

    def _apart(self, row: Row) -> Row:
        """Logs of one rank have a row for each communicator, and would have one key: they begin a millisecond apart."""
        while (key := tuple(row[name] for name in ("job_id", "source", "ts", "rank"))) in self._taken:
            row["ts"] += 1
            row["until"] = max(row["until"], row["ts"])
        self._taken.add(key)
        return row

    def _captures(self, traces: Traces) -> Iterator[Traces]:
        """Traces in the order in which they were written. A rank that comes again, or a long pause, begins the next."""
        files = self._errand.files
        held: Traces = []
        ranks: set[int] = set()
        for number, made in sorted(traces, key=lambda one: files[one[0]].mtime_ns):
            own = {one.rank for one in made if one.rank is not None} if len(made) == 1 else set()
            pause_ns = files[number].mtime_ns - files[held[-1][0]].mtime_ns if held else 0
            if held and (own & ranks or pause_ns > self._errand.apart_ns):
                yield held
                held, ranks = [], set()
            held.append((number, made))
            ranks |= own
        if held:
            yield held

    def _measure(self, job: str, capture: Traces, told: list[Told]) -> None:
        first, found = capture[0][0], [one for _, made in sorted(capture, key=lambda one: one[0]) for one in made]
        try:
            analysis = analysis_of(found, [], [], Options(), self._table)
            self._rows += [(first, row) for row in rows_of(analysis, self._origin(job))]
        except InputError as error:
            for number, _ in capture:
                told[number] = _damaged(error)

    def _origin(self, job: str) -> Origin:
        return Origin(job, self._errand.layout)


def _as_seen(path: Path, wanted: Wanted) -> bool:
    if not wanted.inode:
        return True
    try:
        about = os.lstat(path)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(about.st_mode) and about.st_ino == wanted.inode


def _spread(row: Row, wanted: Wanted, until_ms: int, before_ms: int) -> Row:
    """Logs of one job, written at one moment, would have one key where they do not tell their rank, or all the same one:
    each begins at a moment of its own, after what was read before, and at the same one if it is read again."""
    first_ms = max(before_ms + 1, until_ms - SPREAD_MS)
    file = str(wanted.inode).encode() if wanted.inode else wanted.path
    place = int.from_bytes(hashlib.sha256(file).digest()[:8], "big")
    row["until"] = max(until_ms, first_ms)
    row["ts"] = first_ms + place % (row["until"] - first_ms + 1)
    return row


def _logs(path: Path, begin: int, end: int, form: Form) -> list[LogRow]:
    with Piece(path, begin, end) as piece:
        try:
            return read_log(form, piece, salvage=True)
        except InputError as error:
            if form is Form.NCCL_DEBUG and not isinstance(error, Damaged):
                return []  # the output of a job that was not asked to tell its calls, as most are
            raise


def _damaged(error: Exception) -> Told:
    closed = isinstance(error, PermissionError) or isinstance(error.__cause__, PermissionError)
    if closed:
        return Told(Fate.CLOSED, shown(str(error))[:MAX_LINE])
    return Told(Fate.DAMAGED, shown(str(error))[:MAX_LINE])
