"""Communication by collective, by process group and by message size, and its bus bandwidth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from clusterctl.communication.activity import Activity, Call, Kind
from clusterctl.communication.collectives import shape_of, size_class
from clusterctl.communication.grouping import Indices, groups
from clusterctl.communication.intervals import Cover
from clusterctl.communication.measure import Covers
from clusterctl.communication.model import Bandwidth, Breakdown
from clusterctl.communication.split import RankSplit

UNTOLD_GROUP = "not told"
_Parts = dict[str, dict[int, list[Indices]]]
MAX_ROWS = 1_000
"""Rows of one table; the longest times are kept."""


Text = tuple[str, str, str]
"""Collective, group, size class."""


@dataclass(frozen=True)
class Measured:
    """One rank with everything that was made of it."""

    activity: Activity
    parts: RankSplit
    covers: Covers
    window: Cover

    def communication(self) -> list[tuple[Text, int, Indices]]:
        """Communicating events that reach into the window, by label; with the number of their call, or -1."""
        one = self.activity
        reaches = self.window.within(one.starts, one.ends) > 0
        events = np.flatnonzero(one.where(Kind.COMM) & reaches)
        keys = np.where(one.calls[events] >= 0, one.calls[events], -1 - one.names[events])
        return [(_label(one, key), max(key, -1), events[mine]) for key, mine in groups(keys)]


def _label(one: Activity, key: int) -> Text:
    if key >= 0:
        told = one.call_list[key]
        return told.name, told.label or UNTOLD_GROUP, size_class(told.message_bytes)
    name = -1 - key
    shape, family = shape_of(one.name_list[name]), one.families[name]
    return (f"{family} {shape.name}" if shape.name != "other" else family), UNTOLD_GROUP, size_class(None)


def breakdowns(ranks: Sequence[Measured]) -> tuple[list[Breakdown], list[Breakdown], list[Breakdown]]:
    """By collective, by group and by size."""
    tables: tuple[_Parts, _Parts, _Parts] = ({}, {}, {})
    for place, one in enumerate(ranks):
        for text, _, events in one.communication():
            for table, name in zip(tables, text, strict=True):
                table.setdefault(name, {}).setdefault(place, []).append(events)
    made = [[_row(name, ranks, parts) for name, parts in table.items()] for table in tables]
    by_collective, by_group, by_size = (
        sorted(rows, key=lambda row: (-row.time_ns * row.ranks, row.name))[:MAX_ROWS] for rows in made
    )
    return by_collective, by_group, by_size


def _row(name: str, ranks: Sequence[Measured], parts: dict[int, list[Indices]]) -> Breakdown:
    times, exposed, waits = [], [], []
    sizes: list[int | None] = []
    calls = 0
    for place, pieces in parts.items():
        one, events = ranks[place], np.concatenate(pieces)
        calls += events.size
        cover = Cover.of(one.activity.starts[events], one.activity.ends[events]).and_(one.window)
        times.append(cover.length)
        exposed.append(cover.length - cover.shared(one.covers.compute))
        waits.append(_wait(one, events))
        sizes.append(_bytes(one.activity, events))
    known = [wait for wait in waits if wait is not None]
    return Breakdown(
        name=name,
        ranks=len(parts),
        calls=calls,
        time_ns=sum(times) / len(parts),
        exposed_ns=sum(exposed) / len(parts),
        wait_ns=sum(known) / len(known) if known else None,
        message_bytes=None if None in sizes else sum(size for size in sizes if size is not None),
    )


def _wait(one: Measured, events: Indices) -> int | None:
    transfer = one.parts.transfer[events]
    if not (transfer >= 0).any():
        return None
    heads = one.activity.ends[events] - transfer
    waited = (transfer >= 0) & (heads > one.activity.starts[events])
    return Cover.of(one.activity.starts[events][waited], heads[waited]).and_(one.window).length


def _bytes(one: Activity, events: Indices) -> int | None:
    total = 0
    for number, mine in groups(one.calls[events]):
        size = one.call_list[number].message_bytes if number >= 0 else None
        if size is None:
            return None
        total += size * mine.size
    return total


@dataclass
class _Moved:
    calls: int = 0
    message_bytes: int = 0
    bus_bytes: float = 0.0
    time_ns: int = 0


def bandwidth(ranks: Sequence[Measured]) -> list[Bandwidth]:
    """Over all ranks, by collective, group, size class and whether waiting could be taken out."""
    found: dict[tuple[str, str, str, str], _Moved] = {}
    for one in ranks:
        for call, events, exact in _sized(one):
            shape = shape_of(call.name)
            moved = found.setdefault(
                (call.name, call.label or UNTOLD_GROUP, size_class(call.message_bytes), _basis(exact)), _Moved()
            )
            size = call.message_bytes or 0
            lengths = one.parts.transfer if exact else one.activity.ends - one.activity.starts
            moved.calls += events.size
            moved.message_bytes += size * events.size
            moved.bus_bytes += shape.bus_bytes(size, call.size or 1) * events.size
            moved.time_ns += int(lengths[events].sum())
    rows = [
        Bandwidth(*key[:3], moved.calls, moved.message_bytes, moved.bus_bytes / moved.time_ns, key[3])
        for key, moved in found.items()
        if moved.time_ns
    ]
    return sorted(rows, key=lambda row: (-row.message_bytes, row.collective, row.group, row.size))[:MAX_ROWS]


def _basis(exact: bool) -> str:
    return "transfer" if exact else "duration"


def _sized(one: Measured) -> Iterator[tuple[Call, Indices, bool]]:
    """Calls that told size and ranks, with their events."""
    for _, number, events in one.communication():
        call = one.activity.call_list[number] if number >= 0 else None
        if call is None or not call.message_bytes or not call.size or call.size < 2:
            continue
        exact = one.parts.exact[events]
        for known in (True, False):
            if (exact == known).any():
                yield call, events[exact == known], known
