"""Chrome traces of NCCL's example profiler plugin: pairs of begin and end, a line each, and not always JSON.

Time is taken from the kernels' channels only: that of a collective ends when it was enqueued."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import numpy as np

from clusterctl.communication.collectives import element_bytes
from clusterctl.communication.damage import Damaged
from clusterctl.communication.decimals import NotATime, nanoseconds
from clusterctl.communication.finding import shown
from clusterctl.communication.intervals import Cover, Times
from clusterctl.communication.lines import lines
from clusterctl.communication.model import LogRow
from clusterctl.communication.source import Source
from clusterctl.communication.tally import Tally
from clusterctl.errors import InputError

BARE = re.compile(rb"(:\s*)(0x[0-9a-fA-F]+|(?!true\b|false\b|null\b)[A-Za-z_]\w*)(?=\s*[,}\]])")
"""Values without quotes, such as addresses in hexadecimal: no JSON, but plain what is meant."""
CALLS = ("COLL", "P2P")
MAX_OPEN = 1_000_000
MAX_SPANS = 50_000_000
LATEST_NS = 4_000_000_000_000_000_000
_RAW = msgspec.Raw(b"")


class PluginEvent(msgspec.Struct, gc=False):
    """A begin or an end."""

    name: str = ""
    cat: str = ""
    ph: str = ""
    id: Any = None
    pid: Any = None
    ts: msgspec.Raw = _RAW
    args: Any = None


class PluginReader:
    """Reads one process's trace."""

    def __init__(self, source: Source, *, salvage: bool = False) -> None:
        self._source = source
        self._salvage = salvage
        self._decoder = msgspec.json.Decoder(list[PluginEvent])
        self._tally = Tally()
        self._open: dict[tuple[object, object], tuple[int, int, int]] = {}
        self._gpu: list[tuple[int, int]] = []
        self._cpu: list[tuple[int, int]] = []
        self._calls = self._repaired = self._untimed = self._copy_engine = self._broken = 0
        self._ranks: set[int] = set()

    def read(self) -> list[LogRow]:
        """One row. Raises Damaged where even repair does not help."""
        for position, text in lines(self._source):
            body = text.strip(b" \t\r\n[],")
            for event in self._events(position, body) if body and body != b"{}" else ():
                self._take(position, event)
        self._untimed += len(self._open)
        return [self._row()]

    def _events(self, position: int, body: bytes) -> list[PluginEvent]:
        try:
            return self._decoder.decode(b"[" + body + b"]")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            repaired, count = BARE.subn(rb'\1"\2"', body)
        try:
            events = self._decoder.decode(b"[" + repaired + b"]")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if not self._salvage:
                raise Damaged(self._source.path, position, f"no event of NCCL's profiler plugin: {error}") from error
            self._broken += 1
            return []
        self._repaired += count
        return events

    def _take(self, position: int, event: PluginEvent) -> None:
        if event.cat == "GPU" and event.name == "KernelCh":
            self._channel(position, event)
        elif event.cat in CALLS and event.ph == "b":
            self._call(event)
        elif event.name.lower().startswith(("cecoll", "ce_coll")) and event.ph == "b":
            self._copy_engine += 1

    def _call(self, event: PluginEvent) -> None:
        args = event.args if isinstance(event.args, dict) else {}
        self._calls += 1
        rank = _whole(args.get("Rank"))
        if rank is not None and rank < 1 << 31 and len(self._ranks) < 2:
            self._ranks.add(rank)
        count, dtype = _whole(args.get("Count")), args.get("Datatype")
        width = element_bytes(dtype) if isinstance(dtype, str) else None
        self._tally.add(event.name, count * width if count is not None and width else None, None, None)

    def _channel(self, position: int, event: PluginEvent) -> None:
        args = event.args if isinstance(event.args, dict) else {}
        at = self._time(position, event)
        gpu = [_whole(args.get(name)) or 0 for name in ("StartGpuClk", "StopGpuClk")]
        key = (_key(event.id), _key(event.pid))
        if event.ph == "b":
            if len(self._open) >= MAX_OPEN:
                raise InputError(f"{self._source.path}: more than {MAX_OPEN:,} events begin and do not end")
            self._open[key] = (at, gpu[0], gpu[1])
        elif event.ph == "e" and key in self._open:
            began, start, stop = self._open.pop(key)
            self._span(began, at, gpu[0] or start, gpu[1] or stop)

    def _span(self, began: int, ended: int, start: int, stop: int) -> None:
        if 0 < start < stop < LATEST_NS:
            self._gpu.append((start, stop))
        elif 0 < began < ended:
            self._cpu.append((began, ended))
        else:
            self._untimed += 1
        if len(self._gpu) + len(self._cpu) > MAX_SPANS:
            raise InputError(f"{self._source.path}: more than {MAX_SPANS:,} kernels, which no trace has")

    def _time(self, position: int, event: PluginEvent) -> int:
        if not bytes(event.ts):
            return 0
        try:
            return int(nanoseconds([event.ts])[0])
        except NotATime as error:
            if not self._salvage:
                raise Damaged(self._source.path, position, str(error)) from error
            return 0

    def _row(self) -> LogRow:
        by_gpu = len(self._gpu) >= len(self._cpu)
        spans = self._gpu if by_gpu else self._cpu
        left_out = len(self._cpu if by_gpu else self._gpu) + self._untimed
        cover = Cover.of(*_columns(spans))
        exact = by_gpu and not left_out
        return LogRow(
            path=shown(self._source.path),
            source="nccl_profiler",
            rank=next(iter(self._ranks)) if len(self._ranks) == 1 else None,
            group="",
            ranks_of_group=None,
            comm_ns=cover.length if spans else None,
            mark=("exact" if exact else "at least" if by_gpu else "upper bound") if spans else "none",
            window_ns=int(cover.ends[-1] - cover.starts[0]) if spans else None,
            records=len(spans),
            calls=self._calls,
            by_call=self._tally.rows(),
            notes=self._notes(by_gpu, bool(spans), left_out),
        )

    def _notes(self, by_gpu: bool, timed: bool, left_out: int) -> list[str]:
        notes = ["the time of a kernel includes waiting for peers"] if timed else ["no kernel has a time"]
        if timed and not by_gpu:
            notes.append("the GPU's clock is missing: times are when the CPU saw the kernel start and stop")
        if left_out:
            notes.append(f"{left_out:,} kernels have no such time and are left out")
        if self._copy_engine:
            notes.append(f"{self._copy_engine:,} collectives ran on copy engines, without a kernel: not in the time")
        if self._repaired:
            notes.append(f"{self._repaired:,} values without quotes were read as text")
        if self._broken:
            notes.append(f"{self._broken:,} lines could not be read")
        return notes


def _columns(spans: list[tuple[int, int]]) -> tuple[Times, Times]:
    pairs = np.array(spans, dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0].copy(), pairs[:, 1].copy()


def _key(value: object) -> object:
    return value if isinstance(value, (str, int)) else None


def _whole(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 1 << 62 else None
