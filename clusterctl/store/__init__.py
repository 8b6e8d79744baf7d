"""The seam to ClickHouse: what every store promises, and how to open the configured one.

`driver` speaks to a server, `embedded` runs the engine in this process, `remote` speaks to a process that owns the
embedded engine, `serve` is that process's side. All pass tests/contract/test_store.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Protocol

from clusterctl.config import Config
from clusterctl.errors import StoreLocked

Param = str | int | float | datetime
Columns = Mapping[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Result:
    """What a query gave: column names, their ClickHouse types, and the rows. Timestamps are aware datetimes in UTC."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class Store(Protocol):
    """A ClickHouse database. Raises only errors below StoreError."""

    def query(self, sql: str, params: Mapping[str, Param] | None = None) -> Result:
        """Rows of one SELECT; `{name:Type}` in the text is bound by the engine, never by us."""
        ...

    def execute(self, sql: str, params: Mapping[str, Param] | None = None) -> None:
        """One statement without rows."""
        ...

    def insert(self, table: str, columns: Columns, token: str = "") -> None:
        """Store equally long columns as one block. Timestamps are UTC milliseconds. A block that was stored under the
        same token before is not stored again."""
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

        return DriverStore(config.store)
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


__all__ = ["Columns", "Config", "Param", "Result", "Store", "open_store", "param_text"]
