"""Network ports at each tick: neutral names, missing readings, saturation, ports that come and go."""

from __future__ import annotations

import errno
import os
import resource
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clusterctl.agent.probes.net import MAX_PORTS, NetProbe
from clusterctl.agent.probes.nic_names import ETHERNET, HARDWARE, PFC, PMA
from clusterctl.agent.probes.nic_port import RATE_EVERY_MS, parse_rate
from clusterctl.schema import NIC_LINK_SAMPLE, NIC_SAMPLE, SATURATING, SATURATING_SLOW
from clusterctl.schema.slow import NIC_COUNTERS
from tests.support import sysfs
from tests.support.ethtool import FakeEthtool, mlx5_statistics
from tests.support.rows import readings, travels
from tests.support.sysfs import EthernetSpec, RdmaSpec, SysfsSpec, h100_node, make_sysfs, port_dir, write


def one_port(root: Path, **changes: Any) -> NetProbe:
    return NetProbe(make_sysfs(root, SysfsSpec(rdma=(replace(RdmaSpec(), **changes),))))


def sample(probe: NetProbe) -> dict[str, Any]:
    """Rows by port, each checked as the collector checks it."""
    return {row.port: row for row in (travels(NIC_SAMPLE, row) for row in probe.sample(1_000))}


def counters(probe: NetProbe) -> dict[str, Any]:
    """Rows of the slower counters by port, checked alike."""
    return {row.port: row for row in (travels(NIC_LINK_SAMPLE, row) for row in probe.counters(1_000))}


def test_an_h100_node_has_all_its_ports_and_all_their_counters(tmp_path: Path) -> None:
    probe = NetProbe(make_sysfs(tmp_path, h100_node(9)))
    found, slower = sample(probe), counters(probe)
    assert list(found) == list(slower) == ["eth0", *(f"mlx5_{number}/1" for number in range(9))]
    port = found["mlx5_0/1"]
    assert (port.ts, port.pci, port.link_layer) == (1_000, "0000:18:00.0", "infiniband")
    assert (port.link_up, port.port_state, port.phys_state, port.lanes, port.rate_mbps) == (1, 4, 5, 4, 400_000)
    assert (port.rx_bytes, port.tx_bytes, port.rx_packets) == (4_000, 1_000, 40), "words of four bytes"
    assert set(SATURATING) <= set(readings(NIC_SAMPLE, port))
    slow = slower["mlx5_0/1"]
    assert (slow.ts, slow.pci, slow.multicast_rx_packets) == (1_000, "0000:18:00.0", 2)
    assert (slow.out_of_sequence, slow.cnp_sent, slow.cqe_errors) == (1, 26, 8 + 9), "both kinds of CQE errors"
    # the one that mlx5 does not count is missing, and not zero
    assert {name for name, _ in NIC_COUNTERS} - set(readings(NIC_LINK_SAMPLE, slow)) == {"unrecoverable_errors"}


def test_each_file_is_read_at_its_own_cadence_only(tmp_path: Path) -> None:
    """On hardware a read of `counters/` is a question to the firmware: 14 files each second, 25 every ten."""
    asked: list[str] = []

    def read(fd: int, length: int, offset: int) -> bytes:
        asked.append(os.readlink(f"/proc/self/fd/{fd}").rpartition("/ports/1/")[2])
        return os.pread(fd, length, offset)

    probe = NetProbe(make_sysfs(tmp_path, SysfsSpec(rdma=(RdmaSpec(),))), read=read)
    probe.sample(0)
    first, asked[:] = list(asked), []
    probe.sample(1_000)
    each_second, asked[:] = list(asked), []
    probe.counters(1_000)
    assert set(first) - set(each_second) == {"rate"}, "a rate stands until the link changes"
    assert len(each_second) == len(set(each_second)) == 14
    assert not any(name.startswith("hw_counters/") for name in each_second)
    assert len(asked) == len(set(asked)) == 25
    assert not set(asked) & {*first, *each_second}
    assert {"counters/VL15_dropped", "hw_counters/rnr_nak_retry_err"} <= set(asked)


def test_vendors_share_neutral_names(tmp_path: Path) -> None:
    spec = SysfsSpec(rdma=(
        RdmaSpec(device="bnxt_re0", driver="bnxt_re", link_layer="Ethernet", has_pma=False),
        RdmaSpec(device="rdmap0s6", driver="efa", link_layer="Unspecified", has_pma=False),
        RdmaSpec(device="irdma0", driver="irdma", link_layer="Ethernet", has_pma=False),
    ))  # fmt: skip
    probe = NetProbe(make_sysfs(tmp_path, spec))
    bnxt, irdma, efa = sample(probe).values()
    assert (bnxt.rx_bytes, bnxt.rx_packets, bnxt.rx_errors) == (3, 2, 6), "bytes"
    assert (efa.tx_bytes, efa.rx_bytes, efa.rx_dropped) == (1, 3, 5)
    assert [port.link_layer for port in (bnxt, efa, irdma)] == ["roce", "unspecified", "roce"]
    assert efa.symbol_error is None, "EFA has no port error counters"
    assert efa.saturated_mask is None, "and nothing that could stick"
    assert (irdma.rx_bytes, irdma.rx_packets) == (1 + 2, 5 + 6), "IPv4 and IPv6 together"
    bnxt, irdma, efa = counters(probe).values()
    assert bnxt.implied_nak == 14, "missin_resp with its typo"
    assert (bnxt.retransmit_timeouts, bnxt.rnr_nak, bnxt.ecn_marked, bnxt.out_of_buffer) == (10, 13, 22, 19)
    assert (efa.retransmits, efa.retransmit_timeouts, efa.saturated_mask) == (19, 20, None)
    assert irdma.cnp_handled == 12
    write(port_dir(tmp_path, "bnxt_re0") / "hw_counters", {"missing_resp": "99"})
    again = NetProbe(tmp_path)
    assert counters(again)["bnxt_re0/1"].implied_nak == 99, "newer kernels spell it right"


def test_a_sum_is_missing_while_one_of_its_parts_is(tmp_path: Path) -> None:
    probe = one_port(tmp_path)
    write(port_dir(tmp_path) / "hw_counters", {"resp_cqe_error": "N/A"})
    assert counters(probe)["mlx5_0/1"].cqe_errors is None


def test_every_mapped_column_is_declared_and_lifespan_is_none_of_them(tmp_path: Path) -> None:
    declared = {field.name for table in (NIC_SAMPLE, NIC_LINK_SAMPLE) for field in table.fields}
    assert set(PMA) | set(HARDWARE) | set(ETHERNET) | set(PFC) <= declared
    probe = one_port(tmp_path, counters={"lifespan": "987654"})
    assert 987_654 not in readings(NIC_SAMPLE, probe.sample(1)[0]).values()
    assert 987_654 not in readings(NIC_LINK_SAMPLE, probe.counters(1)[0]).values()


def test_saturation_is_marked_bit_by_bit(tmp_path: Path) -> None:
    probe = one_port(tmp_path)
    assert sample(probe)["mlx5_0/1"].saturated_mask == counters(probe)["mlx5_0/1"].saturated_mask == 0
    sysfs.saturate(tmp_path)
    assert sample(probe)["mlx5_0/1"].saturated_mask == 2 ** len(SATURATING) - 1
    assert counters(probe)["mlx5_0/1"].saturated_mask == 2 ** len(SATURATING_SLOW) - 1
    write(port_dir(tmp_path) / "counters", {"symbol_error": "65534", "link_downed": "256"})
    full = 2 ** len(SATURATING) - 1
    names = list(SATURATING)
    expected = full - (1 << names.index("symbol_error")) - (1 << names.index("link_downed"))
    assert sample(probe)["mlx5_0/1"].saturated_mask == expected, "wider counters than the classic ones do not stick"
    write(port_dir(tmp_path) / "counters", {"VL15_dropped": "65534", "port_xmit_constraint_errors": "N/A (no PMA)"})
    assert counters(probe)["mlx5_0/1"].saturated_mask == 0b01011
    sysfs.reset(tmp_path)
    assert sample(probe)["mlx5_0/1"].saturated_mask == counters(probe)["mlx5_0/1"].saturated_mask == 0


def test_without_a_pma_counters_and_mask_are_missing(tmp_path: Path) -> None:
    probe = one_port(tmp_path)
    sysfs.without_pma(tmp_path)
    port = sample(probe)["mlx5_0/1"]
    assert (port.rx_bytes, port.symbol_error, port.saturated_mask, port.link_up) == (None, None, None, 1)
    slow = counters(probe)["mlx5_0/1"]
    assert (slow.vl15_dropped, slow.saturated_mask) == (None, None)
    assert slow.out_of_sequence == 1, "the rest is told as before"


def test_resets_and_wraps_are_left_to_the_reader(tmp_path: Path) -> None:
    probe = one_port(tmp_path)
    sysfs.reset(tmp_path)
    assert sample(probe)["mlx5_0/1"].rx_packets == 0
    write(port_dir(tmp_path) / "counters", {"port_rcv_data": str(2**32 - 1), "port_xmit_data": str(2**64 - 1),
                                            "port_xmit_wait": str(2**64), "port_rcv_packets": "-1"})  # fmt: skip
    port = sample(probe)["mlx5_0/1"]
    assert port.rx_bytes == (2**32 - 1) * 4, "a counter of 32 bits, raw"
    assert port.tx_bytes == 2**64 - 4
    assert (port.port_xmit_wait, port.rx_packets) == (None, None), "what fits no counter is no reading"


def test_a_link_that_is_down_has_no_rate(tmp_path: Path) -> None:
    probe = one_port(tmp_path)
    sysfs.link_down(tmp_path)
    port = sample(probe)["mlx5_0/1"]
    assert (port.link_up, port.port_state, port.phys_state, port.rate_mbps, port.lanes) == (0, 1, 2, None, None)


def rate_at(probe: NetProbe, ts_ms: int) -> tuple[int | None, int | None]:
    """Rate and lanes of the only port."""
    port = travels(NIC_SAMPLE, probe.sample(ts_ms)[0])
    return port.rate_mbps, port.lanes


def test_a_degraded_link_shows_its_lanes(tmp_path: Path) -> None:
    assert rate_at(one_port(tmp_path, rate="100 Gb/sec (1X NDR)"), 0) == (100_000, 1)


@pytest.mark.parametrize("changed", [{"state": "4: ACTIVE?"}, {"phys_state": "6: LinkErrorRecovery"}])
def test_a_rate_is_asked_when_the_link_changes_and_every_ten_seconds(tmp_path: Path, changed: dict[str, str]) -> None:
    probe = one_port(tmp_path)
    assert rate_at(probe, 0) == (400_000, 4)
    write(port_dir(tmp_path), {"rate": "100 Gb/sec (1X NDR)"})
    assert rate_at(probe, RATE_EVERY_MS - 1) == (400_000, 4)
    assert rate_at(probe, RATE_EVERY_MS) == (100_000, 1)
    write(port_dir(tmp_path), {"rate": "200 Gb/sec (2X NDR)", **changed})
    assert rate_at(probe, RATE_EVERY_MS + 1) == (200_000, 2), "it trained anew"
    write(port_dir(tmp_path), {"rate": "fast"})
    assert rate_at(probe, 0) == (None, None), "the clock was set back"
    write(port_dir(tmp_path), {"rate": "400 Gb/sec (4X NDR)"})
    assert rate_at(probe, 1) == (400_000, 4), "and what could not be read is asked at the next tick"
    sysfs.link_down(tmp_path)
    assert rate_at(probe, 2) == (None, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"400 Gb/sec (4X NDR)\n", (400_000, 4)),
        (b"2.5 Gb/sec (1X SDR)", (2_500, 1)),
        (b"800 Gb/sec (8X NDR)", (800_000, 8)),
        (b"25 Gb/sec", (25_000, None)),
        (b"99999999999 Gb/sec (4X)", (None, None)),
        (b"4294967.295 Gb/sec (4X)", (2**32 - 1, 4)),
        (b"4294967.296 Gb/sec (4X)", (None, 4)),
        (b"0 Gb/sec (1X)", (None, 1)),
        (b"fast", (None, None)),
    ],
)
def test_rates(text: bytes, said: tuple[int | None, int | None]) -> None:
    assert parse_rate(text) == said


def test_a_port_vanishes_and_returns(tmp_path: Path) -> None:
    probe = NetProbe(make_sysfs(tmp_path, h100_node(2)))
    assert not probe.rediscover(), "nothing has changed"
    sysfs.vanish(tmp_path)
    assert probe.rediscover()
    assert list(sample(probe)) == ["eth0", "mlx5_1/1"]
    make_sysfs(tmp_path, SysfsSpec(rdma=(RdmaSpec(counters={"link_downed": "7"}),)))
    assert probe.rediscover()
    assert sample(probe)["mlx5_0/1"].link_downed == 7


@pytest.mark.parametrize("place", ["state", "counters/symbol_error"])
def test_a_replaced_file_is_opened_anew(tmp_path: Path, place: str) -> None:
    probe = one_port(tmp_path)
    path = port_dir(tmp_path) / place
    new = tmp_path / "new"
    new.write_text("3: ARMED\n")
    shutil.move(new, path)
    assert sample(probe)["mlx5_0/1"].port_state == 4, "the old file is still the open one"
    assert probe.rediscover()
    port = sample(probe)["mlx5_0/1"]
    assert (port.port_state, port.symbol_error) == ((3, 0) if place == "state" else (4, None))


def reader(failing: str, code: int) -> Callable[[int, int, int], bytes]:
    """`pread` that fails for files whose path ends so, as the kernel does and a plain file cannot."""

    def read(fd: int, length: int, offset: int) -> bytes:
        if os.readlink(f"/proc/self/fd/{fd}").endswith(failing):
            raise OSError(code, os.strerror(code))
        return os.pread(fd, length, offset)

    return read


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EIO, errno.EOPNOTSUPP, errno.ENOENT])
def test_a_reading_that_fails_is_missing_for_its_tick(tmp_path: Path, code: int) -> None:
    make_sysfs(tmp_path, SysfsSpec(rdma=(RdmaSpec(),)))
    probe = NetProbe(tmp_path, read=reader("/counters/symbol_error", code))
    port = sample(probe)["mlx5_0/1"]
    assert (port.symbol_error, port.link_downed, port.saturated_mask) == (None, 0, 0)
    assert not probe.rediscover(), "it is the same file"


def test_a_device_that_went_away_is_opened_anew(tmp_path: Path) -> None:
    make_sysfs(tmp_path, SysfsSpec(rdma=(RdmaSpec(),)))
    probe = NetProbe(tmp_path, read=reader("/state", errno.ENODEV))
    port = sample(probe)["mlx5_0/1"]
    assert (port.link_up, port.port_state) == (None, None), "unknown, and not down"
    assert probe.rediscover()


def test_carrier_of_an_interface_that_is_off_gives_einval(tmp_path: Path) -> None:
    make_sysfs(tmp_path, SysfsSpec(ethernet=(EthernetSpec(),)))
    probe = NetProbe(tmp_path, read=reader("/carrier", errno.EINVAL))
    assert sample(probe)["eth0"].link_up is None
    write(tmp_path / "class/net/eth0", {"operstate": "down", "speed": "-1"})
    assert (sample(probe)["eth0"].link_up, sample(probe)["eth0"].rate_mbps) == (0, None)


def test_the_speed_of_a_link_is_asked_when_the_link_changes_and_every_ten_seconds(tmp_path: Path) -> None:
    """A negotiated speed stands until the link goes; reading it takes a lock that much else needs."""
    probe = NetProbe(make_sysfs(tmp_path, SysfsSpec(ethernet=(EthernetSpec(speed="100000"),))))
    assert sample(probe)["eth0"].rate_mbps == 100_000
    write(tmp_path / "class/net/eth0", {"speed": "25000"})
    assert sample(probe)["eth0"].rate_mbps == 100_000
    write(tmp_path / "class/net/eth0", {"carrier_changes": "5"})
    assert sample(probe)["eth0"].rate_mbps == 25_000, "it went down and up between two ticks"
    write(tmp_path / "class/net/eth0", {"speed": "10000"})
    assert sample(probe)["eth0"].rate_mbps == 25_000
    assert travels(NIC_SAMPLE, probe.sample(1_000 + RATE_EVERY_MS)[0]).rate_mbps == 10_000


def test_an_interface_without_carrier_is_down(tmp_path: Path) -> None:
    probe = NetProbe(make_sysfs(tmp_path, SysfsSpec(ethernet=(EthernetSpec(),))))
    write(tmp_path / "class/net/eth0", {"carrier": "0", "speed": "-1"})
    assert (sample(probe)["eth0"].link_up, sample(probe)["eth0"].rate_mbps) == (0, None)
    write(tmp_path / "class/net/eth0", {"speed": "25000"})
    assert sample(probe)["eth0"].rate_mbps is None, "whatever the file says"
    write(tmp_path / "class/net/eth0", {"carrier": "2"})
    assert sample(probe)["eth0"].link_up is None


def test_states_that_their_columns_cannot_hold(tmp_path: Path) -> None:
    probe = one_port(tmp_path)
    write(port_dir(tmp_path), {"state": "255: ?", "phys_state": "256: ?"})
    port = sample(probe)["mlx5_0/1"]
    assert (port.link_up, port.port_state, port.phys_state) == (0, 255, None)


def test_a_sum_of_nothing_is_zero_where_it_was_counted(tmp_path: Path) -> None:
    nothing = {"req_cqe_error": "0", "resp_cqe_error": "0"}
    assert counters(one_port(tmp_path, counters=nothing))["mlx5_0/1"].cqe_errors == 0


def test_ip_over_infiniband_is_no_port_of_its_own(tmp_path: Path) -> None:
    spec = SysfsSpec(rdma=(RdmaSpec(),), ethernet=(EthernetSpec(), EthernetSpec(name="ib0", type="32")))
    assert list(sample(NetProbe(make_sysfs(tmp_path, spec)))) == ["eth0", "mlx5_0/1"]


def test_pauses_are_told_with_the_slower_counters(tmp_path: Path) -> None:
    source = FakeEthtool({**mlx5_statistics(), "rx_prio3_pause": 5, "rx_prio4_pause": 6, "tx_prio3_pause_duration": 9})
    make_sysfs(tmp_path, SysfsSpec(ethernet=(EthernetSpec(),)))
    probe = NetProbe(tmp_path, ethtool=source)
    probe.sample(1)
    assert source.asked == [], "other ticks do not ask the driver"
    slow = counters(probe)["eth0"]
    assert (slow.pfc_rx_pause, slow.pfc_tx_pause, slow.pfc_tx_pause_us) == (11, 0, 9)
    probe.counters(2)
    assert source.asked.count(("names", "eth0")) == 1, "names are looked up once"
    source.values = {"new": 1, **source.values, "rx_prio3_pause": 50}
    assert counters(probe)["eth0"].pfc_rx_pause == 56, "and anew when their number changes"
    source.values = {"other": 1}
    assert counters(probe)["eth0"].pfc_rx_pause is None, "a driver that does not count it"
    source.silent.add("eth0")
    assert counters(probe)["eth0"].pfc_rx_pause is None
    probe.close()


def test_ports_and_descriptors_are_bounded(tmp_path: Path) -> None:
    spec = SysfsSpec(ethernet=tuple(EthernetSpec(name=f"eth{number}") for number in range(MAX_PORTS + 3)))
    before = len(os.listdir("/proc/self/fd"))
    probe = NetProbe(make_sysfs(tmp_path, spec))
    assert (len(probe.sample(1)), probe.left_out) == (MAX_PORTS, 3)
    probe.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_without_descriptors_left_ports_wait_for_the_next_rediscovery(tmp_path: Path) -> None:
    probe = NetProbe(make_sysfs(tmp_path, SysfsSpec(rdma=(RdmaSpec(),))))
    make_sysfs(tmp_path, SysfsSpec(ethernet=(EthernetSpec(),)))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = max(int(name) for name in os.listdir("/proc/self/fd"))
    try:
        for spare in (0, 6):
            resource.setrlimit(resource.RLIMIT_NOFILE, (opened + spare, limits[1]))
            probe.rediscover()
            assert sample(probe)["mlx5_0/1"].rx_packets == 40, "what is open stays so"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert probe.rediscover()
    assert sample(probe)["eth0"].tx_dropped == 4
    assert not probe.rediscover()


def test_names_that_are_not_utf8_still_travel(tmp_path: Path) -> None:
    make_sysfs(tmp_path, SysfsSpec(ethernet=(EthernetSpec(name="e\udcff0"),)))
    (row,) = NetProbe(tmp_path).sample(1)
    assert travels(NIC_SAMPLE, row).port == "e\ufffd0"


FILES = ("state", "phys_state", "rate", "link_layer", "counters/port_rcv_data", "counters/symbol_error",
         "hw_counters/out_of_sequence", "hw_counters/req_cqe_error")  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.dictionaries(st.sampled_from(FILES), st.binary(max_size=90), min_size=1))
def test_whatever_the_files_hold_the_row_travels(tmp_path: Path, content: dict[str, bytes]) -> None:
    make_sysfs(tmp_path, SysfsSpec(rdma=(RdmaSpec(),)))
    for name, data in content.items():
        (port_dir(tmp_path) / name).write_bytes(data)
    probe = NetProbe(tmp_path)
    (port,) = sample(probe).values()
    assert port.link_up in (None, 0, 1)
    assert list(counters(probe)) == [port.port]
    probe.close()


@given(value=st.integers(min_value=0, max_value=2**64 - 1))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_count_of_64_bits_comes_through_unchanged(tmp_path: Path, value: int) -> None:
    probe = one_port(tmp_path, counters={"port_rcv_packets": str(value), "port_xmit_data": str(value)})
    port = sample(probe)["mlx5_0/1"]
    assert (port.rx_packets, port.tx_bytes) == (value, value * 4 % 2**64)
    probe.close()
