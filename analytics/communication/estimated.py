"""A job's estimate as a row of `collective`."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from typing import Any

from clusterctl.analytics.communication.calibration import Calibration
from clusterctl.analytics.communication.estimate import Estimate
from clusterctl.analytics.communication.hours import Piece
from clusterctl.analytics.communication.job import JobEstimate
from clusterctl.analytics.imports.envelope import ENVELOPE
from clusterctl.clock import MS_PER_S

SOURCE, SCOPE, NONE = "telemetry", "job", "none"
NS_PER_MS, US_PER_S = 1_000_000, 1_000_000
MAX_REASON = 1_000


def row_of(
    cluster: str,
    piece: Piece,
    found: JobEstimate,
    estimates: Mapping[str, Estimate],
    *,
    model: str,
    layout: str,
    calibration: Calibration | None,
) -> dict[str, Any]:
    """Never a bare point: where the grade has none, the ends of the interval alone."""
    periods = [one.step_s for one in estimates.values() if one.step_s]
    return {
        **ENVELOPE,
        "cluster": cluster,
        "host": "",
        "ts": piece.since_ms,
        "until": piece.until_ms,
        "job_id": piece.job_id,
        "source": SOURCE,
        "scope": SCOPE,
        "grade": found.grade.value if found.grade else NONE,
        "reason": "; ".join(word.value for word in (found.reason, *found.notes))[:MAX_REASON],
        "window": SOURCE,
        "ts_source": SOURCE,
        "layout": layout,
        "gpu_model": model,
        "total_mark": "" if found.total_at_least is None else "at least",
        "late": ",".join(found.late_ranks),
        "fields": _facts(found, calibration, piece.until_ms),
        "rank": 0,
        "ranks": found.ranks_seen,
        "world_size": piece.gpus,
        "step_us": round(statistics.median(periods) * US_PER_S) if periods else None,
        "window_ns": (piece.until_ms - piece.since_ms) * NS_PER_MS,
        "exposed_ratio": found.value,
        "exposed_low_ratio": found.low,
        "exposed_high_ratio": found.high,
        "total_ratio": found.total_at_least,
        "moving_ratio": found.moving,
        "silent_ratio": found.silent,
    }


def _facts(found: JobEstimate, calibration: Calibration | None, until_ms: int) -> str:
    """What else a reader may want; the label says what no value of this kind goes without."""
    said: dict[str, Any] = {"label": found.label}
    if found.spread is not None and found.grade is not None and found.grade.has_point:
        said["exposed_over_ranks"] = {
            "min": found.spread.low,
            "median": found.spread.median,
            "max": found.spread.high,
        }
    if calibration is not None:
        said["calibration_age_s"] = round(until_ms / MS_PER_S - calibration.at_s)
    return json.dumps(said)
