"""The minute's row of a network port: physical layer, temperatures, optics, and counters that only the vendor has."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import msgspec

from clusterctl.agent.probes.ethtool import EthtoolSource
from clusterctl.agent.probes.hwmon import NicHeat, nic_heat
from clusterctl.agent.probes.nic_names import ETHERNET, HEALTH, NOT_COUNTERS, PFC, TRAFFIC, chosen, telling
from clusterctl.agent.probes.nic_port import EthernetPort, InfinibandPort, Port
from clusterctl.agent.probes.optics import Optics
from clusterctl.agent.probes.optics_reader import OpticsReader
from clusterctl.agent.sysfs import clean_name, names_in, read_count, read_int, read_within
from clusterctl.schema import NIC_HEALTH

MAX_VENDOR_CHARS = 16_000
MAX_FILES = 256
_NO_HEAT = NicHeat()
_NO_OPTICS = Optics()


class NicHealth:
    """Asks everything anew each time: once a minute that is cheap enough, and nothing is kept that could be stale."""

    def __init__(self, sysfs: Path, ethtool: EthtoolSource | None, optics: OpticsReader | None) -> None:
        self._sysfs = sysfs
        self._ethtool = ethtool
        self._optics = optics

    def rows(self, ports: tuple[Port, ...], ts_ms: int) -> list[msgspec.Struct]:
        """A row for each port."""
        interface_of = {port.name: self._interface(port) for port in ports}
        if self._optics is not None:
            self._optics.want(sorted({name for name in interface_of.values() if name}))
        heat = nic_heat(self._sysfs, frozenset(port.pci for port in ports if port.pci))
        return [self._row(port, interface_of[port.name], heat.get(port.pci, _NO_HEAT), ts_ms) for port in ports]

    def _row(self, port: Port, interface: str, heat: NicHeat, ts_ms: int) -> msgspec.Struct:
        # a RoCE port's interface has a row of its own, which tells what ethtool says
        statistics = self._statistics(interface) if port.layer != "roce" else {}
        columns = chosen(HEALTH, statistics)
        vendor = {**_own_counters(port), **_unmapped(statistics, columns)}
        values: dict[str, Any] = {
            column: sum(statistics[name] for name in names) % 2**64 for column, names in columns.items()
        }
        optics = (self._optics.latest(interface) if self._optics is not None and interface else None) or _NO_OPTICS
        return NIC_HEALTH.row(
            ts=ts_ms,
            port=port.name,
            pci=port.pci,
            asic_temp_c=heat.asic_c,
            module_temp_c=heat.module_c if heat.module_c is not None else optics.temp_c,
            module_voltage_mv=optics.voltage_mv,
            module_rx_power_min_uw=min(optics.rx_power_uw or (), default=None),
            module_tx_power_min_uw=min(optics.tx_power_uw or (), default=None),
            module_bias_max_ua=max(optics.bias_ua or (), default=None),
            mtu_bytes=self._mtu(interface),
            lid=_lid(port.path / "lid") if port.layer == "infiniband" else None,
            sm_lid=_lid(port.path / "sm_lid") if port.layer == "infiniband" else None,
            vendor=bounded_json(vendor) if vendor else None,
            **values,
        )

    def _statistics(self, interface: str) -> dict[str, int]:
        if self._ethtool is None or not interface:
            return {}
        names, values = self._ethtool.names(interface), self._ethtool.stats(interface)
        # a driver that adds queues between the two calls moves all that follows: then this minute has no answer
        if names is None or values is None or len(names) != len(values):
            return {}
        return dict(zip(names, values, strict=True))

    def _interface(self, port: Port) -> str:
        """The network interface of a port; of several on one device, the one with the port's number."""
        if isinstance(port, EthernetPort):
            return port.interface
        if not isinstance(port, InfinibandPort):
            return ""
        folder = port.device / "device" / "net"
        names = names_in(folder)
        if len(names) == 1:
            return names[0]
        number = port.path.name
        wanted = int(number) - 1 if number.isascii() and number.isdigit() and len(number) < 4 else -1
        return next((name for name in names if read_int(folder / name / "dev_port") == wanted), "")

    def _mtu(self, interface: str) -> int | None:
        return read_within(self._sysfs / "class" / "net" / interface / "mtu", 2**32 - 1) if interface else None


def bounded_json(counters: Mapping[str, int]) -> str:
    """A JSON object of at most `MAX_VENDOR_CHARS` characters. Where not all fit, counters that count something go
    first; a name that is missing was left out or is not counted, and neither is zero."""
    text = json.dumps(dict(sorted(counters.items())), separators=(",", ":"))
    if len(text) <= MAX_VENDOR_CHARS:
        return text
    kept: list[str] = []
    room = MAX_VENDOR_CHARS - 2
    for name, value in sorted(counters.items(), key=lambda item: (item[1] == 0, item[0])):
        part = f"{json.dumps(name)}:{value}"
        if len(part) + 1 > room:
            break
        kept.append(part)
        room -= len(part) + 1
    return "{" + ",".join(kept) + "}"


def _unmapped(statistics: Mapping[str, int], columns: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    mapped = {name for names in columns.values() for name in names}
    return {
        name: value
        for name, value in statistics.items()
        if name not in mapped and telling(name) and not any(pattern.fullmatch(name) for pattern in PFC.values())
    }


def _own_counters(port: Port) -> dict[str, int]:
    """Counters of sysfs that have no column: hardware counters of the port and of its device, or rarer statistics."""
    if isinstance(port, InfinibandPort):
        mapped = {name for names in port.mapped.values() for name in names} | NOT_COUNTERS
        folders = port.device / "hw_counters", port.path / "hw_counters"
        return {name: value for folder in folders for name, value in _counts(folder, mapped).items()}
    return _counts(port.path / "statistics", set(ETHERNET) | TRAFFIC)


def _counts(folder: Path, without: Set[str]) -> dict[str, int]:
    found = {}
    for name in names_in(folder)[:MAX_FILES]:
        value = read_count(folder / name) if name not in without else None
        if value is not None:
            found[clean_name(name)] = value
    return found


def _lid(path: Path) -> int | None:
    """A LID as sysfs writes it, such as 0x1a; 0 and 0xffff are "none"."""
    value = read_int(path, 0)
    return value if value is not None and 0 < value < 0xFFFF else None
