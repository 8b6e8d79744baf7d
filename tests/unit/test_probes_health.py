"""The minute's row of a port, sensors of the host, and GPUs on the bus."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterctl.agent.probes.hwmon import hottest
from clusterctl.agent.probes.net import NetProbe
from clusterctl.agent.probes.nic_health import MAX_VENDOR_CHARS, bounded_json
from clusterctl.agent.probes.nic_names import HEALTH, chosen, telling
from clusterctl.agent.probes.pci import LIST_EVERY_S, PciGpus, PciLink
from clusterctl.schema import NIC_HEALTH
from tests.support.clock import HandClock
from tests.support.ethtool import FakeEthtool, mlx5_statistics, qsfp28
from tests.support.rows import travels
from tests.support.sysfs import EthernetSpec, GpuSpec, RdmaSpec, SysfsSpec, h100_node, make_sysfs, port_dir, write

ROCE = SysfsSpec(
    rdma=(RdmaSpec(link_layer="Ethernet", pci="0000:18:00.0", interface="eth0"),),
    ethernet=(EthernetSpec(pci="0000:18:00.0"),),
    nic_heat={"0000:18:00.0": (64, 52)},
)


def health(probe: NetProbe) -> dict[str, Any]:
    return {row.port: row for row in (travels(NIC_HEALTH, row) for row in probe.health(1_000))}


def test_the_physical_layer_under_neutral_names(tmp_path: Path) -> None:
    source = FakeEthtool({**mlx5_statistics(), "rx_symbol_err_phy": 3, "rx_corrected_bits_phy": 2**40,
                          "link_down_events_phy": 2, "module_high_temp": 1, "rx_err_lane_2_phy": 17})  # fmt: skip
    found = health(NetProbe(make_sysfs(tmp_path, ROCE), ethtool=source))
    port = found["eth0"]
    assert (port.phy_symbol_errors, port.phy_corrected_bits, port.phy_link_downs) == (3, 2**40, 2)
    assert (port.phy_rx_discards, port.module_overheats, port.mtu_bytes) == (0, 1, 9_000)
    vendor = json.loads(port.vendor)
    assert vendor["rx_err_lane_2_phy"] == 17
    assert {"dev_internal_queue_oob", "rx_ecn_mark", "rx_prio3_cong_discard", "tx_pause_ctrl_phy"} <= set(vendor)
    assert not {name for name in vendor if name.startswith(("ch0", "rx0_", "tx0_"))}, "no single queues"
    assert "rx_symbol_err_phy" not in vendor, "what has a column is not told twice"
    assert "rx_bytes" not in vendor, "traffic is no sign of trouble"


def test_a_roce_port_tells_hardware_counters_and_leaves_ethtool_to_its_interface(tmp_path: Path) -> None:
    port = health(NetProbe(make_sysfs(tmp_path, ROCE), ethtool=FakeEthtool()))["mlx5_0/1"]
    assert (port.phy_symbol_errors, port.lid, port.asic_temp_c, port.module_temp_c) == (None, None, 64, 52)
    vendor = json.loads(port.vendor)
    assert vendor["resp_cqe_flush_error"] == 11
    assert not {"lifespan", "out_of_sequence", "np_cnp_sent"} & set(vendor)


def test_counters_of_the_device_and_rarer_statistics_are_told_too(tmp_path: Path) -> None:
    spec = SysfsSpec(rdma=(RdmaSpec(device="efa_0", driver="efa", has_pma=False),), ethernet=(EthernetSpec(),))
    make_sysfs(tmp_path, spec)
    write(tmp_path / "class/infiniband/efa_0/hw_counters", {"cmds_err": "4", "lifespan": "10"})
    write(tmp_path / "class/net/eth0/statistics", {"rx_missed_errors": "6", "multicast": "7"})
    found = health(NetProbe(tmp_path))
    efa = json.loads(found["efa_0/1"].vendor)
    assert (efa["cmds_err"], efa["unresponsive_remote_events"]) == (4, 21)
    assert json.loads(found["eth0"].vendor) == {"rx_missed_errors": 6}


def test_an_infiniband_port_tells_its_lids(tmp_path: Path) -> None:
    probe = NetProbe(make_sysfs(tmp_path, h100_node(1)))
    port = health(probe)["mlx5_0/1"]
    assert (port.lid, port.sm_lid, port.pci) == (0x1A, 1, "0000:18:00.0")
    write(port_dir(tmp_path), {"lid": "0xffff", "sm_lid": "0x0"})
    again = health(probe)["mlx5_0/1"]
    assert (again.lid, again.sm_lid) == (None, None), "none was assigned"


def test_optics_come_from_a_thread_of_their_own(tmp_path: Path) -> None:
    spec = SysfsSpec(ethernet=(EthernetSpec(),))
    probe = NetProbe(make_sysfs(tmp_path, spec), ethtool=FakeEthtool(eeprom=qsfp28()))
    limit_s = time.monotonic() + 5
    while (port := health(probe)["eth0"]).module_bias_max_ua is None and time.monotonic() < limit_s:
        time.sleep(0.01)
    assert (port.module_bias_max_ua, port.module_voltage_mv, port.module_temp_c) == (7_350.0, 3_300, 38)
    assert abs(port.module_rx_power_min_uw - 655.4) < 0.01
    assert port.module_tx_power_min_uw == 990.0
    probe.close()


def test_of_two_interfaces_a_port_has_the_one_with_its_number(tmp_path: Path) -> None:
    pci = "0000:18:00.0"
    spec = SysfsSpec(
        rdma=tuple(RdmaSpec(pci=pci, port=str(number), interface=f"ib{number - 1}") for number in (1, 2)),
        ethernet=tuple(
            EthernetSpec(name=f"ib{number}", pci=pci, mtu=str(2_044 + number), type="32") for number in (0, 1)
        ),
    )
    found = health(NetProbe(make_sysfs(tmp_path, spec)))
    assert {name: row.mtu_bytes for name, row in found.items()} == {"mlx5_0/1": 2_044, "mlx5_0/2": 2_045}


def test_the_largest_values_of_their_columns(tmp_path: Path) -> None:
    source = FakeEthtool({"rx_discards_phy": 2**64 - 1})
    make_sysfs(tmp_path, SysfsSpec(ethernet=(EthernetSpec(mtu=str(2**32 - 1)), EthernetSpec("eth1", mtu=str(2**32)))))
    found = health(NetProbe(tmp_path, ethtool=source))
    assert (found["eth0"].phy_rx_discards, found["eth0"].mtu_bytes) == (2**64 - 1, 2**32 - 1)
    assert found["eth1"].mtu_bytes is None


def test_a_driver_that_does_not_answer_leaves_a_row_without_readings(tmp_path: Path) -> None:
    source = FakeEthtool()
    source.silent.add("eth0")
    port = health(NetProbe(make_sysfs(tmp_path, SysfsSpec(ethernet=(EthernetSpec(),))), ethtool=source))["eth0"]
    assert (port.phy_symbol_errors, port.vendor) == (None, None)


class Growing(FakeEthtool):
    """A driver that adds a queue between the two calls."""

    def stats(self, interface: str) -> tuple[int, ...] | None:
        return (*self.values.values(), 0)


class Nameless(FakeEthtool):
    """A driver whose names fail where its values do not."""

    def names(self, interface: str) -> tuple[str, ...] | None:
        return None


@pytest.mark.parametrize("source", [Growing(), Nameless()])
def test_names_and_values_that_do_not_match_are_no_answer(tmp_path: Path, source: FakeEthtool) -> None:
    probe = NetProbe(make_sysfs(tmp_path, SysfsSpec(ethernet=(EthernetSpec(),))), ethtool=source)
    assert health(probe)["eth0"].vendor is None


def test_older_drivers_and_other_vendors() -> None:
    assert chosen(HEALTH, {"rx_pcs_symbol_err_phy"}) == {"phy_symbol_errors": ("rx_pcs_symbol_err_phy",)}
    assert telling("rx_prio3_discards")
    assert not telling("rx_queue_7_drops")
    assert not telling("[3]: rx_discards")


@given(st.dictionaries(st.text(max_size=60), st.integers(0, 2**64 - 1), max_size=700))
def test_vendor_counters_are_bounded_and_stay_json(counters: dict[str, int]) -> None:
    text = bounded_json(counters)
    assert len(text) <= MAX_VENDOR_CHARS
    found = json.loads(text)
    assert found.items() <= counters.items()


def test_of_too_many_counters_those_that_count_stay() -> None:
    counters = {f"counter_{number:04}_with_a_long_name_err": int(number >= 900) for number in range(1_000)}
    found = json.loads(bounded_json(counters))
    assert sum(found.values()) == 100
    assert 0 < len(found) < 1_000


def test_the_hottest_sensor_has_a_name(tmp_path: Path) -> None:
    make_sysfs(tmp_path, h100_node(1))
    assert hottest(tmp_path) == (71, "coretemp Package id 0")
    write(tmp_path / "class/hwmon/hwmon100", {"temp9_input": "-273150", "temp8_input": "999000", "temp7_input": "hot"})
    assert hottest(tmp_path) == (71, "coretemp Package id 0"), "sensors that are not connected"
    write(tmp_path / "class/hwmon/hwmon100", {"temp3_input": "83500"})
    assert hottest(tmp_path) == (83, "coretemp temp3")
    assert hottest(tmp_path / "nowhere") == (None, None)


def test_gpus_are_listed_every_ten_seconds_or_when_the_bus_changes(tmp_path: Path) -> None:
    clock = HandClock()
    bus = PciGpus(make_sysfs(tmp_path, h100_node()), clock)
    assert len(bus.addresses()) == 8
    lost = tmp_path / "bus/pci/devices/0000:1b:00.0"
    write(lost, {"vendor": "0xffff"})
    assert "0000:1b:00.0" in bus.addresses(), "the list is kept"
    clock.sleep_s(LIST_EVERY_S)
    assert len(bus.addresses()) == 7
    make_sysfs(tmp_path, SysfsSpec(gpus=(GpuSpec("0000:ff:00.0"),)))
    assert len(bus.addresses()) == 8, "a new device changes the directory"


def test_links_compare_with_their_neighbours(tmp_path: Path) -> None:
    narrow = GpuSpec("0000:1b:00.0", link=("16.0 GT/s PCIe", 8))
    bus = PciGpus(make_sysfs(tmp_path, SysfsSpec(gpus=(narrow, GpuSpec("0000:2c:00.0")))))
    assert bus.links() == [PciLink("0000:1b:00.0", 4, 5, 8, 16), PciLink("0000:2c:00.0", 5, 5, 16, 16)]
    write(tmp_path / "bus/pci/devices/0000:1b:00.0",
          {"current_link_speed": "Unknown", "current_link_width": "255", "max_link_width": "0"})  # fmt: skip
    assert bus.links()[0] == PciLink("0000:1b:00.0", None, 5, None, None), "a lost device says nothing"
    write(tmp_path / "bus/pci/devices/0000:1b:00.0",
          {"current_link_speed": "2.5 GT/s PCIe", "current_link_width": "1", "max_link_width": "32"})  # fmt: skip
    assert bus.links()[0] == PciLink("0000:1b:00.0", 1, 5, 1, 32)
