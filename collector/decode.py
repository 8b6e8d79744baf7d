"""From a bus record to checked rows. Deterministic: the same record gives the same rows whenever it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from clusterctl import packs, wire
from clusterctl.bus import Record
from clusterctl.errors import DecodeError
from clusterctl.packs import Pack, Shape
from clusterctl.schema import Table


class Item(NamedTuple):
    """One record's rows, in columns."""

    offset: int
    record: Record
    pack: Pack
    shape: Shape

    @property
    def table(self) -> Table:
        return self.shape.table

    @property
    def size_bytes(self) -> int:
        """What it holds, and will hold when texts are written out row by row."""
        written = packs.written_chars(self.pack, self.shape) if self.shape.plain else 0
        return self.record.size_bytes + written

    @property
    def rows(self) -> int:
        """How many."""
        return self.shape.rows


@dataclass(frozen=True, slots=True)
class TimeBounds:
    """How far a row's time may lie from the bus's clock at arrival. One wrong clock would otherwise open partitions for
    years to come, or make ClickHouse refuse the whole block."""

    late_ms: int
    ahead_ms: int


def decode(record: Record, bounds: TimeBounds) -> tuple[Item, str]:
    """The record's rows, and why some of them had to be left out, empty if none had. Raises DecodeError with the reason
    when nothing of it can become rows."""
    pack, shape = wire.receive(record.value)
    oldest, newest = record.timestamp_ms - bounds.late_ms, record.timestamp_ms + bounds.ahead_ms
    times = shape.times.unpack_from(pack.blob, shape.times_offset)
    if oldest <= min(times) and max(times) <= newest:
        return Item(record.offset, record, pack, shape), ""
    off = [ts for ts in times if not oldest <= ts <= newest]
    reason = (
        f"{shape.table.name}: ts of {len(off)} of {shape.rows} rows is too far off, one is "
        f"{(off[0] - record.timestamp_ms) / 1_000:+.0f} s from the bus's clock, allowed are "
        f"{-bounds.late_ms / 1_000:.0f} to +{bounds.ahead_ms / 1_000:.0f}"
    )
    narrowed = wire.narrowed(pack, shape, oldest, newest)
    if narrowed is None:
        raise DecodeError(reason)
    return Item(record.offset, record, *narrowed), reason
