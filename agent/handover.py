"""How rows come to the agent from another process of the same node: one file a parcel, in a folder of the data directory.

Whoever measures is heavy and reads foreign files; the agent is neither. So the other process writes rows of `collective` in
their wire form, bounded in size and number, and the agent checks them once more before it sends them (`inbox`). A folder that
is full is not an error: it says that no agent takes anything, and the other process waits.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from clusterctl.clock import MS_PER_S, Clock
from clusterctl.config import Config
from clusterctl.errors import DecodeError
from clusterctl.schema import COLLECTIVE
from clusterctl.wire import MALFORMED

FOLDER, MEMORY = "collective", "comm-watch"
"""In the data directory: parcels, and what the other process has done already."""
ENDING, BEING_WRITTEN = ".rows", "."
VERSION = 1
MAX_FILE_BYTES = 262_144
MAX_FILES = 1_000
MAX_ROWS = 10_000
TARGET_BYTES = 200_000
SCOPES, GRADES = frozenset({"rank", "job"}), frozenset({"exact", "none"})
SOURCES = frozenset({"kineto", "nsight", "nccl_inspector", "nccl_profiler", "flight_recorder", "nccl_debug"})
"""What is measured on a node; estimates from telemetry are made where the telemetry is."""
MS_PER_H = 3_600_000
Row = Mapping[str, Any]


class Parcel(msgspec.Struct, array_like=True, frozen=True):
    """What a file holds. Columns are only ever appended, so an older or newer agent reads it too."""

    version: int
    table: str
    rows: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Times:
    """Between which moments the collector takes rows, milliseconds: what lies outside would be a dead letter."""

    first_ms: int
    last_ms: int

    @classmethod
    def now(cls, config: Config, clock: Clock) -> Times:
        """By the settings of the collector, as far as this node knows them."""
        now_ms, collector = clock.now_ms(), config.collector
        return cls(now_ms - int(collector.late_bound_h * MS_PER_H), now_ms + int(collector.ahead_bound_s * MS_PER_S))

    def has(self, row: Any) -> bool:
        """Whether this row would be taken."""
        return bool(self.first_ms <= row.ts <= self.last_ms)


class Judged(NamedTuple):
    """Rows that may travel, and what became of the others."""

    good: list[msgspec.Struct]
    untimely: int
    """Too old, or from the future, for the collector."""
    wrong: list[tuple[int, str]]
    """Place of others, and why they are no rows of the table."""


_encoder = msgspec.msgpack.Encoder()
_parcels = msgspec.msgpack.Decoder(Parcel)
_rows: msgspec.msgpack.Decoder[list[Any]] = msgspec.msgpack.Decoder(list[COLLECTIVE.struct])  # type: ignore[name-defined]
_numbers = itertools.count()


def folder(config: Config) -> Path:
    """Where parcels lie."""
    return config.site.data_path() / FOLDER


def decode(data: bytes) -> list[msgspec.Struct]:
    """The rows of a file, every value in its range. Raises DecodeError with the reason."""
    try:
        parcel = _parcels.decode(data)
        if parcel.version != VERSION or parcel.table != COLLECTIVE.name:
            raise DecodeError("not rows of collective in a form that is known here")
        rows = _rows.decode(parcel.rows)
    except MALFORMED as error:
        raise DecodeError(f"no rows of collective: {error}") from error
    if len(rows) > MAX_ROWS:
        raise DecodeError(f"{len(rows)} rows, more than a file holds")
    for row in rows:
        if reason := _impossible(row):
            raise DecodeError(reason)
    return rows


def judge(rows: Sequence[Row], times: Times) -> Judged:
    """Look at rows that another process made, or a job. Names that this version does not know are left out."""
    good: list[msgspec.Struct] = []
    wrong: list[tuple[int, str]] = []
    untimely = 0
    known = {field.name for field in COLLECTIVE.fields}
    for place, values in enumerate(rows):
        try:
            made = COLLECTIVE.row(**{name: value for name, value in values.items() if name in known})
            (row,) = decode(_encoder.encode(Parcel(VERSION, COLLECTIVE.name, msgspec.Raw(_encoder.encode([made])))))
        except (TypeError, OverflowError, UnicodeEncodeError, AttributeError, DecodeError, *MALFORMED) as error:
            wrong.append((place, str(error)[:200]))
        else:
            if times.has(row):
                good.append(row)
            else:
                untimely += 1
    return Judged(good, untimely, wrong)


def _impossible(row: Any) -> str:
    """Why a row whose values are in their ranges cannot be, or empty."""
    if row.scope not in SCOPES or row.grade not in GRADES or row.source.partition("/")[0] not in SOURCES:
        return f"scope {row.scope[:20]!r}, grade {row.grade[:20]!r}, source {row.source[:40]!r}: not measured on a node"
    if not row.job_id or row.until < row.ts:
        return "a row without a job, or that ends before it begins"
    shares = (row.exposed_ratio, row.exposed_low_ratio, row.exposed_high_ratio, row.total_ratio, row.comm_sm_ratio)
    if not all(share is None or (math.isfinite(share) and 0 <= share <= 1) for share in shares):
        return "a share that is none"
    return "" if row.busbw_gbs is None or 0 <= row.busbw_gbs < math.inf else "a bandwidth that is none"


class HandOver:
    """The writing side. Raises OSError where the folder cannot be used."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self._folder = folder(config)
        self._clock = clock

    def put(self, rows: Sequence[msgspec.Struct]) -> bool:
        """Leave rows for the agent: all of them are on the disk when it returns, or, if there is no room, none."""
        files = [_encoder.encode(Parcel(VERSION, COLLECTIVE.name, raw)) for raw in _chunks(rows)]
        self._make_folder()
        if len(os.listdir(self._folder)) + len(files) > MAX_FILES:
            return False
        for data in files:
            self._write(data)
        return True

    def _make_folder(self) -> None:
        """As the owner of the data directory would: root, too, must leave what the agent's user can take away."""
        if self._folder.is_dir():
            return
        self._folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.mkdir(exist_ok=True, mode=0o700)
        if os.geteuid() == 0:
            owner = self._folder.parent.stat()
            os.chown(self._folder, owner.st_uid, owner.st_gid, follow_symlinks=False)

    def _write(self, data: bytes) -> None:
        """Beside its place, to the disk, then renamed: nobody sees half of it."""
        # the clock first, so that the agent takes what is older first
        name = f"{self._clock.now_ms():015}-{os.getpid()}-{next(_numbers):06}{ENDING}"
        beside = self._folder / f"{BEING_WRITTEN}{name}"
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with open(handle, "wb") as file:
                if os.geteuid() == 0:
                    owner = self._folder.stat()
                    os.fchown(handle, owner.st_uid, owner.st_gid)
                file.write(data)
                file.flush()
                os.fsync(handle)
            beside.rename(self._folder / name)
        except OSError:
            beside.unlink(missing_ok=True)
            raise


def _chunks(rows: Sequence[msgspec.Struct]) -> Iterator[msgspec.Raw]:
    """Rows by the size that a file may have; a row is far smaller than a file."""
    held: list[msgspec.Struct] = []
    size = 0
    for row in rows:
        length = len(_encoder.encode(row))
        if held and (size + length > TARGET_BYTES or len(held) >= MAX_ROWS):
            yield msgspec.Raw(_encoder.encode(held))
            held, size = [], 0
        held.append(row)
        size += length
    if held:
        yield msgspec.Raw(_encoder.encode(held))
