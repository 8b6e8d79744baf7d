"""Where a database differs from what this version declares: columns, their types, how they are stored."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clusterctl.schema import TABLES, Table
from clusterctl.schema.cluster import Layout, is_sharded, local_name
from clusterctl.store import Store

_WIDTH = re.compile(r"(Delta|DoubleDelta|Gorilla)\(\d\)")


@dataclass(slots=True)
class Found:
    """One server's tables."""

    columns: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    """By table and column: type and codec."""
    texts: dict[str, str] = field(default_factory=dict)
    """By table: its CREATE statement as the server has it."""


def drift(store: Store, layout: Layout | None = None) -> list[str]:
    """Where the database differs from the declaration, a line each; on a cluster, on which server."""
    if layout is None:
        columns = store.query(
            "SELECT table, name, type, compression_codec FROM system.columns"
            " WHERE database = currentDatabase() ORDER BY table, position"
        ).rows
        texts = store.query("SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()")
        return [line for table in TABLES for line in _stored(table.name, table, _found(columns, texts.rows))]
    return [
        f"server {number} ({host}): {line}"
        for number, host, found in _servers(store, layout)
        for table in TABLES
        for line in _on_a_server(table, found)
    ]


def _on_a_server(table: Table, found: Found) -> Iterator[str]:
    """A sharded table is two: the local one has the rows, the Distributed one stores nothing."""
    if is_sharded(table):
        yield from _declared(table.name, table, found)
        yield from _stored(local_name(table.name), table, found)
    else:
        yield from _stored(table.name, table, found)


def _servers(store: Store, layout: Layout) -> list[tuple[int, str, Found]]:
    """Every server's number in the cluster, its name, and its tables; an empty one has none."""
    bound = {"cluster": layout.cluster, "database": layout.database}
    everywhere = "FROM clusterAllReplicas({cluster:String}, system."
    servers = store.query(f"SELECT _shard_num, hostName() {everywhere}one) ORDER BY 1", bound).rows
    columns = store.query(
        f"SELECT _shard_num, table, name, type, compression_codec {everywhere}columns)"
        " WHERE database = {database:String} ORDER BY 1, table, position",
        bound,
    ).rows
    texts = store.query(
        f"SELECT _shard_num, name, create_table_query {everywhere}tables) WHERE database = {{database:String}}", bound
    ).rows
    return [
        (
            number,
            host,
            _found([row[1:] for row in columns if row[0] == number], [r[1:] for r in texts if r[0] == number]),
        )
        for number, host in servers
    ]


def _found(columns: Sequence[tuple[Any, ...]], texts: Sequence[tuple[Any, ...]]) -> Found:
    found = Found(texts=dict(texts))
    for table, name, kind, codec in columns:
        found.columns.setdefault(table, {})[name] = (kind, codec)
    return found


def _declared(name: str, table: Table, found: Found) -> Iterator[str]:
    """Columns that are not there, of another type, or not declared."""
    have, want = found.columns.get(name, {}), table.described()
    for column, kind in want.items():
        there = have.get(column, ("nothing", ""))[0]
        if there != kind:
            yield f"{name}.{column}: declared {kind}, found {there}"
    yield from (f"{name}.{column}: not declared" for column in have if column not in want)


def _stored(name: str, table: Table, found: Found) -> Iterator[str]:
    """The same, and columns that are compressed otherwise than declared, and blocks of another size."""
    yield from _declared(name, table, found)
    have, text = found.columns.get(name, {}), found.texts.get(name, "")
    yield from _settings(name, table.block_settings(), have, text)
    for column, declared in table.stored().items():
        if column not in have:
            continue
        kind, codec = have[column]
        if _plain(codec) != (f"CODEC({declared.codec})" if declared.codec else ""):
            yield f"{name}.{column}: declared CODEC({declared.codec}), found {codec or 'no codec'}"
        line = f"{column} {kind} {codec} SETTINGS ({declared.settings()})"
        if declared.block_bytes and line not in text.replace("`", ""):
            yield f"{name}.{column}: declared SETTINGS ({declared.settings()}), not found"


def _settings(name: str, wanted: Mapping[str, Any], have: Mapping[str, Any], text: str) -> Iterator[str]:
    for setting, value in wanted.items():
        if have and f"{setting} = {value}" not in text:
            yield f"{name}: declared {setting} = {value}, not found"


def _plain(codec: str) -> str:
    """The engine adds the width of the column to codecs that we declare without."""
    return _WIDTH.sub(r"\1", codec)
