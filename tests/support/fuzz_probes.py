"""Any bytes, through the probes' parsers: what comes out must be None or fit its column. For tests and for fuzzers."""

from __future__ import annotations

from clusterctl.agent.probes.host_text import (
    cpu_times,
    first_number,
    memory,
    number_after,
    stalled_us,
    whole_seconds,
)
from clusterctl.agent.probes.module_pages import answer, attributes
from clusterctl.agent.probes.mounts import MAX_MOUNTS, mounts
from clusterctl.agent.probes.nic_port import parse_rate
from clusterctl.agent.probes.optics import decode
from clusterctl.schema import FILESYSTEM_SAMPLE, HOST_SAMPLE, NIC_HEALTH, NIC_SAMPLE
from tests.support.rows import travels


def fuzz_optics(data: bytes) -> None:
    """A module's memory."""
    found = decode(data)
    if found is None:
        return
    lanes = [each for each in (found.rx_power_uw, found.tx_power_uw, found.bias_ua) if each is not None]
    assert all(0 < len(each) <= 8 and min(each) >= 0 for each in lanes)
    row = NIC_HEALTH.row(
        ts=0,
        port="",
        pci="",
        module_temp_c=found.temp_c,
        module_voltage_mv=found.voltage_mv,
        module_rx_power_min_uw=min(found.rx_power_uw or (), default=None),
        module_tx_power_min_uw=min(found.tx_power_uw or (), default=None),
        module_bias_max_ua=max(found.bias_ua or (), default=None),
    )
    travels(NIC_HEALTH, row)


def fuzz_netlink(data: bytes) -> None:
    """An answer of the kernel's generic netlink."""
    told = answer(data, 1)
    found = attributes(data if told is None else told)
    assert sum(4 + len(value) for value in found.values()) <= len(data)


def fuzz_host_text(data: bytes) -> None:
    """Any file of procfs that the host's row is made of."""
    times = cpu_times(data)
    assert times is None or 0 <= times[1] <= times[0]
    row = HOST_SAMPLE.row(
        ts=0,
        period_ms=1_000,
        **memory(data),
        load_1m=first_number(data),
        uptime_s=whole_seconds(data),
        psi_cpu_some_us=stalled_us(data, b"some"),
        oom_kills=number_after(data, b"oom_kill "),
    )
    travels(HOST_SAMPLE, row)


def fuzz_mountinfo(data: bytes) -> None:
    """/proc/self/mountinfo."""
    found = mounts(data)
    assert len(found) <= MAX_MOUNTS
    for mount in found:
        row = FILESYSTEM_SAMPLE.row(ts=0, mount=mount.mount, device=mount.device, fstype=mount.fstype)
        travels(FILESYSTEM_SAMPLE, row)


def fuzz_rate(data: bytes) -> None:
    """The `rate` file of an RDMA port."""
    mbps, lanes = parse_rate(data)
    travels(NIC_SAMPLE, NIC_SAMPLE.row(ts=0, port="", link_layer="", pci="", rate_mbps=mbps, lanes=lanes))
