"""A few steps of a simulated rank as PyTorch's profiler writes them: the trace and the telemetry are of the same seconds."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from clusterctl.simulate.training.draw import COMMUNICATING, SMS, State
from clusterctl.simulate.training.rows import MODEL
from clusterctl.simulate.training.sampler import Rank

NS_PER_S, NS_PER_US = 1_000_000_000, 1_000
COMPUTE_KERNEL = "sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize128x128x64"
COMM_KERNEL = "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)"
COMPUTE_STREAM, COMM_STREAM = 7, 20


def write_trace(path: Path, rank: Rank, world_size: int, begin_ms: int, steps: range) -> tuple[int, int]:
    """Steps `steps` of the rank's course, gzip; `begin_ms` is the Unix time at which the course begins. Gives first and last
    nanosecond of these steps since then."""
    edges = np.rint(rank.course.edges_s * NS_PER_S).astype(np.int64)
    starts = np.rint(rank.course.steps_s * NS_PER_S).astype(np.int64)
    first, last = int(starts[steps.start]), int(starts[steps.stop])
    events = list(_marks(starts, steps)) + list(_kernels(rank, edges, first, last, world_size))
    document = {
        "schemaVersion": 1,
        "deviceProperties": [{"id": 0, "name": MODEL, "numSms": SMS}],
        "distributedInfo": {"backend": "nccl", "rank": rank.plan.rank, "world_size": world_size},
        "baseTimeNanoseconds": begin_ms * 1_000_000,
        "traceEvents": events,
    }
    with path.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as file:
        file.write(json.dumps(document).encode())
    return first, last


def _marks(starts: np.ndarray, steps: range) -> Iterator[dict[str, Any]]:
    for number in steps:
        begin, end = int(starts[number]), int(starts[number + 1])
        yield {"ph": "X", "cat": "user_annotation", "name": f"ProfilerStep#{number}", "pid": 1, "tid": 1,
               "ts": begin / NS_PER_US, "dur": (end - begin) / NS_PER_US}  # fmt: skip


def _kernels(rank: Rank, edges: np.ndarray, first: int, last: int, world: int) -> Iterator[dict[str, Any]]:
    """Neighbouring states of one kind are one kernel; what runs beside compute is a kernel of its own on another stream."""
    blocks, sequence = round(rank.drawn.sm_comm * SMS), 0
    for begin, end, kind in _runs(rank, edges, first, last):
        if kind in ("compute", "beside"):
            yield _kernel(COMPUTE_KERNEL, begin, end, COMPUTE_STREAM, SMS, {})
        if kind in ("comm", "beside"):
            sequence += 1
            yield _kernel(COMM_KERNEL, begin, end, COMM_STREAM, blocks, _collective(world, sequence, end - begin))


def _runs(rank: Rank, edges: np.ndarray, first: int, last: int) -> Iterator[tuple[int, int, str]]:
    begin_at = int(np.searchsorted(edges, first, side="right")) - 1
    open_run: tuple[int, int, str] | None = None
    for place in range(begin_at, len(rank.course.states)):
        begin, end = max(first, int(edges[place])), min(last, int(edges[place + 1]))
        if begin >= last:
            break
        kind = _kind(State(int(rank.course.states[place])))
        if open_run is not None and open_run[2] == kind and open_run[1] == begin:
            open_run = (open_run[0], end, kind)
            continue
        if open_run is not None:
            yield open_run
        open_run = (begin, end, kind)
    if open_run is not None:
        yield open_run


def _kind(state: State) -> str:
    if state in COMMUNICATING:
        return "comm"
    return {State.BESIDE: "beside", State.IDLE: "idle"}.get(state, "compute")


def _kernel(name: str, begin: int, end: int, stream: int, blocks: int, more: dict[str, Any]) -> dict[str, Any]:
    args = {"device": 0, "stream": stream, "grid": [blocks, 1, 1], "block": [256, 1, 1], **more}
    return {"ph": "X", "cat": "kernel", "name": name, "pid": 0, "tid": stream, "ts": begin / NS_PER_US,
            "dur": (end - begin) / NS_PER_US, "args": args}  # fmt: skip


def _collective(world: int, sequence: int, length_ns: int) -> dict[str, Any]:
    elements = max(1, length_ns * 100 // 2)  # 100 GB/s of bfloat16
    return {"Collective name": "allreduce", "In msg nelems": elements, "Out msg nelems": elements, "dtype": "BFloat16",
            "Group size": world, "Process Group Name": "0", "Process Group Description": "default_pg",
            "Seq": sequence}  # fmt: skip
