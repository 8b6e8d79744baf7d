"""What links say: NVLink, its fabric, PCIe, network ports. Limits of telemetry that others publish."""

from __future__ import annotations

from typing import Any

import pytest

from clusterctl.agent.checks.registry import PortsSeen
from clusterctl.schema import (
    GPU_HEALTH,
    GPU_LINK_SAMPLE,
    GPU_SAMPLE,
    HOST_SAMPLE,
    NIC_LINK_SAMPLE,
    NIC_SAMPLE,
    SATURATING,
    SATURATING_SLOW,
)
from clusterctl.schema.verdict import State, Verdict
from tests.support.readings import START_MS, judge, series, told

ALL_18 = 2**18 - 1
LINKS_UP = {f"GPU-{n}": series(GPU_LINK_SAMPLE, nvlink_links=18, nvlink_active_mask=ALL_18) for n in range(7)}


@pytest.mark.parametrize(
    ("masks", "neighbours", "expected"),
    [
        ([ALL_18], LINKS_UP, ("ok", "none")),
        ([ALL_18 & ~(1 << 5)], LINKS_UP, ("fail", "check_fabric")),
        ([0], LINKS_UP, ("fail", "check_fabric")),
        ([ALL_18, ALL_18 & ~1], {}, ("fail", "check_fabric")),
        ([0], {}, ("ok", "none")),  # no bridge, no switch: nothing is in use
        ([0b1111], {}, ("unknown", "none")),
        ([0b1111], {"GPU-1": series(GPU_LINK_SAMPLE, nvlink_links=18, nvlink_active_mask=0b1111)}, ("ok", "none")),
        ([None], LINKS_UP, ("unknown", "none")),
    ],
)
def test_nvlink_down(masks: list[int | None], neighbours: Any, expected: tuple[str, str]) -> None:
    verdict = judge("nvlink_down", nvlink_links=18, nvlink_active_mask=masks, neighbours=neighbours)
    assert told(verdict) == expected


def test_the_link_that_is_down_is_named() -> None:
    verdict = judge("nvlink_down", nvlink_links=18, nvlink_active_mask=ALL_18 & ~(1 << 5), neighbours=LINKS_UP)
    assert verdict.detail == "17 of 18 NVLinks are up; down: 5"


OLD_NVLINK = {"nvlink_crc_errors": [0] * 7, "nvlink_replays": [0] * 7, "nvlink_recoveries": [0] * 7}
NVLINK_5 = {"nvlink_recoveries_failed": [0] * 7, "nvlink_effective_errors": [0] * 7}


@pytest.mark.parametrize(
    ("counters", "expected"),
    [
        (OLD_NVLINK, ("ok", "none")),
        (NVLINK_5, ("ok", "none")),
        ({**OLD_NVLINK, "nvlink_crc_errors": [0] * 6 + [30_000]}, ("ok", "none")),  # 100/s over five minutes
        ({**OLD_NVLINK, "nvlink_crc_errors": [0] * 6 + [30_001]}, ("fail", "run_diagnostics")),
        ({**OLD_NVLINK, "nvlink_replays": [0] * 6 + [51]}, ("warn", "run_diagnostics")),
        ({**OLD_NVLINK, "nvlink_recoveries": [0] * 6 + [1]}, ("warn", "run_diagnostics")),
        ({**NVLINK_5, "nvlink_recoveries_failed": [0] * 6 + [1]}, ("fail", "check_fabric")),
        ({**NVLINK_5, "nvlink_effective_errors": [5] * 6 + [None]}, ("unknown", "none")),
        ({"nvlink_links": 18}, ("unknown", "none")),
    ],
)
def test_nvlink_errors(counters: dict[str, Any], expected: tuple[str, str]) -> None:
    assert told(judge("nvlink_errors", **counters)) == expected


def test_nvlink_ber() -> None:
    floor = 15e-238
    assert told(judge("nvlink_ber", effective_ber=floor, symbol_ber=floor)) == ("ok", "none")
    assert told(judge("nvlink_ber", effective_ber=1e-12, symbol_ber=1e-15)) == ("ok", "none")
    assert told(judge("nvlink_ber", effective_ber=2e-12, symbol_ber=1e-15)) == ("fail", "check_fabric")
    assert told(judge("nvlink_ber", effective_ber=0.0)) == ("unknown", "none")
    assert told(judge("nvlink_ber")) == ("unknown", "none")


WIDE = {f"GPU-{n}": series(GPU_HEALTH, pcie_width=16, pcie_width_max=16) for n in range(7)}


def at_load(util: float | None) -> list[Any]:
    return series(GPU_SAMPLE, util_ratio=util)


@pytest.mark.parametrize(
    ("gen", "width", "samples", "expected"),
    [
        ((5, 5), (16, 16), at_load(1.0), ("ok", "none")),
        ((5, 5), (8, 16), at_load(1.0), ("fail", "reseat_or_rma_gpu")),
        ((5, 5), (8, 8), at_load(1.0), ("fail", "reseat_or_rma_gpu")),  # says that it has no more; its neighbours have
        ((1, 5), (16, 16), at_load(0.0), ("ok", "none")),
        ((4, 5), (16, 16), at_load(0.99), ("warn", "reseat_or_rma_gpu")),
        ((4, 5), (16, 16), at_load(None), ("unknown", "none")),
        ((4, 5), (16, 16), [], ("unknown", "none")),
        ((None, None), (16, 16), at_load(1.0), ("unknown", "none")),
        ((None, 5), (16, 16), at_load(1.0), ("unknown", "none")),
        ((5, None), (16, 16), at_load(1.0), ("unknown", "none")),
        ((5, 5), (None, 16), at_load(1.0), ("unknown", "none")),
    ],
)
def test_pcie_link(gen: Any, width: Any, samples: list[Any], expected: tuple[str, str]) -> None:
    columns = {"pcie_gen": gen[0], "pcie_gen_max": gen[1], "pcie_width": width[0], "pcie_width_max": width[1]}
    assert told(judge("pcie_link", neighbours=WIDE, samples=samples, **columns)) == expected


@pytest.mark.parametrize(
    ("gen", "lanes", "replays", "expected"),
    [
        (5, 16, 31, ("ok", "none")),  # DCGM: generation 5, 16 lanes, 31 a minute
        (5, 16, 32, ("warn", "reseat_or_rma_gpu")),
        (4, 16, 16, ("ok", "none")),  # ceil(16 x 0.96)
        (4, 16, 17, ("warn", "reseat_or_rma_gpu")),
        (7, 16, 0, ("unknown", "none")),
        (5, None, 0, ("unknown", "none")),
    ],
)
def test_pcie_replays(gen: int, lanes: int | None, replays: int, expected: tuple[str, str]) -> None:
    verdict = judge(
        "pcie_errors",
        pcie_fatal_errors=[0, 0],
        pcie_nonfatal_errors=[0, 0],
        samples=series(GPU_SAMPLE, pcie_replays=[0] * 6 + [replays]),
        health=series(GPU_HEALTH, pcie_gen=1, pcie_gen_max=gen, pcie_width=lanes)[0],
    )
    assert told(verdict) == expected


def test_pcie_fatal_errors() -> None:
    calm = {
        "samples": series(GPU_SAMPLE, pcie_replays=[0, 0]),
        "health": series(GPU_HEALTH, pcie_gen_max=5, pcie_width=16)[0],
    }
    quiet = judge("pcie_errors", pcie_fatal_errors=[2, 2], pcie_nonfatal_errors=[0, 0], **calm)
    assert told(quiet) == ("ok", "none")
    fatal = judge("pcie_errors", pcie_fatal_errors=[2, 3], pcie_nonfatal_errors=[0, 0], **calm)
    assert told(fatal) == ("fail", "reseat_or_rma_gpu")
    lesser = judge("pcie_errors", pcie_fatal_errors=[2, 2], pcie_nonfatal_errors=[0, 1], **calm)
    assert told(lesser) == ("warn", "reseat_or_rma_gpu")
    assert told(judge("pcie_errors", **calm)) == ("unknown", "none")


FINE_MASK = 0b01_10_10_10_10 | 1 << 8  # each fact false, configuration fine


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"fabric_state": 0}, ("ok", "none")),
        ({"fabric_state": 1}, ("warn", "check_fabric")),
        ({"fabric_state": 2}, ("warn", "check_fabric")),
        ({"fabric_state": 3, "fabric_status": 0, "fabric_health_mask": 0}, ("ok", "none")),
        ({"fabric_state": 3, "fabric_status": 0, "fabric_health_mask": 0b10101010 | 1 << 8}, ("ok", "none")),
        ({"fabric_state": 3, "fabric_status": 0, "fabric_health_mask": 0b01}, ("warn", "check_fabric")),
        ({"fabric_state": 3, "fabric_status": 0, "fabric_health_mask": 1 << 4}, ("fail", "check_fabric")),
        ({"fabric_state": 3, "fabric_status": 0, "fabric_health_mask": 2 << 8}, ("fail", "contact_support")),
        ({"fabric_state": 3, "fabric_status": 0, "fabric_health_summary": 3}, ("warn", "check_fabric")),
        ({"fabric_state": 3, "fabric_status": 999}, ("fail", "check_fabric")),
        ({"fabric_state": 3}, ("unknown", "none")),
        ({}, ("unknown", "none")),
    ],
)
def test_fabric_state(columns: dict[str, int], expected: tuple[str, str]) -> None:
    assert told(judge("fabric_state", **columns)) == expected


CLEAN: dict[str, Any] = dict.fromkeys(
    ("symbol_error", "link_error_recovery", "port_rcv_errors", "port_xmit_discards", "local_link_integrity_errors",
     "excessive_buffer_overrun_errors", "ack_timeout", "rnr_nak"), 0
)  # fmt: skip
CLEAN |= {"saturated_mask": 0}
SETTLED = series(HOST_SAMPLE, uptime_s=100_000)[0]
SLOWER = {field.name for field in NIC_LINK_SAMPLE.fields} - {field.name for field in NIC_SAMPLE.fields}


def judge_port(name: str, *, slow_mask: int | None = 0, host: Any = None, **columns: Any) -> Verdict:
    """The verdict on a port whose rows of both tables are equally many, each column in the table that has it."""
    steps = max([len(value) for value in columns.values() if isinstance(value, list)] or [1])
    slow = {column: columns.pop(column) for column in SLOWER & columns.keys()}
    counters = series(NIC_LINK_SAMPLE, saturated_mask=[slow_mask] * steps, **slow)
    return judge(name, series(NIC_SAMPLE, rx_packets=[None] * steps, **columns), counters=counters, host=host)


@pytest.mark.parametrize(
    ("counter", "grown", "expected"),
    [
        ("symbol_error", 10, ("ok", "none")),  # 120 an hour are 10 in five minutes
        ("symbol_error", 11, ("fail", "replace_cable_or_optics")),
        ("link_error_recovery", 5, ("ok", "none")),
        ("link_error_recovery", 6, ("warn", "replace_cable_or_optics")),
        ("port_rcv_errors", 600, ("ok", "none")),
        ("port_rcv_errors", 601, ("warn", "replace_cable_or_optics")),
        ("port_xmit_discards", 6_001, ("warn", "check_fabric")),
        ("ack_timeout", 60, ("ok", "none")),
        ("ack_timeout", 61, ("warn", "check_fabric")),
        ("local_link_integrity_errors", 1, ("fail", "replace_cable_or_optics")),
        ("excessive_buffer_overrun_errors", 1, ("fail", "replace_cable_or_optics")),
        ("rnr_nak", 100_000, ("warn", "none")),  # a slow receiver makes them
        ("rx_crc_errors", 61, ("warn", "replace_cable_or_optics")),
        ("slow_restart", 601, ("warn", "check_fabric")),
    ],
)
def test_nic_errors(counter: str, grown: int, expected: tuple[str, str]) -> None:
    columns = {**CLEAN, counter: [7] * 6 + [7 + grown]}
    assert told(judge_port("nic_errors", host=SETTLED, **columns)) == expected
    old = {**CLEAN, counter: [7 + grown] * 7}
    assert judge_port("nic_errors", host=SETTLED, **old).state is State.OK, "an old error is not a new one"


def test_an_ethernet_port_is_judged_by_what_it_has() -> None:
    quiet = judge_port("nic_errors", link_layer="ethernet", rx_crc_errors=[3, 3])
    assert told(quiet) == ("ok", "none")
    assert told(judge_port("nic_errors", link_layer="ethernet", rx_bytes=[3, 3])) == ("unknown", "none")


def test_a_missing_counter_of_infiniband_is_unknown() -> None:
    assert judge_port("nic_errors", **{**CLEAN, "symbol_error": [0, None]}).state is State.UNKNOWN


def test_a_slower_counter_that_is_lost_is_unknown() -> None:
    assert judge_port("nic_errors", **{**CLEAN, "rnr_nak": [0, None]}).state is State.UNKNOWN


def test_a_port_without_a_row_of_its_slower_counters_is_unknown() -> None:
    clean = {name: [value] * 2 for name, value in CLEAN.items() if name not in SLOWER}
    verdict = judge("nic_errors", host=SETTLED, **clean)
    assert (told(verdict), verdict.detail) == (("unknown", "none"), "no row of the slower counters")
    worse = judge("nic_errors", host=SETTLED, **{**clean, "symbol_error": [0, 11]})
    assert told(worse) == ("fail", "replace_cable_or_optics"), "which hides nothing of the others"


def test_links_settle_after_boot() -> None:
    errors = {**CLEAN, "symbol_error": [0, 500]}
    young = series(HOST_SAMPLE, start_ms=START_MS + 10_000, uptime_s=120)[0]
    assert judge_port("nic_errors", host=young, **errors).state is State.UNKNOWN
    burst = {**CLEAN, "symbol_error": [0, 500] + [500] * 20}
    later = series(HOST_SAMPLE, start_ms=START_MS + 210_000, uptime_s=400)[0]
    assert judge_port("nic_errors", host=later, **burst).state is State.OK, (
        "what came while it settled is not counted later"
    )
    slower = {**CLEAN, "rnr_nak": [0, 500] + [500] * 20}
    assert judge_port("nic_errors", host=later, **slower).state is State.OK
    assert judge_port("nic_errors", host=None, **errors).state is State.FAIL


def test_a_counter_at_its_top_is_unknown_and_a_finding_of_its_own() -> None:
    """A real H100 node: link_downed 255 on an active port, buffer overruns 15 on all nine devices."""
    full = sum(
        1 << bit for bit, name in enumerate(SATURATING) if name in ("link_downed", "excessive_buffer_overrun_errors")
    )
    columns = {**CLEAN, "link_downed": [255, 255], "excessive_buffer_overrun_errors": 15, "saturated_mask": full}
    assert told(judge_port("nic_errors", host=SETTLED, **columns)) == ("unknown", "none")
    verdict = judge_port("nic_saturated", **columns)
    assert told(verdict) == ("warn", "reset_counters")
    assert verdict.detail == "at the top: link_downed, excessive_buffer_overrun_errors"
    assert "perfquery -R" in verdict.action.meaning
    assert judge_port("nic_flaps", link_up=1, **columns).state is State.UNKNOWN


def test_nic_saturated() -> None:
    assert told(judge_port("nic_saturated", saturated_mask=0)) == ("ok", "none")
    assert told(judge_port("nic_saturated", slow_mask=None)) == ("unknown", "none")
    assert told(judge("nic_saturated", saturated_mask=0)) == ("unknown", "none"), "half of the counters is not known"
    dropped = judge_port("nic_saturated", saturated_mask=1, slow_mask=1 << list(SATURATING_SLOW).index("vl15_dropped"))
    assert told(dropped) == ("warn", "reset_counters")
    assert dropped.detail == "at the top: symbol_error, vl15_dropped"
    assert told(judge("nic_saturated", link_layer="ethernet")) == ("ok", "none")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"link_up": 1, "link_downed": [4, 4]}, ("ok", "none")),
        ({"link_up": 1, "link_downed": [4, 5]}, ("warn", "replace_cable_or_optics")),
        ({"link_up": 1, "link_downed": [4, 7]}, ("fail", "replace_cable_or_optics")),
        ({"link_up": 1, "carrier_changes": [10, 14]}, ("warn", "replace_cable_or_optics")),  # two losses
        ({"link_up": 1, "carrier_changes": [10, 16]}, ("fail", "replace_cable_or_optics")),
        ({"link_up": [1] + [0] * 23, "link_downed": 0}, ("warn", "replace_cable_or_optics")),
        ({"link_up": [1] + [0] * 24, "link_downed": 0}, ("fail", "replace_cable_or_optics")),  # four minutes
        ({"link_up": [0] * 30, "link_downed": 0}, ("ok", "none")),  # nothing was ever plugged in
        ({"link_up": 1}, ("unknown", "none")),
        ({"link_up": [1, None], "link_downed": 0}, ("unknown", "none")),
    ],
)
def test_nic_flaps(columns: dict[str, Any], expected: tuple[str, str]) -> None:
    assert told(judge("nic_flaps", **columns)) == expected


PORTS_UP = {f"mlx5_{n}/1": series(NIC_SAMPLE, link_up=1, rate_mbps=400_000, lanes=4) for n in range(1, 8)}
GOOD = {"link_up": 1, "rate_mbps": 400_000, "lanes": 4}


@pytest.mark.parametrize(
    ("columns", "neighbours", "expected"),
    [
        (GOOD, PORTS_UP, ("ok", "none")),
        ({**GOOD, "rate_mbps": 200_000}, PORTS_UP, ("warn", "replace_cable_or_optics")),
        ({**GOOD, "lanes": 2}, PORTS_UP, ("warn", "replace_cable_or_optics")),
        ({**GOOD, "rate_mbps": [400_000, 100_000]}, {}, ("warn", "replace_cable_or_optics")),
        ({**GOOD, "rate_mbps": 100_000, "link_layer": "ethernet"}, PORTS_UP, ("ok", "none")),  # another kind
        ({"link_up": 0}, PORTS_UP, ("warn", "replace_cable_or_optics")),
        ({"link_up": 0}, {}, ("unknown", "none")),
        ({"link_up": 1}, PORTS_UP, ("unknown", "none")),
        ({}, PORTS_UP, ("unknown", "none")),
    ],
)
def test_nic_link(columns: dict[str, Any], neighbours: Any, expected: tuple[str, str]) -> None:
    assert told(judge("nic_link", neighbours=neighbours, **columns)) == expected


def ports(*up: int, layer: str = "infiniband") -> dict[str, list[Any]]:
    return {
        str(n): series(NIC_SAMPLE, link_layer=layer, link_up=state, rate_mbps=400_000, lanes=4)
        for n, state in enumerate(up)
    }


def test_how_many_neighbours_say_what_is_usual() -> None:
    assert judge("nic_link", link_up=0, neighbours=ports(1, 1, 0)).state is State.WARN
    assert judge("nic_link", link_up=0, neighbours=ports(1, 1)).state is State.UNKNOWN
    assert judge("nic_link", link_up=0, neighbours=ports(1, 1, 0, 0)).state is State.UNKNOWN
    slow = {"link_up": 1, "rate_mbps": 200_000, "lanes": 4}
    assert judge("nic_link", neighbours=ports(1, 1, 1), **slow).state is State.WARN
    assert judge("nic_link", neighbours=ports(1, 1), **slow).state is State.OK
    assert (
        judge("nic_link", neighbours=ports(1, 1, 1, 1, layer="ethernet"), link_layer="ethernet", **slow).state
        is State.OK
    )


def test_nic_missing() -> None:
    both, one = frozenset({"mlx5_0/1", "mlx5_1/1"}), frozenset({"mlx5_0/1"})

    def after(*seen: frozenset[str]) -> tuple[str, str]:
        return told(judge("nic_missing", [PortsSeen(START_MS + n * 10_000, ports) for n, ports in enumerate(seen)]))

    assert after(one, both, both) == ("ok", "none")
    assert after(both, one, one) == ("ok", "none"), "two polls may miss it"
    assert after(both, one, one, one) == ("warn", "run_diagnostics")
    assert after(both, one, one, one, both) == ("ok", "none")


def test_devices_are_compared_with_their_kind() -> None:
    display = {"pcie_gen": 3, "pcie_gen_max": 3, "pcie_width": 8, "pcie_width_max": 8, "power_limit_max_mw": 30_000}
    assert told(judge("pcie_link", neighbours=WIDE, **display)) == ("ok", "none")
    assert told(judge("nvlink_down", nvlink_links=12, nvlink_active_mask=0xFFF, neighbours=LINKS_UP)) != (
        "fail",
        "check_fabric",
    )


def test_optics() -> None:
    assert told(judge("optics", module_temp_c=55, module_rx_power_min_uw=800.0)) == ("ok", "none")
    assert told(judge("optics", module_temp_c=75, module_rx_power_min_uw=800.0)) == ("warn", "inspect_cooling")
    assert told(judge("optics", module_rx_power_min_uw=50.0)) == ("ok", "none")
    assert told(judge("optics", module_rx_power_min_uw=0.0)) == ("warn", "replace_cable_or_optics")
    assert told(judge("optics", asic_temp_c=60)) == ("unknown", "none")
