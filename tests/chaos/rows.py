"""One form for rows of messages and rows of tables, so that the two can be compared column by column."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import msgspec

from clusterctl.schema import TABLES, Table
from clusterctl.schema.field import Kind
from clusterctl.schema.table import ENVELOPE
from clusterctl.store import Store
from tests.chaos.invariant import Row

SENT_TABLES = tuple(table for table in TABLES if table.lane is not None)
_FLOAT = struct.Struct("<f")


def as_row(
    table: Table, head: tuple[Any, ...], row: msgspec.Struct, schema_version: int, place: tuple[int, int]
) -> Row:
    """A message's row; `head` is cluster, host, boot_id and seq."""
    fields = msgspec.structs.astuple(row)
    values = (*head, *map(_kept, table.fields, fields), schema_version)
    return Row(table.name, _key(table, values), place, values)


def stored_rows(store: Store, table: Table) -> list[Row]:
    """Every row of a table as it lies there, repeats included."""
    columns = [*ENVELOPE, *table.fields]
    chosen = [f"toUnixTimestamp64Milli({c.name})" if c.kind is Kind.TIME else c.name for c in columns]
    sql = f"SELECT {', '.join(chosen)}, schema_version, bus_partition, bus_offset FROM {table.name}"
    found = []
    for *values, partition, offset in store.query(sql).rows:
        found.append(Row(table.name, _key(table, values), (partition, offset), tuple(values)))
    return found


def _key(table: Table, values: Sequence[Any]) -> tuple[Any, ...]:
    named = dict(zip([column.name for column in (*ENVELOPE, *table.fields)], values, strict=False))
    return tuple(named[name] for name in table.key)


def _kept(field: Any, value: Any) -> Any:
    """The value as its column keeps it."""
    if value is not None and field.type.clickhouse == "Float32":
        return _FLOAT.unpack(_FLOAT.pack(value))[0]
    return value
