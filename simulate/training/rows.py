"""A simulated job as the rows that agents would have sent: samples of its GPUs and ports, its marks, what it ran on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from clusterctl.clock import MS_PER_S
from clusterctl.schema import GPU_HEALTH, GPU_SAMPLE, INVENTORY, JOB, JOB_MARK, NIC_SAMPLE, PRESENCE, Lane, Table
from clusterctl.simulate.noise import Array
from clusterctl.simulate.training.plan import JobPlan
from clusterctl.simulate.training.sampler import Rank, Sampled, rank_of

MODEL, NVLINK_BYTES_PER_S, NIC_MBPS, TDP_MW = "NVIDIA H100 80GB HBM3", 450e9, 400_000, 700_000
NIC_BYTES_PER_S = NIC_MBPS * 125_000
HZ, MINUTE_MS = 1.0, 60_000
STEADY_MHZ = 1_755
Rows = tuple[Table, Mapping[str, Any], int]


@dataclass(frozen=True, slots=True)
class Job:
    """Ranks on nodes, one a GPU, all of one plan. `plan.rank` is that of the first."""

    job_id: str
    plan: JobPlan
    nodes: tuple[str, ...]
    gpus_per_node: int
    start_ms: int

    @property
    def end_ms(self) -> int:
        """When its window is over."""
        return self.start_ms + round(self.plan.window_s * MS_PER_S)

    @property
    def world_size(self) -> int:
        """Ranks."""
        return len(self.nodes) * self.gpus_per_node

    def ranks(self, node: int) -> list[Rank]:
        """Those of one node."""
        first = self.plan.rank + node * self.gpus_per_node
        return [rank_of(_of_rank(self.plan, first + gpu)) for gpu in range(self.gpus_per_node)]


def _of_rank(plan: JobPlan, rank: int) -> JobPlan:
    values = {name: getattr(plan, name) for name in JobPlan.__dataclass_fields__}
    return JobPlan(**{**values, "rank": rank})


def numbered(job: Job, node: int) -> list[tuple[Rows, Array]]:
    """Everything of a node, with the number of each row's batch: one a table and tick, as they go out, by lane."""
    found = list(rows_of(job, node))
    numbers: list[Array] = [np.empty(0, np.int64)] * len(found)
    for lane in Lane:
        mine = [place for place, (table, _, _) in enumerate(found) if table.lane is lane]
        names = {name: number for number, name in enumerate(dict.fromkeys(found[place][0].name for place in mine))}
        ticks = [
            np.asarray(found[place][1]["ts"], np.int64) * len(names) + names[found[place][0].name] for place in mine
        ]
        batches = np.unique(np.concatenate(ticks))
        for place, tick in zip(mine, ticks, strict=True):
            numbers[place] = np.searchsorted(batches, tick)
    return list(zip(found, numbers, strict=True))


def rows_of(job: Job, node: int) -> Iterator[Rows]:
    """Everything that the node's agent would have sent, table by table, each in the order of its key."""
    ranks = job.ranks(node)
    yield _inventory(job, node)
    yield JOB, {"ts": [job.start_ms], "job_id": job.job_id, "owner": "", "scheduler": "slurm",
                "gpus": job.gpus_per_node, "end_state": "COMPLETED", "ended_at": [job.end_ms]}, 1  # fmt: skip
    yield _presence(job)
    yield _health(job, node)
    sampled = [rank.sampled(HZ) for rank in ranks]
    for gpu, one in enumerate(sampled):
        yield _gpu(job, node, gpu, one)
    for gpu, one in enumerate(sampled):
        yield _port(job, gpu, one)
    if node == 0:
        yield _marks(job, ranks[0])


def uuid_of(job: Job, node: int, gpu: int) -> str:
    """As NVML writes them."""
    return f"GPU-{job.plan.seed & 0xFFFFFFFF:08x}-{node:04x}-{gpu:04x}-0000-000000000000"


def _pci(gpu: int) -> str:
    return f"0000:{0x10 + gpu:02x}:00.0"


def _inventory(job: Job, node: int) -> Rows:
    gpus = job.gpus_per_node
    columns = {
        "ts": np.full(2 * gpus, job.start_ms), "subject_kind": ["gpu"] * gpus + ["port"] * gpus,
        "subject": [uuid_of(job, node, gpu) for gpu in range(gpus)] + [f"mlx5_{gpu}/1" for gpu in range(gpus)],
        "model": [MODEL] * gpus + ["MT4129"] * gpus, "serial": "", "pci": [_pci(gpu) for gpu in range(gpus)] * 2,
        "firmware": "", "driver_version": "570.172.08", "rack": "", "fields": "{}",
    }  # fmt: skip
    return INVENTORY, columns, 2 * gpus


def _presence(job: Job) -> Rows:
    minutes = np.arange(job.start_ms // MINUTE_MS * MINUTE_MS, job.end_ms, MINUTE_MS)
    gpus, ticks = job.gpus_per_node, round(MINUTE_MS / MS_PER_S * HZ)
    columns = {
        "ts": minutes, "gpus_expected": gpus, "ticks_expected": ticks, "ticks_done": ticks, "log_records_lost": 0,
        "node_state": "in_service", "blind": "", "gpus_seen": gpus, "gpus_in_service": gpus, "gpus_allocated": gpus,
    }  # fmt: skip
    return PRESENCE, columns, len(minutes)


def _health(job: Job, node: int) -> Rows:
    """Once: what the power limit is."""
    gpus = range(job.gpus_per_node)
    columns = {
        "ts": np.full(len(gpus), job.start_ms), "gpu_uuid": [uuid_of(job, node, gpu) for gpu in gpus],
        "gpu_index": list(gpus), "power_limit_mw": TDP_MW, "power_limit_default_mw": TDP_MW, "mig_mode": 0,
    }  # fmt: skip
    return GPU_HEALTH, columns, len(gpus)


def _ticks(job: Job, one: Sampled) -> Array:
    """Reads jitter by milliseconds; a tick is the grid point that they were meant for."""
    return job.start_ms + np.rint(one.at_s * HZ).astype(np.int64) * round(MS_PER_S / HZ)


def _gpu(job: Job, node: int, gpu: int, one: Sampled) -> Rows:
    signals = one.signals
    ts, kept = np.unique(_ticks(job, one), return_index=True)
    nvlink = signals["nvlink"][kept] * NVLINK_BYTES_PER_S
    columns = {
        "ts": ts, "gpu_uuid": uuid_of(job, node, gpu), "gpu_index": gpu, "pci": _pci(gpu),
        "power_mw": np.rint(signals["power"][kept] * TDP_MW), "sm_clock_mhz": STEADY_MHZ, "util_ratio": 1.0,
        "graphics_active_ratio": signals["graphics"][kept], "sm_active_ratio": signals["sm"][kept],
        "tensor_active_ratio": signals["tensor"][kept], "dram_active_ratio": signals["dram"][kept],
        "nvlink_rx_bytes_per_s": nvlink, "nvlink_tx_bytes_per_s": nvlink,
        "pcie_tx_bytes_per_s": 1e6, "pcie_rx_bytes_per_s": 1e6, "job_id": job.job_id, "job_scheduler": "slurm",
    }  # fmt: skip
    return GPU_SAMPLE, columns, len(ts)


def _port(job: Job, gpu: int, one: Sampled) -> Rows:
    """Counters grow by what was carried since the read before."""
    ts, kept = np.unique(_ticks(job, one), return_index=True)
    grown = np.diff(ts, prepend=ts[0] - round(MS_PER_S / HZ)) / MS_PER_S * one.signals["nic"][kept] * NIC_BYTES_PER_S
    total = np.rint(np.cumsum(grown)).astype(np.int64)
    columns = {
        "ts": ts, "port": f"mlx5_{gpu}/1", "link_layer": "infiniband", "pci": _pci(gpu), "link_up": 1,
        "rate_mbps": NIC_MBPS, "rx_bytes": total, "tx_bytes": total, "port_state": 4, "phys_state": 5,
    }  # fmt: skip
    return NIC_SAMPLE, columns, len(ts)


def _marks(job: Job, rank: Rank) -> Rows:
    """Steps of the first rank, a row a minute, as an agent gathers them."""
    at_ms = job.start_ms + np.rint(rank.course.steps_s * MS_PER_S).astype(np.int64)
    minutes, first, counts = np.unique(at_ms // MINUTE_MS, return_index=True, return_counts=True)
    columns = {
        "ts": at_ms[first], "last_ts": at_ms[first + counts - 1], "job_id": job.job_id, "mark": "step", "rank": 0,
        "count": counts, "step": first + 1, "last_step": first + counts,
    }  # fmt: skip
    return JOB_MARK, columns, len(minutes)
