"""What the readings of one GPU mean: heat, clocks, memory, the driver's own verdict. Numbers of real boards."""

from __future__ import annotations

from typing import Any

import pytest

from clusterctl.agent.checks import NodeFacts
from clusterctl.agent.checks.gpu_memory import RECOVERY
from clusterctl.config import ChecksConfig
from clusterctl.schema import GPU_HEALTH, GPU_SAMPLE
from clusterctl.schema.verdict import Action, State, Verdict
from tests.support.readings import START_MS, judge, series, told

A100 = series(GPU_HEALTH, temp_slowdown_c=89, memory_clock_max_mhz=1215)[0]
H100 = series(GPU_HEALTH, memory_clock_max_mhz=2619)[0]


@pytest.mark.parametrize(
    ("readings", "health", "expected"),
    [
        ({"temp_margin_c": 26, "temp_c": 59, "memory_temp_c": 54}, H100, ("ok", "none")),
        ({"temp_margin_c": 6}, H100, ("ok", "none")),
        ({"temp_margin_c": 5}, H100, ("warn", "inspect_cooling")),
        ({"temp_margin_c": 0}, H100, ("fail", "inspect_cooling")),
        ({"temp_margin_c": -2}, H100, ("fail", "inspect_cooling")),
        ({"temp_margin_c": 26, "memory_temp_c": 95}, H100, ("warn", "inspect_cooling")),
        ({"temp_c": 60}, A100, ("ok", "none")),
        ({"temp_c": 84}, A100, ("warn", "inspect_cooling")),
        ({"temp_c": 89}, A100, ("fail", "inspect_cooling")),
        ({"temp_c": 89}, None, ("unknown", "none")),
        ({"temp_c": None, "memory_temp_c": 40}, A100, ("unknown", "none")),
        ({"temp_c": None, "memory_temp_c": 96}, A100, ("warn", "inspect_cooling")),
    ],
)
def test_thermal_margin(readings: dict[str, Any], health: Any, expected: tuple[str, str]) -> None:
    assert told(judge("thermal_margin", health=health, **readings)) == expected


@pytest.mark.parametrize(
    ("masks", "expected"),
    [
        ([0x0], ("ok", "none")),
        ([0x1], ("ok", "none")),
        ([0x4] * 30, ("ok", "none")),  # the power cap is the normal state of a loaded GPU
        ([0x20], ("warn", "inspect_cooling")),
        ([0x4, 0x8], ("warn", "inspect_cooling")),
        ([0x48] * 4, ("warn", "inspect_cooling")),  # 30 s: not longer than the grace
        ([0x48] * 5, ("fail", "inspect_cooling")),
        ([0x80] * 5, ("fail", "inspect_power")),
        ([0x40, 0x40, None, 0x40, 0x40], ("warn", "inspect_cooling")),  # a tick without a reading ends the run
        ([0x40] * 5 + [0x4], ("ok", "none")),
        ([0x40] * 5 + [None], ("unknown", "none")),
    ],
)
def test_hardware_slowdown(masks: list[int | None], expected: tuple[str, str]) -> None:
    assert told(judge("hardware_slowdown", throttle_mask=masks)) == expected


def worker(
    clock: int | None, *, power_w: int = 632, busy: float | None = 0.99, mask: int = 0x4, n: int = 31
) -> list[Any]:
    return series(
        GPU_SAMPLE,
        sm_clock_mhz=[clock] * n,
        power_mw=power_w * 1_000,
        util_ratio=busy,
        throttle_mask=mask,
        memory_clock_mhz=2619,
    )


PEERS = {f"GPU-{n}": worker(1_900 + n) for n in range(7)}


@pytest.mark.parametrize(
    ("mine", "expected"),
    [
        (worker(1_890), ("ok", "none")),
        (worker(1_500), ("warn", "run_diagnostics")),
        (worker(1_500, mask=0x40), ("warn", "inspect_cooling")),
        (worker(1_500, mask=0x80), ("warn", "inspect_power")),
        (worker(345, busy=0.0, power_w=69, mask=0x1), ("ok", "none")),  # idle
        (worker(1_500, busy=0.6), ("ok", "none")),  # does less
        (worker(1_500, power_w=400, mask=0), ("ok", "none")),  # does other work: less power, and nothing holds it back
        (worker(1_500, power_w=400), ("warn", "run_diagnostics")),  # less power because it is capped
        (worker(1_500, n=3), ("ok", "none")),  # too short to say
        (worker(None), ("unknown", "none")),
        (worker(1_900, busy=None), ("unknown", "none")),
    ],
)
def test_clocks_below_neighbours(mine: list[Any], expected: tuple[str, str]) -> None:
    assert told(judge("clocks_below_neighbours", mine, neighbours=PEERS, health=H100)) == expected


def test_where_slower_begins() -> None:
    """Ten per cent below the others, five loaded samples, half busy, power within 15 %: each limit itself is still inside."""
    peers = {f"GPU-{n}": worker(2_000, power_w=600, mask=0) for n in range(7)}

    def state(clock: int, **work: Any) -> State:
        return judge(
            "clocks_below_neighbours", worker(clock, **{"power_w": 600, "mask": 0, **work}), neighbours=peers
        ).state

    assert state(1_800) is State.OK
    assert state(1_799) is State.WARN
    assert state(1_799, n=5) is State.WARN
    assert state(1_799, n=4) is State.OK
    assert state(1_799, power_w=510) is State.WARN
    assert state(1_799, power_w=509) is State.OK
    mixed = {**peers, "GPU-8": worker(2_400, power_w=600, mask=0)}
    assert judge("clocks_below_neighbours", worker(1_850, power_w=600, mask=0), neighbours=mixed).state is State.OK
    half = {"GPU-1": worker(2_000, busy=0.5)}
    assert judge("clocks_below_neighbours", worker(1_500, busy=0.5), neighbours=half).state is State.WARN


def test_an_only_gpu_has_nobody_to_be_slower_than() -> None:
    assert judge("clocks_below_neighbours", worker(1_000)).state is State.OK


def test_a_whole_node_that_is_idle_is_not_compared_with_one_that_works() -> None:
    idle = {name: worker(1_980, busy=0.02, power_w=70, mask=0x1) for name in PEERS}
    assert judge("clocks_below_neighbours", worker(1_500), neighbours=idle).state is State.OK


def test_the_memory_clock_belongs_at_its_greatest_under_load() -> None:
    slow = series(GPU_SAMPLE, sm_clock_mhz=[1_900] * 6, util_ratio=1.0, memory_clock_mhz=1593)
    assert told(judge("clocks_below_neighbours", slow, health=H100)) == ("warn", "run_diagnostics")
    top = series(GPU_HEALTH, memory_clock_max_mhz=2_000)[0]
    for clock, state in ((1_900, State.OK), (1_899, State.WARN)):
        rows = series(GPU_SAMPLE, sm_clock_mhz=[1_900] * 6, util_ratio=0.5, memory_clock_mhz=clock)
        assert judge("clocks_below_neighbours", rows, health=top).state is state
    idle = series(GPU_SAMPLE, sm_clock_mhz=[345] * 6, util_ratio=0.0, memory_clock_mhz=1593)
    assert judge("clocks_below_neighbours", idle, health=H100).state is State.OK


def test_power_capped_low() -> None:
    assert told(judge("power_capped_low", power_limit_mw=700_000, power_limit_default_mw=700_000)) == ("ok", "none")
    assert judge("power_capped_low", power_limit_mw=693_000, power_limit_default_mw=700_000).state is State.OK
    assert judge("power_capped_low", power_limit_mw=692_999, power_limit_default_mw=700_000).state is State.WARN
    low = judge("power_capped_low", power_limit_mw=500_000, power_limit_default_mw=700_000)
    assert told(low) == ("warn", "inspect_power")
    assert low.detail == "power limit 500 W, default 700 W"
    assert told(judge("power_capped_low", power_limit_mw=500_000)) == ("unknown", "none")


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([0, 0, 0], ("ok", "none")),
        ([7, 7, 7], ("ok", "none")),  # old ones are not growth
        ([0, 1], ("fail", "reset_gpu")),
        ([3, 0], ("unknown", "none")),  # a driver reload: what was counted in that step is unknown
        ([3, 0, 1], ("fail", "reset_gpu")),
        ([0], ("unknown", "none")),
        ([0, None], ("unknown", "none")),
        ([0, None, 0], ("ok", "none")),
        ([0, None, 2], ("fail", "reset_gpu")),
    ],
)
def test_ecc_uncorrected(counts: list[int | None], expected: tuple[str, str]) -> None:
    assert told(judge("ecc_uncorrected", ecc_uncorrected=counts)) == expected


def test_growth_is_of_the_last_five_minutes() -> None:
    assert judge("ecc_uncorrected", ecc_uncorrected=[0] + [1] * 30).state is State.FAIL
    assert judge("ecc_uncorrected", ecc_uncorrected=[0] + [1] * 31).state is State.OK


@pytest.mark.parametrize(
    ("sample", "health", "expected"),
    [
        ({"remap_pending": 0, "remap_failed": 0}, {}, ("ok", "none")),
        ({"remap_pending": 1, "remap_failed": 0}, {}, ("warn", "reset_gpu")),
        ({"remap_pending": 1, "remap_failed": 1}, {}, ("fail", "reseat_or_rma_gpu")),
        ({}, {"remap_pending": 0, "remap_failed": 0}, ("ok", "none")),
        ({}, {}, ("unknown", "none")),
        ({"remap_pending": 0}, {}, ("unknown", "none")),
        ({"remap_failed": 0}, {}, ("unknown", "none")),
        ({"remap_pending": 0, "remap_failed": 0}, {"remapped_uncorrected": 511}, ("ok", "none")),
        ({"remap_pending": 0, "remap_failed": 0}, {"remapped_uncorrected": 512}, ("fail", "reseat_or_rma_gpu")),
        ({"remap_pending": 0, "remap_failed": 0}, {"remap_banks_none": 1}, ("fail", "reseat_or_rma_gpu")),
        ({"remap_pending": 0, "remap_failed": 0}, {"sram_threshold_exceeded": 1}, ("fail", "reseat_or_rma_gpu")),
        ({"remap_pending": 0, "remap_failed": 0}, {"repair_tpc_pending": 1}, ("warn", "reset_gpu")),
        ({}, {"retired_pages_dbe": 0, "retired_pages_sbe": 3}, ("ok", "none")),
        ({}, {"retired_pages_dbe": 15, "retired_pages_sbe": 3}, ("warn", "reseat_or_rma_gpu")),
        ({}, {"retired_pages_dbe": 14, "retired_pages_sbe": 49}, ("fail", "reseat_or_rma_gpu")),
        ({}, {"retired_pages_dbe": 1, "retired_pending": 1}, ("warn", "reboot_node")),
    ],
)
def test_ecc_remap(sample: dict[str, int], health: dict[str, int], expected: tuple[str, str]) -> None:
    assert told(judge("ecc_remap", health=series(GPU_HEALTH, **health)[0], **sample)) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (0, ("ok", "none")),
        (1, ("fail", "reset_gpu")),
        (2, ("fail", "reboot_node")),
        (3, ("warn", "drain_node")),
        (4, ("warn", "drain_and_reset_gpu")),
        (5, ("fail", "recover_imex")),
        (6, ("fail", "reset_gpu")),
        (7, ("fail", "reboot_node")),
        (8, ("unknown", "none")),
        (None, ("unknown", "none")),
    ],
)
def test_recovery_action(asked: int | None, expected: tuple[str, str]) -> None:
    assert told(judge("recovery_action", recovery_action=asked)) == expected
    assert asked is None or asked == 8 or asked in RECOVERY


def facts(**known: Any) -> list[NodeFacts]:
    return [NodeFacts(START_MS, **known)]


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"gpus_expected": 8, "gpus_on_bus": 8, "gpus_seen": 8}, ("ok", "none")),
        ({"gpus_on_bus": 8, "gpus_seen": 8}, ("ok", "none")),
        ({"gpus_expected": 8, "gpus_on_bus": 7, "gpus_seen": 7}, ("fail", "reboot_node")),
        ({"gpus_on_bus": 8, "gpus_seen": 7}, ("fail", "reboot_node")),
        ({"gpus_on_bus": 0, "missing": "no_driver"}, ("ok", "none")),
        ({"gpus_expected": 0, "gpus_on_bus": 0, "gpus_seen": 0}, ("ok", "none")),
        ({"gpus_on_bus": 8, "missing": "driver_not_loaded"}, ("unknown", "none")),
        ({"gpus_seen": 8}, ("unknown", "none")),
    ],
)
def test_gpu_missing(known: dict[str, Any], expected: tuple[str, str]) -> None:
    assert told(judge("gpu_missing", facts(**known))) == expected


def test_why_nvml_could_not_be_asked_is_told() -> None:
    assert judge("gpu_missing", facts(gpus_on_bus=8, missing="driver_not_loaded")).detail == "NVML: driver_not_loaded"
    assert judge("gpu_missing", facts(gpus_on_bus=8)).detail == "NVML: no answer"


def test_both_kinds_of_absence_are_told() -> None:
    verdict = judge("gpu_missing", facts(gpus_expected=8, gpus_on_bus=7, gpus_seen=6))
    assert verdict.detail == "7 of 8 GPUs are on the PCI bus; 6 of 7 GPUs on the bus answer"


def test_nvml_hung() -> None:
    assert told(judge("nvml_hung", facts(gpus_seen=8))) == ("ok", "none")
    assert told(judge("nvml_hung", facts(missing="nvml_hung"))) == ("fail", "reboot_node")
    assert "GPU-7" in judge("nvml_hung", facts(gpus_seen=7, hung=("GPU-7",))).detail
    assert told(judge("nvml_hung", facts(gpus_on_bus=0, missing="no_NVIDIA_driver"))) == ("ok", "none")
    assert told(judge("nvml_hung", facts(missing="worker_died"))) == ("unknown", "none")


def test_nvml_slow() -> None:
    assert told(judge("nvml_slow", nvml_latency_us=[3_000] * 10)) == ("ok", "none")
    assert told(judge("nvml_slow", nvml_latency_us=[3_000] * 9 + [900_000])) == ("ok", "none")  # one slow call is one
    assert told(judge("nvml_slow", nvml_latency_us=[250_000] * 10)) == ("ok", "none")
    assert told(judge("nvml_slow", nvml_latency_us=[900_000] * 10)) == ("warn", "drain_and_reset_gpu")
    assert told(judge("nvml_slow", nvml_latency_us=[3_000, None])) == ("unknown", "none")


def test_persistence_off() -> None:
    assert told(judge("persistence_off", persistence=1)) == ("ok", "none")
    assert told(judge("persistence_off", persistence=0)) == ("warn", "enable_persistence")
    assert told(judge("persistence_off")) == ("unknown", "none")


def test_limits_are_the_configuration() -> None:
    strict = ChecksConfig(margin_warn_c=30.0)
    assert judge("thermal_margin", limits=strict, temp_margin_c=26).state is State.WARN


def test_the_worst_finding_counts_and_its_equals_are_told() -> None:
    bad, worse = Verdict.warn("warm", Action.INSPECT_COOLING), Verdict.fail("broken")
    assert Verdict.worst([]) == Verdict.ok()
    assert Verdict.worst([Verdict.ok(), Verdict.unknown("why")]).state is State.UNKNOWN
    assert Verdict.worst([bad, worse, Verdict.fail("gone", Action.REBOOT_NODE)]) == Verdict.fail(
        "broken; gone", Action.REBOOT_NODE
    )
