"""What stores need to know of columns: which are timestamps, and how the engine's JSON becomes Python values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

from clusterctl.schema import TABLE_BY_NAME
from clusterctl.schema.field import Kind


@lru_cache(maxsize=64)
def time_columns(table: str) -> frozenset[str]:
    """Names of the millisecond timestamps of a declared table; empty for others."""
    declared = TABLE_BY_NAME.get(table)
    if declared is None:
        return frozenset()
    return frozenset(column.name for column in declared.columns if column.kind is Kind.TIME and not column.default)


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value).replace(tzinfo=timezone.utc)


@lru_cache(maxsize=512)
def reader_of(type_name: str) -> Callable[[Any], Any] | None:
    """How to turn the engine's JSON value of a type into ours; None where it is ours already."""
    for wrapper in ("Nullable(", "LowCardinality("):
        if type_name.startswith(wrapper):
            return reader_of(type_name[len(wrapper) : -1])
    if type_name.startswith("DateTime"):
        return _time
    if type_name.startswith("Float"):
        return float
    if type_name.startswith("Array("):
        inner = reader_of(type_name[len("Array(") : -1])
        return None if inner is None else lambda values: [None if v is None else inner(v) for v in values]
    return None
