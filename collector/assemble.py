"""Columns from packs: packs of one shape lie in memory alike, so that each column of hundreds of them is one strided copy.

No row becomes a Python object here. What single values are is checked on whole columns; a value that its column cannot
hold raises Unencodable, and the block is halved until the pack with it is alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clusterctl.collector.decode import Item
from clusterctl.errors import Unencodable
from clusterctl.packs import ABSENT, FULL, PARTIAL, TEXT, Place, Shape
from clusterctl.schema import Table
from clusterctl.schema.field import LATEST_MS, Field, Kind
from clusterctl.store.columnar import Column, Numbers, Texts
from clusterctl.store.native import dtype_of

Matrix = NDArray[np.uint8]


class Group:
    """Packs of one shape, a row of bytes each."""

    def __init__(self, shape: Shape, items: Sequence[Item]) -> None:
        self.shape = shape
        self.items = items
        blobs = [item.pack.blob for item in items]
        if not shape.exact:
            blobs = [blob[: shape.stride] for blob in blobs]
        self._matrix: Matrix = np.frombuffer(b"".join(blobs), dtype=np.uint8).reshape(len(items), shape.stride)
        self.rows = shape.rows * len(items)

    def cut(self, offset: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        """One column: what lies at `offset` in each pack."""
        taken = self._matrix[:, offset : offset + self.shape.rows * dtype.itemsize]
        return np.ascontiguousarray(taken).view(dtype).reshape(-1)


def columns_of(table: Table, items: Sequence[Item], partition: int) -> dict[str, Column]:
    """Every column that the collector writes, in the table's order; rows of one host lie together. Raises Unencodable."""
    groups = _grouped(items)
    ordered = [item for group in groups for item in group.items]
    counts = np.array([item.pack.rows for item in ordered])
    columns: dict[str, Column] = {
        "cluster": _envelope([item.pack.cluster for item in ordered], counts),
        "host": _envelope([item.pack.host for item in ordered], counts),
        "boot_id": _envelope([item.pack.boot_id for item in ordered], counts),
        "seq": Numbers(_joined([group.cut(group.shape.places[0].offset, np.dtype("<u8")) for group in groups])),
    }
    for number, field in enumerate(table.fields, start=1):
        columns[field.name] = _column(table, field, groups, number)
    columns["schema_version"] = Numbers(np.repeat(np.array([i.pack.schema for i in ordered], dtype="<u2"), counts))
    columns["bus_partition"] = Numbers(np.full(int(counts.sum()), partition, dtype="<u2"))
    offsets = np.repeat(np.array([i.offset for i in ordered], dtype="<u8"), counts)
    columns["bus_offset"] = Numbers(offsets)
    if len(groups) == 1:
        return columns
    # of two rows with one key the later counts, whatever their shapes: a minute's first word and its last, say
    order = np.lexsort((offsets, np.repeat(_ranks([item.pack.host for item in ordered]), counts)))
    return {name: column.taken(order) for name, column in columns.items()}


def _grouped(items: Sequence[Item]) -> list[Group]:
    """By shape; the order within a group is that of the hosts, which is how the store sorts."""
    by_shape: dict[Shape, list[Item]] = {}
    for item in items:
        by_shape.setdefault(item.shape, []).append(item)
    return [Group(shape, sorted(found, key=_home)) for shape, found in by_shape.items()]


def _ranks(names: list[str]) -> NDArray[Any]:
    place = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([place[name] for name in names])


def _home(item: Item) -> tuple[str, str]:
    return item.pack.cluster, item.pack.host


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _envelope(names: list[str], counts: NDArray[Any]) -> Texts:
    place = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return Texts(list(place), np.repeat(np.array([place[name] for name in names], dtype=np.uint32), counts))


def _column(table: Table, field: Field, groups: Sequence[Group], number: int) -> Column:
    if field.type.python is str:
        return _texts(table, field, [(group, group.shape.places[number]) for group in groups])
    dtype = dtype_of(field.type.clickhouse)
    parts = [(group, group.shape.places[number]) for group in groups]
    values = _joined([_values(group, place, dtype) for group, place in parts])
    missing = None
    if any(place.form != FULL for _, place in parts):
        missing = _joined([_missing(group, place) for group, place in parts])
    _check(table, field, values, missing)
    return Numbers(values, missing)


def _values(group: Group, place: Place, dtype: np.dtype[Any]) -> NDArray[Any]:
    if place.form == ABSENT:
        return np.zeros(group.rows, dtype)
    return group.cut(place.offset, dtype)


def _missing(group: Group, place: Place) -> Matrix:
    if place.form == ABSENT:
        return np.ones(group.rows, np.uint8)
    if place.form == PARTIAL:
        nulls: Matrix = group.cut(place.offset - group.shape.rows, np.dtype(np.uint8))
        one_where_missing: Matrix = np.minimum(nulls, np.uint8(1))
        return one_where_missing
    return np.zeros(group.rows, np.uint8)


def _check(table: Table, field: Field, values: NDArray[Any], missing: Matrix | None) -> None:
    """Integers cannot leave their type; a float can be no number, and a time can lie in no year of ours."""
    if field.type.python is float:
        good = np.isfinite(values)
    elif field.kind is Kind.TIME:
        good = (values >= 0) & (values <= LATEST_MS)
    else:
        return
    if missing is not None:
        good |= missing != 0
    if not good.all():
        raise Unencodable(f"{table.name}.{field.name}: {values[~good][0]} is not a reading")


def _texts(table: Table, field: Field, parts: Sequence[tuple[Group, Place]]) -> Texts:
    """One dictionary of all packs' dictionaries, and each row's position moved into it."""
    place_of: dict[str | None, int] = {}
    moved = []
    for group, place in parts:
        if place.form != TEXT:
            moved.append(np.full(group.rows, place_of.setdefault(None, len(place_of)), dtype=np.uint32))
            continue
        dictionaries = [item.pack.texts[place.text] for item in group.items]
        sizes = np.array([len(dictionary) for dictionary in dictionaries], dtype=np.uint32)
        local = group.cut(place.offset, np.dtype(f"<u{place.width}")).reshape(len(group.items), group.shape.rows)
        if (local.max(axis=1) >= sizes).any():
            raise Unencodable(f"{table.name}.{field.name}: a text's position is beyond its dictionary")
        known = np.array(
            [place_of.setdefault(text, len(place_of)) for dictionary in dictionaries for text in dictionary],
            dtype=np.uint32,
        )
        begins = np.cumsum(sizes, dtype=np.uint32) - sizes
        moved.append(known[local + begins[:, None]].reshape(-1))
    _check_keys(table, field, place_of)
    return Texts(list(place_of), _joined(moved))


def _check_keys(table: Table, field: Field, keys: dict[str | None, int]) -> None:
    longest = field.type.max_length
    for key in keys:
        if key is None and not field.nullable:
            raise Unencodable(f"{table.name}.{field.name}: a missing text where one is needed")
        if key is not None and longest is not None and len(key) > longest:
            raise Unencodable(f"{table.name}.{field.name}: text of {len(key)} characters, at most {longest}")
