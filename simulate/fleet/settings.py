"""What a simulated fleet is made of: its size, and the true rate of each thing that happens to it."""

from __future__ import annotations

from dataclasses import dataclass

from clusterctl.clock import MS_PER_DAY
from clusterctl.errors import InputError

START_MS = 1_767_225_600_000
"""2026-01-01. Fixed, so that the same arguments give the same bytes on any day."""
MAX_NODES, MAX_DAYS = 100_000, 1_000.0


@dataclass(frozen=True, slots=True)
class Rates:
    """How often things happen, per 1000 GPUs and day of service unless the name says otherwise. Zero switches one off."""

    gpu: float = 0.24
    """A GPU breaks, and its codes say so."""
    host: float = 0.06
    """Host memory, a panic, PCIe."""
    nic: float = 0.04
    storage: float = 0.03
    driver: float = 0.03
    """The driver or firmware breaks, and a second sign says so."""
    pulled: float = 0.02
    """An operator takes a node out because of something that no log has."""
    switch: float = 0.01
    """A leaf switch dies with all its nodes."""
    power: float = 0.005
    """A power unit takes a rack."""
    bad_gpu: float = 0.003
    """A GPU begins to show user codes in whoever's job it gets, until it is found: hardware, though no code says so."""
    ambiguous: float = 0.03
    """A code that needs a second sign, which never comes: nobody can say what it was."""
    user: float = 0.30
    """A program breaks itself, with Xids on all GPUs of its job."""
    bad_code: float = 0.02
    """An owner submits the same broken program several times."""
    software: float = 0.20
    """A job ends with an exit code and nothing else."""
    hang: float = 0.05
    """A collective times out, and nothing else is there."""
    degradation: float = 0.20
    """Rows remapped, correctable errors: service goes on."""
    maintenance_per_rack_month: float = 0.1
    """Planned: announced, a rack at a time."""
    agent_dead_per_node_month: float = 0.05
    kmsg_unread_per_node_month: float = 0.02
    silent_per_node_month: float = 0.02
    slow_per_node_month: float = 0.05
    """A GPU, port or node works on, slower than its peers."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What makes some units or days worse than others, and evidence harder to read."""

    lemon_share: float = 0.006
    lemon_factor: float = 40.0
    """A lemon's faults come this much more often, and no repair helps."""
    bad_batch_factor: float = 2.0
    """GPUs of one batch in four break this much more often."""
    bad_driver_factor: float = 1.0
    """Nodes with the newer driver have this much more of their faults."""
    cluster_size: float = 1.0
    """Faults come in groups of this mean size, on other nodes within minutes; 1 is Poisson."""
    storm_share: float = 0.05
    """Hardware faults that repeat their line up to `storm_lines` times."""
    storm_lines: int = 900_000
    skew_ms: float = 800.0
    """Standard deviation of the nodes' clocks."""
    bad_clock_share: float = 0.01
    """Nodes whose clock is off by up to two minutes."""
    duplicate_share: float = 0.02
    """Batches that are delivered twice."""
    late_share: float = 0.02
    """Batches that arrive up to hours after their time."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One simulated fleet. Pure arguments: the same ones give the same bytes. Raises InputError when they make no fleet."""

    nodes: int
    days: float
    seed: int = 1
    gpus_per_node: int = 8
    cluster: str = "sim"
    start_ms: int = START_MS
    rates: Rates = Rates()
    shape: Shape = Shape()
    nodes_per_rack: int = 8
    nodes_per_switch: int = 32
    repair_h: float = 6.0
    """Median time out of service."""
    job_h: float = 20.0
    """Mean length of a job that nothing ends."""

    def __post_init__(self) -> None:
        if not (0 < self.nodes <= MAX_NODES and 0 < self.days <= MAX_DAYS and 0 < self.gpus_per_node <= 64):
            raise InputError(f"no fleet: {self.nodes} nodes of {self.gpus_per_node} GPUs for {self.days} days")

    @property
    def gpus(self) -> int:
        """Of the whole fleet."""
        return self.nodes * self.gpus_per_node

    @property
    def end_ms(self) -> int:
        """Exclusive."""
        return self.start_ms + round(self.days * MS_PER_DAY)
