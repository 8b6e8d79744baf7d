"""A pack from whole columns: what `packs.pack` makes of rows, without making the rows first."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from clusterctl.packs import ABSENT, FULL, MAX_ROWS, SEQ_WIDTH, TEXT, VERSION, Pack, code_of
from clusterctl.schema import SCHEMA_VERSION, Table
from clusterctl.simulate.noise import Array

_encode = msgspec.msgpack.Encoder().encode


def packed(
    table: Table, columns: Mapping[str, Any], seqs: Array, *, cluster: str, host: str, boot_id: str, sent_ms: int
) -> bytes:
    """The message of these rows, in the order of the table's key; columns that are not named are missing."""
    rows = len(seqs)
    if not 0 < rows <= MAX_ROWS:
        raise ValueError(f"{table.name}: {rows} rows for one pack")
    unknown = set(columns) - {field.name for field in table.fields}
    if unknown:
        raise KeyError(f"{table.name} has no {sorted(unknown)}")
    layout, blob, texts = bytearray([FULL << 4 | SEQ_WIDTH]), [np.asarray(seqs, "<u8").tobytes()], []
    for field in table.fields:
        if field.name not in columns:
            layout.append(ABSENT << 4)
            continue
        values, code = columns[field.name], code_of(field)
        if code:
            layout.append(FULL << 4 | struct.calcsize(code))
            blob.append(np.ascontiguousarray(np.broadcast_to(values, (rows,)), "<" + code).tobytes())
        else:
            positions, dictionary = _dictionary(values, rows)
            layout.append(TEXT << 4 | positions.itemsize)
            blob.append(positions.tobytes())
            texts.append(dictionary)
    made = Pack(
        VERSION, cluster, host, boot_id, sent_ms, table.name, SCHEMA_VERSION, rows, bytes(layout),
        memoryview(b"".join(blob)), texts,
    )  # fmt: skip
    return _encode(made)


def _dictionary(values: str | Sequence[str], rows: int) -> tuple[Array, list[str | None]]:
    if isinstance(values, str):
        return np.zeros(rows, np.uint8), [values]
    place = {text: number for number, text in enumerate(dict.fromkeys(values))}
    width = "<u1" if len(place) <= 256 else "<u2"
    return np.array([place[text] for text in values], width), list(place)
