"""Blocks: the unit of insert. A block is a range of offsets of one partition, and what its records became.

All tables of a partition are cut at the same offsets, because a partition has one note in the journal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import msgspec

from clusterctl.bus import Partition, Record
from clusterctl.collector.decode import Item
from clusterctl.schema import Table


@dataclass(frozen=True, slots=True)
class Dead:
    """A record that became no rows, with its reason."""

    record: Record
    reason: str


@dataclass(frozen=True, slots=True)
class Block:
    """Offsets [begin, end) of a partition. The same range always gives the same tokens and the same rows."""

    partition: Partition
    begin: int
    end: int
    items: tuple[Item, ...]
    dead: tuple[Dead, ...] = ()
    bus: str = ""
    """Which bus the offsets belong to: another one has the same numbers."""

    def tables(self) -> list[Table]:
        """Tables that it has rows for, in a fixed order."""
        return sorted({item.table.name: item.table for item in self.items if item.rows}.values(), key=lambda t: t.name)

    def token(self, table: Table) -> str:
        """Made of offsets alone: the same token with other rows cannot be built."""
        return f"{table.name}:{self.partition.topic}:{self.bus}:{self.partition.number}:{self.begin}-{self.end}"

    def columns(self, table: Table) -> dict[str, list[Any]]:
        """Fresh lists by column name on each call, since a driver may edit what it is given."""
        items = [item for item in self.items if item.table.name == table.name]
        counts = [len(item.rows) for item in items]
        rows = [msgspec.structs.astuple(row) for item in items for row in item.rows]

        def spread(values: Sequence[Any]) -> list[Any]:
            return list(chain.from_iterable([value] * count for value, count in zip(values, counts, strict=True)))

        columns: dict[str, list[Any]] = {
            "cluster": spread([item.batch.cluster for item in items]),
            "host": spread([item.batch.host for item in items]),
            "boot_id": spread([item.batch.boot_id for item in items]),
            "seq": spread([item.batch.seq for item in items]),
        }
        columns.update(
            {field.name: list(values) for field, values in zip(table.fields, zip(*rows, strict=True), strict=True)}
        )
        columns["schema_version"] = spread([item.batch.schema for item in items])
        columns["bus_partition"] = [self.partition.number] * len(rows)
        columns["bus_offset"] = spread([item.offset for item in items])
        return columns

    def row_count(self) -> int:
        """Rows of all tables."""
        return sum(len(item.rows) for item in self.items)

    def halves(self) -> list[Block]:
        """Two blocks that meet in the middle; a block of one item cannot be halved and gives itself."""
        if len(self.items) < 2:
            return [self]
        middle = len(self.items) // 2
        border = self.items[middle].offset
        return [
            Block(
                self.partition,
                self.begin,
                border,
                self.items[:middle],
                tuple(dead for dead in self.dead if dead.record.offset < border),
                self.bus,
            ),
            Block(
                self.partition,
                border,
                self.end,
                self.items[middle:],
                tuple(dead for dead in self.dead if dead.record.offset >= border),
                self.bus,
            ),
        ]

    def all_dead(self, reason: str) -> Block:
        """The same range, with every item a dead letter."""
        more = tuple(Dead(item.record, reason) for item in self.items)
        return Block(self.partition, self.begin, self.end, (), self.dead + more, self.bus)


@dataclass(frozen=True, slots=True)
class Limits:
    """When a block is full."""

    rows: int
    bytes: int
    age_s: float


@dataclass
class BlockBuilder:
    """Collects one partition's records. After a crash the first block must be exactly `[begin, forced_end)`: the range
    that the note in the journal promised."""

    partition: Partition
    limits: Limits
    begin: int | None
    forced_end: int | None = None
    bus: str = ""
    _items: list[Item] = field(default_factory=list)
    _dead: list[Dead] = field(default_factory=list)
    _end: int = 0
    _rows: int = 0
    _bytes: int = 0
    _since_s: float = 0.0

    def add(self, record: Record, item: Item | None, dead: Dead | None, now_s: float) -> None:
        """Append one record, in the order of offsets."""
        if self.begin is None:
            self.begin = record.offset
        if self.empty():
            self._since_s = now_s
        self._end = record.offset + 1
        self._bytes += len(record.value)
        if dead is not None:
            self._dead.append(dead)
        if item is not None:
            self._items.append(item)
            self._rows += len(item.rows)

    def stale(self, record: Record) -> bool:
        """Settled already, or not for this block's range."""
        return self.begin is not None and record.offset < self.begin

    def closes_before(self, record: Record) -> bool:
        """The promised range ends before this record: cut first. Offsets have holes, so its last one may never come."""
        return self.forced_end is not None and record.offset >= self.forced_end

    def empty(self) -> bool:
        return not self._items and not self._dead

    def due(self, now_s: float) -> bool:
        """Full, old enough, or exactly what was promised."""
        if self.forced_end is not None:
            return self._end >= self.forced_end
        if self.empty():
            return False
        return (
            self._rows >= self.limits.rows
            or self._bytes >= self.limits.bytes
            or now_s - self._since_s >= self.limits.age_s
        )

    def cut(self) -> Block:
        """What has been collected, as a block; the builder begins anew after it."""
        end = self.forced_end if self.forced_end is not None else self._end
        begin = self.begin if self.begin is not None else end
        block = Block(self.partition, begin, end, tuple(self._items), tuple(self._dead), self.bus)
        self.begin, self.forced_end = end, None
        self._items, self._dead, self._rows, self._bytes = [], [], 0, 0
        return block
