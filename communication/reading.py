"""Reads a file of any known kind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clusterctl.communication.activity import Activity
from clusterctl.communication.families import KernelTable
from clusterctl.communication.flight import FlightReader
from clusterctl.communication.inspector import InspectorReader
from clusterctl.communication.kineto import KinetoReader
from clusterctl.communication.model import LogRow
from clusterctl.communication.nccl_debug import read_debug
from clusterctl.communication.nsight import NsightReader
from clusterctl.communication.opening import Form, form_of
from clusterctl.communication.plugin import PluginReader
from clusterctl.communication.source import Advance, Source, ignore
from clusterctl.errors import InputError

MOST = 1 << 62
"""Larger sums would leave the 64 bits that they have in the store."""


@dataclass(frozen=True)
class Logs:
    """What a source without compute gave."""

    rows: list[LogRow]


def read(
    path: Path, table: KernelTable, *, named: bool = True, salvage: bool = False, advance: Advance = ignore
) -> list[Activity] | Logs | None:
    """Activities of a trace, rows of a log, or None for what is neither. Raises InputError."""
    form = form_of(path, named=named)
    if form is None:
        return None
    if form is Form.NSIGHT:
        return NsightReader(path, table, salvage=salvage).read(advance)
    with Source(path, advance) as source:
        if form is Form.KINETO:
            return KinetoReader(source, table, salvage=salvage).read()
        return Logs(read_log(form, source, salvage=salvage))


def read_log(form: Form, source: Source, *, salvage: bool = False) -> list[LogRow]:
    """Rows of a source without compute. Raises InputError."""
    rows = _rows_of(form, source, salvage)
    for row in rows:
        sums = (row.comm_ns, row.calls, sum(one.message_bytes for one in row.by_call))
        if any(one is not None and one >= MOST for one in sums):
            raise InputError(f"{source.path}: more time, calls or bytes than any job has: no such log")
    return rows


def _rows_of(form: Form, source: Source, salvage: bool) -> list[LogRow]:
    if form is Form.INSPECTOR:
        return InspectorReader(source, salvage=salvage).read()
    if form is Form.PLUGIN:
        return PluginReader(source, salvage=salvage).read()
    if form is Form.NCCL_DEBUG:
        return read_debug(source)
    return FlightReader(source, pickled=form is Form.FLIGHT_PICKLE).read()
