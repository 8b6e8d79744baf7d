"""A finding as a row of `slow_finding`, and what a later pass wants to know of it again."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clusterctl.analytics.slow.detect import Found, Unit
from clusterctl.analytics.slow.metrics import JOB, NODE
from clusterctl.analytics.slow.questions import HELD_BACK, StandingRow
from clusterctl.analytics.slow.series import Series, Window
from clusterctl.clock import MS_PER_MINUTE

WORTH_SAYING = 0.05
"""Share of time held back for a reason, below which it is not mentioned."""
Row = dict[str, Any]


def row_of(found: Found, window: Window, baselines: Mapping[str, float], reasons: Mapping[str, float]) -> Row:
    """The row, its times in milliseconds, its loss still unknown."""
    host, subject = found.unit
    kind = NODE if found.members else found.metric.subject_kind
    numbers = {"value": found.value, "peers_value": found.peers_value}
    said: dict[str, Any] = {name: float(f"{value:.6g}") for name, value in numbers.items() if math.isfinite(value)}
    if not found.metric.absolute and kind != JOB:
        said["baselines"] = dict(baselines)
    elif kind == JOB:
        said["baselines"] = {subject: found.baseline}
    if reasons:
        said["held_back"] = {name: round(share, 3) for name, share in reasons.items()}
    if found.members:
        said["devices"] = list(found.members)
    return {
        "cluster": window.cluster,
        "host": host,
        "subject_kind": kind,
        "subject": subject,
        "metric": found.metric.name,
        "onset": window.since_ms + found.first * MS_PER_MINUTE,
        "job_id": found.job_id,
        "slow_ratio": found.ratio,
        "confidence_ratio": found.confidence,
        "peers": found.peers,
        "retired": 0,
        "evidence": json.dumps(said),
        "until": None if found.lasting else window.since_ms + found.last * MS_PER_MINUTE,
        "gpu_hours_lost": None,
    }


def held_back(found: Found, series: Sequence[Series]) -> dict[str, float]:
    """Shares of the finding's time in which its GPUs said that they were held back, by reason: what tells a hot GPU from one
    that lacks power."""
    devices = {found.unit} if not found.members else {(found.unit[0], device) for device in found.members}
    same = [one for one in series if (one.host, one.device) in devices]
    shares = {}
    for reason in HELD_BACK:
        told = [one.readings[reason][found.first : found.last] for one in same if reason in one.readings]
        known = np.concatenate(told) if told else np.empty(0)
        known = known[np.isfinite(known)]
        if known.size and known.mean() >= WORTH_SAYING:
            shares[reason.removesuffix("_ratio")] = float(known.mean())
    return shares


def baselines_of(standing: Sequence[StandingRow]) -> dict[tuple[str, str], dict[Unit, float]]:
    """What units already found slow were before, by job and reading: the window need not reach back to it."""
    known: dict[tuple[str, str], dict[Unit, float]] = {}
    for row in standing:
        for device, value in json.loads(row.evidence or "{}").get("baselines", {}).items():
            known.setdefault((row.job_id, row.metric), {})[row.host, device] = float(value)
    return known
