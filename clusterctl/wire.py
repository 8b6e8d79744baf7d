"""One batch on the wire: `encode` and `decode`, and nothing else knows the format.

A batch is a msgpack array: version, cluster, host, boot_id, seq, sent_ms, table, schema version, rows; each row is an
array in the table's declared order. Appended fields need no new version: an old reader skips them, a new reader fills
None. `VERSION` grows only when an old reader could misread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from clusterctl.errors import DecodeError
from clusterctl.schema import SCHEMA_VERSION, TABLE_BY_NAME, Table

VERSION = 1
MAX_BYTES = 1_000_000
"""A batch above this would not fit Kafka's default message size; the agent cuts before."""

MALFORMED = (msgspec.MsgspecError, UnicodeDecodeError)
"""What msgspec raises for bytes that are no message; text that is not UTF-8 is an error of its own."""

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
_Uint = Annotated[int, msgspec.Meta(ge=0)]


class Batch(msgspec.Struct, array_like=True, frozen=True):
    """One node's rows of one table at one tick. `seq` counts the batches of a stream: a gap is a lost batch."""

    version: _Uint
    cluster: _Name
    host: _Name
    boot_id: Annotated[str, msgspec.Meta(max_length=64)]
    seq: _Uint
    sent_ms: _Uint
    table: _Name
    schema: Annotated[int, msgspec.Meta(ge=0, le=65_535)]
    rows: msgspec.Raw


class Decoded(msgspec.Struct, frozen=True):
    """A batch whose rows have been checked against their table."""

    batch: Batch
    table: Table
    rows: list[Any]


_encoder = msgspec.msgpack.Encoder()
_batch_decoder = msgspec.msgpack.Decoder(Batch)
_row_decoders: dict[str, msgspec.msgpack.Decoder[list[Any]]] = {}
_version_decoder = msgspec.msgpack.Decoder(list[Any])


def encode(
    table: Table, rows: Sequence[msgspec.Struct], *, cluster: str, host: str, boot_id: str, seq: int, sent_ms: int
) -> bytes:
    """The bytes of one batch."""
    raw = msgspec.Raw(_encoder.encode(rows))
    batch = Batch(VERSION, cluster, host, boot_id, seq, sent_ms, table.name, SCHEMA_VERSION, raw)
    return _encoder.encode(batch)


def carries(table: Table, rows: Sequence[msgspec.Struct]) -> bool:
    """Whether a reader would take these rows: a struct is made without looking at its values."""
    try:
        _rows_decoder(table).decode(_encoder.encode(rows))
    except (*MALFORMED, OverflowError):
        return False
    return True


def decode(data: bytes) -> Decoded:
    """The batch in `data`, every value in its range; DecodeError says what is wrong with it otherwise."""
    if len(data) > MAX_BYTES * 8:
        raise DecodeError(f"message of {len(data)} bytes, more than any agent sends")
    try:
        batch = _batch_decoder.decode(data)
    except MALFORMED as error:
        raise DecodeError(_foreign(data) or f"not a batch: {error}") from error
    if batch.version != VERSION:
        raise DecodeError(f"wire version {batch.version}, this collector reads {VERSION}")
    table = TABLE_BY_NAME.get(batch.table)
    if table is None or table.lane is None:
        raise DecodeError(f"table {batch.table[:64]!r} is not one that agents send")
    try:
        rows = _rows_decoder(table).decode(batch.rows)
    except MALFORMED as error:
        raise DecodeError(f"{table.name}: {error}") from error
    return Decoded(batch, table, rows)


def _foreign(data: bytes) -> str:
    """A better reason for a batch of another version, whose envelope may differ from ours."""
    try:
        envelope = _version_decoder.decode(data)
    except MALFORMED:
        return ""
    version = envelope[0] if envelope else None
    if isinstance(version, int) and version != VERSION:
        return f"wire version {version}, this collector reads {VERSION}"
    return ""


def _rows_decoder(table: Table) -> msgspec.msgpack.Decoder[list[Any]]:
    decoder = _row_decoders.get(table.name)
    if decoder is None:
        decoder = msgspec.msgpack.Decoder(list[table.struct])  # type: ignore[name-defined]
        _row_decoders[table.name] = decoder
    return decoder
