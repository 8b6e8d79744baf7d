"""From rack to train: from the last node powered on to the first step of a job at target size."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clusterctl.analytics.reports.model_times import RackToTrain
from clusterctl.analytics.reports.times import queries
from clusterctl.analytics.reports.times.told import Told
from clusterctl.analytics.times.observed import HOUR_MS
from clusterctl.clock import MS_PER_DAY, utc
from clusterctl.errors import InputError
from clusterctl.store import Param, Reader
from clusterctl.timetext import parse_time

LOOK_BACK_MS = 180 * MS_PER_DAY
MAX_FIRST_STEPS = 10_000
STAGES = ("provisioned_at", "burned_in_at", "fabric_checked_at", "imaged_at", "accepted_at")
"""Facts of the inventory that end a stage, in order; stages that nobody told are part of the next one."""
STAGE_NAMES = {"provisioned_at": "provision", "burned_in_at": "burn_in", "fabric_checked_at": "fabric_check",
               "imaged_at": "image", "accepted_at": "acceptance"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Node:
    gpus: int
    times: Mapping[str, int]
    facts: Mapping[str, Any]


def racks_of(store: Reader, window: Mapping[str, Param], told: Told) -> list[RackToTrain]:
    """A line for each build-out whose first step at target size lies in the window."""
    builds: dict[str, list[_Node]] = defaultdict(list)
    for row in queries.BUILDS.run(store, cluster=window["cluster"], top=queries.MAX_NODES):
        node = _node(row)
        if node is not None:
            builds[str(node.facts.get("build") or node.facts.get("batch") or "all nodes")[:200]].append(node)
    found = (_rack(store, window, told, name, nodes) for name, nodes in sorted(builds.items()))
    return [rack for rack in found if rack is not None]


def _node(row: queries.BuildRow) -> _Node | None:
    """Facts are text that somebody wrote: what is no time is not told."""
    try:
        facts = json.loads(row.facts)
    except ValueError:
        return None
    times = {name: at for name in ("powered_on_at", *STAGES) if (at := _time(facts.get(name))) is not None}
    return _Node(row.node_gpus, times, facts) if "powered_on_at" in times else None


def _time(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return parse_time(value) if isinstance(value, str) and value else None
    except InputError:
        return None


def _rack(
    store: Reader, window: Mapping[str, Param], told: Told, name: str, nodes: Sequence[_Node]
) -> RackToTrain | None:
    powered = max(node.times["powered_on_at"] for node in nodes)
    if not told.since_ms - LOOK_BACK_MS <= powered < told.until_ms:
        return None
    steps = queries.FIRST_STEPS.run(store, **{**window, "since": utc(powered)}, top=MAX_FIRST_STEPS)
    stated = max((int(node.facts.get("target_gpus") or 0) for node in nodes if _is_count(node)), default=0)
    target = stated or max((step.job_gpus for step in steps), default=0)
    first = next((step for step in steps if step.job_gpus >= target > 0), None)
    if first is None or first.first_step_ms < told.since_ms:
        return None
    judged = [node.facts["accepted_first"] for node in nodes if node.facts.get("accepted_first") is not None]
    accepted = [node for node in nodes if "accepted_at" in node.times]
    return RackToTrain(
        name=name,
        hours=(first.first_step_ms - powered) / HOUR_MS,
        target_gpus=target,
        nodes=len(nodes),
        nodes_accepted_first=sum(_is_true(value) for value in judged) if judged else None,
        nodes_accepted=len(accepted) if accepted or judged else None,
        stages=_stages(nodes, powered, first),
    )


def _is_count(node: _Node) -> bool:
    return str(node.facts.get("target_gpus") or "").isdigit()


def _is_true(value: object) -> bool:
    return value is True or str(value).lower() in ("1", "true", "yes")


def _stages(nodes: Sequence[_Node], powered: int, first: queries.FirstStepRow) -> dict[str, float]:
    """Hours of each stage, by its last node; they sum to the whole."""
    ends = [
        (STAGE_NAMES[name], max((node.times[name] for node in nodes if name in node.times), default=0))
        for name in STAGES
    ]
    ends += [("job_start", first.began_ms), ("init", first.first_step_ms)]
    stages: dict[str, float] = {}
    at = powered
    for name, until in ends:
        if until > at or name == "init":
            until = min(until, first.first_step_ms)
            stages[name] = (until - at) / HOUR_MS
            at = until
    return stages
