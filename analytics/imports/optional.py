"""What an incident may say beyond its cause: which jobs it ended, when nodes were out, what it cost."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from clusterctl.analytics.imports.table import Line, Rejected
from clusterctl.errors import InputError
from clusterctl.schema.field import LATEST_MS
from clusterctl.timetext import parse_time

DATED_OPTIONAL = ("jobs", "service_lost_at", "service_back_at", "gpu_hours_lost")
COST_NAMES = ("cost_pct", "pct_of_failure_gpu_time")
"""Columns with the percentage of all GPU time lost that a published cause took."""
MAX_JOBS = 512
_BETWEEN = re.compile(r"[\s;|]+")


def optional_of(line: Line) -> dict[str, Any] | Rejected:
    """The optional columns of a dated record that are filled; ids of jobs stand with blanks or semicolons between."""
    found: dict[str, Any] = {}
    jobs = [job[:200] for job in _BETWEEN.split(line.get("jobs")) if job][:MAX_JOBS]
    if jobs:
        found.update(jobs=json.dumps(jobs), jobs_ended=len(jobs))
    try:
        for name in ("service_lost_at", "service_back_at"):
            if line.get(name):
                found[name] = parse_time(line.get(name))
    except InputError as error:
        return Rejected(line.number, f"{error} ({error.hint})")
    lost, back = found.get("service_lost_at"), found.get("service_back_at")
    if any(at is not None and not 0 <= at < LATEST_MS for at in (lost, back)) or (back or LATEST_MS) < (lost or 0):
        return Rejected(line.number, "service_back_at is before service_lost_at")
    hours = _number(line, "gpu_hours_lost")
    return hours if isinstance(hours, Rejected) else {**found, **hours}


def published_cost(line: Line) -> dict[str, Any] | Rejected:
    """The published share of cost of a count, where the table has one."""
    name = next((name for name in COST_NAMES if line.get(name)), COST_NAMES[0])
    cost = _number(line, name)
    if isinstance(cost, Rejected) or not cost:
        return cost
    share = cost[name] / 100
    return {"cost_share": share} if share <= 1 else Rejected(line.number, f"{name} is more than 100")


def _number(line: Line, name: str) -> dict[str, Any] | Rejected:
    text = line.get(name).removesuffix("%").strip()
    if not text:
        return {}
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        return Rejected(line.number, f"{name} is not a number of 0 or more: {text[:32]!r}")
    return {name: value}
