"""Cohorts, repairs and lemons: worked examples, brute force, and how often they err."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, false_discovery_control, poisson

from clusterctl.analytics.stats import Tally, Units
from clusterctl.analytics.stats.cohort import BETTER, SAME, THIN, WORSE, Pair, cohorts_of, compare, compare_all
from clusterctl.analytics.stats.lemon import COUNTERS, high_counters, judged_units, lemons_of
from clusterctl.analytics.stats.multiple import benjamini_hochberg
from clusterctl.analytics.stats.repair import HELPED, WORSENED, Repaired, repairs_of


def test_x05_driver_a_is_worse() -> None:
    found = compare(Tally(25, 35_000), Tally(12, 40_000))
    assert found.ratio == pytest.approx(2.381, abs=1e-3)
    assert (found.low, found.high) == (pytest.approx(1.153, abs=1e-3), pytest.approx(5.201, abs=1e-3))
    assert found.p_value == pytest.approx(0.0168, abs=1e-4)
    assert found.verdict == WORSE
    assert compare(Tally(12, 40_000), Tally(25, 35_000)).verdict == BETTER


def test_x06_zero_faults() -> None:
    found = compare(Tally(0, 10_000), Tally(5, 12_000))
    assert (found.ratio, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(1.310, abs=1e-3)
    assert found.p_value == pytest.approx(0.0966, abs=1e-4)


def test_without_a_fault_in_b_there_is_no_upper_limit() -> None:
    found = compare(Tally(9, 1_000), Tally(0, 1_000))
    assert (found.ratio, found.high) == (None, None)
    assert found.low is not None
    assert found.low > 1
    assert found.verdict == WORSE


def test_five_faults_can_tell_nothing_and_six_can() -> None:
    for count in range(6):
        for other in range(6 - count):
            assert compare(Tally(count, 100), Tally(other, 100)).verdict == THIN
    assert compare(Tally(5, 100), Tally(0, 100)).p_value == 0.0625
    assert compare(Tally(6, 100), Tally(0, 100)).p_value == pytest.approx(0.03125)
    assert compare(Tally(6, 100), Tally(0, 100)).verdict == WORSE
    assert compare(Tally(0, 100), Tally(0, 100)).verdict == THIN
    assert compare(Tally(5, 0), Tally(3, 100)).verdict == THIN, "no exposure"


def test_no_difference_is_said_only_where_a_doubling_would_show() -> None:
    assert compare(Tally(10, 1_000), Tally(10, 1_000)).verdict == THIN
    assert compare(Tally(100, 1_000), Tally(100, 1_000)).verdict == SAME


def test_phi_divides_the_counts() -> None:
    """Counts with twice the variance of Poisson counts are worth half of them."""
    twice = compare(Tally(50, 35_000), Tally(24, 40_000), phi=2.0)
    once = compare(Tally(25, 35_000), Tally(12, 40_000))
    assert twice.p_value == pytest.approx(once.p_value)
    assert (twice.ratio, twice.low) == (pytest.approx(once.ratio), pytest.approx(once.low))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.1, 10.0))
def test_the_conditional_test_is_the_binomial(count_a: int, count_b: int, exposure: float) -> None:
    if not count_a + count_b:
        return
    found, trials, chance = (
        compare(Tally(count_a, exposure), Tally(count_b, 1.0)),
        count_a + count_b,
        exposure / (1 + exposure),
    )
    tails = binom.cdf(count_a, trials, chance), binom.sf(count_a - 1, trials, chance)
    assert found.p_value == pytest.approx(min(1.0, 2 * min(tails)), rel=1e-9)
    exact = binomtest(count_a, trials).proportion_ci(method="exact")
    assert found.low == pytest.approx(exact.low / (1 - exact.low) / exposure, abs=1e-9)
    if count_b:
        assert found.high == pytest.approx(exact.high / (1 - exact.high) / exposure, rel=1e-9)


def test_alike_groups_are_told_apart_at_most_once_in_twenty() -> None:
    generator = np.random.default_rng(5)
    for mean_a, mean_b in ((20.0, 20.0), (3.0, 12.0)):
        drawn = zip(generator.poisson(mean_a, 1_500), generator.poisson(mean_b, 1_500), strict=True)
        found = [compare(Tally(int(a), mean_a), Tally(int(b), mean_b)).verdict for a, b in drawn]
        assert np.mean([verdict in (WORSE, BETTER) for verdict in found]) <= 0.05


def test_many_comparisons_on_a_page_err_no_more_often_than_one() -> None:
    """20 alike cohorts: one page in twenty at most says that any differ. Each by itself would, on half of the pages."""
    generator = np.random.default_rng(6)
    pages, alone = [], []
    for _ in range(200):
        counts = generator.poisson(30.0, (20, 2)).tolist()
        pairs = [(Tally(a, 1_000.0), Tally(b, 1_000.0)) for a, b in counts]
        page = compare_all(pairs)
        pages.append(any(found.verdict in (WORSE, BETTER) for found in page))
        alone.append(any(found.p_value is not None and found.p_value < 0.05 for found in page))
    assert np.mean(pages) <= 0.05
    assert np.mean(alone) > 0.3


def test_cohorts_carry_what_they_stand_on() -> None:
    (found,) = cohorts_of([Pair("driver", "580.95", Tally(25, 35_000.0), "575.57", Tally(12, 40_000.0))])
    assert (found.dimension, found.a, found.b) == ("driver", "580.95", "575.57")
    assert (found.count_a, found.gpu_days_a, found.count_b, found.gpu_days_b) == (25, 35_000.0, 12, 40_000.0)
    assert found.verdict == WORSE


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=50))
def test_benjamini_hochberg_is_scipys(p_values: list[float]) -> None:
    assert benjamini_hochberg(p_values).tolist() == (false_discovery_control(p_values) <= 0.05).tolist()


def test_a_test_that_was_not_made_counts_for_nothing() -> None:
    assert benjamini_hochberg([0.03, math.nan, math.nan]).tolist() == [True, False, False]
    assert benjamini_hochberg([0.03, 0.9, 0.9]).tolist() == [False, False, False]
    assert benjamini_hochberg([]).tolist() == []


def test_a_repair_that_helped_and_one_that_did_not() -> None:
    done = [
        Repaired("n1", "2026-10-01T00:00:00Z", "GPU replaced", Tally(11, 224.0), Tally(0, 224.0)),
        Repaired("n2", "2026-10-01T00:00:00Z", "reseated", Tally(0, 224.0), Tally(10, 224.0), after_fault=False),
        Repaired("n3", "2026-10-01T00:00:00Z", "rebooted", Tally(2, 224.0), Tally(1, 224.0)),
    ]
    helped, worsened, thin = repairs_of(done, "in_service")
    assert (helped.verdict, worsened.verdict, thin.verdict) == (HELPED, WORSENED, THIN)
    assert (helped.count_before, helped.count_after, helped.before.value) == (11, 0, pytest.approx(1000 * 11 / 224))
    assert helped.p_value == pytest.approx(2 * 0.5**10), "the fault that led to the repair is left out"


def test_repairs_that_do_nothing_seldom_seem_to_help() -> None:
    """Repairs right after a fault, with a span before it that ends there: with that fault in the test they would seem to help
    far more often than one in twenty."""
    generator = np.random.default_rng(7)
    before, after = 1 + generator.poisson(6.0, 2_000), generator.poisson(6.0, 2_000)
    done = [
        repairs_of([Repaired("n", "", "", Tally(int(a), 100.0), Tally(int(b), 100.0))], "x")[0].verdict
        for a, b in zip(before, after, strict=True)
    ]
    helped, worsened = np.mean([v == HELPED for v in done]), np.mean([v == WORSENED for v in done])
    assert helped <= 0.025
    assert worsened <= 0.025
    assert helped == pytest.approx(worsened, abs=0.01)


def fleet(worst: int) -> Units:
    """X07: 500 nodes of 8 GPUs for 28 days, one node with `worst` faults, 56 others with one each."""
    return Units([f"n{i:03}" for i in range(500)], [worst] + [1] * 56 + [0] * 443, [224.0] * 500)


def test_x07_four_faults_stand_out_and_three_do_not() -> None:
    found = lemons_of("node", fleet(4), "in_service", window_days=28)
    (lemon,) = found.listed
    assert lemon.expected == pytest.approx(0.1122, abs=1e-4)
    assert lemon.p_value == pytest.approx(6.0e-6, abs=1e-7)
    assert lemon.significant
    (third,) = lemons_of("node", fleet(3), "in_service", window_days=28).listed
    assert third.p_value == pytest.approx(2.2e-4, abs=1e-5)
    assert not third.significant
    assert found.units_tested == 500


def test_a_candidate_needs_two_high_counters() -> None:
    high, low = [9.0] + [0.0] * 499, [0.0] * 500
    unknown = [math.nan] * 500
    for columns, expected in (((high, low), False), ((high, unknown), False), ((high, high), True)):
        counters = dict(zip(COUNTERS, columns, strict=False))
        found = lemons_of("node", fleet(4), "in_service", window_days=28, counters=counters)
        assert found.listed[0].candidate is expected
    assert found.share_of_nodes == pytest.approx(1 / 500)
    assert found.share_of_faults == pytest.approx(4 / 60)
    assert found.rate_without is not None
    assert found.rate_without.value == pytest.approx(1000 * 56 / (499 * 224))
    bare = lemons_of("node", fleet(4), "in_service", window_days=28)
    assert not bare.listed[0].candidate
    assert "fewer than two counters" in bare.remark


def test_a_counter_is_high_above_the_99th_percentile_only() -> None:
    spread = {"tickets": [float(i) for i in range(1, 201)]}
    assert np.flatnonzero(high_counters(spread, 200)).tolist() == [198, 199]
    assert high_counters({"tickets": [5.0] * 200}, 200).sum() == 0


def test_where_all_others_have_no_fault_chance_divides() -> None:
    """Two faults of two on one of a hundred nodes: 1e-4, and not the 0 that the others' rate of nothing would give."""
    units = Units([f"n{i}" for i in range(100)], [2] + [0] * 99, [10.0] * 100)
    assert judged_units(units).p_values[0] == pytest.approx(1e-4)


def test_a_unit_without_exposure_is_counted_and_not_tested() -> None:
    units = Units(["a", "b", "c"], [5, 0, 0], [0.0, 10.0, 10.0])
    found = lemons_of("node", units, "in_service", window_days=28)
    assert (found.units_tested, found.listed) == (2, [])
    assert "1 with faults could not be tested" in found.remark


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.floats(1.0, 300.0)), min_size=3, max_size=30))
def test_the_leave_one_out_p_is_by_the_others_rate(rows: list[tuple[int, float]]) -> None:
    counts, days = [row[0] for row in rows], [row[1] for row in rows]
    found = judged_units(Units([str(i) for i in range(len(rows))], counts, days))
    for index, (count, exposure) in enumerate(rows):
        mean = (sum(counts) - count) / (sum(days) - exposure) * exposure
        assert found.expected[index] == pytest.approx(mean)
        if mean > 0:
            assert found.p_values[index] == pytest.approx(poisson.sf(count - 1, mean), rel=1e-9)


@pytest.mark.parametrize(("nodes", "faults"), [(10, 10), (10, 200), (100, 60), (500, 200)])
def test_of_fleets_without_a_lemon_one_in_twenty_at_most_shows_one(nodes: int, faults: int) -> None:
    generator = np.random.default_rng(8)
    shown = [
        judged_units(Units([""] * nodes, counts.tolist(), [224.0] * nodes)).significant.any()
        for counts in generator.multinomial(faults, [1 / nodes] * nodes, size=600)
    ]
    assert np.mean(shown) <= 0.065, "5 %, and what 600 fleets may err"


def test_lemons_are_found() -> None:
    """Five nodes of 500 with forty times the rate: nearly all are found, and hardly anybody else."""
    generator = np.random.default_rng(9)
    means = np.array([4.0] * 5 + [0.1] * 495)
    found = np.zeros(2)
    for _ in range(100):
        stands = judged_units(Units([""] * 500, generator.poisson(means).tolist(), [224.0] * 500)).significant
        found += stands[:5].sum(), stands[5:].sum()
    assert found[0] / 500 > 0.5
    assert found[1] / found.sum() < 0.05


@pytest.mark.parametrize("size", [12_500, 100_000])
def test_a_great_fleet_is_ranked_at_once(size: int) -> None:
    """Not a figure of speed: a loop over units in Python would take many times as long."""
    generator = np.random.default_rng(10)
    units = Units([str(i) for i in range(size)], generator.poisson(0.05, size).tolist(), [28.0] * size)
    begin_s = time.process_time()
    found = lemons_of("gpu", units, "in_service", window_days=28)
    assert time.process_time() - begin_s < 1.5
    assert found.units_tested == size
