"""Signatures of jobs: learned where a profile and telemetry of the same seconds are there, and found again for a job."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from clusterctl.analytics.communication.calibration import (
    Calibration,
    Profile,
    Signature,
    calibrate,
    from_json,
    to_json,
)
from clusterctl.analytics.communication.load import load
from clusterctl.analytics.communication.questions import CalibrationRow, CaptureRow
from clusterctl.analytics.communication.readings import Floats, Limits, Readings
from clusterctl.clock import MS_PER_S, to_ms
from clusterctl.errors import InputError
from clusterctl.store import Reader

AROUND_MS = 2_000
"""Read on both sides of a profile: its ends are known to a sample."""
MAX_PROFILE_MS = 3_600_000
FINE = re.compile(r"(?:^|[^a-z])(?:tp|ep|cp|sp)[ _=:-]?(\d{1,6})", re.IGNORECASE)
MEANS = ("graphics", "sm", "tensor", "sm_clock_mhz")


def is_fine(layout: str) -> bool:
    """Whether tensor, expert, context or sequence parallelism is in these words: what communicates every few milliseconds."""
    return any(int(number) > 1 for number in FINE.findall(layout))


def learned(store: Reader, cluster: str, capture: CaptureRow, gpus_of: Mapping[str, int]) -> dict[str, Any]:
    """A row of `comm_calibration`. Raises InputError where the two do not give one."""
    if capture.exposed is None or capture.comm_sm is None:
        raise InputError("the profile does not tell how wide communicating kernels are")
    begin_ms, end_ms = to_ms(capture.begin), to_ms(capture.end)
    if end_ms - begin_ms > MAX_PROFILE_MS:
        raise InputError("the profile is longer than an hour", hint="profile a few steps")
    since_ms = begin_ms - AROUND_MS
    found = load(store, cluster, capture.job_id, gpus_of, since_ms, end_ms + AROUND_MS)
    mean = _mean_gpu(list(found.readings.values()))
    signature = Signature(capture.job_id, "", capture.parallel_layout, capture.world or capture.rank_count)
    begin_s, end_s = ((at_ms - since_ms) / MS_PER_S for at_ms in (begin_ms, end_ms))
    made = calibrate(mean, Profile(begin_s, end_s, capture.exposed, capture.comm_sm), signature)
    kept = replace(made, at_s=end_ms / MS_PER_S)
    return {
        "cluster": cluster,
        "job_id": capture.job_id,
        "layout": capture.parallel_layout,
        "world_size": signature.world_size,
        "at": end_ms,
        "ranks": capture.rank_count,
        "calibration": to_json(kept).decode(),
    }


def _mean_gpu(readings: Sequence[Readings]) -> Readings:
    """The job's GPUs as one: the shares of a profile are means over ranks, and the levels are the same on all of them."""
    if not readings:
        raise InputError("no telemetry of the job in the seconds of its profile")
    grid = np.unique(np.concatenate([one.at_s for one in readings]))
    columns: dict[str, Floats | None] = {}
    for name in MEANS:
        rows = np.full((len(readings), len(grid)), np.nan)
        for place, one in enumerate(readings):
            values = getattr(one, name)
            if values is not None:
                rows[place, np.searchsorted(grid, one.at_s)] = values
        known = np.isfinite(rows)
        sums, counts = np.where(known, rows, 0.0).sum(axis=0), known.sum(axis=0)
        means = np.divide(sums, counts, out=np.full(len(grid), np.nan), where=counts > 0)
        columns[name] = means if np.isfinite(means).any() else None
    return Readings(at_s=grid, limits=Limits(), **columns)


class Signatures:
    """What is known of the jobs of a cluster."""

    def __init__(self, rows: Sequence[CalibrationRow], captures: Sequence[CaptureRow]) -> None:
        self._known: dict[str, CalibrationRow] = {}
        for row in sorted(rows, key=lambda row: row.at):
            self._known[row.job_id] = row
        self._layouts = {capture.job_id: capture.parallel_layout for capture in captures}

    def of(self, job_id: str) -> Calibration | None:
        """The newest of the job; what no longer fits is demoted by the estimate, with its reason. Raises InputError for a row
        that is none."""
        row = self._known.get(job_id)
        return None if row is None else from_json(row.kept.encode())

    def layout(self, job_id: str) -> str:
        """In the job's own words; empty where nobody said."""
        return self._layouts.get(job_id) or (self._known[job_id].layout if job_id in self._known else "")
