"""The fleet as it stands: nodes with rack, switch, power unit, batch, driver and clock, and how much worse some are."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from clusterctl.clock import MS_PER_DAY
from clusterctl.simulate.fleet.settings import Settings
from clusterctl.simulate.noise import Array

MODEL, FIRMWARE, PORT_FIRMWARE = "NVIDIA H100 80GB HBM3", "96.00.A5.00.01", "28.43.2026"
BATCHES = ("B1", "B2", "B3", "B4")
BAD_BATCH = "B2"
DRIVERS = ("570.124.06", "580.65.06")
BAD_DRIVER = DRIVERS[1]
BAD_CLOCK_MS = 120_000
_SPACE = uuid.UUID("6d6f6465-6c20-666c-6565-742d6e6f6465")


@dataclass(frozen=True, slots=True)
class Node:
    """One node. `skew_ms` is what its clock is ahead; `factor` multiplies its faults."""

    number: int
    name: str
    rack: str
    switch: str
    pdu: str
    batch: str
    driver: str
    boot_id: str
    skew_ms: int
    lemon: bool
    factor: float
    powered_on_ms: int


@dataclass(frozen=True)
class Fleet:
    """All nodes."""

    cluster: str
    gpus_per_node: int
    nodes: tuple[Node, ...]

    @cached_property
    def weights(self) -> Array:
        """Share of each node in faults of one node; sums to 1."""
        factors = np.array([node.factor for node in self.nodes])
        shares: Array = factors / factors.sum()
        return shares

    @cached_property
    def mean_factor(self) -> float:
        """How much the fleet is worse than a node without a flaw."""
        return float(np.mean([node.factor for node in self.nodes]))

    @cached_property
    def by_switch(self) -> dict[str, tuple[int, ...]]:
        """Numbers of the nodes of each switch."""
        return self._by("switch")

    @cached_property
    def by_rack(self) -> dict[str, tuple[int, ...]]:
        """Numbers of the nodes of each rack."""
        return self._by("rack")

    def _by(self, what: str) -> dict[str, tuple[int, ...]]:
        found: dict[str, list[int]] = {}
        for node in self.nodes:
            found.setdefault(getattr(node, what), []).append(node.number)
        return {name: tuple(numbers) for name, numbers in found.items()}

    def gpu_uuid(self, node: int, gpu: int) -> str:
        """Name of a GPU."""
        return f"GPU-{uuid.uuid5(_SPACE, f'{self.cluster}/{node}/{gpu}')}"


def pci(gpu: int) -> str:
    """Address of a GPU, without its function."""
    return f"{gpu // 8:04x}:{0x19 + 0x10 * (gpu % 8):02x}:00"


def port_pci(port: int) -> str:
    """Address of a port."""
    return f"{port // 8:04x}:{0x18 + 0x10 * (port % 8):02x}:00.0"


def fleet_of(settings: Settings) -> Fleet:
    """The fleet of these settings."""
    chance = np.random.default_rng([settings.seed, 11])
    shape, count = settings.shape, settings.nodes
    lemons = set(chance.choice(count, round(shape.lemon_share * count), replace=False).tolist())
    skews = chance.normal(0.0, shape.skew_ms, count)
    off = chance.random(count) < shape.bad_clock_share
    skews = np.where(off, chance.uniform(-BAD_CLOCK_MS, BAD_CLOCK_MS, count), skews)
    powered = chance.uniform(20, 40, count)
    nodes = []
    for number in range(count):
        batch = BATCHES[number // settings.nodes_per_rack % len(BATCHES)]
        driver = DRIVERS[number % len(DRIVERS)]
        lemon = number in lemons
        factor = (
            (shape.bad_batch_factor if batch == BAD_BATCH else 1.0)
            * (shape.bad_driver_factor if driver == BAD_DRIVER else 1.0)
            * (shape.lemon_factor if lemon else 1.0)
        )
        rack = number // settings.nodes_per_rack
        nodes.append(
            Node(
                number,
                f"{settings.cluster}-{number:05}",
                f"rack-{rack:04}",
                f"leaf-{number // settings.nodes_per_switch:04}",
                f"pdu-{rack:04}",
                batch,
                driver,
                str(uuid.uuid5(_SPACE, f"{settings.cluster}/{settings.seed}/{number}")),
                round(float(skews[number])),
                lemon,
                factor,
                settings.start_ms - round(float(powered[number]) * MS_PER_DAY),
            )
        )
    return Fleet(settings.cluster, settings.gpus_per_node, tuple(nodes))
