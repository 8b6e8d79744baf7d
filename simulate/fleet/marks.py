"""What jobs say of themselves: steps gathered over minutes, and a checkpoint each hour, by rank 0."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from clusterctl.clock import MS_PER_DAY
from clusterctl.schema import JOB_MARK
from clusterctl.simulate.fleet.telemetry import Rows
from clusterctl.simulate.fleet.world import Run
from clusterctl.simulate.noise import Array

STEP_MS, GATHER_MS = 20_000, 600_000
FIRST_STEP_MS = 180_000
CHECKPOINT_MS, BLOCKED_MS = 3_600_000, 30_000
CHECKPOINT_BYTES = 30 * (1 << 30)


def marks(run: Run, end_ms: int) -> Iterator[Rows]:
    """Marks of a run, a day at a time, each in the order of mark and time; none if it did not get to its first step."""
    first_ms, last_ms = run.started_ms + FIRST_STEP_MS, run.ended_ms or end_ms
    if last_ms <= first_ms:
        return
    saves = np.arange(first_ms + CHECKPOINT_MS, last_ms - BLOCKED_MS, CHECKPOINT_MS)
    steps = np.arange(first_ms, last_ms, GATHER_MS)
    ends = np.minimum(steps + GATHER_MS, last_ms)
    counts = np.maximum(1, (ends - steps) // STEP_MS)
    numbers = 1 + np.concatenate([[0], np.cumsum(counts)[:-1]])
    # in the order of the key: mark, then time
    ts = np.concatenate([saves, saves + BLOCKED_MS, [first_ms], steps])
    zeros, ones = np.zeros(len(saves), np.int64), np.ones(2 * len(saves) + 1, np.int64)
    columns: dict[str, object] = {
        "ts": ts, "job_id": run.job_id, "rank": 0, "count": np.concatenate([ones, counts]),
        "mark": ["checkpoint_begin"] * len(saves) + ["checkpoint_end"] * len(saves) + ["first_step"] + ["step"] * len(steps),
        "last_ts": np.concatenate([saves, saves + BLOCKED_MS, [first_ms], steps + (counts - 1) * STEP_MS]),
        "step": np.concatenate([zeros, zeros, [1], numbers]),
        "last_step": np.concatenate([zeros, zeros, [1], numbers + counts - 1]),
        "size_bytes": np.concatenate([zeros, zeros + CHECKPOINT_BYTES, [0], 0 * counts]),
        "step_max_us": np.concatenate([zeros, zeros, [0], 0 * counts + STEP_MS * 1_000]),
    }  # fmt: skip
    for day in sorted(set((ts // MS_PER_DAY).tolist())):
        chosen = np.flatnonzero(ts // MS_PER_DAY == day)
        yield JOB_MARK, {name: _taken(values, chosen) for name, values in columns.items()}, len(chosen)


def _taken(values: object, chosen: Array) -> object:
    if isinstance(values, list):
        return [values[place] for place in chosen.tolist()]
    return values[chosen] if isinstance(values, np.ndarray) else values
