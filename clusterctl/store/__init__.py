"""The seam to ClickHouse: what every store promises, and how to open the configured one.

`driver` speaks to a server, `embedded` runs the engine in this process, `remote` speaks to a process that owns the
embedded engine, `serve` is that process's side. All pass tests/contract/test_store.py. `sessions` lets the embedded
engine answer several reads at once, `bounded` is a store as reports see it, `shards` one of several servers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Protocol

from clusterctl.config import Config
from clusterctl.errors import StoreLocked

if TYPE_CHECKING:
    from clusterctl.store.columnar import Column

Param = str | int | float | datetime
Columns = Mapping[str, "list[Any] | Column"]
"""Equally long: lists of plain values, or arrays (`columnar`); not both in one block."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a query gave: column names, their ClickHouse types, and the rows. Timestamps are aware datetimes in UTC."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]


INSERT_SETTINGS: Mapping[str, int | str] = {"async_insert": 0, "deduplicate_insert": "enable", "optimize_on_insert": 0}
"""`async_insert` is on by default since ClickHouse 26.3, and had a token bug. `optimize_on_insert` looks for repeated keys in
each block before it is stored, which more than doubles what an insert costs the server; merges and FINAL do that anyway."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a read may cost at most. A statement under bounds can read and nothing else."""

    timeout_s: float
    memory_bytes: int
    rows: int

    def settings(self) -> dict[str, float]:
        """As the engine calls them. readonly 2 lets a query set how it is run, but not write."""
        return {
            "readonly": 2,
            "max_execution_time": self.timeout_s,
            "max_memory_usage": self.memory_bytes,
            "max_result_rows": self.rows,
        }


class Reader(Protocol):
    """What a question needs of a store."""

    def query(self, sql: str, params: Mapping[str, Param] | None = None) -> Result:
        """Rows of one SELECT; `{name:Type}` in the text is bound by the engine, never by us."""
        ...


class Store(Protocol):
    """A ClickHouse database. Raises only errors below StoreError."""

    def query(self, sql: str, params: Mapping[str, Param] | None = None, bounds: Bounds | None = None) -> Result:
        """As of a Reader. Under bounds the engine refuses to write and ends what costs more, with a ServerError."""
        ...

    def execute(self, sql: str, params: Mapping[str, Param] | None = None) -> None:
        """One statement without rows."""
        ...

    def insert(self, table: str, columns: Columns, token: str = "") -> None:
        """Store equally long columns as one block. Timestamps are UTC milliseconds. A block that was stored under the
        same token before is not stored again."""
        ...

    def beside(self) -> Store:
        """The same database for one more thread, which closes what it got. Reads under bounds run at the same time."""
        ...

    def close(self) -> None: ...


def param_text(value: Param) -> str:
    """A parameter as ClickHouse reads it: milliseconds kept, text as it is."""
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.") + f"{value.microsecond // 1000:03d}"
    return str(value)


def open_store(config: Config) -> Store:
    """The configured store. For the embedded engine: the process that owns it, or the engine itself if nobody does.

    Raises StoreLocked if another process holds the directory and does not answer, StoreUnavailable if no server does.
    """
    if config.store.kind == "clickhouse":
        from clusterctl.store.driver import DriverStore
        from clusterctl.store.topology import CLUSTER_SETTINGS

        return DriverStore(config.store, CLUSTER_SETTINGS if config.store.cluster else None)
    from clusterctl.store.embedded import EmbeddedStore, lock_wait_s, socket_path, store_dir
    from clusterctl.store.remote import connect

    remote = connect(socket_path(config))
    if remote is not None:
        return remote
    try:
        return EmbeddedStore(store_dir(config), wait_s=lock_wait_s())
    except StoreLocked:
        remote = connect(socket_path(config))  # the owner may have opened its socket while we waited
        if remote is None:
            raise
        return remote


__all__ = ["Bounds", "Columns", "Config", "Param", "Reader", "Result", "Store", "open_store", "param_text"]
