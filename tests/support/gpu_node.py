"""A node with GPUs: our libnvidia-ml.so.1, a tree of ports and PCI devices, and a kernel log, in one folder."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.cli import clusterctl
from tests.support.fake_nvml import FakeNvml
from tests.support.sysfs import GpuSpec, h100_node, make_sysfs

FIRST_BUS = 0x40
"""PCI bus of the first GPU of our library; the others follow."""


class GpuNode:
    """`env` is what an agent needs to live on it."""

    def __init__(self, home: Path, library: Path, base: Mapping[str, str], *, ports: int = 8) -> None:
        self.home = home
        self.nvml = FakeNvml(library, scenario=home / "scenario")
        self.nvml.say("driver 580.95.05", "gpus 8 h100")
        gpus = tuple(GpuSpec(f"0000:{FIRST_BUS + number:02x}:00.0") for number in range(8))
        self.sysfs = make_sysfs(home / "sys", replace(h100_node(ports), gpus=gpus))
        self.kmsg = home / "kmsg"
        self.kmsg.touch()
        self._seq = 0
        self.env = {
            **base,
            **self.nvml.env,
            "CLUSTERCTL_AGENT_KMSG_PATH": str(self.kmsg),
            "CLUSTERCTL_AGENT_SYSFS_ROOT": str(self.sysfs),
            "CLUSTERCTL_AGENT_METRICS_LISTEN": "",
        }

    def log(self, *messages: str) -> None:
        """The kernel says something now."""
        with self.kmsg.open("a") as log:
            for message in messages:
                self._seq += 1
                us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
                log.write(f"3,{self._seq},{us},-;{message}\n")

    def unplug(self, index: int) -> None:
        """A GPU is gone from the bus, and from NVML's sight with its next session."""
        shutil.move(self._pci(index), self.home / f"gpu{index}")

    def plug(self, index: int) -> None:
        """It is back on the bus."""
        shutil.move(self.home / f"gpu{index}", self._pci(index))

    def _pci(self, index: int) -> Path:
        return self.sysfs / f"bus/pci/devices/0000:{FIRST_BUS + index:02x}:00.0"

    def once(self) -> dict[str, Any]:
        """`agent once`, whatever the checks make of this machine."""
        done = clusterctl(self.env, "agent", "once", "--format", "json")
        assert done.returncode in (0, 1), done.stderr
        return dict(json.loads(done.stdout))

    def status(self) -> dict[str, Any]:
        """`agent status`; empty while no agent answers."""
        done = clusterctl(self.env, "agent", "status", "--format", "json")
        return dict(json.loads(done.stdout)) if done.returncode in (0, 1) and done.stdout else {}
