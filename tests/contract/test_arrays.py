"""Columns that are arrays arrive in every store as lists do: each declared type, at its bounds, missing and hostile."""

from __future__ import annotations

import itertools
from datetime import datetime, timezone
from typing import Any

import numpy as np
import pytest

from clusterctl import packs, wire
from clusterctl.analytics.migrate import migrate
from clusterctl.bus import Partition, Record
from clusterctl.clock import MS_PER_S
from clusterctl.collector.block import Block
from clusterctl.collector.decode import TimeBounds, decode
from clusterctl.errors import Unencodable
from clusterctl.schema import PRESENCE, TABLES, Table
from clusterctl.schema.field import Field, Kind
from clusterctl.store import Store
from clusterctl.store.columnar import Numbers, Texts
from tests.contract.test_store import HOSTILE
from tests.support.wirehelp import now_ms

SENT = [table for table in TABLES if table.lane]
PARTITION = Partition("t", 3)
WIDE = TimeBounds(2**62, 2**62)
ROWS = 12
BASE_MS = now_ms() - 60_000
"""Old rows would fall to their table's TTL."""


def candidates(field: Field) -> list[Any]:
    """Bounds, something between, and none where that may be."""
    kind = field.type
    if field.kind is Kind.TIME:
        found: list[Any] = [1_700_000_000_123, 1_700_000_000_000]
    elif kind.python is str:
        found = [*HOSTILE, "x" * 200]
    elif kind.python is float:
        found = [0.0, 0.5, -0.25, 65_536.0]
    else:
        found = [kind.low, kind.high or 2**64 - 1, 7]
    return [*found, None] if field.nullable else found


def drawn(table: Table) -> list[Any]:
    """Rows with every candidate of every field; the first field keeps their keys apart."""
    cycles = {field.name: itertools.cycle(candidates(field)) for field in table.fields}
    return [
        table.row(**{name: next(cycle) for name, cycle in cycles.items()} | {"ts": BASE_MS + number})
        for number in range(ROWS)
    ]


def block_of(table: Table, rows: list[Any], begin: int = 0) -> Block:
    """Three batches of the rows: a pack of the first half, a pack of some, and a plain batch."""
    parts = [rows[:6], rows[6:9], rows[9:]]
    values = [
        wire.encode(table, part, cluster="c", host=f"h{n % 2}", boot_id="b", seq=n, sent_ms=1)
        for n, part in enumerate(parts)
    ]
    values = [wire.gather(values[:1]), wire.gather(values[1:2]), values[2]]
    items = [decode(Record(PARTITION, begin + n, 0, b"", value), WIDE)[0] for n, value in enumerate(values)]
    return Block(PARTITION, begin, begin + 3, tuple(items))


def expected(table: Table, rows: list[Any]) -> list[tuple[Any, ...]]:
    """Every row as `SELECT` gives it, in the order of ts."""
    found = []
    for row in rows:
        values = []
        for field in table.fields:
            value = getattr(row, field.name)
            if field.kind is Kind.TIME and value is not None:
                value = datetime.fromtimestamp(value // MS_PER_S, timezone.utc).replace(
                    microsecond=value % MS_PER_S * 1_000
                )
            values.append(value)
        found.append(tuple(values))
    return found


@pytest.mark.parametrize("table", SENT, ids=lambda table: table.name)
def test_every_declared_type_arrives(store: Store, table: Table) -> None:
    migrate(store)
    rows = drawn(table)
    block = block_of(table, rows)
    store.insert(table.name, block.columns(table), block.token(table))
    names = ", ".join(field.name for field in table.fields)
    assert store.query(f"SELECT {names} FROM {table.name} ORDER BY ts").rows == expected(table, rows)
    lineage = store.query(f"SELECT DISTINCT cluster, boot_id, bus_partition FROM {table.name}").rows
    assert lineage == [("c", "b", 3)]
    assert store.query(f"SELECT host, seq, bus_offset, count() FROM {table.name} GROUP BY 1, 2, 3 ORDER BY 2").rows == [
        ("h0", 0, 0, 6),
        ("h1", 1, 1, 3),
        ("h0", 2, 2, 3),
    ]


def test_a_token_holds_for_arrays_too(store: Store) -> None:
    migrate(store)
    block = block_of(PRESENCE, drawn(PRESENCE))
    for _ in range(3):
        store.insert("presence", block.columns(PRESENCE), block.token(PRESENCE))
    assert store.query("SELECT count() FROM presence").rows == [(ROWS,)]


def test_more_keys_than_a_byte_counts(store: Store) -> None:
    """Positions of 16 bits and of 32, beside the NULL that has the first."""
    store.execute("CREATE TABLE many (k LowCardinality(Nullable(String)), n UInt32) ENGINE = MergeTree ORDER BY n")
    try:
        for count in (255, 256, 257, 70_000):
            keys: list[str | None] = [f"k{number}" for number in range(count)]
            keys[count // 2] = None
            order = np.arange(count, dtype=np.uint32)
            store.insert("many", {"k": Texts(keys, order), "n": Numbers(order)})
            assert [row[0] for row in store.query("SELECT k FROM many ORDER BY n").rows] == keys
            store.execute("TRUNCATE TABLE many")
    finally:
        store.execute("DROP TABLE many")


def test_what_a_column_cannot_hold_is_told_before_it_is_sent() -> None:
    from clusterctl.store.native import encode

    one = np.array([1], dtype="<u4")
    for kind, column in (
        ("UInt8", Numbers(one)),
        ("String", Numbers(one)),
        ("UInt32", Numbers(one, np.array([1], dtype=np.uint8))),
        ("UInt32", Texts(["x"], np.zeros(1, dtype=np.uint32))),
        ("LowCardinality(String)", Texts([None], np.zeros(1, dtype=np.uint32))),
        ("String", Texts([None], np.zeros(1, dtype=np.uint32))),
        ("String", Texts(["\ud800"], np.zeros(1, dtype=np.uint32))),
    ):
        with pytest.raises(Unencodable):
            encode(kind, column)


def test_packs_stay_what_they_are(store: Store) -> None:
    """Two attempts of one block are the same bytes: nothing edits what a retry needs."""
    migrate(store)
    block = block_of(PRESENCE, drawn(PRESENCE))
    before = [packs.unpack(item.pack, item.shape) for item in block.items]
    store.insert("presence", block.columns(PRESENCE), "first")
    assert [packs.unpack(item.pack, item.shape) for item in block.items] == before
