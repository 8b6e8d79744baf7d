"""One network port: what it reads each second, and what it reads every ten."""

from __future__ import annotations

import os
import re
import stat
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from clusterctl.agent.probes.nic_files import COUNTER_END, PLACES, Columns, PortFiles, Reader
from clusterctl.agent.probes.nic_names import ETHERNET, HARDWARE, NOT_COUNTERS, PMA, WORDS, chosen
from clusterctl.agent.sysfs import clean_name, names_in, pci_of, read_text
from clusterctl.schema import NIC_LINK_SAMPLE, NIC_SAMPLE

WORD_BYTES = 4
"""InfiniBand data counters count 32-bit words."""
ACTIVE = 4
RATE_EVERY_MS = 10_000
"""A negotiated rate changes with the link only, and is asked again this often nevertheless."""
_PLACE = PLACES[NIC_SAMPLE]
_STATE = re.compile(rb"(\d{1,3}):")
_RATE = re.compile(rb"(\d{1,7}(?:\.\d{1,3})?)\s*Gb/sec(?:\s*\((\d{1,2})X)?")
Identity = tuple[int, ...]


class Port(ABC):
    """Common to both kinds of port: the kept files, their counters, and how a changed directory is noticed."""

    def __init__(self, name: str, path: Path, pci: str, layer: str, read: Reader) -> None:
        self.name = clean_name(name)
        self.path = path
        self.pci = pci
        self.layer = layer
        self._files = PortFiles(read)
        self._tick = Columns(NIC_SAMPLE, self._files, port=self.name, link_layer=layer, pci=pci)
        self._slow = Columns(NIC_LINK_SAMPLE, self._files, port=self.name, pci=pci)
        self._rate_ms = -RATE_EVERY_MS
        self._identity = self._look()

    @abstractmethod
    def _watched(self) -> tuple[Path, ...]:
        """Directories and files whose replacement means other counters than those that are open."""

    @abstractmethod
    def _fill(self, row: list[Any], ts_ms: int) -> None:
        """Put this tick's readings that are no plain counters into the row."""

    def sample(self, ts_ms: int) -> msgspec.Struct:
        """The port at this tick: its link, its traffic, the errors that tell of the link."""
        row = self._tick.read(ts_ms)
        self._fill(row, ts_ms)
        return self._tick.struct(row)

    def counters(self, ts_ms: int, pauses: Mapping[str, int | None]) -> msgspec.Struct:
        """All its other counters, with what the driver says of priority flow control."""
        row = self._slow.read(ts_ms)
        self._slow.put(row, pauses)
        return self._slow.struct(row)

    def unchanged(self) -> bool:
        """Whether the open files are still those of the tree."""
        return not self._files.gone and self._look() == self._identity

    def exists(self) -> bool:
        """Whether there is such a port at all."""
        return self.path.is_dir()

    def close(self) -> None:
        """Give the descriptors back."""
        self._files.close()
        self._tick.close()
        self._slow.close()

    def _open(self, folder: Path, columns: Mapping[str, tuple[str, ...]]) -> None:
        self._tick.open(folder, columns)
        self._slow.open(folder, columns)

    def _look(self) -> Identity:
        found: list[int] = []
        for path in self._watched():
            try:
                status = os.stat(path)
            except OSError:
                found += (0, 0)
            else:
                found += (status.st_ino, status.st_mtime_ns if stat.S_ISDIR(status.st_mode) else 0)
        return tuple(found)


class EthernetPort(Port):
    """A network interface."""

    _CARRIER, _SPEED, _CHANGES = _PLACE["link_up"], _PLACE["rate_mbps"], _PLACE["carrier_changes"]

    def __init__(self, path: Path, read: Reader) -> None:
        super().__init__(path.name, path, pci_of(path / "device"), "ethernet", read)
        self.interface = path.name
        self._link: tuple[int | None, int | None] = (None, None)
        self._rate_mbps: int | None = None
        self._carrier, self._operstate, self._speed = (
            self._files.open(path / name) for name in ("carrier", "operstate", "speed")
        )
        self._open(path, {"carrier_changes": ("carrier_changes",)})
        self._open(path / "statistics", {column: (name,) for column, name in ETHERNET.items()})

    def _watched(self) -> tuple[Path, ...]:
        return self.path, self.path / "carrier", self.path / "statistics"

    def _fill(self, row: list[Any], ts_ms: int) -> None:
        carrier = self._files.count(self._carrier, 2)
        if carrier is None and (self._files.bytes(self._operstate) or b"").strip() == b"down":
            carrier = 0  # reading `carrier` of an interface that is administratively down gives EINVAL
        row[self._CARRIER] = carrier
        # `speed` takes the kernel's network configuration lock and spins for it, and is the same until the link changes
        link = carrier, row[self._CHANGES]
        if link != self._link or self._rate_mbps is None or not 0 <= ts_ms - self._rate_ms < RATE_EVERY_MS:
            self._link, self._rate_ms = link, ts_ms
            # a link that is down has no rate, and one that comes up says 0, -1 or EINVAL for a while
            self._rate_mbps = (self._files.count(self._speed, 2**32) or None) if carrier != 0 else None
        row[self._SPEED] = self._rate_mbps


class InfinibandPort(Port):
    """A port of an RDMA device: InfiniBand, RoCE or EFA."""

    _LINK = slice(_PLACE["port_state"], _PLACE["lanes"] + 1)
    _UP, _RATE = _PLACE["link_up"], _PLACE["rate_mbps"]

    def __init__(self, device: Path, path: Path, read: Reader) -> None:
        layer = (read_text(path / "link_layer") or "").lower()[:32]
        super().__init__(
            f"{device.name}/{path.name}",
            path,
            pci_of(device / "device"),
            "roce" if layer == "ethernet" else layer or "infiniband",
            read,
        )
        self.device = device
        self._state, self._phys, self._rate = (
            self._files.open(path / name) for name in ("state", "phys_state", "rate")
        )
        self._said: tuple[bytes | None, bytes | None] | None = None
        self._up: int | None = None
        self._rate_mbps: int | None = None
        self._states: tuple[int | None, int | None, int | None] = (None, None, None)
        self._open(path / "counters", chosen(PMA, names_in(path / "counters")))
        self._words = tuple(_PLACE[column] for column in WORDS if self._tick.has(column))
        present = set(names_in(path / "hw_counters")) - NOT_COUNTERS
        self.mapped = chosen(HARDWARE, present)
        self._open(path / "hw_counters", self.mapped)

    def _watched(self) -> tuple[Path, ...]:
        return self.path, self.path / "state", self.path / "counters", self.path / "hw_counters"

    def _fill(self, row: list[Any], ts_ms: int) -> None:
        for place in self._words:
            if row[place] is not None:
                row[place] = row[place] * WORD_BYTES % COUNTER_END
        said = self._files.bytes(self._state), self._files.bytes(self._phys)
        if said != self._said or self._rate_mbps is None or not 0 <= ts_ms - self._rate_ms < RATE_EVERY_MS:
            self._said, self._rate_ms = said, ts_ms
            self._ask_link(_leading(said[0]), _leading(said[1]))
        row[self._UP] = self._up
        row[self._RATE] = self._rate_mbps
        row[self._LINK] = self._states

    def _ask_link(self, state: int | None, physical: int | None) -> None:
        lanes = self._rate_mbps = None
        self._up = None if state is None else int(state == ACTIVE)
        if state in (None, ACTIVE):  # a link that is down still names a rate, which it does not have
            self._rate_mbps, lanes = parse_rate(self._files.bytes(self._rate) or b"")
        self._states = state, physical, lanes


def parse_rate(text: bytes) -> tuple[int | None, int | None]:
    """Mbit/s and lanes of `400 Gb/sec (4X NDR)`."""
    match = _RATE.match(text)
    if match is None:
        return None, None
    mbps = int(float(match[1]) * 1_000)
    lanes = int(match[2]) if match[2] else None
    return (mbps if 0 < mbps < 2**32 else None), lanes


def _leading(text: bytes | None) -> int | None:
    """The number of `4: ACTIVE`."""
    match = _STATE.match(text or b"")
    value = int(match[1]) if match else None
    return value if value is not None and value < 256 else None
