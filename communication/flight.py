"""PyTorch's flight-recorder dumps, pickled or JSON: which collectives, how large, in what state; times only if asked for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

from clusterctl.communication.collectives import element_bytes
from clusterctl.communication.damage import Damaged
from clusterctl.communication.finding import RANK_IN_NAME, shown
from clusterctl.communication.model import LogRow
from clusterctl.communication.source import Source
from clusterctl.communication.tally import Tally
from clusterctl.communication.unpickle import MAX_BYTES, MAX_VALUES, unpickle
from clusterctl.errors import InputError

MAX_GROUPS = 10_000
MAX_TENSORS = 10_000
MAX_LENGTHS = 10_000_000
"""Dimensions of all tensors of a file: a pickle can name the same thousand of them again and again."""
NS_PER_MS = 1_000_000
LONGEST_MS = 1e12


@dataclass
class Group:
    """What was gathered of one process group."""

    label: str
    tally: Tally = field(default_factory=Tally)
    states: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    timed: int = 0
    time_ns: int = 0


class FlightReader:
    """Reads one rank's dump."""

    def __init__(self, source: Source, *, pickled: bool) -> None:
        self._source = source
        self._pickled = pickled
        self._groups: dict[str, Group] = {}
        self._lengths = 0

    def read(self) -> list[LogRow]:
        """One row a process group. Raises Damaged, or InputError that names the entry."""
        data = self._source.whole(MAX_BYTES)
        if not self._pickled and sum(map(data.count, (b",", b"[", b"{"))) > MAX_VALUES:
            raise Damaged(self._source.path, 0, f"more than {MAX_VALUES:,} values, which no dump has", hint="")
        dump = unpickle(self._source.path, data) if self._pickled else self._json(data)
        entries = dump.get("entries") if type(dump) is dict else None
        if type(entries) is not list:
            raise InputError(f"{self._source.path}: byte 0: no entries in it: not a flight-recorder dump")
        for number, entry in enumerate(entries):
            if type(entry) is not dict:
                raise InputError(f"{self._source.path}: entry {number}: not a record of a collective")
            self._entry(number, entry)
        rank = self._rank(dump)
        return [self._row(group, rank) for group in self._groups.values()]

    def _json(self, data: bytes) -> Any:
        try:
            return msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Damaged(self._source.path, 0, f"not a flight-recorder dump: {error}", hint="") from error

    def _rank(self, dump: dict[Any, Any]) -> int | None:
        told = dump.get("rank")
        if type(told) is int and 0 <= told < 1 << 31:
            return told
        named = RANK_IN_NAME.findall(self._source.path.name)
        return int(named[-1]) if named else None

    def _entry(self, number: int, entry: dict[Any, Any]) -> None:
        name, label = _names(entry.get("process_group"))
        if name not in self._groups and len(self._groups) >= MAX_GROUPS:
            raise InputError(f"{self._source.path}: more process groups than a job has")
        group = self._groups.setdefault(name, Group(label))
        group.calls += 1
        state = entry.get("state")
        group.states[state[:30] if isinstance(state, str) and len(group.states) < 20 else "unknown"] += 1
        time_ns = self._time_ns(number, entry.get("duration_ms"))
        if time_ns is not None:
            group.timed += 1
            group.time_ns += time_ns
        called = entry.get("profiling_name")
        size = self._bytes(number, entry.get("input_sizes"), entry.get("input_dtypes", entry.get("dtypes")))
        group.tally.add(called[:200] if isinstance(called, str) else "", size, None, time_ns)

    def _bytes(self, number: int, sizes: object, dtypes: object) -> int | None:
        """Of all tensors together; None unless all are known."""
        if not isinstance(sizes, (list, tuple)) or not isinstance(dtypes, (list, tuple)) or not sizes:
            return None
        if len(sizes) != len(dtypes) or len(sizes) > MAX_TENSORS:
            return None
        total = 0
        for size, dtype in zip(sizes, dtypes, strict=True):
            width = element_bytes(dtype[:40]) if isinstance(dtype, str) else None
            if width is None or not isinstance(size, (list, tuple)) or len(size) > 64:
                return None
            self._lengths += 1 + len(size)
            if self._lengths > MAX_LENGTHS:
                raise InputError(f"{self._source.path}: entry {number}: more tensors than a dump has")
            for length in size:
                if type(length) is not int or not 0 <= length < 1 << 50 or width >= 1 << 60:
                    return None
                width *= length
            total += width
        return total if total < 1 << 62 else None

    def _time_ns(self, number: int, told: object) -> int | None:
        if told is None:
            return None
        if type(told) not in (int, float) or not isinstance(told, (int, float)):
            raise InputError(f"{self._source.path}: entry {number}: duration_ms is no number")
        if not 0 <= told < LONGEST_MS:  # which is false of what is no number, and of integers of any size
            raise InputError(f"{self._source.path}: entry {number}: duration_ms is no duration")
        return round(told * NS_PER_MS)

    def _row(self, group: Group, rank: int | None) -> LogRow:
        notes = [", ".join(f"{count:,} {state}" for state, count in group.states.most_common())]
        if group.timed:
            notes.append("the time of a call includes waiting for peers")
        else:
            notes.append("no call has a time: record with TORCH_NCCL_ENABLE_TIMING=1")
        if set(group.states) <= {"scheduled", "unknown"}:
            notes.append("every call is only scheduled, as in a dump of a hang: good for finding who hangs")
        if 0 < group.timed < group.calls:
            notes.append(f"{group.calls - group.timed:,} calls have no time")
        return LogRow(
            path=shown(self._source.path),
            source="flight_recorder",
            rank=rank,
            group=group.label,
            ranks_of_group=None,
            comm_ns=group.time_ns if group.timed else None,
            mark="none" if not group.timed else "upper bound" if group.timed == group.calls else "at least",
            window_ns=None,
            records=group.calls,
            calls=group.calls,
            by_call=group.tally.rows(),
            notes=notes,
        )


def _names(told: object) -> tuple[str, str]:
    """A group's name, and what people call it."""
    parts = [part[:100] for part in told[:2] if isinstance(part, str)] if isinstance(told, (list, tuple)) else []
    if not parts:
        parts = [told[:100]] if isinstance(told, str) else [""]
    return "|".join(parts), parts[-1]
