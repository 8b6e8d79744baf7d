"""A question is a file: `Query` binds the text of a .sql file to the dataclass of one row."""

from __future__ import annotations

import dataclasses
import re
import typing
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Generic, TypeVar

from clusterctl.errors import StoreError
from clusterctl.store import Param, Reader

Row = TypeVar("Row")
_PARAMETER = re.compile(r"\{(\w+):([^}]+)\}")
SQL = resources.files("clusterctl.analytics") / "sql"


@cache
def sql_text(path: str) -> str:
    """The text of a file below `sql/`."""
    return SQL.joinpath(path).read_text(encoding="utf-8")


class Query(Generic[Row]):
    """One report query. Its columns must be the row's fields, in order, with values of their types."""

    registry: typing.ClassVar[list[Query[typing.Any]]] = []
    """Every query of the package, for the tests."""

    def __init__(self, path: str, row: type[Row]) -> None:
        self.path = path
        self.row = row
        self.fields = tuple(field.name for field in dataclasses.fields(row))  # type: ignore[arg-type]
        Query.registry.append(self)

    @property
    def text(self) -> str:
        """The SQL, without a trailing semicolon."""
        return sql_text(self.path).rstrip().rstrip(";")

    def parameters(self) -> dict[str, str]:
        """Name and ClickHouse type of each parameter."""
        return dict(_PARAMETER.findall(self.text))

    def run(self, store: Reader, **params: Param) -> list[Row]:
        """The rows. A column that the dataclass does not expect is an error, never dropped."""
        result = store.query(self.text, params)
        if result.names != self.fields:
            raise StoreError(f"{self.path}: columns {result.names} do not match {self.row.__name__} {self.fields}")
        return [self.row(*values) for values in result.rows]

    def one(self, store: Reader, **params: Param) -> Row:
        """The only row."""
        rows = self.run(store, **params)
        if len(rows) != 1:
            raise StoreError(f"{self.path}: expected one row, got {len(rows)}")
        return rows[0]


_GROUPS: tuple[tuple[str, type], ...] = (
    ("UInt", int),
    ("Int", int),
    ("Float", float),
    ("DateTime", datetime),
    ("String", str),
    ("Array", list),
)


def python_type(clickhouse: str) -> tuple[type, bool]:
    """The Python type of a ClickHouse type, and whether it may be NULL."""
    nullable = False
    inner = clickhouse
    for wrapper in ("LowCardinality(", "Nullable("):
        if inner.startswith(wrapper):
            nullable = nullable or wrapper == "Nullable("
            inner = inner[len(wrapper) : -1]
    for prefix, kind in _GROUPS:
        if inner.startswith(prefix):
            return kind, nullable
    raise ValueError(f"no Python type for {clickhouse}")
