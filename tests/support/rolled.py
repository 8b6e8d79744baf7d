"""Rows for the tests of rollups: samples and node-minutes with the moment at which the store got them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from clusterctl.clock import MS_PER_DAY
from clusterctl.schema import Table
from clusterctl.store import Store

DAY_MS, HOUR_MS, MINUTE_MS = MS_PER_DAY, 3_600_000, 60_000
T0 = (time.time_ns() // 1_000_000 // MS_PER_DAY - 10) * MS_PER_DAY
"""A midnight that retention has not reached: older samples are dropped when they are stored."""
Row = dict[str, Any]


def insert(store: Store, table: Table, rows: Sequence[Row], *, stored_ms: int) -> None:
    """Store rows as if it were `stored_ms`. What a row does not name is missing, or empty where it cannot be."""
    if not rows:
        return
    names = [column.name for column in table.columns if not column.default]
    blank = {
        column.name: None if column.nullable else "" if column.type.python is str else 0 for column in table.columns
    }
    unknown = {name for row in rows for name in row} - set(names)
    assert not unknown, unknown
    columns: dict[str, list[Any]] = {name: [row.get(name, blank[name]) for row in rows] for name in names}
    store.insert(table.name, {**columns, "ingested_at": [stored_ms // 1_000] * len(rows)})


def gpu(ts: int, *, host: str = "n1", gpu_uuid: str = "g1", boot_id: str = "b1", **readings: Any) -> Row:
    return {"cluster": "c", "host": host, "gpu_uuid": gpu_uuid, "boot_id": boot_id, "ts": ts, **readings}


def port(ts: int, *, host: str = "n1", boot_id: str = "b1", **readings: Any) -> Row:
    return {"cluster": "c", "host": host, "port": "mlx5_0/1", "boot_id": boot_id, "ts": ts, **readings}


def standing(store: Store, table: Table) -> list[Row]:
    """What a rollup says, without what differs between computations."""
    names = [name for name in table.inserted if name not in ("version", "retired")]
    result = store.query(
        f"SELECT {', '.join(names)} FROM {table.name} FINAL WHERE retired = 0 ORDER BY {', '.join(table.key)}"
    )
    return [dict(zip(names, row, strict=True)) for row in result.rows]
