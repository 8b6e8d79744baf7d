"""Traces with known intervals, in every form that is read; and what must come out of them, found nanosecond by nanosecond."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

GEMM = "sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_cublas"
NCCL = "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)"
FUSED = "ag_gemm_persistent"
COPY = "Memcpy HtoD (Pinned -> Device)"
PEER = "Memcpy PtoP (Device -> Device)"


@dataclass(frozen=True)
class Work:
    """One GPU event, in nanoseconds."""

    name: str
    start: int
    length: int
    cat: str = "kernel"
    stream: int = 7
    device: int = 0
    args: Mapping[str, Any] = field(default_factory=dict)

    @property
    def end(self) -> int:
        return self.start + self.length


def work(name: str, start: int, end: int, **more: Any) -> Work:
    cat = "gpu_memcpy" if name.startswith("Memcpy") else "kernel"
    return Work(name, start, end - start, **{"cat": cat, **more})


def collective(
    start: int, end: int, *, name: str = "allreduce", group: str = "0", size: int = 2, sequence: int | None = None,
    elements: int = 1024, out: int | None = None, dtype: str = "BFloat16", kernel: str = NCCL, **more: Any
) -> Work:  # fmt: skip
    """A collective as newer Kineto tells it."""
    args = {
        "Collective name": name, "In msg nelems": elements, "Out msg nelems": elements if out is None else out,
        "Group size": size, "dtype": dtype, "Process Group Name": group, "Process Group Description": f"pg{group}",
    }  # fmt: skip
    if sequence is not None:
        args["Seq"] = sequence
    return work(kernel, start, end, stream=20, args={**args, **more})


def us(ns: int) -> str:
    """Microseconds as Kineto writes them."""
    sign = "-" if ns < 0 else ""
    return f"{sign}{abs(ns) // 1000}.{abs(ns) % 1000:03d}"


def event(one: Work, number: int) -> str:
    on_gpu = {"device": one.device, "context": 1, "stream": one.stream, "correlation": number,
              "grid": [132, 1, 1], "block": [256, 1, 1]}  # fmt: skip
    args = {"External id": number, **(on_gpu if one.cat not in ("user_annotation", "cpu_op") else {}), **one.args}
    return (
        f'  {{\n    "ph": "X", "cat": "{one.cat}", "name": {json.dumps(one.name)}, "pid": {one.device},\n'
        f'    "tid": {one.stream}, "ts": {us(one.start)}, "dur": {us(one.length)},\n    "args": {json.dumps(args)}\n  }}'
    )


def mark(number: int, start: int, end: int, cat: str = "user_annotation") -> Work:
    return Work(f"ProfilerStep#{number}", start, end - start, cat=cat)


def host(one: Work, number: int) -> str:
    """The CPU's side of a kernel: noise, as most of a real trace is."""
    return (
        f'  {{\n    "ph": "X", "cat": "cpu_op", "name": "aten::mm", "pid": 1, "tid": 1,\n'
        f'    "ts": {us(one.start)}, "dur": 1.000, "args": {{"External id": {number}, "Input Dims": [[1, 2], []]}}\n  }},\n'
        f'  {{\n    "ph": "s", "id": {number}, "pid": 1, "tid": 1, "ts": {us(one.start)}, "cat": "ac2g", "name": "ac2g"\n  }}'
    )


def kineto(
    events: Sequence[Work], *, steps: Sequence[tuple[int, int, int]] = (), rank: int | None = 0, world: int = 1,
    noise: bool = True
) -> str:  # fmt: skip
    """A trace as PyTorch writes it; `steps` are (number, start, end)."""
    rows = [event(mark(*step), 0) for step in steps]
    for number, one in enumerate(events):
        rows += [host(one, number), event(one, number)] if noise else [event(one, number)]
    info = (
        f'  "distributedInfo": {{"backend": "nccl", "rank": {rank}, "world_size": {world}}},\n'
        if rank is not None
        else ""
    )
    body = ",\n".join(rows)
    return (
        '{\n  "schemaVersion": 1,\n  "deviceProperties": [\n    {"id": 0, "name": "H100"}, {"id": 1, "name": "H100"}\n  ],\n'
        f"{info}"
        f'  "displayTimeUnit": "ms",\n  "baseTimeNanoseconds": 1700000000000000000,\n  "traceEvents": [\n{body}\n  ],\n'
        '  "traceName": "trace.json"\n}\n'
    )


def write(folder: Path, ranks: Sequence[Sequence[Work]], **more: Any) -> list[Path]:
    """One trace a rank."""
    paths = []
    for rank, events in enumerate(ranks):
        path = folder / f"rank{rank}.pt.trace.json"
        path.write_text(kineto(events, rank=rank, world=len(ranks), **more), encoding="utf-8")
        paths.append(path)
    return paths


KINDS = {GEMM: "compute", FUSED: "compute", NCCL: "comm", PEER: "comm", COPY: "memory"}


def moments(events: Sequence[Work], kind: str) -> set[int]:
    """Every nanosecond in which something of the kind runs."""
    return {t for one in events if KINDS[one.name] == kind for t in range(one.start, one.end)}


def expected(
    events: Sequence[Work], window: set[int], waits: Sequence[tuple[int, int]] | None = None
) -> dict[str, Any]:
    """The headline of a rank, by looking at each nanosecond of the window."""
    comm, compute, memory = (moments(events, kind) & window for kind in ("comm", "compute", "memory"))
    return {
        "window_ns": len(window),
        "compute_ns": len(compute),
        "comm_ns": len(comm),
        "exposed_ns": len(comm - compute),
        "overlap_ns": len(comm & compute),
        "memory_ns": len(memory),
        "idle_ns": len(window - comm - compute - memory),
        "exposed_ratio": len(comm - compute) / len(window) if window else None,
        "total_ratio": len(comm) / len(window) if window else None,
        "overlap_ratio": len(comm & compute) / len(comm) if comm else None,
        "wait_ns": None if waits is None else len({t for start, end in waits for t in range(start, end)} & window),
    }
