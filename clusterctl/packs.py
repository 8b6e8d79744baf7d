"""Many ticks of one table of one node in one message, column by column.

A pack is a msgpack array: version 2, cluster, host, boot_id, sent_ms, table, schema version, number of rows, layout, blob,
texts. `blob` holds the columns one after another: `seq` (the number of the batch that a row came in), then the table's
fields in declared order. `layout` has one byte a column: its form in the upper half, the bytes of one value in the lower.

    0  all missing: nothing in the blob
    1  all there: rows × width bytes, little-endian
    2  some missing: a byte a row, 1 where the reading is missing, then as 1
    3  text: rows × width bytes of positions in the column's dictionary, which `texts` holds, a list a text column

Two packs of one layout and length lie in memory alike, so that a reader takes hundreds of them at once, without looking at
single rows (docs/decisions/018). Rows are in the order of the table's key, as the store wants them. As with batches, a
field is appended, never moved: an old reader stops at the columns it knows, a new one finds the new ones missing.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

import msgspec

from clusterctl.errors import DecodeError
from clusterctl.schema import TABLE_BY_NAME, Table
from clusterctl.schema.field import Field

VERSION = 2
MAX_ROWS = 16_384
"""An agent's packs have some thousands at most; a reader looks into single rows of a pack with one wrong clock."""
MAX_WRITTEN = 16_000_000
"""Characters of one pack once texts are written out row by row, as columns without a dictionary are."""
ABSENT, FULL, PARTIAL, TEXT = range(4)
CODES = {
    "UInt8": "B",
    "UInt16": "H",
    "UInt32": "I",
    "UInt64": "Q",
    "Int16": "h",
    "Int32": "i",
    "Float32": "f",
    "Float64": "d",
    "DateTime64(3, 'UTC')": "q",
}
"""How `struct` writes one value of a ClickHouse type."""
SEQ_WIDTH = 8

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
_Uint = Annotated[int, msgspec.Meta(ge=0)]


class Pack(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The message as it travels; what its columns hold is checked by whoever reads them."""

    version: _Uint
    cluster: _Name
    host: _Name
    boot_id: Annotated[str, msgspec.Meta(max_length=64)]
    sent_ms: _Uint
    table: _Name
    schema: Annotated[int, msgspec.Meta(ge=0, le=65_535)]
    rows: Annotated[int, msgspec.Meta(ge=1, le=MAX_ROWS)]
    layout: Annotated[bytes, msgspec.Meta(min_length=1, max_length=4_096)]
    blob: memoryview
    texts: Annotated[list[Annotated[list[str | None], msgspec.Meta(max_length=MAX_ROWS)]], msgspec.Meta(max_length=512)]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one column lies in the blob of a shape; `offset` is that of the values, after the byte a row of form 2."""

    form: int
    width: int
    offset: int
    text: int = -1
    """Which of `texts`, for form 3."""


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What packs of one table, layout and number of rows have in common. One object each, so that it is a cheap key."""

    table: Table
    rows: int
    places: tuple[Place, ...]
    """Of `seq` and then of each field of the table."""
    stride: int
    """Bytes of the blob that this version knows."""
    exact: bool
    """Whether the blob must end there; columns of a later version may follow."""
    texts: int
    plain: tuple[int, ...]
    """Which of `texts` the store writes out, row by row."""
    times: struct.Struct
    """Reads the column `ts`."""
    times_offset: int


def code_of(field: Field) -> str:
    """`struct`'s letter for a field; empty for text."""
    return CODES.get(field.type.clickhouse, "")


@lru_cache(maxsize=4_096)
def shape_of(table_name: str, layout: bytes, rows: int) -> Shape:
    """The shape of a layout. Raises DecodeError if it is not one of this table's."""
    table = TABLE_BY_NAME.get(table_name)
    if table is None or table.lane is None:
        raise DecodeError(f"table {table_name[:64]!r} is not one that agents send")
    offset, texts, places = 0, 0, []
    for number, column in enumerate((None, *table.fields)):
        tag = layout[number] if number < len(layout) else ABSENT << 4
        place = _place(table, column, tag >> 4, tag & 15, rows, offset, texts)
        places.append(place)
        texts += place.form == TEXT
        offset = place.offset + (0 if place.form == ABSENT else rows * place.width)
    times = struct.Struct(f"<{rows}q")
    exact, time_place = len(layout) <= len(places), places[1 + _time_number(table)]
    plain = tuple(
        place.text
        for place, field in zip(places[1:], table.fields, strict=True)
        if place.form == TEXT and field.type.clickhouse == "String"
    )
    return Shape(table, rows, tuple(places), offset, exact, texts, plain, times, time_place.offset)


def _time_number(table: Table) -> int:
    return next(number for number, field in enumerate(table.fields) if field.name == "ts")


def _place(table: Table, column: Field | None, form: int, width: int, rows: int, offset: int, texts: int) -> Place:
    name = "seq" if column is None else column.name
    code = "Q" if column is None else code_of(column)
    if form == ABSENT and column is not None and column.nullable:
        return Place(ABSENT, 0, offset)
    if form == TEXT and not code and width in (1, 2):
        return Place(TEXT, width, offset, texts)
    if form == FULL and code and width == struct.calcsize(code):
        return Place(FULL, width, offset)
    if form == PARTIAL and code and column is not None and column.nullable and width == struct.calcsize(code):
        return Place(PARTIAL, width, offset + rows)
    raise DecodeError(f"{table.name}.{name}: form {form} of {width} bytes is not one that it can have")


def shape_of_pack(pack: Pack) -> Shape:
    """Its shape, with the sizes of what it holds checked. Raises DecodeError."""
    shape = shape_of(pack.table, pack.layout, pack.rows)
    size = len(pack.blob)
    if size < shape.stride or (shape.exact and size > shape.stride):
        raise DecodeError(f"{pack.table}: {size} bytes of columns, the layout has {shape.stride}")
    if len(pack.texts) < shape.texts or (shape.exact and len(pack.texts) > shape.texts):
        raise DecodeError(f"{pack.table}: {len(pack.texts)} dictionaries, the layout has {shape.texts}")
    if any(len(dictionary) > pack.rows for dictionary in pack.texts[: shape.texts]):
        raise DecodeError(f"{pack.table}: a dictionary of more texts than rows")
    if shape.plain and written_chars(pack, shape) > MAX_WRITTEN:
        raise DecodeError(f"{pack.table}: texts of more than {MAX_WRITTEN} characters, written out")
    return shape


def written_chars(pack: Pack, shape: Shape) -> int:
    """At most so many characters do the texts of a pack have when they are written out row by row."""
    dictionaries = (pack.texts[number] for number in shape.plain)
    return sum(pack.rows * max((len(text) for text in found if text), default=0) for found in dictionaries)


def pack(table: Table, rows: Sequence[msgspec.Struct], seqs: Sequence[int], *, cluster: str, host: str, boot_id: str,
         sent_ms: int, schema: int) -> Pack:  # fmt: skip
    """Rows that have passed the table's checks, `seqs` beside them. At most MAX_ROWS."""
    names = [field.name for field in table.fields]
    columns: list[tuple[Any, ...]] = list(zip(*(msgspec.structs.astuple(row) for row in rows), strict=True))
    key = list(zip(*(columns[names.index(name)] for name in table.key if name in names), strict=True))
    order = sorted(range(len(rows)), key=key.__getitem__)
    layout, blob, texts = bytearray(), [], []
    tag, data = _numbers("Q", [seqs[i] for i in order])
    layout.append(tag)
    blob.append(data)
    for field, column in zip(table.fields, columns, strict=True):
        values = [column[i] for i in order]
        code = code_of(field)
        if values.count(None) == len(values):
            tag, data = ABSENT << 4, b""
        elif code:
            tag, data = _numbers(code, values)
        else:
            tag, data, dictionary = _texts(values)
            texts.append(dictionary)
        layout.append(tag)
        blob.append(data)
    return Pack(
        VERSION,
        cluster,
        host,
        boot_id,
        sent_ms,
        table.name,
        schema,
        len(rows),
        bytes(layout),
        memoryview(b"".join(blob)),
        texts,
    )


def _numbers(code: str, values: list[Any]) -> tuple[int, bytes]:
    width = struct.calcsize(code)
    if None not in values:
        return FULL << 4 | width, struct.pack(f"<{len(values)}{code}", *values)
    nulls = bytes([value is None for value in values])
    return PARTIAL << 4 | width, nulls + struct.pack(
        f"<{len(values)}{code}", *[0 if value is None else value for value in values]
    )


def _texts(values: list[Any]) -> tuple[int, bytes, list[str | None]]:
    place = {value: number for number, value in enumerate(dict.fromkeys(values))}
    width, code = (1, "B") if len(place) <= 256 else (2, "H")
    return TEXT << 4 | width, struct.pack(f"<{len(values)}{code}", *map(place.__getitem__, values)), list(place)


def unpack(pack: Pack, shape: Shape) -> tuple[list[int], list[Any]]:
    """The batch numbers and the rows, one by one and checked as a batch's are: for the few packs that must be looked into.
    Raises DecodeError."""
    seqs = _values(pack, shape.places[0], "Q", shape.rows)
    columns = [
        _values(pack, place, code_of(field), shape.rows)
        for place, field in zip(shape.places[1:], shape.table.fields, strict=True)
    ]
    rows = [list(row) for row in zip(*columns, strict=True)]
    try:
        return seqs, msgspec.convert(rows, list[shape.table.struct])  # type: ignore[name-defined]
    except msgspec.MsgspecError as error:
        raise DecodeError(f"{shape.table.name}: {error}") from error


def _values(pack: Pack, place: Place, code: str, rows: int) -> list[Any]:
    if place.form == ABSENT:
        return [None] * rows
    code = code or ("B" if place.width == 1 else "H")
    values: list[Any] = list(struct.unpack_from(f"<{rows}{code}", pack.blob, place.offset))
    if place.form == PARTIAL:
        nulls = pack.blob[place.offset - rows : place.offset].tolist()
        return [None if null else value for value, null in zip(values, nulls, strict=True)]
    if place.form == TEXT:
        dictionary = pack.texts[place.text]
        if max(values) >= len(dictionary):
            raise DecodeError(f"{pack.table}: a text's position is beyond its dictionary")
        return [dictionary[value] for value in values]
    return values
