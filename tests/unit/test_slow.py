"""Slow units: worked by hand, what is found, and what cannot be told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterctl.analytics.slow import groups
from clusterctl.analytics.slow.chance import NORMAL, Spread, adjusted, chance
from clusterctl.analytics.slow.detect import Group, Rules, detect, own_past
from clusterctl.analytics.slow.groups import Untold, gpu_groups, port_groups
from clusterctl.analytics.slow.jobs import Job, holders
from clusterctl.analytics.slow.metrics import BUSY, GPU, LINK_RATE, MEMORY_CLOCK, POWER, SM_CLOCK, STEP_TIME, TRAFFIC
from clusterctl.analytics.slow.nodes import by_node
from clusterctl.analytics.slow.peers import Floats, behind, peer_medians, slower, threshold
from clusterctl.analytics.slow.questions import GpuKindRow
from clusterctl.analytics.slow.runs import runs
from clusterctl.analytics.slow.series import GPU_READINGS, Series
from tests.support.slowness import LOUD, QUIET, group, units

SIZE = threshold(0.10, SM_CLOCK)


# -- by hand ---------------------------------------------------------------------------------------------------------------


def test_the_median_of_the_others_is_without_oneself() -> None:
    column = np.array([[1.0], [2.0], [4.0], [8.0], [np.nan]])
    # without 1: 2 4 8; without 2: 1 4 8; without 4: 1 2 8; without 8: 1 2 4; who has no reading is not compared
    assert peer_medians(column, 3)[:, 0].tolist()[:4] == [4.0, 4.0, 2.0, 2.0]
    assert np.isnan(peer_medians(column, 3)[4, 0])
    assert np.isnan(peer_medians(column, 4)).all(), "three others are not four"


@given(st.lists(st.one_of(st.floats(-9, 9), st.just(float("nan"))), min_size=2, max_size=12))
def test_the_median_of_the_others_is_what_numpy_says(values: list[float]) -> None:
    told = peer_medians(np.array(values)[:, np.newaxis], 1)[:, 0]
    for index, value in enumerate(values):
        others = [other for at, other in enumerate(values) if at != index and not np.isnan(other)]
        if np.isnan(value) or not others:
            assert np.isnan(told[index])
        else:
            assert told[index] == pytest.approx(float(np.median(others)))


def test_a_clock_of_1782_among_1980_is_ten_percent_slower() -> None:
    values = np.array([[1_980.0], [1_980.0], [1_980.0], [1_980.0], [1_782.0]])
    late = behind(values, SM_CLOCK, 3)[:, 0]
    assert slower(late[4], SM_CLOCK) == pytest.approx(0.10)
    assert late[4] == pytest.approx(SIZE)
    assert late[0] == 0.0
    # a time is longer where a speed is lower: 1.1 s against 1 s
    assert slower(float(np.log(1.1)), STEP_TIME) == pytest.approx(0.10)


def test_a_run_has_the_minutes_in_which_it_was_slow() -> None:
    excess = np.zeros(120)
    excess[40:60] = 0.15
    (run,) = runs(excess, SIZE, 5)
    assert (run.first, run.last, run.level, run.observed) == (40, 60, pytest.approx(0.15), 20)


@pytest.mark.parametrize(
    ("minutes", "level", "found"), [(4, 0.15, 0), (5, 0.15, 1), (60, 0.09, 0), (60, 0.11, 1), (1, 9.0, 0)]
)
def test_a_run_is_five_minutes_long_and_ten_percent_large(minutes: int, level: float, found: int) -> None:
    excess = np.zeros(200)
    excess[100 : 100 + minutes] = level
    assert len(runs(excess, SIZE, 5)) == found


def test_throttling_that_comes_and_goes_is_one_run_and_a_long_pause_makes_two() -> None:
    flapping = np.zeros(200)
    for start in range(50, 110, 6):
        flapping[start : start + 4] = 0.3
    assert [(run.first, run.last) for run in runs(flapping, SIZE, 5)] == [(50, 108)]
    paused = np.zeros(200)
    paused[20:50] = paused[100:130] = 0.3
    assert [(run.first, run.last) for run in runs(paused, SIZE, 5)] == [(20, 50), (100, 130)]


def test_minutes_without_a_reading_are_not_slow() -> None:
    excess = np.full(100, np.nan)
    excess[50:53] = 0.3
    assert runs(excess, SIZE, 5) == []
    excess[60:63] = 0.3
    (run,) = runs(excess, SIZE, 5)
    assert (run.first, run.last, run.observed) == (50, 63, 6)


def test_chances_by_hand() -> None:
    assert chance(0.03, [Spread(0.01, NORMAL)]) == pytest.approx(0.00135, rel=0.01)
    assert chance(0.05, [Spread(0.03, NORMAL), Spread(0.04, NORMAL)]) == pytest.approx(0.1587, rel=0.01)
    assert chance(0.05, [Spread(0.01, 4.0)]) == pytest.approx(0.00375, rel=0.01)
    # a thousand comparisons, a day of ten-minute runs, four places each
    assert adjusted(1e-9, 1_000, 10, 1_440) == pytest.approx(1e-9 * 1_000 * 4 * 144)
    assert adjusted(0.5, 1_000, 10, 1_440) == 1.0


# -- what is found ---------------------------------------------------------------------------------------------------------


def test_a_slow_clock_among_peers_is_found_with_its_size_and_times() -> None:
    (found,) = detect(group(SM_CLOCK, 32, QUIET, 1, 720, {5: (200, 260, 0.2)}), Rules(comparisons=5_000))
    assert found.unit == units(32)[5]
    assert abs(found.first - 200) <= 1
    assert abs(found.last - 260) <= 1
    assert found.ratio == pytest.approx(0.2, abs=0.04)
    assert (found.peers, found.lasting) == (31, False)
    assert found.confidence > 0.99
    assert found.value / found.peers_value == pytest.approx(1 - found.ratio, abs=0.01)


def test_what_goes_on_at_the_end_lasts_and_what_stopped_reporting_does_not() -> None:
    made = group(SM_CLOCK, 16, QUIET, 1, 300, {5: (200, 300, 0.2)})
    assert [found.lasting for found in detect(made, Rules())] == [True]
    silent = made.values.copy()
    silent[5, 260:] = np.nan
    (ended,) = detect(replace(made, values=silent), Rules())
    assert (ended.lasting, ended.last) == (False, 260)


def test_a_faster_unit_is_never_slow() -> None:
    assert detect(group(SM_CLOCK, 16, QUIET, 1, 300, {5: (100, 250, -0.3)}), Rules()) == []


def test_a_difference_that_always_was_is_none_for_readings_that_depend_on_the_task() -> None:
    """A pipeline stage that has more to do is busier from its first minute on; a clock is speed whenever."""
    assert detect(group(BUSY, 16, QUIET, 1, 300, {5: (0, 300, 0.4)}), Rules()) == []
    assert len(detect(group(BUSY, 16, QUIET, 1, 300, {5: (150, 300, 0.4)}), Rules())) == 1
    assert len(detect(group(SM_CLOCK, 16, QUIET, 1, 300, {5: (0, 300, 0.4)}), Rules())) == 1


def test_what_a_unit_was_before_the_window_is_remembered() -> None:
    made = group(BUSY, 16, QUIET, 1, 300, {5: (0, 300, 0.4)})
    (found,) = detect(replace(made, baselines={made.units[5]: 0.0}), Rules())
    assert (found.first, found.lasting, found.ratio) == (0, True, pytest.approx(0.4, abs=0.05))


def test_many_slow_units_do_not_hide_one_another() -> None:
    slow = {index: (200, 260, 0.2) for index in range(8, 16)}
    made = group(SM_CLOCK, 32, QUIET, 1, 720, slow)
    found = detect(made, Rules())
    assert {one.unit for one in found} == set(made.units[8:16])
    (node,) = by_node(found, made.units)
    assert (node.unit, node.members) == (("n1", "n1"), tuple(sorted(device for _, device in made.units[8:16])))
    assert abs(node.first - 200) <= 1


def test_half_of_a_node_is_not_the_node() -> None:
    made = group(SM_CLOCK, 32, QUIET, 1, 720, {index: (200, 260, 0.2) for index in range(8, 12)})
    assert [one.members for one in by_node(detect(made, Rules()), made.units)] == [()] * 4


def test_a_job_is_compared_with_itself() -> None:
    chance_ = np.random.default_rng(2)
    steps = 2e6 * np.exp(chance_.normal(0, 0.01, (1, 400)))
    steps[0, 200:] *= 1.25
    (found,) = own_past(Group("7", STEP_TIME, (("", "7"),), steps), Rules())
    assert (found.first, found.lasting, found.peers) == (200, True, 0)
    assert found.ratio == pytest.approx(0.25, abs=0.01)
    assert found.peers_value == pytest.approx(2e6, rel=0.01)


def synchronous(slower: float, since: int, minutes: int = 300) -> dict[str, Floats]:
    """Sixteen GPUs of a synchronous job, a step a second: 0.7 s of compute, 0.3 s of communication. From some minute on GPU 5
    needs longer for the same kernels, at the same clock; the others wait for it, with a few SMs busy in the collective."""
    chance_ = np.random.default_rng(4)
    compute = np.full((16, minutes), 0.7) * np.exp(chance_.normal(0, 0.005, (16, minutes)))
    compute[5, since:] *= 1 + slower
    step = compute.max(axis=0) + 0.3
    rest = step - compute
    return {
        "sm_active_ratio": (compute + 0.05 * rest) / step,
        "tensor_ratio": np.broadcast_to(0.4 / step, compute.shape),
        "power_mw": 1e3 * (650 * compute + 350 * rest) / step,
        "nvlink_bytes_per_s": np.broadcast_to(4e11 / step, compute.shape),
        "sm_clock_mhz": np.full(compute.shape, 1_980.0),
        "step": step[np.newaxis, :],
    }


def test_the_straggler_is_found_and_none_of_those_who_wait_for_it() -> None:
    """All ranks step equally slowly, and the slow one is the busiest: utilisation would accuse the others."""
    seen = synchronous(0.3, 150)
    untold = Untold()
    rows = []
    for index in range(16):
        told = {name: seen[name][index] for name in seen.keys() & set(GPU_READINGS)}
        blank = {name: np.full(300, np.nan) for name in GPU_READINGS}
        rows.append(
            Series(
                f"n{index // 8}",
                f"g{index}",
                "7",
                "H100",
                {**blank, **told, "activity": seen["sm_active_ratio"][index]},
            )
        )
    found = [one for made in gpu_groups(rows, {}, 3, untold) for one in detect(made, Rules(comparisons=128))]
    assert [(one.unit[1], one.metric) for one in found] == [("g5", BUSY)]
    assert found[0].ratio == pytest.approx(0.3, abs=0.03)
    assert found[0].first == 150
    (job,) = own_past(Group("7", STEP_TIME, (("", "7"),), seen["step"]), Rules(comparisons=128))
    assert (job.first, job.ratio) == (150, pytest.approx(0.21, abs=0.02))


# -- what cannot be told ---------------------------------------------------------------------------------------------------


def test_a_job_on_one_node_or_with_too_few_peers_is_not_judged() -> None:
    one_node = group(SM_CLOCK, 8, QUIET, 1, 300, {5: (100, 300, 0.5)})
    assert detect(one_node, Rules()) == []
    three = Group("7", SM_CLOCK, (("a", "0"), ("b", "0"), ("c", "0")), one_node.values[3:6])
    assert detect(three, Rules()) == []


def test_most_of_a_job_slow_is_not_seen_by_peers() -> None:
    """Then the middle is slow: only the job's own past could say so. Nobody is accused falsely."""
    made = group(SM_CLOCK, 16, QUIET, 1, 300, {index: (100, 300, 0.3) for index in range(12)})
    assert detect(made, Rules()) == []


def test_silence_and_zeros_are_never_slow() -> None:
    made = group(SM_CLOCK, 16, QUIET, 1, 300)
    for silent in (np.nan, 0.0, -1.0):
        values = made.values.copy()
        values[5, 100:] = silent
        assert detect(replace(made, values=values), Rules()) == []


def test_power_counts_only_at_equal_activity() -> None:
    made = group(POWER, 16, QUIET, 1, 300, {5: (150, 300, 0.3)})
    equal = np.full(made.values.shape, 0.6)
    assert len(detect(replace(made, activity=equal), Rules())) == 1
    waits = equal.copy()
    waits[5, 150:] = 0.3
    assert detect(replace(made, activity=waits), Rules()) == []
    assert detect(replace(made, activity=None), Rules()) == []


def gpu(index: int, **given: float) -> Series:
    readings = {name: np.full(300, given.get(name, 1.0)) for name in GPU_READINGS}
    return Series(f"n{index // 4}", f"g{index}", "7", "85 bytes", readings)


def kind(index: int, **given: Any) -> tuple[tuple[str, str], GpuKindRow]:
    values = {"product": "H100", "limit_mw": 700_000, "default_mw": 700_000, "mig_on": 0, **given}
    return (f"n{index // 4}", f"g{index}"), GpuKindRow(f"n{index // 4}", f"g{index}", **values)


def made_groups(kinds: dict[tuple[str, str], GpuKindRow], count: int = 8) -> tuple[list[Group], dict[str, int]]:
    untold = Untold()
    found = [gpu(index, tensor_ratio=0.0 if not kinds else 0.4) for index in range(count)]
    return list(gpu_groups(found, kinds, 3, untold)), dict(untold.counts)


def test_only_equals_are_compared() -> None:
    mixed = dict([*(kind(index) for index in range(4)), *(kind(index, product="A100") for index in range(4, 8))])
    assert {(len(one.units), one.metric.name) for one in made_groups(mixed)[0] if one.metric is SM_CLOCK} == {
        (4, "sm_clock_mhz")
    }
    few = dict([*(kind(index) for index in range(6)), *(kind(index, product="A100") for index in (6, 7))])
    assert made_groups(few)[1] == {groups.FEW: 2}
    divided = dict([*(kind(index) for index in range(6)), *(kind(index, mig_on=1) for index in (6, 7))])
    made, untold = made_groups(divided)
    assert untold == {groups.MIG: 2}
    assert {len(one.units) for one in made} == {6}


def test_a_lowered_power_limit_makes_clock_and_power_say_nothing() -> None:
    made, untold = made_groups(dict(kind(index, limit_mw=400_000) for index in range(8)))
    assert untold == {groups.CAP: 8}
    assert {one.metric for one in made}.isdisjoint({SM_CLOCK, POWER})
    assert MEMORY_CLOCK in {one.metric for one in made}


def test_without_tensor_activity_work_is_unknown() -> None:
    made, untold = made_groups({})
    assert untold == {groups.NO_WORK: 8}
    (work,) = [one for one in made if one.metric is BUSY]
    assert np.isnan(work.values).all()


def test_a_port_counts_while_its_rail_is_used_by_one_job() -> None:
    jobs = [Job("7", {f"n{index}": (0, 300) for index in range(5)}, 40), Job("8", {"n4": (100, 200)}, 1)]
    traffic = [1e9, 1e9, 1e9, 1e9, 1e9]
    rows = [
        Series(
            f"n{index}",
            "mlx5_0/1",
            "",
            "CX7",
            {"rate_mbps": np.full(300, 400_000.0), "bytes_per_s": np.full(300, seen)},
        )
        for index, seen in enumerate(traffic)
    ]
    rate, bytes_ = port_groups(rows, jobs[0], holders(jobs), 300)
    assert (rate.metric, bytes_.metric) == (LINK_RATE, TRAFFIC)
    assert np.isnan(rate.values[4, 100:200]).all(), "shared with job 8"
    assert np.isfinite(rate.values[4, :100]).all()
    idle = [replace(row, readings={**row.readings, "bytes_per_s": np.full(300, 1_000.0)}) for row in rows]
    assert all(np.isnan(one.values).all() for one in port_groups(idle, jobs[0], holders(jobs), 300))


def test_a_slow_link_of_a_rail_is_found_from_its_first_minute() -> None:
    rates = np.full((6, 300), 400_000.0)
    rates[2] = 200_000.0
    made = Group("7", LINK_RATE, tuple((f"n{index}", "mlx5_0/1") for index in range(6)), rates)
    (found,) = detect(made, Rules())
    assert (found.unit, found.ratio, found.first, found.lasting) == (("n2", "mlx5_0/1"), pytest.approx(0.5), 0, True)


# -- noise -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", [SM_CLOCK, BUSY], ids=lambda metric: metric.name)
def test_noise_alone_is_hardly_ever_found(metric: Any) -> None:
    """Autocorrelated noise of 5 % a minute and 3 % a unit, 24 groups of half a day, at a stated rate of 5 %: at most 1.2 are
    expected, and five or more would come once in 170 times."""
    wrong = sum(
        bool(detect(group(metric, 16, LOUD, seed, 720), Rules(comparisons=16, false_alarm=0.05))) for seed in range(24)
    )
    assert wrong <= 4


def test_a_fifth_slower_for_ten_minutes_is_found_among_ten_thousand() -> None:
    rules = Rules(comparisons=80_000)
    hits = [
        units(64)[3] in {one.unit for one in detect(group(SM_CLOCK, 64, QUIET, seed, 720, {3: (300, 310, 0.2)}), rules)}
        for seed in range(12)
    ]
    assert sum(hits) >= 11


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(60, 200), st.integers(5, 60), st.floats(0.12, 0.6))
def test_whatever_is_found_keeps_the_rules(seed: int, first: int, minutes: int, ratio: float) -> None:
    made = group(SM_CLOCK, 16, QUIET, seed, 260, {2: (first, first + minutes, ratio)})
    for found in detect(made, Rules()):
        assert 0 <= found.first < found.last <= 260
        assert found.last - found.first >= 5
        assert found.ratio >= 0.10
        assert found.confidence >= 0.99
        assert found.metric.subject_kind == GPU
