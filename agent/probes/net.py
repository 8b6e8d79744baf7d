"""Network ports from sysfs: Ethernet interfaces, and InfiniBand or RoCE ports with their PMA counters."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from clusterctl.agent.sysfs import entries, pci_of, read_count, read_int, read_text
from clusterctl.schema import NIC_SAMPLE, SATURATING

VIRTUAL = re.compile(r"(lo$|ifb|docker|veth|br-|virbr|cali|tunl|dummy|flannel|cni|sit|bonding_masters)")
WORD_BYTES = 4
"""InfiniBand data counters count 32-bit words."""
ACTIVE = 4
_RATE = re.compile(r"([\d.]+)\s*Gb/sec")
_ETHERNET = {
    "rx_bytes": "rx_bytes",
    "tx_bytes": "tx_bytes",
    "rx_packets": "rx_packets",
    "tx_packets": "tx_packets",
    "rx_errors": "rx_errors",
    "tx_errors": "tx_errors",
    "rx_dropped": "rx_dropped",
    "tx_dropped": "tx_dropped",
    "rx_crc_errors": "rx_crc_errors",
}
_INFINIBAND = {
    "rx_packets": "port_rcv_packets",
    "tx_packets": "port_xmit_packets",
    "symbol_error": "symbol_error",
    "link_error_recovery": "link_error_recovery",
    "link_downed": "link_downed",
    "port_rcv_errors": "port_rcv_errors",
    "port_xmit_discards": "port_xmit_discards",
    "port_xmit_wait": "port_xmit_wait",
    "local_link_integrity_errors": "local_link_integrity_errors",
    "excessive_buffer_overrun_errors": "excessive_buffer_overrun_errors",
}


def ports(sysfs: Path, ts: int) -> list[msgspec.Struct]:
    """A row for each port."""
    return [NIC_SAMPLE.row(ts=ts, **values) for values in [*_ethernet_ports(sysfs), *_infiniband_ports(sysfs)]]


def _ethernet_ports(sysfs: Path) -> list[dict[str, Any]]:
    every = [path for path in entries(sysfs / "class" / "net") if path.is_dir()]
    physical = [path for path in every if (path / "device").exists()]
    # in a container the only interface is a virtual one, and better than none
    chosen = physical or [path for path in every if not VIRTUAL.match(path.name)]
    return [_ethernet(path) for path in chosen]


def _ethernet(path: Path) -> dict[str, Any]:
    speed = read_int(path / "speed")
    carrier = read_int(path / "carrier")
    values: dict[str, Any] = {
        "port": path.name,
        "link_layer": "ethernet",
        "pci": pci_of(path / "device"),
        # reading `carrier` of an interface that is administratively down gives EINVAL: it does not carry
        "link_up": carrier if carrier in (0, 1) else 0 if read_text(path / "operstate") == "down" else None,
        "rate_mbps": speed if speed is not None and speed > 0 else None,
        "carrier_changes": read_count(path / "carrier_changes"),
    }
    statistics = path / "statistics"
    values.update({name: read_count(statistics / file) for name, file in _ETHERNET.items()})
    return values


def _infiniband_ports(sysfs: Path) -> list[dict[str, Any]]:
    return [
        _infiniband(device, port)
        for device in entries(sysfs / "class" / "infiniband")
        for port in entries(device / "ports")
        if port.is_dir()
    ]


def _infiniband(device: Path, port: Path) -> dict[str, Any]:
    state = read_text(port / "state")
    layer = (read_text(port / "link_layer") or "").lower()
    counters = port / "counters"
    values: dict[str, Any] = {
        "port": f"{device.name}/{port.name}",
        "pci": pci_of(device / "device"),
        "link_layer": "roce" if layer == "ethernet" else layer or "infiniband",
        "link_up": None if state is None else int(state.startswith(f"{ACTIVE}:")),
        "rate_mbps": _rate_mbps(read_text(port / "rate")),
    }
    values.update({name: read_count(counters / file) for name, file in _INFINIBAND.items()})
    for name, file in (("rx_bytes", "port_rcv_data"), ("tx_bytes", "port_xmit_data")):
        words = read_count(counters / file)
        values[name] = None if words is None else words * WORD_BYTES % 2**64
    values["saturated_mask"] = saturated_mask(values)
    return values


def saturated_mask(values: dict[str, Any]) -> int:
    """Bit n for the n-th counter of SATURATING that stands at its top: it cannot grow, so its growth is unknown."""
    return sum(1 << bit for bit, (name, width) in enumerate(SATURATING.items()) if values.get(name) == 2**width - 1)


def _rate_mbps(text: str | None) -> int | None:
    match = _RATE.match(text or "")
    return int(float(match[1]) * 1_000) if match else None
