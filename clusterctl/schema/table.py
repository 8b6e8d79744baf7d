"""A table, declared once: from it come the wire struct, the DDL, the documentation and the checks."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any

import msgspec

from clusterctl.schema.field import (
    GROWING,
    NAME,
    SERVER_TIME,
    UINT16,
    UINT64,
    UINT64_DELTA,
    ColumnType,
    Field,
    Kind,
    Unit,
    required,
    text,
)


class Lane(enum.Enum):
    """Which stream carries a table. Events get blocks of their own, so that they are readable in a second or two."""

    SAMPLES = "samples"
    EVENTS = "events"


ENVELOPE: tuple[Field, ...] = (
    text("cluster", "Cluster that the host belongs to."),
    text("host", "Host name, as the agent was told."),
    text("boot_id", "The kernel's boot id; counters are differentiated within one boot."),
    required(
        "seq", UINT64_DELTA, Unit.COUNT, "Number of the batch in its stream; a gap is a lost batch.", kind=Kind.COUNTER
    ),
)
"""Columns that a batch carries once for all its rows."""

LINEAGE: tuple[Field, ...] = (
    required("schema_version", UINT16, Unit.NONE, "Schema version of the sender.", kind=Kind.STATE),
    required("bus_partition", UINT16, Unit.NONE, "Bus partition that the row came through.", kind=Kind.STATE),
    required("bus_offset", UINT64_DELTA, Unit.NONE, "Offset of the row's batch in that partition.", kind=Kind.COUNTER),
)
"""Columns that the collector adds from where it read."""

INGESTED = Field(
    "ingested_at",
    Kind.TIME,
    SERVER_TIME,
    Unit.TIMESTAMP,
    "When the server stored the row.",
    nullable=False,
    default="now()",
)

NODE_BLOCK_BYTES = 4 << 20
"""Most of a node's day at 1 Hz. Its GPUs share their batches, so all but the first repeat the first one's numbers; in blocks
of 64 KiB, which is what the engine makes, that is out of sight, and the two cost a byte a row instead of a fifth."""
OF_SAMPLES: dict[str, ColumnType] = {
    "seq": UINT64.coded("Delta, ZSTD(3)", NODE_BLOCK_BYTES),
    "bus_offset": UINT64.coded("Delta, ZSTD(3)", NODE_BLOCK_BYTES),
    "ingested_at": SERVER_TIME.coded(GROWING),
}
"""How the tables of samples store what is about the batch. Other tables are too small for it to matter."""

VERSION = required(
    "version", UINT64, Unit.NONE, "Of two rows with one key, the greater version counts.", kind=Kind.STATE
)

DEDUPLICATION = {
    "non_replicated_deduplication_window": "10000",
    "replicated_deduplication_window": "10000",
    "replicated_deduplication_window_seconds": "604800",
}
"""On every target: without a window of its own a table forgets tokens (docs/decisions/005)."""


@dataclass(frozen=True, eq=False)
class Table:
    """One table. `lane` is None for what analytics and imports write, which never travels on the bus.

    Two are equal only if they are the same one, which makes a table a cheap key."""

    name: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]
    doc: str
    lane: Lane | None = None
    partition_by: str = ""
    ttl: str = ""
    version: Field | None = None
    block_bytes: int = 0
    """Least size of its columns' compressed blocks; 0 leaves it to the engine, which takes 64 KiB."""

    @cached_property
    def columns(self) -> tuple[Field, ...]:
        """All columns in table order."""
        if self.lane is None:
            extra = (self.version,) if self.version else ()
            return (*self.fields, *extra, INGESTED)
        columns = (*ENVELOPE, *self.fields, *LINEAGE, INGESTED)
        if self.lane is not Lane.SAMPLES:
            return columns
        return tuple(replace(c, type=OF_SAMPLES[c.name]) if c.name in OF_SAMPLES else c for c in columns)

    @cached_property
    def inserted(self) -> tuple[str, ...]:
        """Names of the columns that a writer gives; the rest have server-side defaults."""
        return tuple(column.name for column in self.columns if not column.default)

    @cached_property
    def struct(self) -> type[msgspec.Struct]:
        """The wire struct of one row: an array in declared order, append-only, with range checks in decoding."""
        members = [(f.name, _annotation(f), None) if f.nullable else (f.name, _annotation(f)) for f in self.fields]
        ordered = sorted(range(len(members)), key=lambda i: len(members[i]) == 3)
        if ordered != list(range(len(members))):
            raise ValueError(f"{self.name}: required fields come before nullable ones")
        name = "".join(part.capitalize() for part in self.name.split("_"))
        return msgspec.defstruct(name, members, array_like=True, frozen=True)

    def row(self, **values: Any) -> msgspec.Struct:
        """One row for the wire; an unknown name is a TypeError, an absent nullable one is None."""
        return self.struct(**values)

    def ddl(self) -> str:
        """CREATE TABLE for a single server."""
        lines = ",\n".join(f"  {column.ddl()}" for column in self.columns)
        engine = f"ReplacingMergeTree({self.version.name})" if self.version else "ReplacingMergeTree"
        settings = {**DEDUPLICATION, **({"ttl_only_drop_parts": "1"} if self.ttl else {}), **self.block_settings()}
        parts = [
            f"CREATE TABLE IF NOT EXISTS {self.name} (\n{lines}\n)",
            f"ENGINE = {engine}",
            f"PARTITION BY {self.partition_by}" if self.partition_by else "",
            f"ORDER BY ({', '.join(self.key)})",
            f"TTL {self.ttl}" if self.ttl else "",
            "SETTINGS " + ", ".join(f"{name} = {value}" for name, value in settings.items()),
        ]
        return "\n".join(part for part in parts if part)

    def described(self) -> dict[str, str]:
        """Column name to ClickHouse type, as `system.columns` prints it."""
        return {column.name: column.column_type() for column in self.columns}

    def block_settings(self) -> dict[str, str]:
        """What the table's settings say of its blocks."""
        return {"min_compress_block_size": str(self.block_bytes)} if self.block_bytes else {}

    def stored(self) -> dict[str, ColumnType]:
        """Column name to what is declared of its codec and block size."""
        return {column.name: column.type for column in self.columns}


def _annotation(field: Field) -> Any:
    bounds: dict[str, Any] = {}
    if field.type.low is not None:
        bounds["ge"] = field.type.low
    if field.type.high is not None:
        bounds["le"] = field.type.high
    if field.type.max_length is not None:
        bounds["max_length"] = field.type.max_length
    base = Annotated[field.type.python, msgspec.Meta(**bounds)] if bounds else field.type.python
    return base | None if field.nullable else base


def by_name(tables: Iterable[Table]) -> dict[str, Table]:
    """Tables by their name."""
    return {table.name: table for table in tables}


__all__ = ["DEDUPLICATION", "ENVELOPE", "INGESTED", "LINEAGE", "NAME", "VERSION", "Lane", "Table", "by_name"]
