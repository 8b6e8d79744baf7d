"""What a node's agent measures: presence each minute, GPU and port samples, with the slow units in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from clusterctl.clock import MS_PER_DAY, MS_PER_MINUTE, MS_PER_S
from clusterctl.schema import GPU_SAMPLE, NIC_SAMPLE, PRESENCE, Table
from clusterctl.simulate.fleet.layout import pci, port_pci
from clusterctl.simulate.fleet.world import AGENT, KERNEL_LOG, SILENT, Gap, Run, Slow, World
from clusterctl.simulate.noise import Array

GIB = 1 << 30
CLOCK_MHZ, IDLE_MHZ, BUSY_MW, IDLE_MW = 1_755, 345, 640_000, 110_000
PORT_BYTES_PER_S = 2.1e10
POWER_SLOWDOWN = 0x80
"""nvmlClocksEventReasonHwPowerBrakeSlowdown: what throttles a GPU that is slow here."""
NOISE = 0.01
Rows = tuple[Table, dict[str, object], int]
"""A table, its columns, and how many rows."""


@dataclass(frozen=True)
class Node:
    """One node's life, as far as its readings show it."""

    world: World
    number: int
    gaps: Sequence[Gap]
    runs: Sequence[Run]
    slow: Sequence[Slow]


def lives(world: World, numbers: Sequence[int]) -> Iterator[Node]:
    """The nodes of these numbers with what concerns each."""
    wanted = set(numbers)
    runs: dict[int, list[Run]] = {number: [] for number in numbers}
    for run in world.runs:
        for node in run.nodes:
            if node in wanted:
                runs[node].append(run)
    for number in numbers:
        gaps = [gap for gap in world.gaps if gap.node == number]
        yield Node(world, number, gaps, runs[number], [slow for slow in world.slow if slow.node == number])


def presence(node: Node, day_ms: int, every_s: int) -> Rows:
    """The minutes of a day in which the agent lived."""
    minutes = _grid(node, day_ms, MS_PER_MINUTE)
    unread = _within(minutes, [gap for gap in node.gaps if gap.what == KERNEL_LOG])
    gpus, ticks = node.world.settings.gpus_per_node, max(1, 60 // every_s)
    columns: dict[str, object] = {
        "ts": minutes, "gpus_expected": gpus, "ticks_expected": ticks, "ticks_done": ticks, "log_records_lost": 0,
        "node_state": "in_service", "blind": ["kmsg:permission denied" if one else "" for one in unread.tolist()],
        "gpus_seen": gpus, "gpus_in_service": gpus,
    }  # fmt: skip
    return PRESENCE, columns, len(minutes)


def samples(node: Node, day_ms: int, every_s: int, chance: np.random.Generator) -> Iterator[Rows]:
    """GPU and port readings of a day: device by device, each in the order of time."""
    ticks = _grid(node, day_ms, every_s * MS_PER_S)
    if not len(ticks):
        return
    run_at = _run_at(node, ticks)
    busy = (run_at >= 0).astype(float)
    jobs = ["" if place < 0 else node.runs[place].job_id for place in run_at.tolist()]
    gpus = node.world.settings.gpus_per_node
    yield GPU_SAMPLE, _gpus(node, ticks, busy, jobs, gpus, chance), gpus * len(ticks)
    yield NIC_SAMPLE, _ports(node, ticks, busy, gpus, chance, every_s), gpus * len(ticks)


def _grid(node: Node, day_ms: int, every_ms: int) -> Array:
    until_ms = min(day_ms + MS_PER_DAY, node.world.settings.end_ms)
    ticks = np.arange(day_ms, until_ms, every_ms, dtype=np.int64)
    kept: Array = ticks[~_within(ticks, [gap for gap in node.gaps if gap.what in (AGENT, SILENT)])]
    return kept


def _within(ticks: Array, spans: Sequence[Gap | Slow]) -> Array:
    inside = np.zeros(len(ticks), bool)
    for span in spans:
        inside |= (ticks >= span.first_ms) & (ticks < span.last_ms)
    return inside


def _run_at(node: Node, ticks: Array) -> Array:
    """Which of the node's runs each tick lies in; -1 is none."""
    if not node.runs:
        return np.full(len(ticks), -1)
    begins = np.array([run.started_ms for run in node.runs])
    ends = np.array([run.ended_ms or node.world.settings.end_ms for run in node.runs])
    place = np.searchsorted(begins, ticks, side="right") - 1
    found: Array = np.where((place >= 0) & (ticks < ends[np.maximum(place, 0)]), place, -1)
    return found


def _speed(node: Node, ticks: Array, kinds: tuple[str, ...], units: int) -> Array:
    """1 where a unit is as fast as its peers: [units, ticks]."""
    speed = np.ones((units, len(ticks)))
    for slow in node.slow:
        if slow.kind in kinds:
            inside = (ticks >= slow.first_ms) & (ticks < slow.last_ms)
            speed[slice(None) if slow.unit < 0 else slice(slow.unit, slow.unit + 1), inside] *= 1 - slow.ratio
    return speed


def _gpus(
    node: Node, ticks: Array, busy: Array, jobs: list[str], gpus: int, chance: np.random.Generator
) -> dict[str, object]:
    fleet = node.world.fleet
    order = sorted(range(gpus), key=lambda gpu: fleet.gpu_uuid(node.number, gpu))
    speed = _speed(node, ticks, ("gpu", "node"), gpus)[order]
    noise = 1 + NOISE * chance.standard_normal((gpus, len(ticks)))
    clock = (IDLE_MHZ + (CLOCK_MHZ - IDLE_MHZ) * busy) * np.where(busy > 0, speed, 1.0) * noise
    power = (IDLE_MW + (BUSY_MW - IDLE_MW) * busy * speed) * noise
    active = np.clip(0.86 * busy * noise, 0, 1)
    count = len(ticks)
    return {
        "ts": np.tile(ticks, gpus),
        "gpu_uuid": _each([fleet.gpu_uuid(node.number, gpu) for gpu in order], count),
        "gpu_index": np.repeat(order, count),
        "pci": _each([f"{pci(gpu)}.0" for gpu in order], count),
        "power_mw": power.ravel(), "temp_c": (34 + 30 * busy * noise).ravel(), "sm_clock_mhz": clock.ravel(),
        "memory_clock_mhz": 2_619, "throttle_mask": np.where((speed < 1) & (busy > 0), POWER_SLOWDOWN, 0).ravel(),
        "util_ratio": np.tile(busy, gpus), "sm_active_ratio": active.ravel(), "tensor_active_ratio": (0.5 * active).ravel(),
        "dram_active_ratio": (0.45 * active).ravel(), "memory_used_bytes": (np.tile(busy, gpus) * 71 + 1) * GIB,
        "memory_total_bytes": 80 * GIB, "ecc_uncorrected": 0, "recovery_action": 0,
        "job_id": jobs * gpus, "job_scheduler": ["slurm" if job else "" for job in jobs] * gpus,
    }  # fmt: skip


def _ports(
    node: Node, ticks: Array, busy: Array, ports: int, chance: np.random.Generator, every_s: int
) -> dict[str, object]:
    order = sorted(range(ports), key=lambda port: f"mlx5_{port}/1")
    speed = _speed(node, ticks, ("port", "node"), ports)[order]
    noise = 1 + NOISE * chance.standard_normal((ports, len(ticks)))
    began = (ticks[0] - node.world.settings.start_ms) / MS_PER_S * PORT_BYTES_PER_S
    moved = began + np.cumsum(PORT_BYTES_PER_S * every_s * busy * speed * noise, axis=1)
    count = len(ticks)
    return {
        "ts": np.tile(ticks, ports),
        "port": _each([f"mlx5_{port}/1" for port in order], count),
        "link_layer": "infiniband",
        "pci": _each([port_pci(port) for port in order], count),
        "link_up": 1, "rate_mbps": 400_000, "carrier_changes": 0, "rx_bytes": moved.ravel(), "tx_bytes": moved.ravel(),
        "symbol_error": 0, "link_downed": 0, "saturated_mask": 0, "port_state": 4, "phys_state": 5, "lanes": 4,
    }  # fmt: skip


def _each(names: Sequence[str], count: int) -> list[str]:
    """Every name for so many rows."""
    return [name for name in names for _ in range(count)]
