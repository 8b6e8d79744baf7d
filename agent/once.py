"""One tick of everything, printed, with what the checks make of it: what the agent sees on this machine."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import msgspec

from clusterctl.agent.checks.registry import NodeFacts
from clusterctl.agent.checks.runner import CheckRunner
from clusterctl.agent.gpu import GpuReading, GpuWorker
from clusterctl.agent.gpu_rows import LinkBook, pids_of, sample_rows
from clusterctl.agent.inventory import rows as inventory_rows
from clusterctl.agent.jobs.book import JobBook
from clusterctl.agent.jobs.owner import JobResolver
from clusterctl.agent.probes.cost import own_cost
from clusterctl.agent.probes.disks import DiskProbe
from clusterctl.agent.probes.ethtool import Ethtool
from clusterctl.agent.probes.filesystems import FilesystemProbe
from clusterctl.agent.probes.host import HostProbe, boot_id
from clusterctl.agent.probes.net import NetProbe
from clusterctl.agent.probes.pci import PciGpus
from clusterctl.agent.tiers import SLOW
from clusterctl.clock import SystemClock
from clusterctl.config import Config
from clusterctl.schema import (
    DISK_SAMPLE,
    FILESYSTEM_SAMPLE,
    HOST_SAMPLE,
    NIC_HEALTH,
    NIC_LINK_SAMPLE,
    NIC_SAMPLE,
    NVLINK_SAMPLE,
    Table,
)
from clusterctl.schema.verdict import State

BUSY_S = 0.2
"""Shares and rates need two readings; this long apart."""
Rows = dict[Table, list[msgspec.Struct]]


def read_once(config: Config) -> dict[str, Any]:
    """One tick of every source, by table; what could not be seen; and the verdicts."""
    clock = SystemClock()
    procfs = Path(config.agent.procfs_root)
    jobs = JobBook(clock, JobResolver(procfs))
    worker = GpuWorker(clock, config.agent.nvml_deadline_s, config.agent.nvml_stall_s, enabled=config.agent.nvml)
    try:
        reading, nvml = _gpus(worker)
    finally:
        worker.close()
    jobs.observe(pids_of(reading), clock.now_ms())
    now_ms = clock.now_ms()
    rows: Rows = {**sample_rows(reading, now_ms, jobs.owner_of, jobs.owner_of), **_node(config, now_ms)}
    rows[NVLINK_SAMPLE] = LinkBook().rows(reading, now_ms)
    on_bus = len(PciGpus(Path(config.agent.sysfs_root)).addresses())
    expected = config.site.gpus_expected if config.site.gpus_expected >= 0 else on_bus
    seen = None if reading.missing else reading.answering
    facts = NodeFacts(now_ms, expected, on_bus, seen, tuple(reading.stuck_s), reading.missing)
    found = inventory_rows(config, nvml, worker.driver_version, rows[NIC_SAMPLE], now_ms)
    return {
        "cluster": config.site.cluster,
        "host": config.site.host_name(),
        "boot_id": boot_id(procfs),
        "ts": now_ms,
        "gpus_expected": expected,
        "gpus_seen": seen,
        "blind": [f"gpu:{reading.missing}"] if reading.missing else [],
        "verdicts": _verdicts(config, rows, facts, now_ms),
        **{table.name: [msgspec.structs.asdict(row) for row in found] for table, found in rows.items()},
        "host_sample": msgspec.structs.asdict(rows[HOST_SAMPLE][0]),
        "inventory": [msgspec.structs.asdict(row) for row in found],
    }


def _gpus(worker: GpuWorker) -> tuple[GpuReading, dict[str, Any]]:
    nothing: dict[str, Any] = {"system": {}, "gpus": []}
    first = worker.sample(SLOW)
    time.sleep(BUSY_S)
    if first.missing:
        return first, nothing
    return worker.sample(SLOW), worker.inventory()


def _node(config: Config, now_ms: int) -> Rows:
    sysfs, procfs = Path(config.agent.sysfs_root), Path(config.agent.procfs_root)
    net = NetProbe(sysfs, ethtool=Ethtool() if config.agent.sysfs_root == "/sys" else None)
    host = HostProbe(sysfs, procfs)
    time.sleep(BUSY_S)
    period_ms = int(config.agent.period_s * 1_000)
    readings = {**host.read(slow=True), **own_cost([os.getpid()], slow=True)}
    return {
        HOST_SAMPLE: [HOST_SAMPLE.row(ts=now_ms, period_ms=period_ms, **readings)],
        NIC_SAMPLE: net.sample(now_ms),
        NIC_LINK_SAMPLE: net.counters(now_ms),
        NIC_HEALTH: net.health(now_ms),
        DISK_SAMPLE: DiskProbe(procfs, sysfs).sample(now_ms),
        FILESYSTEM_SAMPLE: FilesystemProbe(procfs).sample(now_ms),
    }


def _verdicts(config: Config, rows: Rows, facts: NodeFacts, now_ms: int) -> list[dict[str, str]]:
    """What the checks make of a single tick: those that need a history say that they do not know."""
    runner = CheckRunner(config.checks, SystemClock())
    for table, found in rows.items():
        runner.note(table.name, found)
    runner.facts(facts)
    runner.run(now_ms)
    return [
        {
            "check": event.check,
            "subject": event.subject,
            "state": event.state.name.lower(),
            "detail": event.detail,
            "action": event.action.name.lower(),
        }
        for event in runner.states()
    ]


def failing(tick: dict[str, Any]) -> bool:
    """Whether a check warns or fails."""
    return any(verdict["state"] in (State.WARN.name.lower(), State.FAIL.name.lower()) for verdict in tick["verdicts"])


def as_json(tick: dict[str, Any]) -> str:
    """The tick for programs."""
    return json.dumps(tick, indent=2)
