"""Time between faults: of the fleet, and of jobs by their size, measured beside what the fleet's rate predicts."""

from __future__ import annotations

import json
from collections.abc import Mapping

from clusterctl.analytics.reports.model_times import SizeBand
from clusterctl.analytics.reports.times import queries
from clusterctl.analytics.stats import Rate, rate_of
from clusterctl.analytics.stats.scaling import HoursInterval, hours_between, mttf_of
from clusterctl.store import Param, Reader

EDGES = (8, 64, 256, 1024, 4096, 16_384)
"""GPUs at which the next band of job sizes begins: a node, and powers of two that published studies divide at."""


def time_between(hours: float | None, count: int) -> HoursInterval:
    """Hours over a count of events with the exact interval; nothing where there are no hours."""
    return hours_between(count, hours) if hours else HoursInterval(None, None, None)


def job_sizes(store: Reader, window: Mapping[str, Param], headline: Rate) -> list[SizeBand]:
    """A band for each size that jobs had."""
    rows = queries.JOB_SIZES.run(store, **window, edges=json.dumps(EDGES))
    return [_band(row, headline) for row in rows]


def _band(row: queries.JobSizeRow, headline: Rate) -> SizeBand:
    low, high = _limits(row.band)
    return SizeBand(
        name=band_name(row.band),
        gpus_from=low,
        gpus_until=high,
        jobs=row.jobs,
        gpu_days=row.gpu_days,
        interruptions=row.interruptions,
        rate=rate_of(row.interruptions, row.gpu_days, "allocated"),
        mttf_measured_h=time_between(row.wall_hours, row.interruptions),
        mttf_model_h=mttf_of(headline, max(1, round(row.mean_gpus))).hours.value,
    )


def band_name(band: int) -> str:
    """In words; a job is in the band of as many edges as it reaches."""
    low, high = _limits(band)
    if high is None:
        return f"{low:,} and more"
    return f"under {high:,}" if low == 1 else f"{low:,} to {high - 1:,}"


def _limits(band: int) -> tuple[int, int | None]:
    return EDGES[band - 1] if band else 1, EDGES[band] if band < len(EDGES) else None
