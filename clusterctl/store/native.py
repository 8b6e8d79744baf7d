"""Arrays as ClickHouse's native column format, so that a block goes to the server without a Python object a value.

Formats: the serialisations of ClickHouse's `Native` format and protocol: numbers little-endian one after another; a Nullable
column is a byte a row (1: NULL) and then the values; LowCardinality is a version, flags, the keys (a Nullable one begins with
NULL's placeholder), and a position a row.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from clusterctl.errors import Unencodable
from clusterctl.store.columnar import Column, Numbers, Texts

KEYS_VERSION = 1
OWN_KEYS, NEW_DICTIONARY = 1 << 9, 1 << 10
_DTYPES = {
    "UInt8": "<u1",
    "UInt16": "<u2",
    "UInt32": "<u4",
    "UInt64": "<u8",
    "Int16": "<i2",
    "Int32": "<i4",
    "Int64": "<i8",
    "Float32": "<f4",
    "Float64": "<f8",
}
_INDEXES = (("<u1", 1 << 8), ("<u2", 1 << 16), ("<u4", 1 << 32))


def dtype_of(type_name: str) -> np.dtype[Any]:
    """The array type of a ClickHouse type without its Nullable. KeyError for text."""
    if type_name.startswith("DateTime64("):
        return np.dtype("<i8")
    return np.dtype(_DTYPES[type_name])


def encode(type_name: str, column: Column) -> list[bytes | memoryview]:
    """The pieces of a column's data. Raises Unencodable when the column is not of that type."""
    nullable, inner = _unwrapped(type_name, "Nullable(")
    coded, key_type = _unwrapped(type_name, "LowCardinality(")
    if isinstance(column, Texts):
        return _keyed(key_type, column) if coded else _plain(inner, nullable, column)
    return _numbers(type_name, inner, nullable, column)


def _unwrapped(type_name: str, wrapper: str) -> tuple[bool, str]:
    if type_name.startswith(wrapper):
        return True, type_name[len(wrapper) : -1]
    return False, type_name


def _numbers(type_name: str, inner: str, nullable: bool, column: Numbers) -> list[bytes | memoryview]:
    try:
        wanted = dtype_of(inner)
    except KeyError:
        raise Unencodable(f"numbers for a column of {type_name}") from None
    if column.values.dtype != wanted:
        raise Unencodable(f"{column.values.dtype} for a column of {type_name}")
    data = np.ascontiguousarray(column.values).data.cast("B")
    if not nullable:
        if column.missing is not None and column.missing.any():
            raise Unencodable(f"a missing reading for a column of {type_name}")
        return [data]
    if column.missing is None:
        return [bytes(len(column)), data]
    return [np.ascontiguousarray(column.missing).data.cast("B"), data]


def _keyed(key_type: str, column: Texts) -> list[bytes | memoryview]:
    nullable, inner = _unwrapped(key_type, "Nullable(")
    if inner != "String":
        raise Unencodable(f"text for a column of LowCardinality({key_type})")
    keys, index = list(column.keys), column.index
    if nullable:
        # position 0 stands for NULL; a key None, wherever it was, moves there
        moved = np.array([0 if key is None else number + 1 for number, key in enumerate(keys)], dtype=np.uint32)
        keys, index = ["", *("" if key is None else key for key in keys)], moved[index]
    elif None in keys:
        raise Unencodable("a missing text for a column that is not Nullable")
    width = next(number for number, (_, limit) in enumerate(_INDEXES) if len(keys) <= limit)
    return [
        struct.pack("<QQQ", KEYS_VERSION, OWN_KEYS | NEW_DICTIONARY | width, len(keys)),
        _strings(keys),
        struct.pack("<Q", len(index)),
        index.astype(_INDEXES[width][0]).data.cast("B"),
    ]


def _plain(inner: str, nullable: bool, column: Texts) -> list[bytes | memoryview]:
    if inner != "String":
        raise Unencodable(f"text for a column of {inner}")
    written = [_string(key or "") for key in column.keys]
    data = b"".join([written[position] for position in column.index.tolist()])
    missing = np.array([key is None for key in column.keys], dtype=np.uint8)[column.index]
    if nullable:
        return [missing.tobytes(), data]
    if missing.any():
        raise Unencodable("a missing text for a column that is not Nullable")
    return [data]


def _strings(keys: Sequence[str | None]) -> bytes:
    return b"".join([_string(key or "") for key in keys])


def _string(text: str) -> bytes:
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise Unencodable(str(error)) from error
    return varint(len(data)) + data


def named(name: str, type_name: str) -> bytes:
    """What stands before a column's data."""
    return _string(name) + _string(type_name)


def varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
