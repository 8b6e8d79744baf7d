"""How analytics and imports write: whole rows in declared order, and re-runs that replace rather than add."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clusterctl.clock import to_ms
from clusterctl.schema import Table
from clusterctl.schema.field import Kind
from clusterctl.store import Param, Store

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """How many rows were written, and how many taken back."""

    written: int
    retired: int


def insert_rows(store: Store, table: Table, rows: Sequence[Row]) -> None:
    """Store rows. What a row does not name is missing where a reading may be; elsewhere it is a KeyError, found by the first
    test."""
    may_miss = {field.name for field in table.columns if field.nullable}
    if rows:
        columns = {name: [row.get(name) if name in may_miss else row[name] for row in rows] for name in table.inserted}
        store.insert(table.name, columns)


def current_rows(
    store: Store, table: Table, cluster: str, source: str, where: str = "", **params: Param
) -> list[dict[str, Any]]:
    """Rows that stand under a source and meet a condition, timestamps as milliseconds, ready to be written again."""
    names = table.inserted
    times = {field.name for field in table.columns if field.kind is Kind.TIME}
    result = store.query(
        f"SELECT {', '.join(names)} FROM {table.name} FINAL "
        "WHERE cluster = {cluster:String} AND source = {source:String} AND retired = 0"
        + (f" AND {where}" if where else ""),
        {"cluster": cluster, "source": source, **params},
    )
    return [
        {
            name: to_ms(value) if name in times and value is not None else value
            for name, value in zip(names, row, strict=True)
        }
        for row in result.rows
    ]


def replace_source(store: Store, table: Table, cluster: str, source: str, rows: Iterable[Row], version: int) -> Change:
    """Make `rows` what stands under (cluster, source), and nothing else; what that took.

    Rows already there are left alone, rows no longer there are retired, so that running it again writes nothing."""
    listed = [{**row, "version": version} for row in rows]
    wanted = {_key(table, row): row for row in listed}
    if len(wanted) < len(listed):
        raise ValueError(f"{table.name}: {len(listed) - len(wanted)} rows share a key with another")
    standing = {_key(table, row): row for row in current_rows(store, table, cluster, source)}
    changed = [row for key, row in wanted.items() if key not in standing or _differs(row, standing[key])]
    retired = [{**row, "retired": 1, "version": version} for key, row in standing.items() if key not in wanted]
    insert_rows(store, table, [*changed, *retired])
    return Change(len(changed), len(retired))


def _key(table: Table, row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in table.key)


def _differs(new: Row, old: Row) -> bool:
    return any(new.get(name) != old[name] for name in old if name != "version")
