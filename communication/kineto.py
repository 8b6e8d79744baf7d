"""Kineto's Chrome traces, as PyTorch's profiler writes them: an object with `traceEvents`, or the bare list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from clusterctl.communication.activity import Activity, Gpu
from clusterctl.communication.builder import Builder
from clusterctl.communication.damage import Damaged
from clusterctl.communication.decimals import NotATime, nanoseconds
from clusterctl.communication.elements import Elements, Slice
from clusterctl.communication.families import KernelTable
from clusterctl.communication.intervals import EMPTY, Times
from clusterctl.communication.jsontext import JsonText
from clusterctl.communication.kineto_call import NO_ARGS, GpuArgs, blocks_of, call_of, decode_args
from clusterctl.communication.source import Source

IGNORED, KERNEL, COPY, HOST, GPU_MARK = range(5)
CATEGORIES = {
    "kernel": KERNEL,
    "gpu_memcpy": COPY,
    "gpu_memset": COPY,
    "user_annotation": HOST,
    "cpu_op": HOST,
    "operator": HOST,
    "gpu_user_annotation": GPU_MARK,
}
STEP_PREFIX = "ProfilerStep#"
CPU_PREFIXES = ("gloo:", "c10d:", "c10d::")
HOST_PREFIXES = (STEP_PREFIX, *CPU_PREFIXES)
MAX_MEMO = 1_000
MAX_GPUS, MAX_MODEL, MAX_SMS = 1_024, 200, 1 << 16
MAX_MEMBERS = 1_000
"""Beside the events. Real traces have some ten."""
MAX_PROPERTIES_BYTES = 1 << 20
"""What is built of a text takes many times its length."""
MISSING = (b"", b"null")
COUNT = re.compile(rb"\d{1,10}")
MAX_COUNT = 1 << 31


class TraceEvent(msgspec.Struct, gc=False):
    """What is looked at of an event; the numbers stay text until they are made whole nanoseconds."""

    ph: str = ""
    cat: str = ""
    name: str = ""
    ts: msgspec.Raw = msgspec.Raw(b"")
    dur: msgspec.Raw = msgspec.Raw(b"")
    args: msgspec.Raw = msgspec.Raw(b"")


class DistributedInfo(msgspec.Struct):
    """Who wrote the trace."""

    rank: msgspec.Raw = msgspec.Raw(b"")
    world_size: msgspec.Raw = msgspec.Raw(b"")


class DeviceProperties(msgspec.Struct):
    """A GPU of the node."""

    id: Any = None
    name: Any = None
    sms: Any = msgspec.field(default=None, name="numSms")


class Categories(dict[str, int]):
    """What an event's category means here, in whatever case it is written."""

    def __missing__(self, category: str) -> int:
        meaning = CATEGORIES.get(category.lower(), IGNORED)
        if len(self) < MAX_MEMO:
            self[category] = meaning
        return meaning


class KinetoReader:
    """Reads one trace in one pass. Memory is bounded by its GPU events, not by its length."""

    def __init__(self, source: Source, table: KernelTable, *, salvage: bool = False) -> None:
        self._source = source
        self._salvage = salvage
        self._build = Builder(source.path, table)
        self._means = Categories()
        self._info = DistributedInfo()
        self._lists = 0

    def read(self) -> list[Activity]:
        """One activity a GPU. Raises Damaged, or InputError if this is no trace."""
        try:
            self._document(JsonText(self._source))
        except Damaged as error:
            if not self._salvage:
                raise
            self._build.notes.append(f"damaged at byte {error.position}, what follows is left out: {error.what}")
        rank, world = _told(self._info.rank), _told(self._info.world_size)
        return self._build.finish("kineto", rank, world)

    def _document(self, text: JsonText) -> None:
        first = text.peek()
        if first == b"[":
            self._events(text)
        elif first == b"{":
            self._members(text)
        else:
            raise text.damaged(0, "expected a JSON object or list here") if first else text.cut_off()
        if text.peek():
            raise text.damaged(0, "more text after the end of the trace")
        if not self._lists:
            raise text.damaged(0, "no traceEvents in it: not a Chrome trace")

    def _members(self, text: JsonText) -> None:
        text.take(b"{")
        members = 0
        while text.peek() != b"}":
            members += 1
            if members > MAX_MEMBERS:
                raise text.damaged(0, f"more than {MAX_MEMBERS:,} members, which no trace has")
            key = text.key()
            if key == b"traceEvents" and text.peek() == b"[":
                if self._lists:
                    raise text.damaged(0, "a second traceEvents")
                self._events(text)
            else:
                offset, value = text.start, text.value()
                self._member(text, key, offset, value)
            if text.peek() == b",":
                text.take(b",")
            elif text.peek() != b"}":
                raise text.damaged(0, "expected a comma or a closing brace here") if text.peek() else text.cut_off()
        text.take(b"}")

    def _member(self, text: JsonText, key: bytes, position: int, value: bytes) -> None:
        try:
            if key == b"distributedInfo":
                self._info = msgspec.json.decode(value, type=DistributedInfo)
            elif key == b"deviceProperties" and len(value) <= MAX_PROPERTIES_BYTES:
                self._gpus(msgspec.json.decode(value, type=list[DeviceProperties]))
            elif key == b"baseTimeNanoseconds":
                self._build.base_ns = _whole(msgspec.json.decode(value))
            else:
                msgspec.json.decode(value, type=msgspec.Raw)
        except msgspec.ValidationError:
            self._build.left_out[f"unusable {key.decode('ascii', 'replace')}"] += 1
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Damaged(text.path, position, f"not JSON: {error}") from error

    def _gpus(self, told: Sequence[DeviceProperties]) -> None:
        for one in told[:MAX_GPUS]:
            number, sms = _whole(one.id), _whole(one.sms)
            if number is not None:
                name = one.name[:MAX_MODEL] if isinstance(one.name, str) else ""
                self._build.gpus[number] = Gpu(name, sms if sms and sms < MAX_SMS else None)

    def _events(self, text: JsonText) -> None:
        text.take(b"[")
        self._lists += 1
        for part in Elements(text, TraceEvent).slices():
            self._build.left_out["rows that are no events"] += part.unusable
            self._take(part)

    def _take(self, part: Slice[TraceEvent]) -> None:
        rows, means = part.rows, self._means
        meanings = [means[row.cat] for row in rows]
        gpu = [i for i, meaning in enumerate(meanings) if meaning in (KERNEL, COPY) and rows[i].ph == "X"]
        gpu, starts, ends = self._timed(part, gpu)
        if gpu:
            self._add(part, gpu, [meanings[i] == COPY for i in gpu], starts, ends)
        named = [i for i, meaning in enumerate(meanings) if meaning >= HOST and rows[i].name.startswith(HOST_PREFIXES)]
        named, starts, ends = self._timed(part, [i for i in named if rows[i].ph == "X"])
        on_cpu = np.array([rows[i].name.startswith(CPU_PREFIXES) for i in named], dtype=bool)
        if on_cpu.any():
            self._build.add_cpu(starts[on_cpu], ends[on_cpu])
        for place in np.flatnonzero(~on_cpu):
            i = named[place]
            self._build.mark(rows[i].name, int(starts[place]), int(ends[place]), host=meanings[i] == HOST)

    def _timed(self, part: Slice[TraceEvent], places: list[int]) -> tuple[list[int], Times, Times]:
        """Those that took time, with start and end. What has no start or no length is counted and left out."""
        rows = part.rows
        whole = [i for i in places if bytes(rows[i].ts) not in MISSING and bytes(rows[i].dur) not in MISSING]
        self._build.left_out["events without start or duration"] += len(places) - len(whole)
        if not whole:
            return [], EMPTY, EMPTY
        starts = self._nanoseconds(part, whole, [rows[i].ts for i in whole])
        lengths = self._nanoseconds(part, whole, [rows[i].dur for i in whole])
        negative = np.flatnonzero(lengths < 0)
        if negative.size and not self._salvage:
            first = int(whole[negative[0]])
            raise self._at(part, first, f"a duration below zero: {bytes(rows[first].dur).decode()}")
        self._build.left_out["events with a duration below zero"] += negative.size
        self._build.left_out["events without length"] += int((lengths == 0).sum())
        kept = np.flatnonzero(lengths > 0)
        return [whole[i] for i in kept], starts[kept], (starts + lengths)[kept]

    def _nanoseconds(self, part: Slice[TraceEvent], places: list[int], texts: Sequence[msgspec.Raw]) -> Times:
        try:
            return nanoseconds(texts)
        except NotATime as error:
            raise self._at(part, places[error.index], str(error)) from error

    def _at(self, part: Slice[TraceEvent], index: int, what: str) -> Damaged:
        return Damaged(self._source.path, part.position_of(index), what)

    def _add(self, part: Slice[TraceEvent], places: list[int], copies: list[bool], starts: Times, ends: Times) -> None:
        build, rows = self._build, part.rows
        told = decode_args([rows[i].args for i in places])
        names = [build.name(copy, rows[i].name) for i, copy in zip(places, copies, strict=True)]
        calls, sequences = [-1] * len(places), [-1] * len(places)
        for place, args in enumerate(told):
            if args.collective is not None:
                calls[place] = build.call(call_of(args))
                sequences[place] = _sequence(args)
        blocks = [
            blocks_of(rows[i].args) if build.communicates(name) else -1 for i, name in zip(places, names, strict=True)
        ]
        build.add(starts, ends, names, calls, sequences, [_device(args) for args in told], blocks)


def _device(args: GpuArgs) -> int:
    device = args.device
    return device if args is not NO_ARGS and type(device) is int and 0 <= device < 1 << 31 else -1


def _sequence(args: GpuArgs) -> int:
    number = _whole(args.sequence)
    return -1 if number is None else number


def _told(text: msgspec.Raw) -> int | None:
    """A rank, or how many there are; it stays text until it is known to be one, since lists are large as objects."""
    count = int(bytes(text)) if COUNT.fullmatch(bytes(text)) else MAX_COUNT
    return count if count < MAX_COUNT else None


def _whole(value: object) -> int | None:
    """A count that was told, if it can be one."""
    return value if type(value) is int and 0 <= value < 1 << 62 else None
