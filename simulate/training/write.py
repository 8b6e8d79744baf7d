"""A simulated training job on disk: the agents' spool, traces of some of its steps, and the truth beside them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clusterctl import wire
from clusterctl.bus.segments import SegmentWriter
from clusterctl.errors import InputError
from clusterctl.packs import MAX_ROWS
from clusterctl.schema import Lane
from clusterctl.simulate.fleet.columns import packed
from clusterctl.simulate.noise import Array
from clusterctl.simulate.training.rows import Job, Rows, numbered
from clusterctl.simulate.training.trace import write_trace

SPOOL, TRACES, TRUTH = "spool", "traces", "truth.json"
SEGMENT_BYTES, UNBOUNDED = 64 << 20, 1 << 62
BOOT = "00000000-0000-0000-0000-000000000001"


@dataclass(frozen=True, slots=True)
class Done:
    """What was written, and what is true of it."""

    ranks: int
    rows: int
    traces: int
    exposed_ratio: float
    """Mean over ranks, over the whole window."""
    total_ratio: float
    waiting_ratio: float


def steps_to_trace(job: Job, count: int) -> range:
    """The same steps on every rank, in the middle of the window. Raises InputError where there are not so many."""
    first = max(0, int(job.plan.window_s / job.plan.step_s / 2) - count)
    if count and first + 3 * count >= job.plan.window_s / job.plan.step_s:
        raise InputError("the window has too few steps to trace", hint="a longer window, or fewer steps")
    return range(first, first + count)


class _Spool:
    """Two logs, one a lane."""

    def __init__(self, root: Path, topics: Mapping[Lane, str], cluster: str) -> None:
        self._logs = {
            lane: SegmentWriter(root / topic, UNBOUNDED, lambda: 0, SEGMENT_BYTES) for lane, topic in topics.items()
        }
        self._cluster = cluster
        self.rows = 0

    def put(self, host: str, rows: Rows, numbers: Array, sent_ms: int) -> None:
        """One table's rows of a node, as packs; `numbers` are those of their batches."""
        table, columns, count = rows
        lane = table.lane or Lane.SAMPLES
        for at in range(0, count, MAX_ROWS):
            size = min(count - at, MAX_ROWS)
            part = {name: values[at : at + size] if _long(values) else values for name, values in columns.items()}
            value = packed(
                table, part, numbers[at : at + size], cluster=self._cluster, host=host, boot_id=BOOT, sent_ms=sent_ms
            )
            self._logs[lane].append(host.encode(), value, wire.PACK_HEADERS, sent_ms)
        self.rows += count

    def close(self) -> None:
        for log in self._logs.values():
            log.close()


def _long(values: Any) -> bool:
    return isinstance(values, (list, np.ndarray))


def write(
    job: Job, cluster: str, out: Path, topics: Mapping[Lane, str], trace_steps: int, tell: Callable[[float], None]
) -> Done:
    """Everything below one new folder, the same bytes for the same job. `trace_steps` steps in the middle of the window are
    traced on every rank; 0 traces none. Raises InputError if the folder is there and not empty."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is there already", hint="give a new folder: nothing is overwritten")
    (out / TRACES).mkdir(parents=True, exist_ok=True)
    spool = _Spool(out / SPOOL, topics, cluster)
    exposed, total, waiting, traces = [], [], [], 0
    traced = steps_to_trace(job, trace_steps)
    for node, host in enumerate(job.nodes):
        for rows, numbers in numbered(job, node):
            spool.put(host, rows, numbers, job.end_ms)
        for rank in job.ranks(node):
            window = (0.0, job.plan.window_s)
            exposed.append(rank.course.exposed(*window))
            total.append(rank.course.total(*window))
            waiting.append(rank.course.waiting(*window))
            if traced:
                write_trace(
                    out / TRACES / f"rank{rank.plan.rank}.pt.trace.json.gz", rank, job.world_size, job.start_ms, traced
                )
                traces += 1
        tell((node + 1) / len(job.nodes))
    spool.close()
    done = Done(job.world_size, spool.rows, traces, *(float(np.mean(each)) for each in (exposed, total, waiting)))
    truth = {"job_id": job.job_id, "start_ms": job.start_ms, "end_ms": job.end_ms, "layout": job.plan.layout.value,
             "step_s": job.plan.step_s, "exposed_ratio": done.exposed_ratio, "total_ratio": done.total_ratio,
             "waiting_ratio": done.waiting_ratio}  # fmt: skip
    (out / TRUTH).write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    return done
