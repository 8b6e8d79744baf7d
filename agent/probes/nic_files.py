"""The files of one network port, opened once and read with `pread`, and the columns of a table that come from them.

A reading that fails is None for this tick. A file that says ENODEV or ESTALE belongs to a device that went away: the
files are marked `gone`, and the next rediscovery opens what is there then.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec

from clusterctl.schema import NIC_LINK_SAMPLE, NIC_SAMPLE, SATURATING, SATURATING_SLOW, Table

Reader = Callable[[int, int, int], bytes]
"""`os.pread`, or a test's that fails as the kernel can."""
READ_BYTES = 64
"""Longer than any number: a file that says more is no counter."""
COUNTER_END = 2**64
GONE = frozenset({errno.ENODEV, errno.ESTALE, errno.ENXIO})
NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
MASK = "saturated_mask"
PLACES = {
    table: {field.name: place for place, field in enumerate(table.fields)} for table in (NIC_SAMPLE, NIC_LINK_SAMPLE)
}
"""Of both tables: where a column is in its row."""
STICKING: dict[Table, Mapping[str, int]] = {NIC_SAMPLE: SATURATING, NIC_LINK_SAMPLE: SATURATING_SLOW}


class PortFiles:
    """Descriptors of one port, whichever table they serve."""

    __slots__ = ("_fds", "gone", "read")

    def __init__(self, read: Reader) -> None:
        self.read = read
        self.gone = False
        self._fds: list[int] = []

    def open(self, path: Path) -> int | None:
        """A descriptor that is kept until `close`; None if there is no such file."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in NO_ROOM:
                self.gone = True  # to be opened again at the next rediscovery
            return None
        self._fds.append(fd)
        return fd

    def bytes(self, fd: int | None) -> bytes | None:
        """What the file says."""
        if fd is None:
            return None
        try:
            return self.read(fd, READ_BYTES, 0)
        except OSError as error:
            self.failed(error)
            return None

    def count(self, fd: int | None, end: int = COUNTER_END) -> int | None:
        """The file as a number from 0 to below `end`."""
        data = self.bytes(fd)
        if data is None:
            return None
        try:
            value = int(data)
        except ValueError:
            return None
        return value if 0 <= value < end else None

    def failed(self, error: OSError) -> None:
        """A read failed."""
        if error.errno in GONE:
            self.gone = True

    def close(self) -> None:
        """Give the descriptors back."""
        for fd in self._fds:
            os.close(fd)
        self._fds.clear()


class Columns:
    """One table's counters of a port, laid out for speed: a loop over places and descriptors."""

    __slots__ = (
        "_counters",
        "_files",
        "_mask",
        "_pick",
        "_picked",
        "_places",
        "_saturated",
        "_sticking",
        "_struct",
        "_sums",
        "_template",
    )

    def __init__(self, table: Table, files: PortFiles, **fixed: str) -> None:
        self._struct = table.struct
        self._files = files
        self._places = PLACES[table]
        self._mask = self._places[MASK]
        self._counters: tuple[tuple[int, int], ...] = ()
        self._sums: tuple[tuple[int, tuple[int, ...]], ...] = ()
        self._sticking = tuple(
            (self._places[column], 2**width - 1, 1 << bit)
            for bit, (column, width) in enumerate(STICKING[table].items())
        )
        self._pick = itemgetter(*(place for place, _, _ in self._sticking))
        self._picked: Any = None
        self._saturated: int | None = None
        self._template: list[Any] = [None] * len(self._places)
        for column, value in fixed.items():
            self._template[self._places[column]] = value

    def open(self, folder: Path, columns: Mapping[str, tuple[str, ...]]) -> None:
        """Keep the files of each column of this table that is not taken yet."""
        for column, names in columns.items():
            place = self._places.get(column)
            if place is None or self.has(column):
                continue
            fds = [fd for name in names if (fd := self._files.open(folder / name)) is not None]
            if len(fds) < len(names):
                continue
            if len(fds) == 1:
                self._counters += ((place, fds[0]),)
            else:
                self._sums += ((place, tuple(fds)),)

    def has(self, column: str) -> bool:
        """Whether the column has files."""
        place = self._places[column]
        return any(taken == place for taken, _ in (*self._counters, *self._sums))

    def read(self, ts_ms: int) -> list[Any]:
        """The readings of this tick by place, the rest as yet missing."""
        row = self._template.copy()
        row[0] = ts_ms
        read = self._files.read
        for place, fd in self._counters:
            try:
                value = int(read(fd, READ_BYTES, 0))
            except ValueError:
                continue
            except OSError as error:
                self._files.failed(error)
                continue
            if 0 <= value < COUNTER_END:
                row[place] = value
        for place, fds in self._sums:
            parts = [self._files.count(fd) for fd in fds]
            known = [part for part in parts if part is not None]
            if len(known) == len(parts):
                row[place] = sum(known) % COUNTER_END
        watched = self._pick(row)
        if watched != self._picked:  # these hardly ever change
            self._picked, self._saturated = watched, self._mask_of(row)
        row[self._mask] = self._saturated
        return row

    def put(self, row: list[Any], values: Mapping[str, int | None]) -> None:
        """Readings from elsewhere into a row."""
        for column, value in values.items():
            row[self._places[column]] = value

    def struct(self, row: list[Any]) -> msgspec.Struct:
        """The row as it travels."""
        return self._struct(*row)

    def close(self) -> None:
        """Forget the descriptors, which their port gives back."""
        self._counters = self._sums = ()

    def _mask_of(self, row: list[Any]) -> int | None:
        """Bit n for the table's n-th counter that sticks at its top; None if none of them could be read."""
        mask, read = 0, False
        for place, top, bit in self._sticking:
            value = row[place]
            if value is not None:
                read = True
                if value == top:
                    mask |= bit
        return mask if read else None
