"""Where a rate changed: exact by enumeration, seldom wrong by simulation, also when faults cluster."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, multinomial

from clusterctl.analytics.stats import Tally
from clusterctl.analytics.stats.trend import Step, changes_of, trend_of
from clusterctl.analytics.stats.walk import chance_of_any
from tests.bench.statistics import Draw, bursts, independent


def steps_of(counts: list[int], gpu_days: float = 1000.0) -> list[Step]:
    days = [f"2026-09-{day:02}" if day <= 30 else f"2026-10-{day - 30:02}" for day in range(1, len(counts) + 2)]
    return [Step(days[i], days[i + 1], Tally(count, gpu_days)) for i, count in enumerate(counts)]


def test_a_change_is_found_where_it_was() -> None:
    counts = [1, 0, 1, 2, 0, 1, 1, 0, 1, 0, 2, 1, 0, 1, 1, 5, 4, 6, 3, 5, 4, 5, 7, 4, 5, 6, 3, 4, 5, 6]
    trend = trend_of(steps_of(counts), 1, "in_service")
    (change,) = trend.change_points
    assert change.at == "2026-09-16"
    assert change.before.value == pytest.approx(12 / 15)
    assert change.after.value == pytest.approx(72 / 15)
    assert change.ratio == pytest.approx(6.0)
    assert change.p_value <= 0.001
    assert [point.count for point in trend.points] == counts
    assert trend.points[0].rate.low is not None


def test_two_changes() -> None:
    trend = trend_of(
        steps_of([1, 0, 1, 2, 0, 1, 1, 0, 1, 1, 9, 7, 8, 9, 6, 9, 8, 7, 9, 8, 1, 0, 2, 1, 0, 1, 1, 0, 1, 1]),
        1,
        "x",
    )
    assert [change.at for change in trend.change_points] == ["2026-09-11", "2026-09-21"]
    first, second = trend.change_points
    assert first.after == second.before


def test_a_change_to_nothing_has_a_ratio_of_zero_and_from_nothing_has_none() -> None:
    counts = [5, 4, 6, 5, 4, 6, 5, 5, 4, 6, 5, 4] + [0] * 12
    (fell,) = trend_of(steps_of(counts), 1, "x").change_points
    (rose,) = trend_of(steps_of(counts[::-1]), 1, "x").change_points
    assert (fell.ratio, rose.ratio) == (0.0, None)


def test_twice_the_fleet_is_no_change_of_the_rate() -> None:
    steps = [*steps_of([2, 1, 3, 2, 2, 1, 3, 2, 2, 2], 1000.0), *steps_of([4, 3, 5, 4, 4, 3, 5, 4, 4, 4], 2000.0)]
    assert trend_of(steps, 1, "x").change_points == []


def test_a_burst_is_no_change() -> None:
    counts = [0] * 9 + [7] + [0] * 5 + [6] + [0] * 9 + [8] + [0] * 4
    assert trend_of(steps_of(counts), 1, "x").change_points == []


def test_steps_without_exposure_are_passed_over() -> None:
    counts = [0, 1, 0, 0, 1, 0, 0, 0, 9, 8, 9, 7, 8, 9, 8, 9]
    steps = steps_of(counts)
    blind = Step("2026-10-01", "2026-10-02", Tally(0, 0.0))
    trend = trend_of([*steps[:4], blind, *steps[4:]], 1, "x")
    assert trend.points[4].rate.value is None
    assert [change.at for change in trend.change_points] == ["2026-09-09"]


def test_too_few_steps_are_a_remark() -> None:
    trend = trend_of(steps_of([0, 9, 0, 9, 9]), 7, "x")
    assert (trend.change_points, len(trend.points)) == ([], 5)
    assert "fewer than 6 steps" in trend.remark
    assert trend_of([], 1, "x").points == []


def by_enumeration(least: float, total: int, shares: list[float], margin: int) -> float:
    """Every way in which `total` faults fall into the steps, weighed by its chance."""
    widths, chance = np.diff([0.0, *shares]), 0.0
    for counts in product(range(total + 1), repeat=len(shares)):
        if sum(counts) == total:
            sums = np.cumsum(counts)[margin - 1 : len(shares) - margin]
            at = np.asarray(shares)[margin - 1 : len(shares) - margin]
            tails = np.minimum(binom.cdf(sums, total, at), binom.sf(sums - 1, total, at))
            if min(1.0, 2 * tails.min()) <= least * (1 + 1e-9):
                chance += multinomial.pmf(counts, total, widths)
    return chance


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 6), st.lists(st.floats(0.2, 3.0), min_size=4, max_size=5), st.floats(0.001, 0.9))
def test_the_chance_of_any_small_p_is_exact(total: int, exposures: list[float], least: float) -> None:
    shares = (np.cumsum(exposures) / sum(exposures)).tolist()
    shares[-1] = 1.0
    # those that occur: the chance is a step function of `least`, and its edges are where it matters
    counts = np.arange(total + 1)
    tails = np.minimum(binom.cdf(counts, total, shares[1]), binom.sf(counts - 1, total, shares[1]))
    for p_value in (least, *np.minimum(1.0, 2 * tails).tolist()):
        exact = by_enumeration(p_value, total, shares, 2)
        found = chance_of_any(p_value, total, np.asarray(shares), 2)
        if exact >= p_value:  # a p-value that cannot occur is bounded by itself
            assert found == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize("draw", [independent, bursts])
@pytest.mark.parametrize(("mean", "days"), [(1.0, 30), (5.0, 13), (0.3, 60)])
def test_series_without_a_change_show_one_at_most_once_in_twenty(draw: Draw, mean: float, days: int) -> None:
    generator = np.random.default_rng(11)
    wrong = [bool(changes_of([Tally(count, 1000.0) for count in draw(generator, mean, days)])) for _ in range(250)]
    assert np.mean(wrong) <= 0.075, "5 %, and what 250 series may err"


def test_a_trebled_rate_is_found() -> None:
    generator = np.random.default_rng(12)
    found = 0
    for _ in range(50):
        counts = [*independent(generator, 1.0, 30), *independent(generator, 3.0, 30)]
        found += any(abs(change.index - 30) <= 6 for change in changes_of([Tally(count, 1000.0) for count in counts]))
    assert found >= 40


def test_a_part_of_a_series_is_searched_at_its_share_of_the_level() -> None:
    """A change with p 0.038 is one of a series by itself, and none of one half of a longer series."""
    calm = [Tally(count, 1000.0) for count in (2, 0, 0, 0, 2, 1, 1, 1, 0, 1, 1, 2, 4, 3, 2)]
    wild = [Tally(count, 1000.0) for count in (26, 26, 28, 18, 34, 36, 18, 39, 35, 36, 28, 37, 24, 27, 15)]
    assert [change.index for change in changes_of(calm)] == [11]
    assert [change.index for change in changes_of([*calm, *wild])] == [15]
