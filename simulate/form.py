"""Packs of one shape for many hosts at once: a row of bytes a host, and every column a view into all of them.

What lies where is `packs`' to say (`shape_of`); only the layout is made here. A column is written for all hosts by one
array assignment, and a host's blob is then a slice.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from clusterctl import packs
from clusterctl.schema import Table
from clusterctl.simulate.noise import Array


class Form:
    """Blobs of up to `hosts` hosts, `devices` × `ticks` rows each, in the order of the table's key: device, then tick."""

    def __init__(
        self,
        table: Table,
        hosts: int,
        devices: int,
        ticks: int,
        present: Collection[str],
        missing: Mapping[str, Sequence[int]],
    ) -> None:
        """`present` names the columns that have readings, the others are absent; `missing` says for which devices a column
        has none nevertheless."""
        self.table, self.rows = table, devices * ticks
        self.layout = bytes([packs.FULL << 4 | packs.SEQ_WIDTH, *_tags(table, present, missing)])
        self._shape = packs.shape_of(table.name, self.layout, self.rows)
        self.stride = self._shape.stride
        self._matrix = np.zeros((hosts, self.stride), np.uint8)
        self._bytes = self._matrix.reshape(-1).data
        self._at = hosts, devices, ticks
        self._views: dict[str, Array] = {}
        for name, place in zip(("seq", *(field.name for field in table.fields)), self._shape.places, strict=True):
            if place.form != packs.ABSENT:
                self._views[name] = self._view(place.offset, _code(table, name, place.width), place.width)
            if place.form == packs.PARTIAL:
                self._view(place.offset - self.rows, "B", 1)[:, list(missing[name])] = 1
        self._gone = {name: list(devices) for name, devices in missing.items() if name in self._views}

    @property
    def values(self) -> int:
        """How many of one pack are there, `seq` left out."""
        ticks = self._at[2]
        return (len(self._views) - 1) * self.rows - sum(len(gone) * ticks for gone in self._gone.values())

    def _view(self, offset: int, code: str, width: int) -> Array:
        hosts, devices, ticks = self._at
        strides = (self.stride, ticks * width, width)
        view: Array = np.ndarray((hosts, devices, ticks), np.dtype("<" + code), self._matrix.data, offset, strides)
        return view

    def put(self, name: str, hosts: int, values: Array | float) -> None:
        """A column of the first `hosts` hosts. What the type cannot hold of a fraction is cut off."""
        view = self._views[name][:hosts]
        view[...] = values
        if name in self._gone:
            view[:, self._gone[name]] = 0

    def blobs(self, hosts: int) -> Iterator[memoryview]:
        """The columns of each host, as they stand now: to be used before the next `put`."""
        whole, stride = self._bytes, self.stride
        return (whole[begin : begin + stride] for begin in range(0, hosts * stride, stride))


def _tags(table: Table, present: Collection[str], missing: Mapping[str, Sequence[int]]) -> Iterator[int]:
    for field in table.fields:
        code = packs.code_of(field)
        if field.name not in present:
            yield packs.ABSENT << 4
        elif not code:
            yield packs.TEXT << 4 | 1
        else:
            form = packs.PARTIAL if field.name in missing else packs.FULL
            yield form << 4 | struct.calcsize(code)


def _code(table: Table, name: str, width: int) -> str:
    if name == "seq":
        return "Q"
    field = next(field for field in table.fields if field.name == name)
    return packs.code_of(field) or ("B" if width == 1 else "H")
