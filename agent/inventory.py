"""What a node, its GPUs and its ports are."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

import msgspec

from clusterctl.agent.probes.net import ports
from clusterctl.agent.sysfs import read_text
from clusterctl.config import Site
from clusterctl.schema import INVENTORY


def rows(
    site: Site, sysfs: Path, procfs: Path, gpus: list[dict[str, Any]], driver_version: str, now_ms: int
) -> list[msgspec.Struct]:
    """A row for the node, for each GPU and for each port."""
    kernel = read_text(procfs / "sys" / "kernel" / "osrelease") or platform.release()
    dmi = sysfs / "class" / "dmi" / "id"
    found = [
        _row(
            now_ms,
            site,
            "node",
            site.host_name(),
            model=read_text(dmi / "product_name") or "",
            serial=read_text(dmi / "product_serial") or "",
            firmware=read_text(dmi / "bios_version") or "",
            driver_version=driver_version,
            fields={"kernel": kernel},
        )
    ]
    found += [
        _row(
            now_ms,
            site,
            "gpu",
            gpu["gpu_uuid"],
            model=gpu["model"],
            serial=gpu["serial"],
            pci=gpu["pci"],
            firmware=gpu["firmware"],
            driver_version=driver_version,
            fields={"part": gpu["part"]},
        )
        for gpu in gpus
    ]
    for port in ports(sysfs, now_ms):
        name = str(getattr(port, "port", ""))
        device = sysfs / "class" / "infiniband" / name.split("/")[0]
        found.append(
            _row(
                now_ms,
                site,
                "port",
                name,
                model=read_text(device / "hca_type") or "",
                pci=str(getattr(port, "pci", "")),
                firmware=read_text(device / "fw_ver") or "",
                fields={"link_layer": str(getattr(port, "link_layer", ""))},
            )
        )
    return found


def _row(
    now_ms: int,
    site: Site,
    kind: str,
    subject: str,
    *,
    model: str = "",
    serial: str = "",
    pci: str = "",
    firmware: str = "",
    driver_version: str = "",
    fields: dict[str, str],
) -> msgspec.Struct:
    return INVENTORY.row(
        ts=now_ms,
        subject_kind=kind,
        subject=subject[:200],
        model=model[:200],
        serial=serial[:200],
        pci=pci,
        firmware=firmware[:200],
        driver_version=driver_version[:200],
        rack=site.rack[:200],
        fields=json.dumps(fields, sort_keys=True)[:1_024],
    )
