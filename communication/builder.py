"""Gathers GPU events into columns, and divides them by GPU in the end."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clusterctl.communication.activity import Activity, Call, Gpu, Kind, Step
from clusterctl.communication.decimals import LIMIT_NS
from clusterctl.communication.families import MAX_NAME, KernelTable, Placed, place_copy
from clusterctl.communication.intervals import EMPTY, Times
from clusterctl.errors import InputError

MAX_EVENTS = 20_000_000
"""GPU events of one file: a trace of a gigabyte has about one million."""
MAX_NAMES = 50_000
MAX_CALLS = 100_000
MAX_DEVICES = 1_024
MAX_STEPS = 1_000_000
DATES_NS = range(1_420_070_400 * 10**9, 4_102_444_800 * 10**9)
"""2015 to 2100."""
STEP_MARK = re.compile(r"ProfilerStep#(\d{1,15})")
TOO_LONG = "more than 127 years of events, which no trace has"
BY_CALL = "told by the profiler"
"""Family of a collective whose kernel's name no rule knows."""

Ids = NDArray[np.int32]


class Builder:
    """Bounded: raises InputError where a file has more than any real trace has."""

    def __init__(self, path: Path, table: KernelTable) -> None:
        self.path = path
        self.left_out: Counter[str] = Counter()
        self.notes: list[str] = []
        self._table = table
        self._names: dict[tuple[bool, str], int] = {}
        self._placed: list[Placed] = []
        self._calls: dict[Call, int] = {}
        self._batches: list[tuple[Times, Times, Ids, Ids, Times, Ids, Ids]] = []
        self._count = 0
        self._busy_ns = 0.0
        self._cpu: list[tuple[Times, Times]] = []
        self.gpus: dict[int, Gpu] = {}
        self.base_ns: int | None = None
        """Unix time that the trace counts from, where it says so."""
        self._steps: dict[bool, dict[int, Step]] = {True: {}, False: {}}

    def name(self, copy: bool, name: str) -> int:
        """Number of a kernel's or copy's name, of which no more is kept than is looked at."""
        name = name[:MAX_NAME]
        key = (copy, name)
        number = self._names.get(key)
        if number is None:
            self._bounded(len(self._names), MAX_NAMES, "different kernel names")
            number = self._names[key] = len(self._names)
            self._placed.append(place_copy(name) if copy else self._table.place(name))
        return number

    def communicates(self, number: int) -> bool:
        """Whether what has this name does."""
        return self._placed[number].kind is Kind.COMM

    def call(self, call: Call) -> int:
        """Number of a collective's shape."""
        number = self._calls.get(call)
        if number is None:
            self._bounded(len(self._calls), MAX_CALLS, "different collectives")
            number = self._calls[call] = len(self._calls)
        return number

    def add(
        self,
        starts: Times,
        ends: Times,
        names: Sequence[int],
        calls: Sequence[int],
        sequences: Sequence[int],
        devices: Sequence[int],
        blocks: Sequence[int] | None = None,
    ) -> None:
        """A batch of GPU events, each longer than nothing. -1 stands for no call, no number, an unknown device, blocks that
        are not told."""
        self._count += starts.size
        self._bounded(self._count, MAX_EVENTS, "GPU events")
        self._in_time(starts, ends)
        ids = [np.array(column, dtype=np.int32) for column in (names, calls, devices)]
        wide = np.full(starts.size, -1, dtype=np.int32) if blocks is None else np.array(blocks, dtype=np.int32)
        self._batches.append((starts, ends, ids[0], ids[1], np.array(sequences, dtype=np.int64), ids[2], wide))

    def add_cpu(self, starts: Times, ends: Times) -> None:
        """Collectives on the CPU."""
        self._count += starts.size
        self._bounded(self._count, MAX_EVENTS, "events")
        self._in_time(starts, ends)
        self._cpu.append((starts, ends))

    def mark(self, name: str, start: int, end: int, *, host: bool) -> None:
        """A step's mark; the host's own is preferred to its copy on the GPU, and the longer of two."""
        found = STEP_MARK.fullmatch(name)
        if found and end > start:
            self.step(Step(int(found.group(1)), start, end), host=host)

    def step(self, step: Step, *, host: bool = True) -> None:
        """A step's window."""
        if step.end > LIMIT_NS:
            raise InputError(f"{self.path}: step {step.number}: {TOO_LONG}")
        known = self._steps[host]
        self._bounded(len(known), MAX_STEPS, "steps")
        old = known.get(step.number)
        if old is None or old.end - old.start < step.end - step.start:
            known[step.number] = step

    def finish(self, source: str, rank: int | None, world: int | None) -> list[Activity]:
        """One activity a GPU, in the order of their numbers; one without events where there are none."""
        whole = self._whole(source, rank, world)
        devices = np.concatenate([batch[5] for batch in self._batches]) if self._batches else EMPTY.astype(np.int32)
        numbers = np.unique(devices[devices >= 0])
        self._bounded(numbers.size - 1, MAX_DEVICES, "GPUs")
        if numbers.size <= 1:  # events that do not tell theirs are of the only one there is
            device = int(numbers[0]) if numbers.size else None
            return [replace(whole, device=device, gpu=self._gpu(device))]
        self.left_out["GPU events that do not tell which GPU"] += int((devices < 0).sum())
        return [replace(_only(whole, devices == number, int(number)), gpu=self._gpu(int(number))) for number in numbers]

    def _gpu(self, device: int | None) -> Gpu:
        """Of a trace that does not tell which GPU it is of: what all of them are."""
        if device in self.gpus:
            return self.gpus[device]
        alike = set(self.gpus.values())
        return alike.pop() if len(alike) == 1 else Gpu()

    def _whole(self, source: str, rank: int | None, world: int | None) -> Activity:
        places = (0, 1, 2, 3, 4, 6)
        columns = [np.concatenate([batch[i] for batch in self._batches]) if self._batches else EMPTY for i in places]
        starts, ends, names, calls, sequences, blocks = columns
        kinds = np.array([placed.kind for placed in self._placed], dtype=np.int8)[names.astype(np.intp)]
        kinds[(calls >= 0) & (kinds != Kind.MEMORY)] = Kind.COMM
        host = self._steps[True]
        if not host and self._steps[False]:
            self.notes.append("steps are taken from the GPU's copy of their marks: the host's are not in the trace")
        cpu = [np.concatenate([pair[i] for pair in self._cpu]) if self._cpu else EMPTY for i in range(2)]
        return Activity(
            path=self.path, source=source, rank=rank, device=None, world=world,
            starts=starts, ends=ends, kinds=kinds, names=names.astype(np.int32), calls=calls.astype(np.int32),
            sequences=sequences, name_list=[name for _, name in self._names],
            families=[placed.family for placed in self._placed], call_list=list(self._calls),
            steps=sorted((host or self._steps[False]).values(), key=lambda step: step.start),
            cpu_starts=cpu[0], cpu_ends=cpu[1], blocks=blocks.astype(np.int32), gpu=Gpu(),
            clock_ns=_clock_ns(self.base_ns, int(starts[0]) if starts.size else None),
            left_out=self.left_out, notes=self.notes,
        )  # fmt: skip

    def _in_time(self, starts: Times, ends: Times) -> None:
        """Sums of whole nanoseconds stay within 64 bits."""
        self._busy_ns += float((ends - starts).sum(dtype=np.float64))
        if self._busy_ns > LIMIT_NS or ends.max(initial=0) > LIMIT_NS:
            raise InputError(f"{self.path}: {TOO_LONG}")

    def _bounded(self, count: int, limit: int, what: str) -> None:
        if count >= limit:
            raise InputError(f"{self.path}: more than {limit:,} {what}, which no trace has")


def _clock_ns(base_ns: int | None, start_ns: int | None) -> int | None:
    """Older traces count from 1970, newer ones from a base that they name; others from something that nobody knows."""
    if start_ns is None or start_ns in DATES_NS:
        return None if start_ns is None else 0
    return base_ns if base_ns is not None and base_ns + start_ns in DATES_NS else None


def _only(whole: Activity, mask: NDArray[np.bool_], device: int) -> Activity:
    return replace(
        whole, device=device, starts=whole.starts[mask], ends=whole.ends[mask], kinds=whole.kinds[mask],
        names=whole.names[mask], calls=whole.calls[mask], sequences=whole.sequences[mask], blocks=whole.blocks[mask],
    )  # fmt: skip
