"""The node around the GPUs: host, ports, disks, file systems and the PCI bus. Each kind has a thread of its own, since a
sensor, a firmware or a dead network file system can take any of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from clusterctl.agent.gpu import GpuWorker
from clusterctl.agent.outbox import Outbox
from clusterctl.agent.probes.cost import own_cost
from clusterctl.agent.probes.disks import DiskProbe
from clusterctl.agent.probes.ethtool import Ethtool
from clusterctl.agent.probes.filesystems import FilesystemProbe
from clusterctl.agent.probes.host import HostProbe
from clusterctl.agent.probes.net import NetProbe
from clusterctl.agent.probes.pci import PciGpus
from clusterctl.agent.tiers import MEDIUM, SLOW
from clusterctl.clock import MS_PER_S
from clusterctl.config import Config
from clusterctl.schema import (
    DISK_SAMPLE,
    FILESYSTEM_SAMPLE,
    HOST_SAMPLE,
    NIC_HEALTH,
    NIC_LINK_SAMPLE,
    NIC_SAMPLE,
    Table,
)

REAL_SYSFS = "/sys"
Put = Callable[[Table, Sequence[msgspec.Struct]], None]


class Bus:
    """NVIDIA GPUs on the PCI bus, whatever NVML says."""

    def __init__(self, config: Config, most: int) -> None:
        self._pci = PciGpus(Path(config.agent.sysfs_root))
        self.now = 0
        self.most = most
        """The most that the bus has had in this boot: one that has fallen off is missing, not gone."""

    def look(self) -> None:
        """Count them."""
        self.now = len(self._pci.addresses())
        self.most = max(self.most, self.now)


class HostPart:
    """The node itself, its disks, and what the agent costs it."""

    def __init__(
        self, config: Config, outbox: Outbox, worker: GpuWorker, ticks_missed: Callable[[], int], put: Put
    ) -> None:
        """`ticks_missed` counts every grid point that will have no row of ours, whoever was too late for it."""
        sysfs, procfs = Path(config.agent.sysfs_root), Path(config.agent.procfs_root)
        self._period_ms = int(config.agent.period_s * MS_PER_S)
        self._outbox, self._worker, self._ticks_missed, self._put = outbox, worker, ticks_missed, put
        self._host = HostProbe(sysfs, procfs)
        self._disks = DiskProbe(procfs, sysfs)

    def tick(self, tick_ms: int, level: int) -> None:
        """Read and send."""
        row = HOST_SAMPLE.row(
            ts=tick_ms,
            period_ms=self._period_ms,
            **self._host.read(slow=level >= MEDIUM),
            **own_cost([os.getpid(), *self._worker.pids], slow=level >= SLOW),
            spool_bytes=self._outbox.size_bytes,
            spool_lost_batches=self._outbox.lost,
            ticks_missed=self._ticks_missed(),
        )
        self._put(HOST_SAMPLE, [row])
        if level >= MEDIUM:
            self._put(DISK_SAMPLE, self._disks.sample(tick_ms))


class NetPart:
    """Network ports: links, traffic and errors at each tick, the other counters every 10 s, their health every minute."""

    def __init__(self, config: Config, put: Put) -> None:
        # a tree of files has no drivers behind its interfaces: asking the kernel there would tell of another machine
        ethtool = Ethtool() if config.agent.sysfs_root == REAL_SYSFS else None
        self._net = NetProbe(Path(config.agent.sysfs_root), ethtool=ethtool)
        self._put = put

    def tick(self, tick_ms: int, level: int) -> None:
        """Read and send."""
        if level >= MEDIUM:
            self._net.rediscover()
        self._put(NIC_SAMPLE, self._net.sample(tick_ms))
        if level >= MEDIUM:
            self._put(NIC_LINK_SAMPLE, self._net.counters(tick_ms))
        if level >= SLOW:
            self._put(NIC_HEALTH, self._net.health(tick_ms))


class FilesPart:
    """Mounted file systems, every minute."""

    def __init__(self, config: Config, put: Put) -> None:
        self._filesystems = FilesystemProbe(Path(config.agent.procfs_root))
        self._put = put

    def tick(self, tick_ms: int, _level: int) -> None:
        """Read and send; asked for slow ticks only."""
        self._put(FILESYSTEM_SAMPLE, self._filesystems.sample(tick_ms))
