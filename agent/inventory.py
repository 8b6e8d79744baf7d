"""What a node, its GPUs, their MIG devices and its ports are."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from clusterctl.agent.gpu_part import GpuPart
from clusterctl.agent.latest import Latest
from clusterctl.agent.sysfs import read_text
from clusterctl.clock import Clock
from clusterctl.config import Config, Site
from clusterctl.schema import INVENTORY, NIC_SAMPLE, Table

Put = Callable[[Table, Sequence[msgspec.Struct]], None]
MAX_NAME = 200
MAX_FIELDS = 2_048
_GPU_COLUMNS = frozenset({"gpu_uuid", "pci", "model", "serial", "firmware", "mig"})


class InventoryPart:
    """Tells the inventory when the agent starts, when the NVML process is a new one (the driver may be another), when ports
    come or go, and every so often. Belongs to the GPU thread: it asks the driver."""

    def __init__(self, config: Config, gpu: GpuPart, latest: Latest, clock: Clock, put: Put) -> None:
        self._config, self._gpu, self._latest, self._clock, self._put = config, gpu, latest, clock, put
        self._next_s = 0.0
        self._told_of: tuple[list[int], list[str]] | None = None

    def tick(self, tick_ms: int) -> None:
        """Tell it, if it is due."""
        ports = self._latest.rows(NIC_SAMPLE)
        now_s, there = (
            self._clock.monotonic_s(),
            (self._gpu.worker.pids, [str(getattr(row, "port", "")) for row in ports]),
        )
        if now_s < self._next_s and there == self._told_of:
            return
        self._next_s, self._told_of = now_s + self._config.agent.inventory_period_s, there
        found = {"system": {}, "gpus": []} if self._gpu.last.missing else self._gpu.worker.inventory()
        self._put(INVENTORY, rows(self._config, found, self._gpu.worker.driver_version, ports, tick_ms))


@dataclass(frozen=True, slots=True)
class Subject:
    """One row to be."""

    kind: str
    name: str
    model: str = ""
    serial: str = ""
    pci: str = ""
    firmware: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def rows(
    config: Config, nvml: dict[str, Any], driver_version: str, ports: Iterable[msgspec.Struct], now_ms: int
) -> list[msgspec.Struct]:
    """A row for the node, for each GPU and MIG device, and for each port. `nvml` is the worker's answer."""
    sysfs, procfs = Path(config.agent.sysfs_root), Path(config.agent.procfs_root)
    subjects = [_node(config.site, sysfs, procfs, nvml["system"]), *_gpus(nvml["gpus"]), *_ports(sysfs, ports)]
    return [_row(now_ms, config.site, driver_version, subject) for subject in subjects]


def _node(site: Site, sysfs: Path, procfs: Path, system: dict[str, str]) -> Subject:
    dmi = sysfs / "class" / "dmi" / "id"
    kernel = read_text(procfs / "sys" / "kernel" / "osrelease") or platform.release()
    return Subject(
        "node",
        site.host_name(),
        model=read_text(dmi / "product_name") or "",
        serial=read_text(dmi / "product_serial") or "",
        firmware=read_text(dmi / "bios_version") or "",
        facts={"kernel": kernel, **system},
    )


def _gpus(gpus: Iterable[dict[str, Any]]) -> Iterator[Subject]:
    for gpu in gpus:
        more = {name: value for name, value in gpu.items() if name not in _GPU_COLUMNS and value not in ("", None)}
        yield Subject("gpu", gpu["gpu_uuid"], gpu["model"], gpu["serial"], gpu["pci"], gpu["firmware"], more)
        for device in gpu["mig"]:
            facts = {
                "gpu_uuid": gpu["gpu_uuid"],
                **{name: device[name] for name in ("gpu_instance", "compute_instance")},
            }
            yield Subject("mig", device["mig_uuid"], device["name"], pci=gpu["pci"], facts=facts)


def _ports(sysfs: Path, ports: Iterable[msgspec.Struct]) -> Iterator[Subject]:
    for port in ports:
        name = str(getattr(port, "port", ""))
        device = sysfs / "class" / "infiniband" / name.split("/")[0]
        guid = read_text(device / "node_guid")
        facts = {
            "link_layer": str(getattr(port, "link_layer", "")),
            "board": read_text(device / "board_id"),
            "guid": guid,
        }
        yield Subject(
            "port",
            name,
            model=read_text(device / "hca_type") or "",
            pci=str(getattr(port, "pci", "")),
            firmware=read_text(device / "fw_ver") or "",
            facts={key: value for key, value in facts.items() if value},
        )


def _row(now_ms: int, site: Site, driver_version: str, subject: Subject) -> msgspec.Struct:
    facts = json.dumps(subject.facts, sort_keys=True)
    return INVENTORY.row(
        ts=now_ms,
        subject_kind=subject.kind,
        subject=subject.name[:MAX_NAME],
        model=subject.model[:MAX_NAME],
        serial=subject.serial[:MAX_NAME],
        pci=subject.pci,
        firmware=subject.firmware[:MAX_NAME],
        driver_version="" if subject.kind == "port" else driver_version[:MAX_NAME],
        rack=site.rack[:MAX_NAME],
        fields=facts if len(facts) <= MAX_FIELDS else "{}",
    )
