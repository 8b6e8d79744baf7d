"""Blocks of ClickHouse's Native format from NumPy columns, to load benchmark data at the engine's own speed."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clusterctl.schema import Table

_NUMPY = {"DateTime64(3, 'UTC')": np.int64, "DateTime('UTC')": np.uint32, "Float32": np.float32, "Float64": np.float64}
_INTEGER = re.compile(r"(U?Int)(8|16|32|64)$")


def _varint(number: int) -> bytes:
    made = bytearray()
    while number >= 0x80:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*made, number))


def _text(value: str) -> bytes:
    raw = value.encode()
    return _varint(len(raw)) + raw


def _strings(values: NDArray[Any]) -> bytes:
    known = {value: _text(str(value)) for value in np.unique(values)}
    return b"".join([known[value] for value in values.tolist()])


def _plain(kind: str, values: NDArray[Any]) -> bytes:
    if kind == "String":
        return _strings(values)
    match = _INTEGER.match(kind)
    dtype = np.dtype(match[0].lower()) if match else np.dtype(_NUMPY[kind])
    return np.ascontiguousarray(values.astype(dtype)).tobytes()


def _rows(columns: dict[str, Any]) -> int:
    return max(len(values) for values in columns.values() if isinstance(values, np.ndarray))


def block(table: Table, columns: dict[str, Any]) -> bytes:
    """One block: every column of the table, those that are not given missing. A single value stands for all rows."""
    rows = _rows(columns)
    parts = [_varint(len(table.columns)), _varint(rows)]
    for field in table.columns:
        kind = field.type.clickhouse.replace("LowCardinality(String)", "String")
        values = columns.get(field.name)
        if values is None:
            values = np.ma.masked_all(rows, np.dtype("U1") if kind == "String" else np.int64)
        values = np.ma.asanyarray(values)
        if values.ndim == 0:
            values = np.ma.masked_array(np.full(rows, values.item()))
        parts += [_text(field.name), _text(f"Nullable({kind})" if field.nullable else kind)]
        data, mask = np.ma.getdata(values), np.ma.getmaskarray(values)
        if field.nullable:
            parts.append(mask.astype(np.uint8).tobytes())
        text = kind == "String"
        parts.append(_plain(kind, np.where(mask, "" if text else 0, data.astype(str) if text else data)))
    return b"".join(parts)
