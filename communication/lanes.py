"""Which kernels of different ranks are the same collective.

A lane is a line of calls on which the n-th of one rank is the n-th of every other: the calls of one communicator by the
number that it gave them, else those of one name and size in the order of their start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from clusterctl.communication.activity import Activity, Call, Kind
from clusterctl.communication.grouping import Indices, groups
from clusterctl.communication.intervals import Times

BY_NUMBER, BY_ORDER, BY_ORDER_OF_ALL = (
    "number of the call",
    "order of launch",
    "order of launch, one communicator assumed",
)
MAX_PER_NUMBER = 1 << 10
"""Kernels of one numbered call on one rank."""
MAX_PER_STEP = 1 << 24


@dataclass(frozen=True, slots=True)
class Key:
    """What tells lanes apart."""

    method: str
    group: str
    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class Lane:
    """`members`: a rank's place among those given, its events in order, and the ordinal of each."""

    method: str
    name: str
    size: int
    """Ranks that a call has; as many as take part where that was not told."""
    members: list[tuple[int, Indices, Times]]


def lanes_of(ranks: Sequence[Activity]) -> Iterator[Lane]:
    """Lanes with at least two ranks."""
    lines: dict[Key, dict[int, list[Indices]]] = {}
    sizes: dict[Key, int] = {}
    for place, one in enumerate(ranks):
        for key, size, events in _lines_of(one):
            lines.setdefault(key, {}).setdefault(place, []).append(events)
            sizes[key] = max(sizes.get(key, 0), size)
    for key, found in lines.items():
        if len(found) < 2:
            continue
        members = {place: _in_order(ranks[place], parts) for place, parts in found.items()}
        numbered = _numbered(ranks, members) if key.method == BY_NUMBER else _ordered(ranks, members, key)
        if len(numbered) > 1:
            yield Lane(key.method, key.name, sizes[key] or len(found), numbered)


def _in_order(one: Activity, parts: list[Indices]) -> Indices:
    events = np.concatenate(parts)
    return events[np.argsort(one.starts[events], kind="stable")]


def _lines_of(one: Activity) -> Iterator[tuple[Key, int, Indices]]:
    """A rank's communication, divided by what tells lanes apart, with the communicator's size or 0."""
    comm = np.flatnonzero(one.where(Kind.COMM))
    calls = one.calls[comm]
    for number, mine in groups(calls):
        if number < 0:
            continue
        call, events = one.call_list[number], comm[mine]
        told = one.sequences[events] >= 0
        if not call.p2p and told.any():
            yield Key(BY_NUMBER, call.group, call.name, ""), call.size or 0, events[told]
            events = events[~told]
        if events.size and (call.source or not call.p2p or call.size == 2):
            yield _by_order(call), 2 if call.p2p else call.size or 0, events
    untold = comm[calls < 0]
    for number, mine in groups(one.names[untold]):
        yield Key(BY_ORDER_OF_ALL, "", one.name_list[number], ""), one.world or 0, untold[mine]


def _by_order(call: Call) -> Key:
    if call.p2p:
        pair = ">".join(sorted(call.source.split(">"))) if call.source else ""
        return Key(BY_ORDER, call.group, "send_recv", pair)
    return Key(BY_ORDER, call.group, call.name, str(call.message_bytes))


def _numbered(ranks: Sequence[Activity], members: dict[int, Indices]) -> list[tuple[int, Indices, Times]]:
    made = []
    for place, events in members.items():
        numbers = ranks[place].sequences[events]
        order = np.argsort(numbers, kind="stable")
        events, numbers = events[order], numbers[order]
        again = _counted(numbers)
        kept = (again < MAX_PER_NUMBER) & (numbers < 1 << 50)
        made.append((place, events[kept], (numbers * MAX_PER_NUMBER + again)[kept]))
    return made


def _ordered(ranks: Sequence[Activity], members: dict[int, Indices], key: Key) -> list[tuple[int, Indices, Times]]:
    """The n-th is the n-th where all have as many; else step by step, where all have as many in the step."""
    if key.method == BY_ORDER_OF_ALL and len(members) < len(ranks):
        return []
    counts = {events.size for events in members.values()}
    if len(counts) == 1:
        return [(place, events, np.arange(events.size, dtype=np.int64)) for place, events in members.items()]
    steps = {place: _step_of(ranks[place], events) for place, events in members.items()}
    tallies = [dict(zip(*_tally(of), strict=True)) for of in steps.values()]
    equal = [number for number, count in tallies[0].items() if all(other.get(number) == count for other in tallies)]
    made = []
    for place, events in members.items():
        kept = np.isin(steps[place], np.array(equal, dtype=np.int64))
        numbers = steps[place][kept]
        made.append((place, events[kept], numbers * MAX_PER_STEP + _counted(numbers)))
    return made


def _tally(steps: Times) -> tuple[list[int], list[int]]:
    numbers, counts = np.unique(steps[steps >= 0], return_counts=True)
    small = counts < MAX_PER_STEP
    return numbers[small].tolist(), counts[small].tolist()


def _step_of(one: Activity, events: Indices) -> Times:
    """Number of the step in which each event starts; -1 outside of all."""
    if not one.steps:
        return np.full(events.size, -1, dtype=np.int64)
    begins = np.array([step.start for step in one.steps], dtype=np.int64)
    ends = np.array([step.end for step in one.steps], dtype=np.int64)
    numbers = np.array([step.number for step in one.steps], dtype=np.int64)
    starts = one.starts[events]
    at = np.searchsorted(begins, starts, side="right") - 1
    inside = (at >= 0) & (starts < ends[at])
    return np.where(inside & (numbers[at] < 1 << 38), numbers[at], -1)


def _counted(sorted_numbers: Times) -> Times:
    """How often each number was there before, of numbers in which equal ones stand together."""
    if not sorted_numbers.size:
        return sorted_numbers
    first = np.flatnonzero(np.append(True, sorted_numbers[1:] != sorted_numbers[:-1]))
    return np.arange(sorted_numbers.size) - np.repeat(first, np.diff(np.append(first, sorted_numbers.size)))
