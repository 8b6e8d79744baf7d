"""GPU-hours that slowness cost a job: known only where the job's steps say how much longer they took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clusterctl.analytics.slow.metrics import JOB
from clusterctl.clock import MS_PER_MINUTE

TOGETHER_MS = 15 * MS_PER_MINUTE
"""A unit that became slow this close to its job is taken to be why."""
MS_PER_HOUR = 60 * MS_PER_MINUTE
Row = dict[str, Any]


def with_loss(rows: Sequence[Row], gpus: Mapping[str, int], now_ms: int) -> list[Row]:
    """The rows with what is known of their loss. It is counted once: at the slowest unit that became slow with its job, else
    at the job; so that a sum over rows is a sum of losses."""
    told = [dict(row) for row in rows]
    for job in [row for row in told if row["subject_kind"] == JOB]:
        until = job["until"] or now_ms
        hours = (until - job["onset"]) / MS_PER_HOUR
        lost = gpus.get(job["job_id"], 0) * hours * job["slow_ratio"] / (1 + job["slow_ratio"])
        units = [
            row
            for row in told
            if row["subject_kind"] != JOB
            and row["job_id"] == job["job_id"]
            and abs(row["onset"] - job["onset"]) <= TOGETHER_MS
            and row["gpu_hours_lost"] is None
        ]
        blamed = max(units, key=lambda row: (row["slow_ratio"], row["host"], row["subject"]), default=job)
        blamed["gpu_hours_lost"] = lost if lost > 0 else None
    return told
