"""Network ports from sysfs: Ethernet interfaces, and InfiniBand, RoCE or EFA ports with all their counters."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from clusterctl.agent.probes.ethtool import EthtoolSource, PickedStatistics
from clusterctl.agent.probes.nic_files import Reader
from clusterctl.agent.probes.nic_health import NicHealth
from clusterctl.agent.probes.nic_names import PFC
from clusterctl.agent.probes.nic_port import EthernetPort, InfinibandPort, Port
from clusterctl.agent.probes.optics_reader import OpticsReader
from clusterctl.agent.sysfs import raise_fd_limit, read_text

VIRTUAL = re.compile(r"(lo$|ifb|docker|veth|br-|virbr|cali|tunl|dummy|flannel|cni|sit|bonding_masters)")
MAX_PORTS = 64
IPOIB = "32"
"""`type` of an IP-over-InfiniBand interface, whose port has a row of its own as an RDMA port."""
Listing = tuple[tuple[str, ...], tuple[tuple[str, tuple[str, ...]], ...]]


class NetProbe:
    """All ports of a node. `sample` is for each tick, `counters` and `rediscover` are for every ten seconds, `health` is
    for every minute.

    `health` may be called from another thread than the others, which belong to one."""

    def __init__(self, sysfs: Path, *, ethtool: EthtoolSource | None = None, read: Reader = os.pread) -> None:
        raise_fd_limit()
        self._sysfs = sysfs
        self._read = read
        self._ports: dict[str, Port] = {}
        self._seen: Listing | None = None
        self._pfc = PickedStatistics(ethtool, PFC) if ethtool is not None else None
        self._optics = OpticsReader(ethtool) if ethtool is not None else None
        self._health = NicHealth(sysfs, ethtool, self._optics)
        self.left_out = 0
        """Ports beyond the bound, which nobody watches."""
        self.rediscover()

    def sample(self, ts_ms: int) -> list[msgspec.Struct]:
        """A row of `nic_sample` for each port. Many an RDMA driver asks its firmware for each file, hence no more here
        than each second is worth."""
        return [port.sample(ts_ms) for port in self._ports.values()]

    def counters(self, ts_ms: int) -> list[msgspec.Struct]:
        """A row of `nic_link_sample` for each port: all other counters, priority flow control among them."""
        return [port.counters(ts_ms, self._pauses(port)) for port in self._ports.values()]

    def health(self, ts_ms: int) -> list[msgspec.Struct]:
        """A row for each port: physical layer, temperatures, optics, and the vendor's own counters."""
        return self._health.rows(tuple(self._ports.values()), ts_ms)

    def rediscover(self) -> bool:
        """Notice ports that came, went or were replaced; whether any did. Costs a few `stat` a port otherwise."""
        try:
            listing = self._listing()
        except OSError:
            return False  # no descriptor left, or the like: that a directory cannot be read does not empty it
        changed = {key for key, port in self._ports.items() if not port.unchanged()}
        if listing == self._seen and not changed:
            return False
        self._seen = listing
        wanted = self._wanted(listing)
        self.left_out = max(0, len(wanted) - MAX_PORTS)
        kept = wanted[:MAX_PORTS]
        for key in [key for key in self._ports if key in changed or key not in kept]:
            self._ports.pop(key).close()
        fresh = {key: self._ports.get(key) or self._make(key) for key in kept}
        self._ports = {key: port for key, port in fresh.items() if port.exists()}
        return True

    def close(self) -> None:
        """Give all descriptors back and end the thread that reads optics."""
        for port in self._ports.values():
            port.close()
        self._ports = {}
        if self._optics is not None:
            self._optics.close()

    def _pauses(self, port: Port) -> Mapping[str, int | None]:
        if self._pfc is None or not isinstance(port, EthernetPort):
            return {}
        return self._pfc.read(port.interface)

    def _listing(self) -> Listing:
        devices = self._sysfs / "class" / "infiniband"
        return _names(self._sysfs / "class" / "net"), tuple(
            (name, _names(devices / name / "ports")) for name in _names(devices)
        )

    def _wanted(self, listing: Listing) -> list[str]:
        """Paths of ports below the class directory, interfaces first."""
        interfaces, devices = listing
        every = [name for name in interfaces if (self._sysfs / "class" / "net" / name).is_dir()]
        physical = [name for name in every if (self._sysfs / "class" / "net" / name / "device").exists()]
        # in a container the only interface is a virtual one, and better than none
        chosen = physical or [name for name in every if not VIRTUAL.match(name)]
        return [f"net/{name}" for name in chosen if not self._is_ipoib(name)] + [
            f"infiniband/{device}/ports/{port}" for device, ports_of in devices for port in ports_of
        ]

    def _is_ipoib(self, name: str) -> bool:
        return read_text(self._sysfs / "class" / "net" / name / "type") == IPOIB

    def _make(self, key: str) -> Port:
        path = self._sysfs / "class" / key
        if key.startswith("net/"):
            return EthernetPort(path, self._read)
        return InfinibandPort(path.parent.parent, path, self._read)


def _names(directory: Path) -> tuple[str, ...]:
    """Names in a directory, none if there is no such directory; other failures raise."""
    try:
        return tuple(sorted(os.listdir(directory)))
    except (FileNotFoundError, NotADirectoryError):
        return ()
