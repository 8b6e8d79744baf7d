"""Probes on trees of our own: ports, hosts, GPUs on the bus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clusterctl.agent.nvml.values import normal_pci
from clusterctl.agent.probes.host import HostProbe
from clusterctl.agent.probes.net import NetProbe
from clusterctl.agent.probes.pci import nvidia_gpus
from clusterctl.schema import SATURATING


def make(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


ETHERNET = {
    "class/net/eth0/carrier": "1\n", "class/net/eth0/operstate": "up\n", "class/net/eth0/speed": "400000\n",
    "class/net/eth0/carrier_changes": "3\n", "class/net/eth0/device/vendor": "0x15b3\n",
    "class/net/eth0/statistics/rx_bytes": "18446744073709551615\n", "class/net/eth0/statistics/tx_bytes": "5\n",
    "class/net/eth0/statistics/rx_errors": "junk\n", "class/net/lo/carrier": "1\n",
    "class/net/eth1/operstate": "down\n", "class/net/eth1/speed": "-1\n", "class/net/eth1/device/vendor": "0x15b3\n",
}  # fmt: skip
IB = "class/infiniband/mlx5_0/ports/1"
INFINIBAND = {
    f"{IB}/state": "4: ACTIVE\n", f"{IB}/rate": "400 Gb/sec (4X NDR)\n", f"{IB}/link_layer": "InfiniBand\n",
    f"{IB}/counters/port_rcv_data": "1000\n", f"{IB}/counters/port_xmit_data": "250\n",
    f"{IB}/counters/symbol_error": "65535\n", f"{IB}/counters/link_downed": "255\n",
    f"{IB}/counters/local_link_integrity_errors": "3\n", f"{IB}/counters/excessive_buffer_overrun_errors": "15\n",
    f"{IB}/counters/port_rcv_errors": "N/A (no PMA)\n",
}  # fmt: skip


def by_port(root: Path) -> dict[str, Any]:
    return {row.port: row for row in NetProbe(root).sample(1)}  # type: ignore[attr-defined]


def test_ethernet_ports(tmp_path: Path) -> None:
    found = by_port(make(tmp_path, ETHERNET))
    assert set(found) == {"eth0", "eth1"}, "loopback is no port"
    eth0 = found["eth0"]
    assert (eth0.link_up, eth0.rate_mbps, eth0.carrier_changes) == (1, 400_000, 3)
    assert (eth0.rx_bytes, eth0.tx_bytes) == (2**64 - 1, 5)
    assert eth0.rx_errors is None, "what is not a number is not a reading"
    assert eth0.rx_packets is None, "and what is not there is not zero"
    assert (found["eth1"].link_up, found["eth1"].rate_mbps) == (0, None)


def test_infiniband_ports_count_words_and_saturate(tmp_path: Path) -> None:
    port = by_port(make(tmp_path, INFINIBAND))["mlx5_0/1"]
    assert (port.link_layer, port.link_up, port.rate_mbps) == ("infiniband", 1, 400_000)
    assert (port.rx_bytes, port.tx_bytes) == (4_000, 1_000), "words of four bytes"
    assert port.port_rcv_errors is None, "N/A (no PMA)"
    names = list(SATURATING)
    stuck = {name for bit, name in enumerate(names) if port.saturated_mask >> bit & 1}
    assert stuck == {"symbol_error", "link_downed", "excessive_buffer_overrun_errors"}


def test_roce_is_told_from_infiniband(tmp_path: Path) -> None:
    files = {**INFINIBAND, f"{IB}/link_layer": "Ethernet\n", f"{IB}/state": "1: DOWN\n"}
    port = by_port(make(tmp_path, files))["mlx5_0/1"]
    assert (port.link_layer, port.link_up) == ("roce", 0)


def test_nothing_there_is_nothing_seen(tmp_path: Path) -> None:
    assert NetProbe(tmp_path).sample(1) == []
    assert nvidia_gpus(tmp_path) == []


def test_gpus_are_counted_on_the_bus(tmp_path: Path) -> None:
    devices = "bus/pci/devices"
    found = nvidia_gpus(make(tmp_path, {
        f"{devices}/0000:1B:00.0/vendor": "0x10de\n", f"{devices}/0000:1B:00.0/class": "0x030200\n",
        f"{devices}/0000:1c:00.0/vendor": "0x10de\n", f"{devices}/0000:1c:00.0/class": "0x030000\n",
        f"{devices}/0000:1d:00.0/vendor": "0x10de\n", f"{devices}/0000:1d:00.0/class": "0x068000\n",
        f"{devices}/0000:1e:00.0/vendor": "0x1002\n", f"{devices}/0000:1e:00.0/class": "0x030000\n",
    }))  # fmt: skip
    assert found == ["0000:1b:00.0", "0000:1c:00.0"], "an NVSwitch and another vendor's card are no GPUs of ours"


def test_the_host_answers_on_this_machine() -> None:
    reading = HostProbe(Path("/sys"), Path("/proc")).read()
    assert reading["memory_total_bytes"] > reading["memory_available_bytes"] > 0
    assert 0 <= reading["root_used_ratio"] <= 1
    assert reading["uptime_s"] > 0


def test_hosts_without_pressure_or_sensors_say_nothing_of_them(tmp_path: Path) -> None:
    reading = HostProbe(tmp_path, Path("/proc")).read()
    assert reading["temp_max_c"] is None
    make(tmp_path, {"class/hwmon/hwmon0/temp1_input": "61500\n", "class/hwmon/hwmon0/temp2_input": "-273150\n"})
    assert HostProbe(tmp_path, Path("/proc")).read()["temp_max_c"] == 61


@pytest.mark.parametrize(
    ("given", "normal"), [(b"00000000:1B:00.0\0", "0000:1b:00.0"), ("0009:0A:00.0", "0009:0a:00.0"), ("x", "")]
)
def test_pci_addresses_have_one_form(given: bytes | str, normal: str) -> None:
    assert normal_pci(given) == normal
