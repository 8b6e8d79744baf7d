"""What was true, as data: truth.json."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from clusterctl.simulate.fleet.exposure import exposure_of, gpu_days_by_node
from clusterctl.simulate.fleet.happenings import EVEN, FLAWED
from clusterctl.simulate.fleet.layout import BAD_BATCH, BAD_DRIVER, BATCHES, DRIVERS
from clusterctl.simulate.fleet.people import TIMES
from clusterctl.simulate.fleet.world import Incident, World

FORMAT = 1
FAULTS = (*FLAWED, "switch", "power", "bad_gpu")
"""Mechanisms whose incidents belong into the headline rate."""


def rate_per_1000_gpu_days(world: World) -> dict[str, float]:
    """By mechanism the rate that was set, for this fleet: parameters, weighted with who was in service how long; never a
    count. `faults` is the headline."""
    days = gpu_days_by_node(world)
    worse = float((days * world.fleet.weights).sum() / days.sum() * len(days)) * world.fleet.mean_factor
    rates = world.settings.rates
    found = {name: float(getattr(rates, name)) * worse for name in FLAWED}
    found |= {name: float(getattr(rates, name)) for name in EVEN}
    found["bad_gpu"] *= TIMES
    found["bad_code"] *= TIMES
    return {"faults": sum(found[name] for name in FAULTS), **found}


def truth_of(world: World) -> dict[str, Any]:
    """Everything that truth.json says. `seen.mark` comes before."""
    nodes, shape = world.fleet.nodes, world.settings.shape
    return {
        "format": FORMAT,
        "settings": asdict(world.settings),
        "since_ms": world.settings.start_ms,
        "until_ms": world.settings.end_ms,
        "rate_per_1000_gpu_days": rate_per_1000_gpu_days(world),
        "gpu_days": asdict(exposure_of(world)),
        "incidents": [_incident(world, number, one) for number, one in enumerate(world.incidents, start=1)],
        "lemons": [{"node": node.name, "factor": shape.lemon_factor} for node in nodes if node.lemon],
        "batches": {name: shape.bad_batch_factor if name == BAD_BATCH else 1.0 for name in BATCHES},
        "drivers": {name: shape.bad_driver_factor if name == BAD_DRIVER else 1.0 for name in DRIVERS},
        "slow": [{**asdict(slow), "node": nodes[slow.node].name} for slow in world.slow],
        "gaps": [{**asdict(gap), "node": nodes[gap.node].name} for gap in world.gaps],
        "clocks_ahead_ms": {node.name: node.skew_ms for node in nodes},
    }


def _incident(world: World, number: int, one: Incident) -> dict[str, Any]:
    name = world.fleet.nodes
    return {
        "id": number,
        "mechanism": one.mechanism,
        "class": one.cls,
        "node": "" if one.element else name[one.node].name,
        "element": one.element,
        "gpu": world.fleet.gpu_uuid(one.node, one.gpu) if one.gpu >= 0 else "",
        "first_ms": one.first_ms,
        "last_ms": one.last_ms,
        "is_fault": one.is_fault,
        "attributable": one.attributable,
        "nodes": [name[node].name for node in one.nodes],
        "jobs": list(one.jobs),
        "signals": one.signals,
        "visible": bool(one.seen_by),
        "seen_by": list(one.seen_by),
    }
