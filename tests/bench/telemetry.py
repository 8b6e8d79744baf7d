"""Telemetry of simulated GPUs in training, for every column of gpu_sample, gpu_link_sample and gpu_health.

No distribution of a real NVML was to be had: this is a model, built from what the boards are known to do and how NVML
quantises its answers; docs/storage.md says which is which. Everything follows from what the jobs do (training.py): power up
to the limit, energy as its sum, clocks that give way at the limit in steps of 15 MHz, temperatures as integers that follow
power with inertia, GPM ratios and rates as means between two ticks. Errors mostly do not happen. What a board lacks is
missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

import numpy as np

from clusterctl.agent.nvml.gpm import MIB, RATE_BITS, RATIO_BITS
from clusterctl.agent.nvml.gpu import LATENCY_BITS
from clusterctl.schema import GPU_HEALTH, GPU_LINK_SAMPLE, GPU_SAMPLE, SCHEMA_VERSION, Table
from clusterctl.schema.slow import LINK_ERRORS, PCIE_COUNTERS
from tests.bench.training import FINE_S, NO_JOB, Activity, Array, activity

GPUS = 8
JOB_NODES = 4
PARTITION_HOSTS = 780
"""Hosts that share a partition of the bus at 100,000 GPUs."""
MESSAGES = 16
"""Messages that a host sends together, every five seconds."""
Columns = dict[str, Any]
"""By name: an array, a masked array where readings are missing, or one value for all rows."""


@dataclass(frozen=True)
class Board:
    """What a kind of GPU can do and what it can tell. `hopper`: GPM, T.Limit margin, mean of power."""

    idle_w: float
    limit_w: float
    margin_sum_c: float
    sm_clock_mhz: int
    memory_clock_mhz: int
    memory_total_bytes: int
    hopper: bool


H100 = Board(69, 700, 86.3, 1980, 2619, 81559 * MIB, hopper=True)
A100 = Board(50, 400, 85.0, 1410, 1215, 40960 * MIB, hopper=False)


@dataclass(frozen=True)
class Fleet:
    """What to simulate. Equal fleets give equal telemetry. `noise` scales what differs from GPU to GPU and from tick to tick
    for no reason that the model knows; `exact` leaves GPM's doubles as the driver would give them."""

    hosts: int = 8
    seconds: int = 7_200
    period_s: int = 1
    board: Board = H100
    start_ms: int = 1_795_000_000_000
    seed: int = 1
    noise: float = 1.0
    exact: bool = False


def telemetry(fleet: Fleet) -> Iterator[dict[Table, Columns]]:
    """The tables of one node after another, rows in the order of their keys."""
    for number in range(fleet.hosts):
        jobs = activity(np.random.default_rng([fleet.seed, 7, number // JOB_NODES]), fleet.seconds)
        node = Node(fleet, number, jobs, np.random.default_rng([fleet.seed, 11, number]))
        yield {GPU_SAMPLE: node.sample(), GPU_LINK_SAMPLE: node.links(), GPU_HEALTH: node.health()}


def significant(values: Array, bits: int) -> Array:
    """What the agent does to these readings before it sends them, for many at once."""
    mantissa, exponent = np.frexp(values)
    return np.asarray(np.ldexp(np.rint(np.ldexp(mantissa, bits)), exponent - bits))


class Node:
    """One node's eight GPUs; arrays are (GPU, time)."""

    def __init__(self, fleet: Fleet, number: int, jobs: Activity, chance: np.random.Generator) -> None:
        self.fleet, self.number, self.jobs, self.chance = fleet, number, jobs, chance
        self.board = fleet.board
        self.per_tick = round(fleet.period_s / FINE_S)
        self.ticks = len(jobs.job) // self.per_tick
        self.gain = 1 + 0.03 * chance.standard_normal((GPUS, 1))
        self.uuids = sorted(f"GPU-{UUID(bytes=chance.bytes(16), version=4)}" for _ in range(GPUS))
        self.boot_id = str(UUID(bytes=chance.bytes(16), version=4))

    def noise(self, share: float, size: int | None = None) -> Array:
        """A factor around one, its own for each GPU and entry."""
        return 1 + self.fleet.noise * share * self.chance.standard_normal((GPUS, size or self.ticks))

    def window_noise(self, share: float) -> Array:
        """The same for means over a tick, of which a longer one has less."""
        return self.noise(share / self.fleet.period_s**0.5)

    def mean(self, fine: Array) -> Array:
        """Of each tick's window, as GPM and the mean of power have it."""
        return fine[..., : self.ticks * self.per_tick].reshape(*fine.shape[:-1], self.ticks, self.per_tick).mean(-1)

    def last(self, fine: Array) -> Array:
        """The instant of each tick."""
        return fine[..., self.per_tick - 1 :: self.per_tick][..., : self.ticks]

    @cached_property
    def demand_w(self) -> Array:
        """What each GPU would draw without its limit, on the fine grid."""
        jobs, board = self.jobs, self.board
        load = 1.04 * jobs.compute + 0.30 * jobs.traffic * (jobs.compute == 0) + 0.06 * jobs.storage
        busy = np.where(jobs.job == NO_JOB, 0, 0.06)
        drawn = (load + busy) * (board.limit_w - board.idle_w) * self.gain
        return (board.idle_w + drawn) * self.noise(0.015, len(jobs.job))

    @cached_property
    def power_w(self) -> Array:
        """What each GPU draws: its limit at most, which it overshoots by a little."""
        limit = self.board.limit_w * self.noise(0.004, len(self.jobs.job))
        return np.minimum(self.demand_w, limit)

    @cached_property
    def temp_c(self) -> Array:
        """Degrees, before NVML makes them integers; a first-order lag of the power, with the air of each slot."""
        power = self.mean(self.power_w)
        inlet, ohm = 24 + self.chance.uniform(0, 8, (GPUS, 1)), self.chance.uniform(0.045, 0.055, (GPUS, 1))
        steady, kept = inlet + ohm * power, np.exp(-self.fleet.period_s / 25.0)
        made = np.empty_like(steady)
        now = steady[:, :60].mean(-1)
        for tick in range(self.ticks):
            now = kept * now + (1 - kept) * steady[:, tick]
            made[:, tick] = now
        return made

    @cached_property
    def silent(self) -> Array:
        """Where a GPU did not answer: one in fifty falls off the bus for some minutes."""
        gone = np.zeros((GPUS, self.ticks), bool)
        for index in np.flatnonzero(self.chance.random(GPUS) < 0.02):
            begin = self.chance.integers(0, self.ticks)
            gone[index, begin : begin + 300 // self.fleet.period_s] = True
        return gone

    def where(self, every: int) -> Columns:
        """Names, times and lineage of the rows at each `every`-th tick."""
        ticks = np.arange(0, self.ticks, every)
        rows = np.tile(ticks, GPUS)
        grid_ms = self.fleet.period_s * 1_000
        ts = self.fleet.start_ms + self.number * 137 % grid_ms + rows * grid_ms
        burst = np.arange(self.ticks) * self.fleet.period_s // 5
        seq = np.cumsum(np.where(np.arange(self.ticks) * self.fleet.period_s % 10, 3, 11)) + self.chance.choice(
            3, self.ticks, p=(0.7, 0.2, 0.1)
        )  # three tables a tick and more each ten seconds, in the order in which they are read
        others = np.cumsum(PARTITION_HOSTS * MESSAGES + self.chance.integers(-120, 120, burst[-1] + 1))
        first = seq[np.searchsorted(burst, burst)]
        return {
            "cluster": "alpha", "host": f"gpu-{self.number:05}", "boot_id": self.boot_id, "seq": seq[rows], "ts": ts,
            "gpu_uuid": np.repeat(self.uuids, len(ticks)), "gpu_index": np.repeat(np.arange(GPUS), len(ticks)),
            "pci": np.repeat([f"0000:{0x19 + 17 * index:02x}:00.0" for index in range(GPUS)], len(ticks)),
            "schema_version": SCHEMA_VERSION, "bus_partition": self.number % 16,
            "bus_offset": 10**8 + (others[burst] + seq - first)[rows], "ingested_at": ts // 1_000 // 5 * 5 + 7,
        }  # fmt: skip

    def sample(self) -> Columns:
        """gpu_sample: what every tick reads."""
        readings = {**self._power(), **self._load(), **self._counts(), **(self._gpm() if self.board.hopper else {})}
        latency = 1_800 * np.exp(0.12 * self.chance.standard_normal((GPUS, self.ticks)))
        latency *= np.where(self.chance.random((GPUS, self.ticks)) < 0.01, 6, 1)
        readings["nvml_latency_us"] = latency if self.fleet.exact else significant(latency, LATENCY_BITS)
        job = self.last(self.jobs.job)
        names = np.array(
            [str(1_840_000 + 97 * (self.number // JOB_NODES) + one) for one in range(job.max() + 1)] + [""]
        )
        idle = np.tile(job == NO_JOB, (GPUS, 1)).ravel()
        owned = {"job_id": np.ma.masked_array(np.tile(names[job], GPUS), idle),
                 "job_scheduler": np.ma.masked_array(np.tile("slurm", idle.size), idle)}  # fmt: skip
        return {**self.where(1), **self._told(readings), **owned}

    def _told(self, readings: Columns) -> Columns:
        """Rows of a silent GPU have no readings."""
        return {name: np.ma.masked_array(np.broadcast_to(values, self.silent.shape), self.silent).ravel()
                for name, values in readings.items()}  # fmt: skip

    def _power(self) -> Columns:
        """Power, energy, heat and clocks."""
        board, over = self.board, self.last(self.demand_w) > self.board.limit_w
        idle = self.last(self.jobs.job) == NO_JOB
        energy = np.cumsum(self.power_w * FINE_S * 1_000, axis=1) + self.chance.uniform(1e11, 1e13, (GPUS, 1))
        slowed = board.sm_clock_mhz * np.minimum(1, board.limit_w / self.last(self.demand_w)) ** (1 / 2.4)
        memory_c = 0.8 * self.temp_c + 9 + self.chance.uniform(-3, 3, (GPUS, 1))
        made = {
            "power_mw": self.last(self.power_w) * 1_000, "energy_mj": self.last(energy),
            "temp_c": np.rint(self.temp_c), "memory_temp_c": np.rint(memory_c),
            "sm_clock_mhz": np.where(idle, 345, slowed // 15 * 15), "memory_clock_mhz": board.memory_clock_mhz,
            "throttle_mask": np.where(over, 4, np.where(idle, 1, 0)),
        }  # fmt: skip
        if board.hopper:
            mean_w = np.cumsum(self.power_w, axis=1)
            mean_w[:, 10:] = (mean_w[:, 10:] - mean_w[:, :-10]) / 10
            made["power_average_mw"] = self.last(mean_w) * 1_000
            made["temp_margin_c"] = np.floor(board.margin_sum_c - self.temp_c)
        return made

    def _load(self) -> Columns:
        """What NVML calls utilisation, in whole percent, and memory."""
        jobs, total = self.jobs, self.board.memory_total_bytes
        busy = self.mean(np.minimum(1.0, (jobs.compute > 0) + (jobs.traffic > 0.5) + 0.1 * jobs.storage))
        memory = self.mean(0.5 * jobs.compute + 0.3 * jobs.traffic) * self.window_noise(0.02)
        share = {number: self.chance.uniform(0.7, 0.95) for number in range(int(jobs.job.max()) + 1)}
        wanted = np.array([share.get(int(number), 0.0) for number in self.last(jobs.job)])
        filled, now = np.empty(self.ticks), wanted[0]
        for tick, target in enumerate(wanted):  # a job takes its memory within a minute, then keeps it
            now = target if target < now else min(target, now + 0.012 * self.fleet.period_s)
            filled[tick] = now
        fits = np.cumsum(self.chance.random((GPUS, self.ticks)) < 0.002, axis=1) * 0.001
        used = np.where(wanted > 0, filled + fits % 0.04 + self.gain * 0.01, 0.006)
        return {
            "util_ratio": np.ceil(99.8 * np.minimum(busy, 1)) / 100,
            "memory_util_ratio": np.rint(100 * np.minimum(memory, 1)) / 100,
            "memory_used_bytes": (used * total) // (2 * MIB) * (2 * MIB), "memory_total_bytes": total,
        }  # fmt: skip

    def _counts(self) -> Columns:
        """Errors: most GPUs have none, some have had some, few get more."""
        day = self.fleet.period_s / 86_400

        def errors(share: float, a_day: float) -> Array:
            afflicted = self.chance.random((GPUS, 1)) < share
            more = self.chance.random((GPUS, self.ticks)) < a_day * day
            return np.asarray(afflicted * (self.chance.integers(1, 40, (GPUS, 1)) + np.cumsum(more, axis=1)))

        return {"ecc_corrected": errors(0.1, 20), "ecc_uncorrected": errors(0.01, 1), "pcie_replays": errors(0.4, 6),
                "remap_pending": 0, "remap_failed": 0, "recovery_action": 0}  # fmt: skip

    def _gpm(self) -> Columns:
        """Ratios and rates of each tick's window, as the agent sends them."""
        jobs = self.jobs
        compute, traffic, storage = self.mean(jobs.compute), self.mean(jobs.traffic), self.mean(jobs.storage)
        talk = self.mean(jobs.traffic * (jobs.compute == 0))
        idle = self.last(jobs.job) == NO_JOB
        rest = np.where(idle, 1, 0) * self.chance.lognormal(0, 0.4, (GPUS, self.ticks))
        exact = {
            "graphics_active_ratio": np.minimum(1, 0.985 * compute + 0.96 * talk) * self.window_noise(0.002),
            "sm_active_ratio": (0.90 * compute + 0.31 * talk) * self.gain * self.window_noise(0.005),
            "sm_occupancy_ratio": (0.38 * compute + 0.09 * talk) * self.gain * self.window_noise(0.008),
            "tensor_active_ratio": 0.58 * compute * self.gain * self.window_noise(0.008),
            "dram_active_ratio": (0.42 * compute + 0.28 * talk) * self.gain * self.window_noise(0.01),
            "pcie_tx_bytes_per_s": (9e9 * storage + 2.5e9 * talk + 3e5 * rest) * self.window_noise(0.04),
            "pcie_rx_bytes_per_s": (3e9 * storage + 2.5e9 * talk + 4e5 * rest) * self.window_noise(0.04),
            "nvlink_rx_bytes_per_s": 310e9 * traffic * self.window_noise(0.02),
            "nvlink_tx_bytes_per_s": 310e9 * traffic * self.window_noise(0.02),
        }  # fmt: skip
        if self.fleet.exact:
            return exact
        return {
            name: significant(values, RATIO_BITS if name.endswith("_ratio") else RATE_BITS)
            for name, values in exact.items()
        }

    def links(self) -> Columns:
        """gpu_link_sample: counters of PCIe, NVLink and throttling, every ten seconds."""
        every = max(1, 10 // self.fleet.period_s)

        def grown(rate: Array, unit: float) -> Array:
            count = np.cumsum(np.maximum(rate, 0) * self.fleet.period_s, axis=1) + self.chance.uniform(
                1e12, 1e16, (GPUS, 1)
            )
            return np.asarray(count // unit * unit)[:, ::every].ravel()

        storage, traffic = self.mean(self.jobs.storage), self.mean(self.jobs.traffic)
        nvlink = {way: 310e9 * traffic * self.window_noise(0.02) for way in ("tx", "rx")}
        capped = self.mean((self.demand_w > self.board.limit_w) * 1.0)
        made: Columns = {name: 0 for name, _ in PCIE_COUNTERS}
        made |= {f"nvlink_{name}": 0 for name, _ in LINK_ERRORS[:3]}
        made |= {f"nvlink_{way}_bytes": grown(rate, 1024) for way, rate in nvlink.items()}
        made |= {f"nvlink_raw_{way}_bytes": grown(1.07 * rate, 1024) for way, rate in nvlink.items()}
        made |= {"thermal_violation_ns": 0, "sync_boost_ns": 0, "sw_thermal_ns": 0, "hw_thermal_ns": 0,
                 "hw_power_brake_ns": 0, "sw_power_cap_ns": grown(capped * 1e9, 1), "nvlink_links": 18,
                 "nvlink_active_mask": 2**18 - 1, "pcie_tx_bytes": grown(9e9 * storage * self.window_noise(0.04), 1),
                 "pcie_rx_bytes": grown(3e9 * storage * self.window_noise(0.04), 1)}  # fmt: skip
        return {**self.where(every), **made}

    def health(self) -> Columns:
        """gpu_health: what hardly ever changes, every minute."""
        limit, total = int(self.board.limit_w * 1_000), 2_560
        made: Columns = {f"ecc_{place}_{kind}_{span}": 0 for place in ("dram", "sram")
                         for kind in ("corrected", "uncorrected") for span in ("volatile", "aggregate")}  # fmt: skip
        made |= {f"sram_{how}_{span}": 0 for how in ("parity", "secded") for span in ("volatile", "aggregate")}
        made |= {f"sram_bucket_{where}": 0 for where in ("l2", "sm", "pcie", "mcu", "other")}
        made |= {f"remap_banks_{level}": 0 for level in ("high", "partial", "low", "none")}
        made |= {"sram_threshold_exceeded": 0, "remapped_corrected": 0, "remapped_uncorrected": 0, "remap_pending": 0,
                 "remap_failed": 0, "remap_banks_max": total, "repair_channel_pending": 0, "repair_tpc_pending": 0,
                 "fabric_state": 3, "fabric_status": 0, "fabric_health_mask": 0, "fabric_health_summary": 0,
                 "fabric_clique": 0, "power_limit_mw": limit, "power_limit_default_mw": limit,
                 "power_limit_min_mw": 200_000, "power_limit_max_mw": limit, "persistence": 1, "ecc_enabled": 1,
                 "ecc_pending": 1, "mig_mode": 0, "mig_pending": 0, "mig_devices": 0, "pcie_gen": 5, "pcie_gen_max": 5,
                 "pcie_width": 16, "pcie_width_max": 16, "sm_clock_max_mhz": self.board.sm_clock_mhz,
                 "memory_clock_max_mhz": self.board.memory_clock_mhz, "margin_slowdown_c": -2, "margin_shutdown_c": -8,
                 "processes": 1}  # fmt: skip
        return {**self.where(max(1, 60 // self.fleet.period_s)), **made}
