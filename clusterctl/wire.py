"""What travels: batches and packs. This file and `packs` know the format, and nothing else does.

A batch is one tick's rows of a table, and what the spool keeps: a msgpack array of version 1, cluster, host, boot_id, seq,
sent_ms, table, schema version, rows; each row is an array in the table's declared order. A pack is many batches in columns,
and what samples are sent to Kafka as. Appended fields need no new version: an old reader skips them, a new reader fills
None. A version grows only when an old reader could misread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from clusterctl import packs
from clusterctl.errors import DecodeError
from clusterctl.packs import Pack, Shape
from clusterctl.schema import SCHEMA_VERSION, TABLE_BY_NAME, Table

VERSION = 1
MAX_BYTES = 1_000_000
"""A batch above this would not fit Kafka's default message size; the agent cuts before."""

MALFORMED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are no message; text that is not UTF-8, and arrays in arrays in arrays, are errors of
their own."""

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
_pack_decoder = msgspec.msgpack.Decoder(Pack)
PACK_HEADERS = (("v", str(packs.VERSION).encode()),)
_PACK_BEGINS = (b"\x9b\x02", b"\x9c\x02", b"\x9d\x02")
"""An array of eleven or a few more, the first of them 2."""


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
    _bounded(data)
    try:
        batch = _batch_decoder.decode(data)
    except MALFORMED as error:
        raise DecodeError(_foreign(data) or f"not a batch: {error}") from error
    if batch.version != VERSION:
        raise DecodeError(f"wire version {batch.version}, this collector reads {VERSION} and {packs.VERSION}")
    table = TABLE_BY_NAME.get(batch.table)
    if table is None or table.lane is None:
        raise DecodeError(f"table {batch.table[:64]!r} is not one that agents send")
    try:
        rows = _rows_decoder(table).decode(batch.rows)
    except MALFORMED as error:
        raise DecodeError(f"{table.name}: {error}") from error
    if len(rows) > packs.MAX_ROWS:
        raise DecodeError(f"{table.name}: {len(rows)} rows, more than any agent sends")
    return Decoded(batch, table, rows)


def gather(data: Sequence[bytes]) -> bytes:
    """Batches of one table, node, boot and schema as one pack. Raises DecodeError if one of them is not a batch."""
    decoded = [decode(one) for one in data]
    first = decoded[0]
    rows = [row for one in decoded for row in one.rows]
    seqs = [one.batch.seq for one in decoded for _ in one.rows]
    if not 0 < len(rows) <= packs.MAX_ROWS:
        raise DecodeError(f"{first.table.name}: {len(rows)} rows for one pack")
    return _encoder.encode(_packed(first.table, rows, seqs, decoded[-1].batch))


def kind_of(data: bytes) -> tuple[str, str, str, str, int]:
    """What batches must have in common to be gathered: table, cluster, host, boot_id, schema. Raises DecodeError."""
    try:
        batch = _batch_decoder.decode(data)
    except MALFORMED as error:
        raise DecodeError(f"not a batch: {error}") from error
    return batch.table, batch.cluster, batch.host, batch.boot_id, batch.schema


def receive(data: bytes) -> tuple[Pack, Shape]:
    """The pack in `data`, or its batch as a pack of one tick. What values a pack's columns hold is not looked at yet.
    Raises DecodeError with the reason when it is neither."""
    if data[:2] not in _PACK_BEGINS:
        one = decode(data)
        if not one.rows:
            raise DecodeError(f"{one.table.name}: a batch without rows")
        made = _packed(one.table, one.rows, [one.batch.seq] * len(one.rows), one.batch)
        return made, packs.shape_of_pack(made)
    _bounded(data)
    try:
        pack = _pack_decoder.decode(data)
    except MALFORMED as error:
        raise DecodeError(_foreign(data) or f"not a pack: {error}") from error
    shape = packs.shape_of_pack(pack)
    if len(pack.texts) > shape.texts:  # of columns that this version does not know
        pack = msgspec.structs.replace(pack, texts=pack.texts[: shape.texts])
    return pack, shape


def narrowed(pack: Pack, shape: Shape, first_ms: int, last_ms: int) -> tuple[Pack, Shape] | None:
    """The pack without rows whose `ts` is outside of [first_ms, last_ms]; None if none is left. Raises DecodeError."""
    seqs, rows = packs.unpack(pack, shape)
    kept = [(seq, row) for seq, row in zip(seqs, rows, strict=True) if first_ms <= row.ts <= last_ms]
    if not kept:
        return None
    made = packs.pack(
        shape.table,
        [row for _, row in kept],
        [seq for seq, _ in kept],
        cluster=pack.cluster,
        host=pack.host,
        boot_id=pack.boot_id,
        sent_ms=pack.sent_ms,
        schema=pack.schema,
    )
    return made, packs.shape_of_pack(made)


def _packed(table: Table, rows: Sequence[Any], seqs: Sequence[int], batch: Batch) -> Pack:
    return packs.pack(
        table,
        rows,
        seqs,
        cluster=batch.cluster,
        host=batch.host,
        boot_id=batch.boot_id,
        sent_ms=batch.sent_ms,
        schema=batch.schema,
    )


def _bounded(data: bytes) -> None:
    if len(data) > MAX_BYTES * 8:
        raise DecodeError(f"message of {len(data)} bytes, more than any agent sends")


def _foreign(data: bytes) -> str:
    """A better reason for a message of another version, whose envelope may differ from ours: the first of a short array."""
    known = (VERSION, packs.VERSION)
    if len(data) > 1 and 0x90 <= data[0] <= 0x9F and data[1] < 0x80 and data[1] not in known:
        return f"wire version {data[1]}, this collector reads {VERSION} and {packs.VERSION}"
    return ""


def _rows_decoder(table: Table) -> msgspec.msgpack.Decoder[list[Any]]:
    decoder = _row_decoders.get(table.name)
    if decoder is None:
        decoder = msgspec.msgpack.Decoder(list[table.struct])  # type: ignore[name-defined]
        _row_decoders[table.name] = decoder
    return decoder
