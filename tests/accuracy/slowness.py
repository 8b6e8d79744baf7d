"""Fail-slow: the detector on a day of a simulated fleet whose slow units are known.

GPUs are judged by their clock and ports by their traffic, minute by minute under each job, as analytics/slow does from the
store. A slowdown counts as one to be found if a job with enough peers ran over at least `LEAST_MIN` minutes of it; for a port
also an hour of that job before it, since ports are compared with their own past."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from clusterctl.analytics.slow.detect import Group, Rules, detect
from clusterctl.analytics.slow.metrics import GPU, PORT, SM_CLOCK, TRAFFIC, Metric
from clusterctl.clock import MS_PER_MINUTE
from clusterctl.simulate.fleet.happenings import simulate
from clusterctl.simulate.fleet.settings import Rates, Settings, Shape
from clusterctl.simulate.fleet.telemetry import lives, samples
from clusterctl.simulate.fleet.world import Run, Slow, World
from clusterctl.simulate.noise import Array
from tests.accuracy.table import Measure

NODES, EVERY_S = 64, 60
LEAST_MIN, PAST_MIN, LEAST_NODES = 20, 60, 5
RATES = Rates(
    gpu=0, host=0, nic=0, storage=0, driver=0, pulled=0, switch=0, power=0, ambiguous=0, user=0, bad_code=0, software=0,
    hang=0, degradation=0, maintenance_per_rack_month=0, agent_dead_per_node_month=0.2, silent_per_node_month=0.2,
    slow_per_node_month=5.0,
)  # fmt: skip


@dataclass
class SlowOutcome:
    """One day: slowdowns that could be found, those that were, and what was called slow and was not."""

    seed: int
    gpus: int = 0
    gpus_found: int = 0
    ports: int = 0
    ports_found: int = 0
    false_alarms: int = 0
    groups: int = 0


def judge_slow(seed: int, nodes: int = NODES) -> SlowOutcome:
    """Simulate a day and look for its slow units."""
    settings = Settings(nodes, 1.0, seed=seed, rates=RATES, shape=Shape(lemon_share=0.0))
    world, outcome = simulate(settings), SlowOutcome(seed)
    readings = _readings(world, seed)
    rules = Rules(comparisons=2 * settings.gpus)
    hit: set[int] = set()
    for run in world.runs:
        if len(run.nodes) >= LEAST_NODES:
            for metric, slow_kinds in ((SM_CLOCK, ("gpu", "node")), (TRAFFIC, ("port", "node"))):
                for group in _groups(world, run, metric, readings):
                    outcome.groups += 1
                    _look(world, run, group, slow_kinds, rules, hit, outcome)
    for number, slow in enumerate(world.slow):
        _count(world, number, slow, hit, outcome)
    return outcome


def _readings(world: World, seed: int) -> dict[tuple[str, int], Array]:
    """By metric and node, [units, minutes]; NaN is missing."""
    chance, found = np.random.default_rng([seed, 15]), {}
    settings = world.settings
    minutes = (settings.end_ms - settings.start_ms) // MS_PER_MINUTE
    for node in lives(world, range(settings.nodes)):
        for table, columns, rows in samples(node, settings.start_ms, EVERY_S, chance):
            units = settings.gpus_per_node
            at = np.reshape(columns["ts"], (units, -1))[0]
            place = (at - settings.start_ms) // MS_PER_MINUTE
            values = np.full((units, minutes), np.nan)
            if table.name == "gpu_sample":
                values[:, place] = np.reshape(columns["sm_clock_mhz"], (units, -1))
                found[SM_CLOCK.name, node.number] = values
            else:
                moved = np.reshape(columns["tx_bytes"], (units, -1))
                values[:, place[1:]] = np.diff(moved, axis=1) / np.diff(place) / EVERY_S
                found[TRAFFIC.name, node.number] = values
            assert rows == units * len(at)
    return found


def _span(world: World, run: Run) -> tuple[int, int]:
    """Whole minutes of the run; the first and the last are not looked at."""
    begin, end = world.settings.start_ms, run.ended_ms or world.settings.end_ms
    return (run.started_ms - begin) // MS_PER_MINUTE + 2, (end - begin) // MS_PER_MINUTE - 1


def _groups(world: World, run: Run, metric: Metric, readings: dict[tuple[str, int], Array]) -> Iterator[Group]:
    """All GPUs of the run, or the ports of each rail."""
    first, last = _span(world, run)
    nodes = [node for node in run.nodes if (metric.name, node) in readings]
    if last - first < LEAST_MIN:
        return
    names = [world.fleet.nodes[node].name for node in nodes]
    stacked = np.stack([readings[metric.name, node][:, first:last] for node in nodes])
    units = range(world.settings.gpus_per_node)
    if metric is SM_CLOCK:
        flat = tuple((name, str(unit)) for name in names for unit in units)
        yield Group(run.job_id, metric, flat, stacked.reshape(len(flat), -1))
        return
    for unit in units:
        yield Group(run.job_id, metric, tuple((name, str(unit)) for name in names), stacked[:, unit])


def _look(
    world: World, run: Run, group: Group, kinds: tuple[str, ...], rules: Rules, hit: set[int], outcome: SlowOutcome
) -> None:
    first, _ = _span(world, run)
    name_of = [node.name for node in world.fleet.nodes]
    for found in detect(group, rules):
        began, ended = first + found.first, first + found.last
        order = sorted(
            range(world.settings.gpus_per_node), key=lambda unit: _name(world, group.metric, unit, found.unit[0])
        )
        unit = order[int(found.unit[1])]
        true = [
            number
            for number, slow in enumerate(world.slow)
            if slow.kind in kinds
            and name_of[slow.node] == found.unit[0]
            and slow.unit in (-1, unit)
            and _minute(world, slow.first_ms) < ended + 1
            and began - 1 < _minute(world, slow.last_ms)
        ]
        hit.update(true)
        outcome.false_alarms += not true


def _name(world: World, metric: Metric, unit: int, node: str) -> str:
    """What samples are sorted by: a GPU's UUID, a port's name."""
    if metric.subject_kind == GPU:
        return world.fleet.gpu_uuid(int(node.rsplit("-", 1)[1]), unit)
    assert metric.subject_kind == PORT
    return f"mlx5_{unit}/1"


def _minute(world: World, at_ms: int) -> int:
    return (at_ms - world.settings.start_ms) // MS_PER_MINUTE


def _count(world: World, number: int, slow: Slow, hit: set[int], outcome: SlowOutcome) -> None:
    """Whether it could be found, and was."""
    port = slow.kind == "port"
    for run in world.runs:
        if slow.node not in run.nodes or len(run.nodes) < LEAST_NODES:
            continue
        first, last = _span(world, run)
        begins = max(first, _minute(world, slow.first_ms))
        if min(last, _minute(world, slow.last_ms)) - begins >= LEAST_MIN and (not port or begins - first >= PAST_MIN):
            outcome.ports += port
            outcome.gpus += not port
            outcome.ports_found += port and number in hit
            outcome.gpus_found += not port and number in hit
            return


def slow_measures(outcomes: Sequence[SlowOutcome]) -> list[Measure]:
    """Of fail-slow detection."""
    if not outcomes:
        return []
    return [
        Measure(
            "slow: GPUs and nodes found",
            sum(one.gpus_found for one in outcomes),
            sum(one.gpus for one in outcomes),
            0.9,
        ),
        Measure("slow: ports found", sum(one.ports_found for one in outcomes), sum(one.ports for one in outcomes), 0.9),
        Measure(
            "slow: days with a false alarm", sum(one.false_alarms > 0 for one in outcomes), len(outcomes), most=0.05
        ),
    ]
