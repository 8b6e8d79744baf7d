"""Which hosts there are, what each of them is called and doing, and when it ticks and sends."""

from __future__ import annotations

import uuid
import zlib
from dataclasses import dataclass

import numpy as np

from clusterctl.clock import MS_PER_DAY, MS_PER_S
from clusterctl.errors import InputError
from clusterctl.simulate.noise import Array

TRAINING, IDLE, LOST = "training", "idle", "lost"
"""A host whose GPUs work, one without a job, and one that works although a GPU of it does not answer."""
LOST_GPU = 3
HOSTS_PER_JOB, IDLE_EVERY, LOST_EVERY = 64, 10, 500
SLOT_S = 0.25


@dataclass(frozen=True)
class Plan:
    """The fleet that was asked for, and the part of it that this process sends."""

    cluster: str
    gpus: int
    hz: float
    gpus_per_node: int = 8
    ports_per_node: int = 8
    seed: int = 1
    part: int = 1
    parts: int = 1
    pack_s: float = 5.0
    """How long samples wait to be sent together; no longer than the slower cadences: a pack has one of their ticks."""
    medium_ms: int = 10_000
    slow_ms: int = 60_000

    def __post_init__(self) -> None:
        if not 1 <= self.part <= self.parts:
            raise InputError(f"part {self.part} of {self.parts}", hint="--part 1/2 is the first of two")
        if self.gpus % self.gpus_per_node:
            raise InputError(f"{self.gpus} GPUs are not a whole number of nodes of {self.gpus_per_node}")

    @property
    def period_ms(self) -> int:
        """Between two ticks."""
        return round(MS_PER_S / self.hz)

    @property
    def ticks(self) -> int:
        """Ticks of a pack: what comes within `pack_s`, at least one."""
        return max(1, int(self.pack_s * MS_PER_S) // self.period_ms)

    @property
    def round_ms(self) -> int:
        """How often a host sends: its packs follow each other without a gap."""
        return self.ticks * self.period_ms

    @property
    def slots(self) -> int:
        """Into how many groups the hosts are spread that send one after another within a round."""
        return max(1, int(self.round_ms / (SLOT_S * MS_PER_S)))

    @property
    def nodes(self) -> int:
        """Of the whole fleet."""
        return self.gpus // self.gpus_per_node

    def numbers(self) -> range:
        """Hosts of this part, by their number in the fleet."""
        return range(self.part - 1, self.nodes, self.parts)


@dataclass(frozen=True)
class Hosts:
    """Hosts of one slot that do the same, an array each of what differs."""

    doing: str
    numbers: Array
    names: tuple[str, ...]
    boot_ids: tuple[str, ...]
    jobs: Array
    """Number of the job that a host works for."""
    phase_ms: Array
    """Where within the period it ticks, as agents choose it."""
    tier_ms: Array
    """How far its slower ticks are shifted, as agents choose it."""
    booted_ms: Array
    job_began_ms: Array

    def __len__(self) -> int:
        return len(self.names)


def hosts_of(plan: Plan, now_ms: int) -> list[list[Hosts]]:
    """By slot, and within a slot by what they do."""
    slots: list[dict[str, list[int]]] = [{} for _ in range(plan.slots)]
    for place, number in enumerate(plan.numbers()):
        slots[place % plan.slots].setdefault(doing(plan, number), []).append(number)
    return [[_hosts(plan, kind, numbers, now_ms) for kind, numbers in slot.items()] for slot in slots]


def hosts_per_job(plan: Plan) -> int:
    """A job's nodes; a small fleet has small jobs, so that it has several."""
    return min(HOSTS_PER_JOB, max(1, plan.nodes // IDLE_EVERY))


def doing(plan: Plan, number: int) -> str:
    """What a host does all the time."""
    if number // hosts_per_job(plan) % IDLE_EVERY == IDLE_EVERY - 1:
        return IDLE
    return LOST if number % LOST_EVERY == LOST_EVERY // 2 and plan.gpus_per_node > LOST_GPU else TRAINING


def _hosts(plan: Plan, kind: str, numbers: list[int], now_ms: int) -> Hosts:
    names = tuple(f"{plan.cluster}-{number:06}" for number in numbers)
    jobs = np.array(numbers) // hosts_per_job(plan)
    chance = np.random.default_rng([plan.seed, 1])
    job_age_ms = chance.integers(MS_PER_DAY // 24, 3 * MS_PER_DAY, size=int(jobs.max()) + 1)
    days = np.array([zlib.crc32(name.encode(), plan.seed) % 57 + 3 for name in names])
    return Hosts(
        kind,
        np.array(numbers),
        names,
        tuple(str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}/{plan.seed}/{now_ms}")) for name in names),
        jobs,
        np.array([zlib.crc32(name.encode()) % plan.period_ms for name in names]),
        np.array([zlib.crc32(name.encode(), 7) for name in names]),
        now_ms - days * MS_PER_DAY,
        now_ms - job_age_ms[jobs],
    )
