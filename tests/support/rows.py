"""Checks of rows that every probe's test makes."""

from __future__ import annotations

from typing import Any

import msgspec

from clusterctl.schema import Table


def travels(table: Table, row: msgspec.Struct) -> Any:
    """The row as the collector decodes it: a value that its column cannot hold raises."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(row), type=table.struct)


def readings(table: Table, row: msgspec.Struct) -> dict[str, Any]:
    """What the row tells, by column; missing readings left out."""
    named = zip((field.name for field in table.fields), msgspec.structs.astuple(row), strict=True)
    return {name: value for name, value in named if value is not None}
