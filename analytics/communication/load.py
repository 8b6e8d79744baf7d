"""What the store has of a job in a window, as readings of its GPUs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clusterctl.analytics.communication.link_rates import link_rates
from clusterctl.analytics.communication.questions import GPU_SAMPLES, PORT_SAMPLES, STEPS, GpuRow, PortsRow
from clusterctl.analytics.communication.readings import RATIOS, TOP_RATIO, Floats, Limits, Readings
from clusterctl.analytics.slow.questions import GPU_KINDS, GpuKindRow
from clusterctl.clock import MS_PER_S, utc
from clusterctl.store import Param, Reader

HOSTS_AT_ONCE = 4
MW_PER_W = 1_000.0
SERIES = ("graphics", "sm", "tensor", "dram", "nvlink_bytes_per_s", "pcie_bytes_per_s", "power_w", "sm_clock_mhz")


@dataclass(frozen=True, slots=True)
class Loaded:
    """Readings by `host/GPU`, and what those GPUs are."""

    readings: dict[str, Readings]
    model: str
    """Empty where there are several, or nobody knows."""


def load(store: Reader, cluster: str, job_id: str, gpus_of: Mapping[str, int], since_ms: int, until_ms: int) -> Loaded:
    """GPUs of these nodes under a job; `gpus_of` says how many it holds on each. Times of readings are seconds since
    `since_ms`."""
    window: dict[str, Param] = {"cluster": cluster, "since": utc(since_ms), "until": utc(until_ms)}
    marks_s = _marks(store, window, job_id, since_ms)
    found: dict[str, Readings] = {}
    models: Counter[str] = Counter()
    hosts = sorted(gpus_of)
    for at in range(0, len(hosts), HOSTS_AT_ONCE):
        given = {**window, "hosts": json.dumps(hosts[at : at + HOSTS_AT_ONCE])}
        kinds = {(kind.host, kind.gpu_uuid): kind for kind in GPU_KINDS.run(store, **given)}
        ports = {row.host: row for row in PORT_SAMPLES.run(store, **given)}
        for row in GPU_SAMPLES.run(store, name=job_id, **given):
            kind = kinds.get((row.host, row.gpu_uuid))
            models[kind.product if kind else ""] += 1
            found[f"{row.host}/{row.gpu_uuid}"] = _readings(
                row, kind, ports.get(row.host), gpus_of[row.host], marks_s, since_ms
            )
    return Loaded(found, next(iter(models)) if len(models) == 1 else "")


def _marks(store: Reader, window: Mapping[str, Param], job_id: str, since_ms: int) -> Floats | None:
    """Starts of steps. Those that were gathered into one row are taken to be even: only their length is asked for."""
    rows = STEPS.run(store, name=job_id, **window)
    parts = [np.linspace(row.first_ms, row.last_ms, max(1, row.mark_count)) for row in rows]
    if not parts:
        return None
    marks: Floats = np.unique(np.concatenate(parts) - since_ms) / MS_PER_S
    return marks


def _readings(
    row: GpuRow, kind: GpuKindRow | None, ports: PortsRow | None, gpus: int, marks_s: Floats | None, since_ms: int
) -> Readings:
    at_ms = np.asarray(row.at_ms, dtype=np.float64)
    rates = link_rates(kind.product if kind else "")
    nic, nic_limit = _share_of_ports(ports, at_ms, gpus)
    series = {name: _series(name, getattr(row, name)) for name in SERIES}
    return Readings(
        at_s=(at_ms - since_ms) / MS_PER_S,
        limits=Limits(
            nvlink_bytes_per_s=rates.nvlink_bytes_per_s,
            nic_bytes_per_s=nic_limit,
            pcie_bytes_per_s=rates.pcie_bytes_per_s,
            power_w=kind.limit_mw / MW_PER_W if kind and kind.limit_mw else None,
        ),
        nic_bytes_per_s=nic,
        step_marks_s=marks_s,
        **series,
    )


def _series(name: str, values: Sequence[float]) -> Floats | None:
    """A series that was never read is absent. A ratio above one by more than rounding is no reading."""
    found = np.asarray(values, dtype=np.float64)
    if name in RATIOS:
        found = np.where(found > TOP_RATIO, np.nan, found)
    return found if np.isfinite(found).any() else None


def _share_of_ports(ports: PortsRow | None, at_ms: Floats, gpus: int) -> tuple[Floats | None, float | None]:
    """A GPU's part of its node's traffic. Agents read ports and GPUs at one tick; a port's tick that is missing stays so."""
    if ports is None or gpus < 1 or not ports.limit_bytes_per_s:
        return None, None
    known = dict(zip(ports.at_ms, ports.bytes_per_s, strict=True))
    rates = np.array([known.get(int(at), np.nan) for at in at_ms])
    if not np.isfinite(rates).any():
        return None, None
    return rates / gpus, ports.limit_bytes_per_s / gpus
