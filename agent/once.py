"""One tick, printed: what the agent sees on this machine."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import msgspec

from clusterctl.agent.gpu import GpuWorker
from clusterctl.agent.inventory import rows as inventory_rows
from clusterctl.agent.probes.host import HostProbe, boot_id, own_cost
from clusterctl.agent.probes.net import ports
from clusterctl.agent.probes.pci import nvidia_gpus
from clusterctl.clock import SystemClock
from clusterctl.config import Config
from clusterctl.schema import GPU_SAMPLE, HOST_SAMPLE, Table
from clusterctl.terminal import Sheet, clean

BUSY_S = 0.2
"""A CPU share needs two readings; this long apart."""


def read_once(config: Config) -> dict[str, Any]:
    """One tick of every source, by table, and what could not be seen."""
    clock = SystemClock()
    sysfs, procfs = Path(config.agent.sysfs_root), Path(config.agent.procfs_root)
    host = HostProbe(sysfs, procfs)
    worker = GpuWorker(clock, config.agent.nvml_deadline_s, enabled=config.agent.nvml)
    try:
        reading = worker.sample()
        gpus = [] if reading.missing else worker.inventory()
    finally:
        worker.close()
    time.sleep(BUSY_S)
    now_ms = clock.now_ms()
    period_ms = int(config.agent.period_s * 1_000)
    on_bus = len(nvidia_gpus(sysfs))
    return {
        "cluster": config.site.cluster,
        "host": config.site.host_name(),
        "boot_id": boot_id(procfs),
        "ts": now_ms,
        "gpus_expected": config.site.gpus_expected if config.site.gpus_expected >= 0 else on_bus,
        "gpus_seen": None if reading.missing else len(reading.samples) - len(reading.lost),
        "blind": [f"gpu:{reading.missing}"] if reading.missing else [],
        "host_sample": _dict(HOST_SAMPLE, HOST_SAMPLE.row(ts=now_ms, period_ms=period_ms, **host.read(), **own_cost())),
        "nic_sample": [_struct_dict(row) for row in ports(sysfs, now_ms)],
        "gpu_sample": [_dict(GPU_SAMPLE, GPU_SAMPLE.row(ts=now_ms, **row)) for row in reading.samples],
        "inventory": [
            _struct_dict(row) for row in inventory_rows(config.site, sysfs, procfs, gpus, worker.driver_version, now_ms)
        ],
    }


def _dict(table: Table, row: msgspec.Struct) -> dict[str, Any]:
    return dict(zip((field.name for field in table.fields), msgspec.structs.astuple(row), strict=True))


def _struct_dict(row: msgspec.Struct) -> dict[str, Any]:
    return msgspec.structs.asdict(row)


def show(tick: dict[str, Any], *, as_json: bool) -> None:
    """Print a tick."""
    if as_json:
        print(json.dumps(tick, indent=2))
        return
    sheet = Sheet()
    sheet.title(f"{clean(tick['host'])} in {clean(tick['cluster'])}")
    sheet.facts(
        [
            ("GPUs expected", str(tick["gpus_expected"])),
            ("GPUs seen", "unknown" if tick["gpus_seen"] is None else str(tick["gpus_seen"])),
            ("blind", ", ".join(reason.replace("_", " ") for reason in tick["blind"]) or "nothing"),
        ]
    )
    sheet.title("Host")
    sheet.facts(
        [(name, _shown(value)) for name, value in tick["host_sample"].items() if name not in ("ts", "period_ms")]
    )
    for title, rows in (("Ports", tick["nic_sample"]), ("GPUs", tick["gpu_sample"])):
        for row in rows:
            sheet.title(f"{title}: {clean(str(row.get('port') or row.get('gpu_uuid')))}")
            sheet.facts([(name, _shown(value)) for name, value in row.items() if name != "ts" and value is not None])


def _shown(value: Any) -> str:
    if value is None:
        return "unknown"
    return f"{value:,.4g}" if isinstance(value, float) else clean(str(value))
