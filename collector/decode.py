"""From a bus record to checked rows. Deterministic: the same record gives the same rows whenever it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clusterctl import wire
from clusterctl.bus import Record
from clusterctl.errors import DecodeError
from clusterctl.schema import Table


@dataclass(frozen=True, slots=True)
class Item:
    """One record's rows."""

    offset: int
    record: Record
    table: Table
    batch: wire.Batch
    rows: list[Any]


@dataclass(frozen=True, slots=True)
class TimeBounds:
    """How far a row's time may lie from the bus's clock at arrival. One wrong clock would otherwise open partitions for
    years to come, or make ClickHouse refuse the whole block."""

    late_ms: int
    ahead_ms: int


def decode(record: Record, bounds: TimeBounds) -> tuple[Item, str]:
    """The record's rows, and why some of them had to be left out, empty if none had. Raises DecodeError with the reason
    when nothing of it can become rows."""
    decoded = wire.decode(record.value)
    oldest, newest = record.timestamp_ms - bounds.late_ms, record.timestamp_ms + bounds.ahead_ms
    rows = [row for row in decoded.rows if oldest <= row.ts <= newest]
    reason = ""
    if len(rows) < len(decoded.rows):
        off = next(row.ts for row in decoded.rows if not oldest <= row.ts <= newest)
        reason = (
            f"{decoded.table.name}: ts of {len(decoded.rows) - len(rows)} of {len(decoded.rows)} rows is too far off, one "
            f"is {(off - record.timestamp_ms) / 1_000:+.0f} s from the bus's clock, allowed are "
            f"{-bounds.late_ms / 1_000:.0f} to +{bounds.ahead_ms / 1_000:.0f}"
        )
        if not rows:
            raise DecodeError(reason)
    return Item(record.offset, record, decoded.table, decoded.batch, rows), reason
