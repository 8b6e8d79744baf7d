"""Blocks: the unit of insert. A block is a range of offsets of one partition, and what its records became.

All tables of a partition are cut at the same offsets, because a partition has one note in the journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from clusterctl.bus import Partition, Record
from clusterctl.collector.assemble import columns_of
from clusterctl.collector.decode import Item
from clusterctl.schema import Table
from clusterctl.store.columnar import Column


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
    stored: Mapping[str, int] = field(default_factory=dict)
    """Tables that were stored with a block that this one is a part of, under that one's token, and the end of that one."""
    replayed: bool = False
    """Built again from a note in the journal: whoever wrote it may have stored it, or not."""

    def tables(self) -> list[Table]:
        """Tables that it has rows to store for, in a fixed order."""
        found = {item.table.name: item.table for item in self.items if item.table.name not in self.stored}
        return sorted(found.values(), key=lambda t: t.name)

    def token(self, table: Table) -> str:
        """Made of offsets alone: the same token with other rows cannot be built."""
        return f"{table.name}:{self.partition.topic}:{self.bus}:{self.partition.number}:{self.begin}-{self.end}"

    def columns(self, table: Table, hosts: frozenset[str] | None = None) -> dict[str, Column]:
        """The rows of one table, of these hosts or of all, in columns by name. Raises Unencodable."""
        items = [item for item in self.items if item.table is table and (hosts is None or item.pack.host in hosts)]
        return columns_of(table, items, self.partition.number)

    def hosts(self, table: Table) -> set[str]:
        """Hosts that it has rows of a table for."""
        return {item.pack.host for item in self.items if item.table is table}

    @property
    def size_bytes(self) -> int:
        """Bytes of its messages."""
        return sum(item.size_bytes for item in self.items) + sum(dead.record.size_bytes for dead in self.dead)

    def row_count(self) -> int:
        """Rows of all tables."""
        return sum(item.rows for item in self.items)

    def halves(self, stored: Iterable[str] = ()) -> list[Block]:
        """Two blocks that meet in the middle, without the tables that are `stored` already; a block of one item cannot be
        halved and gives itself."""
        done = {**dict.fromkeys(stored, self.end), **self.stored}
        if len(self.items) < 2:
            return [replace(self, stored=done)]
        middle = len(self.items) // 2
        border = self.items[middle].offset
        before = tuple(dead for dead in self.dead if dead.record.offset < border)
        after = tuple(dead for dead in self.dead if dead.record.offset >= border)
        return [
            replace(self, end=border, items=self.items[:middle], dead=before, stored=done),
            replace(self, begin=border, items=self.items[middle:], dead=after, stored=done),
        ]

    def all_dead(self, reason: str) -> Block:
        """The same range, with every item a dead letter."""
        known = {dead.record.offset for dead in self.dead}  # of some rows only, until now
        more = tuple(Dead(item.record, reason) for item in self.items if item.offset not in known)
        return replace(self, items=(), dead=self.dead + more)


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
    stored: Mapping[str, int] = field(default_factory=dict)
    """Tables whose rows are stored already, each up to an offset: what a block that was halved has left behind. No block
    lies across one of those offsets."""
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
            self.stored = _beyond(self.stored, record.offset)
        if self.empty():
            self._since_s = now_s
        self._end = record.offset + 1
        if dead is not None:
            self._dead.append(dead)
            self._bytes += record.size_bytes
        if item is not None:
            self._items.append(item)
            self._bytes += item.size_bytes
            self._rows += item.rows

    def stale(self, record: Record) -> bool:
        """Settled or collected already."""
        return self.begin is not None and record.offset < max(self.begin, self._end)

    def expected(self) -> int | None:
        """The offset that should come next; None in a new group, where it may be any."""
        return None if self.begin is None else max(self.begin, self._end)

    def closes_before(self, record: Record) -> bool:
        """The promised range, or what is stored of a table, ends before this record: cut first. Offsets may have holes, so
        its last one may never come."""
        if self.forced_end is not None:
            return record.offset >= self.forced_end
        return not self.empty() and record.offset >= min(self.stored.values(), default=record.offset + 1)

    def empty(self) -> bool:
        return not self._items and not self._dead

    @property
    def held_bytes(self) -> int:
        """Messages collected so far."""
        return self._bytes

    def full(self) -> bool:
        """At its limit, or exactly what was promised."""
        if self.forced_end is not None:
            return self._end >= self.forced_end
        if self.stored and not self.empty() and self._end >= min(self.stored.values()):
            return True
        return self._rows >= self.limits.rows or self._bytes >= self.limits.bytes

    def due(self, now_s: float) -> bool:
        """Full, or old enough."""
        if self.forced_end is not None or self.empty():
            return self.full()
        return self.full() or now_s - self._since_s >= self.limits.age_s

    def cut(self) -> Block:
        """What has been collected, as a block; the builder begins anew after it."""
        end = self.forced_end if self.forced_end is not None else self._end
        begin = self.begin if self.begin is not None else end
        again = self.forced_end is not None
        items, dead = tuple(self._items), tuple(self._dead)
        block = Block(self.partition, begin, end, items, dead, self.bus, self.stored, replayed=again)
        self.begin, self.forced_end, self.stored = end, None, _beyond(self.stored, end)
        self._items, self._dead, self._rows, self._bytes = [], [], 0, 0
        return block


def _beyond(stored: Mapping[str, int], offset: int) -> dict[str, int]:
    """What is still stored ahead of an offset."""
    return {table: until for table, until in stored.items() if until > offset}
