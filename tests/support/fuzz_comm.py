"""Entry points for fuzzing traces and logs: any bytes are measured exactly or refused with one line that names the file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from clusterctl.agent import handover
from clusterctl.communication.analyze import Options, analyze
from clusterctl.communication.families import shipped
from clusterctl.communication.flight import FlightReader
from clusterctl.communication.inspector import InspectorReader
from clusterctl.communication.kineto import KinetoReader
from clusterctl.communication.model import Analysis, LogRow
from clusterctl.communication.nccl_debug import read_debug
from clusterctl.communication.plugin import PluginReader
from clusterctl.communication.source import Source
from clusterctl.communication.watch.summary import job_told, rows_of_summary
from clusterctl.errors import DecodeError, InputError
from clusterctl.schema import COLLECTIVE
from clusterctl.wire import carries

MEMORY = Path("/dev/shm")
FOLDER = tempfile.TemporaryDirectory(prefix="clusterctl-fuzz-", dir=MEMORY if MEMORY.is_dir() else None)
MARKS = {"exact", "sampled", "upper bound", "at least", "none"}


def _file(data: bytes) -> Path:
    path = Path(FOLDER.name, "rank0.json")
    path.write_bytes(data)
    return path


def check(found: Analysis) -> None:
    """What every analysis keeps to."""
    for row, detail in zip(found.ranks, found.details, strict=True):
        parts = row.compute_ns + row.exposed_ns + detail.exposed_memory_ns + row.idle_ns
        assert parts == row.window_ns, "the parts are the whole"
        assert row.overlap_ns + row.exposed_ns == row.comm_ns
        assert min(row.compute_ns, row.exposed_ns, row.idle_ns, row.overlap_ns, row.window_ns) >= 0
        assert row.wait_ns is None or 0 <= row.wait_ns <= row.comm_ns
    assert msgspec.json.decode(msgspec.json.encode(found), type=Analysis) == found


def check_log(rows: list[LogRow]) -> None:
    """What every row of a log keeps to."""
    for row in rows:
        assert row.mark in MARKS
        assert (row.comm_ns is None) == (row.mark == "none")
        assert row.comm_ns is None or row.comm_ns >= 0
        msgspec.json.encode(row)


def refused(error: InputError) -> None:
    """A refusal is one line about the file."""
    assert FOLDER.name in str(error)
    assert len(str(error)) < 2_000


def _both(data: bytes, read: Callable[[Source, bool], object]) -> None:
    """Once strictly and once with salvage."""
    path = _file(data)
    for salvage in (False, True):
        try:
            with Source(path) as source:
                read(source, salvage)
        except InputError as error:
            refused(error)


def fuzz_trace(data: bytes) -> None:
    """A file of any kind, through the whole analysis; and as a trace whatever it looks like."""
    path = _file(data)
    for salvage in (False, True):
        try:
            check(analyze([path], Options(salvage=salvage), lambda _path, _count: None))
        except InputError as error:
            refused(error)
    _both(data, lambda source, salvage: KinetoReader(source, shipped(), salvage=salvage).read())


def fuzz_inspector(data: bytes) -> None:
    _both(data, lambda source, salvage: check_log(InspectorReader(source, salvage=salvage).read()))


def fuzz_plugin(data: bytes) -> None:
    _both(data, lambda source, salvage: check_log(PluginReader(source, salvage=salvage).read()))


def fuzz_flight(data: bytes) -> None:
    """As a pickle and as JSON."""
    _both(data, lambda source, salvage: check_log(FlightReader(source, pickled=not salvage).read()))


def fuzz_debug(data: bytes) -> None:
    _both(data, lambda source, _salvage: check_log(read_debug(source)))


def fuzz_handover(data: bytes) -> None:
    """A file in the agent's folder: rows that a collector takes, or refused."""
    try:
        rows = handover.decode(data)
    except DecodeError:
        return
    assert carries(COLLECTIVE, rows)


def fuzz_summary(data: bytes) -> None:
    """A file that a job calls its summary, and the head of what it calls its trace."""
    path = _file(data)
    try:
        assert isinstance(job_told(path), str)
        rows = rows_of_summary(path)
    except InputError as error:
        refused(error)
        return
    judged = handover.judge(rows, handover.Times(0, 2**60))
    assert carries(COLLECTIVE, judged.good)
    assert len(judged.good) + judged.untimely + len(judged.wrong) == len(rows)
