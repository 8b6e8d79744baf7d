"""The plan of a simulated fleet: when each mechanism strikes, drawn from its rate before anything happens."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from clusterctl.simulate.fleet import fabric, people, symptoms
from clusterctl.simulate.fleet.breaking import broken
from clusterctl.simulate.fleet.jobs import Scheduler
from clusterctl.simulate.fleet.settings import Settings
from clusterctl.simulate.fleet.stage import HOUR_MS, Stage
from clusterctl.simulate.fleet.symptoms import Symptom
from clusterctl.simulate.fleet.world import AGENT, KERNEL_LOG, SILENT, Gap, Slow, World

PER_GPUS = 1_000.0
DAYS_PER_MONTH = 30.0
SPREAD_H = 0.2
"""Members of a group of faults come within minutes: most gaps between faults of real fleets are short."""
Strike = Callable[[Stage, int, int], None]


def _breaks(mechanism: str, ways: tuple[Symptom, ...]) -> Strike:
    return lambda stage, node, at_ms: broken(stage, mechanism, ways, node, at_ms)


FLAWED: dict[str, Strike] = {
    "gpu": _breaks("gpu", symptoms.GPU),
    "host": _breaks("host", symptoms.HOST),
    "nic": _breaks("nic", symptoms.NIC),
    "storage": _breaks("storage", symptoms.STORAGE),
    "driver": _breaks("driver", symptoms.DRIVER),
    "pulled": people.pulled,
}
"""Strike nodes in proportion to their factor, and in groups where the shape says so."""
EVEN: dict[str, Strike] = {
    "switch": fabric.switch_dies,
    "power": fabric.power_goes,
    "bad_gpu": people.bad_gpu,
    "ambiguous": people.ambiguous,
    "user": people.user_error,
    "bad_code": people.bad_code,
    "software": people.software,
    "hang": people.hang,
    "degradation": people.degraded,
}
"""Strike any node alike. A number stands for a node, or for a switch or rack."""


def simulate(settings: Settings, tell: Callable[[float], None] = lambda done: None) -> World:
    """The fleet's life. `tell` hears of progress, 0 to 1."""
    stage = Stage(settings)
    chance = np.random.default_rng([settings.seed, 13])
    for name, strike in FLAWED.items():
        _plan_groups(stage, chance, float(getattr(settings.rates, name)), strike)
    for name, strike in EVEN.items():
        _plan_evenly(stage, chance, float(getattr(settings.rates, name)), strike)
    _plan_maintenance(stage, chance)
    _draw_gaps(stage.world, chance)
    _draw_slow(stage.world, chance)
    stage.at(settings.start_ms, Scheduler(stage).look)
    stage.play(tell)
    _in_order(stage.world)
    return stage.world


def _moments(chance: np.random.Generator, settings: Settings, mean: float) -> list[int]:
    count = int(chance.poisson(mean))
    span = settings.end_ms - settings.start_ms
    return [settings.start_ms + int(after_ms) for after_ms in chance.integers(0, span, count)]


def _plan_groups(stage: Stage, chance: np.random.Generator, rate: float, strike: Strike) -> None:
    """Poisson on each node with its factor; or, with groups, Poisson groups of geometric size spread over nodes."""
    settings, fleet = stage.settings, stage.fleet
    mean = rate * settings.gpus * settings.days / PER_GPUS * fleet.mean_factor / settings.shape.cluster_size
    for first_ms in _moments(chance, settings, mean):
        size = int(chance.geometric(1.0 / settings.shape.cluster_size))
        after_ms = [0, *(chance.exponential(SPREAD_H, size - 1) * HOUR_MS).astype(int).tolist()]
        for node, later_ms in zip(chance.choice(settings.nodes, size, p=fleet.weights).tolist(), after_ms, strict=True):
            stage.at(first_ms + later_ms, partial(strike, stage, node))


def _plan_evenly(stage: Stage, chance: np.random.Generator, rate: float, strike: Strike) -> None:
    settings = stage.settings
    for at_ms in _moments(chance, settings, rate * settings.gpus * settings.days / PER_GPUS):
        stage.at(at_ms, partial(strike, stage, int(chance.integers(settings.nodes))))


def _plan_maintenance(stage: Stage, chance: np.random.Generator) -> None:
    settings, racks = stage.settings, len(stage.fleet.by_rack)
    mean = settings.rates.maintenance_per_rack_month * racks * settings.days / DAYS_PER_MONTH
    for at_ms in _moments(chance, settings, mean):
        stage.at(at_ms, partial(fabric.planned, stage, int(chance.integers(racks))))


def _draw_gaps(world: World, chance: np.random.Generator) -> None:
    settings, rates = world.settings, world.settings.rates
    whats: tuple[tuple[str, float], ...] = (
        (AGENT, rates.agent_dead_per_node_month),
        (KERNEL_LOG, rates.kmsg_unread_per_node_month),
        (SILENT, rates.silent_per_node_month),
    )
    for what, rate in whats:
        for at_ms in _moments(chance, settings, _node_months(settings) * rate):
            last_ms = min(at_ms + int(chance.exponential(8.0) * HOUR_MS), settings.end_ms)
            world.gaps.append(Gap(int(chance.integers(settings.nodes)), at_ms, last_ms, what))


def _draw_slow(world: World, chance: np.random.Generator) -> None:
    settings = world.settings
    for at_ms in _moments(chance, settings, _node_months(settings) * settings.rates.slow_per_node_month):
        kind = ("gpu", "port", "node")[int(chance.choice(3, p=(0.6, 0.3, 0.1)))]
        unit = -1 if kind == "node" else int(chance.integers(settings.gpus_per_node))
        last_ms = min(at_ms + int(chance.uniform(1.0, 24.0) * HOUR_MS), settings.end_ms)
        ratio = float(chance.uniform(0.12, 0.4))
        world.slow.append(Slow(int(chance.integers(settings.nodes)), kind, unit, at_ms, last_ms, ratio))


def _node_months(settings: Settings) -> float:
    return settings.nodes * settings.days / DAYS_PER_MONTH


def _in_order(world: World) -> None:
    world.lines.sort(key=lambda line: (line.at_ms, line.node, line.gpu, line.text))
    world.echoes.sort(key=lambda echo: (echo.at_ms, echo.node, echo.gpu, echo.code))
    world.states.sort(key=lambda state: (state.since_ms, state.node))
    world.told.sort(key=lambda told: (told.at_ms, told.node, told.kind))
    world.gaps.sort(key=lambda gap: (gap.first_ms, gap.node))
    world.slow.sort(key=lambda slow: (slow.first_ms, slow.node))
    world.incidents.sort(key=lambda incident: (incident.first_ms, incident.node))
