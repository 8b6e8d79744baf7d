"""NCCL Inspector's JSON lines, of NCCL 2.28 and later. There is no compute in them, so no exposed time.

2.28 and 2.29 keep one slot a communicator: each dump holds the last collective that finished, a sample. 2.30 keeps a ring,
which overwrites what was not dumped in time and skips short messages. All write "v4.0" (forks v4.1, v4.2): what tells a
sample from a full log are gaps in the numbers of the calls."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from clusterctl.communication.damage import Damaged
from clusterctl.communication.decimals import NotATime, nanoseconds
from clusterctl.communication.finding import shown
from clusterctl.communication.intervals import Cover
from clusterctl.communication.lines import lines
from clusterctl.communication.model import LogRow
from clusterctl.communication.source import Source
from clusterctl.communication.tally import MAX_NAMES, OTHERS, Tally
from clusterctl.errors import InputError

MAX_COMMUNICATORS = 10_000
MAX_RECORDS = 20_000_000
FASTEST_GBS = 2_000.0
"""No link is faster: a greater bus bandwidth means that the time is wrong. Early RCCL builds are off by ten."""
OFF = 0.01
_RAW = msgspec.Raw(b"")


class Header(msgspec.Struct):
    """Which communicator, seen from which of its ranks."""

    id: Any = None
    rank: Any = None
    n_ranks: Any = None


class Metadata(msgspec.Struct):
    """When the line was written."""

    inspector_output_format_version: Any = None
    dump_timestamp_us: Any = None


class KernelEvent(msgspec.Struct):
    """A channel's kernel, microseconds."""

    kernel_start_ts: msgspec.Raw = _RAW
    kernel_stop_ts: msgspec.Raw = _RAW


class Trace(msgspec.Struct):
    """Verbose mode."""

    kernel_events: list[KernelEvent] = []


class Collective(msgspec.Struct):
    """A finished collective."""

    coll: str = ""
    coll_sn: Any = None
    coll_msg_size_bytes: Any = None
    coll_exec_time_us: msgspec.Raw = _RAW
    coll_busbw_gbs: Any = None
    event_trace_ts: Trace | None = None


class PointToPoint(msgspec.Struct):
    """A finished send or receive."""

    p2p: str = ""
    p2p_msg_size_bytes: Any = None
    p2p_exec_time_us: msgspec.Raw = _RAW


class Line(msgspec.Struct):
    """One line."""

    header: Header = msgspec.field(default_factory=Header)
    metadata: Metadata = msgspec.field(default_factory=Metadata)
    coll_perf: Collective | None = None
    p2p_perf: PointToPoint | None = None


@dataclass
class Communicator:
    """What was gathered of one communicator."""

    group: str
    rank: int | None
    ranks: int | None
    tally: Tally = field(default_factory=Tally)
    numbers: dict[str, list[int]] = field(default_factory=dict)
    dumps: Counter[int] = field(default_factory=Counter)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    exec_ns: int = 0
    records: int = 0
    unverbose: int = 0
    too_fast: int = 0
    disagree: int = 0
    versions: set[str] = field(default_factory=set)


class InspectorReader:
    """Reads one process's log."""

    def __init__(self, source: Source, *, salvage: bool = False) -> None:
        self._source = source
        self._salvage = salvage
        self._decoder = msgspec.json.Decoder(Line)
        self._found: dict[tuple[str, int | None], Communicator] = {}
        self._broken = self._records = 0

    def read(self) -> list[LogRow]:
        """One row a communicator. Raises Damaged."""
        for position, text in lines(self._source):
            if text.strip():
                self._line(position, text)
        return [self._row(one) for one in self._found.values()]

    def _line(self, position: int, text: bytes) -> None:
        try:
            line = self._decoder.decode(text)
            if line.coll_perf is not None:
                self._collective(self._communicator(line), line, line.coll_perf)
            elif line.p2p_perf is not None:
                self._p2p(self._communicator(line), line.p2p_perf)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, NotATime) as error:
            if not self._salvage:
                raise Damaged(self._source.path, position, f"not a line of NCCL Inspector: {error}") from error
            self._broken += 1

    def _communicator(self, line: Line) -> Communicator:
        self._records += 1
        header = line.header
        key = (str(header.id)[:100] if isinstance(header.id, (str, int)) else "", _rank(header.rank))
        if (key not in self._found and len(self._found) >= MAX_COMMUNICATORS) or self._records > MAX_RECORDS:
            raise InputError(f"{self._source.path}: more communicators or records than a log has")
        one = self._found.setdefault(key, Communicator(key[0], key[1], _rank(header.n_ranks)))
        dumped = _whole(line.metadata.dump_timestamp_us)
        if dumped is not None:
            one.dumps[dumped] += 1
        if isinstance(version := line.metadata.inspector_output_format_version, str) and len(one.versions) < 10:
            one.versions.add(version[:20])
        return one

    def _collective(self, one: Communicator, line: Line, perf: Collective) -> None:
        time_ns = _time_ns(perf.coll_exec_time_us)
        events = perf.event_trace_ts.kernel_events if perf.event_trace_ts else []
        starts = nanoseconds([event.kernel_start_ts for event in events]).tolist()
        ends = nanoseconds([event.kernel_stop_ts for event in events]).tolist()
        spans = [(start, end) for start, end in zip(starts, ends, strict=True) if 0 < start < end]
        one.starts += [start for start, _ in spans]
        one.ends += [end for _, end in spans]
        one.unverbose += not spans
        number = _whole(perf.coll_sn)
        if number is not None:
            name = perf.coll[:100] if len(one.numbers) < MAX_NAMES else OTHERS
            one.numbers.setdefault(name, []).append(number)
        self._count(one, perf.coll, _whole(perf.coll_msg_size_bytes), time_ns, perf.coll_busbw_gbs)

    def _p2p(self, one: Communicator, perf: PointToPoint) -> None:
        one.unverbose += 1
        self._count(one, perf.p2p, _whole(perf.p2p_msg_size_bytes), _time_ns(perf.p2p_exec_time_us), None)

    def _count(self, one: Communicator, name: str, size: int | None, time_ns: int, told: object) -> None:
        one.records += 1
        one.exec_ns += time_ns
        rate = one.tally.add(name, size, one.ranks, time_ns)
        one.too_fast += rate is not None and rate > FASTEST_GBS
        if rate is not None and isinstance(told, (int, float)):
            off = OFF * max(rate, 1.0)
            one.disagree += (
                not rate - off <= told <= rate + off
            )  # compared, since an integer may be too large for a float

    def _row(self, one: Communicator) -> LogRow:
        known, spanned = _numbers(one.numbers)
        gaps = spanned - known
        comm_ns, mark, calls = self._total(one, gaps, spanned, known)
        window = max(one.ends) - min(one.starts) if one.starts and mark == "exact" else None
        return LogRow(
            path=shown(self._source.path),
            source="nccl_inspector",
            rank=one.rank,
            group=one.group,
            ranks_of_group=one.ranks,
            comm_ns=comm_ns,
            mark=mark,
            window_ns=window,
            records=one.records,
            calls=calls,
            by_call=one.tally.rows(),
            notes=self._notes(one, gaps),
        )

    def _total(self, one: Communicator, gaps: int, spanned: int, known: int) -> tuple[int, str, int]:
        if gaps:
            beside = one.records - known  # sends and receives, which have no such numbers
            calls = spanned + max(0, beside)
            return round(one.exec_ns * calls / one.records), "sampled", calls
        if one.starts and not one.unverbose:
            starts, ends = (np.array(times, dtype=np.int64) for times in (one.starts, one.ends))
            return Cover.of(starts, ends).length, "exact", one.records
        return one.exec_ns, "upper bound", one.records

    def _notes(self, one: Communicator, gaps: int) -> list[str]:
        notes = [f"format {', '.join(sorted(one.versions))}"] if one.versions else []
        several = any(count > 1 for count in one.dumps.values())
        if gaps and not several:
            notes.append(f"a sample: {gaps:,} calls are missing, one slot a communicator (NCCL 2.28 and 2.29)")
        elif gaps:
            notes.append(f"{gaps:,} calls are missing: overwritten in the ring, too short, or not timed (NCCL 2.30 on)")
        elif several:
            notes.append("no call is missing: a ring that was emptied in time (NCCL 2.30 on)")
        notes.append("the time of a call includes waiting for peers")
        if one.too_fast:
            notes.append(f"{one.too_fast:,} calls are faster than any link: their time is wrong (early RCCL builds)")
        if one.disagree:
            notes.append(f"{one.disagree:,} calls tell another bus bandwidth than their size and time give")
        if self._broken:
            notes.append(f"{self._broken:,} lines could not be read")
        return notes


def _numbers(numbers: dict[str, list[int]]) -> tuple[int, int]:
    """How many numbers were seen, and how many lie between the first and the last. NCCL counts each kind of collective
    by itself; where no number is there twice, one count for all is possible too, and the smaller gap is taken."""
    each = [set(of) for of in numbers.values()]
    known = sum(map(len, each))
    apart = sum(max(of) - min(of) + 1 for of in each)
    together = set().union(*each)
    if len(together) == known and known:
        apart = min(apart, max(together) - min(together) + 1)
    return known, apart


def _time_ns(text: msgspec.Raw) -> int:
    if not bytes(text):
        return 0
    value = int(nanoseconds([text])[0])
    if value < 0:
        raise NotATime(0, f"a time below zero: {bytes(text)[:40]!r}")
    return value


def _whole(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 1 << 62 else None


def _rank(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 1 << 31 else None
