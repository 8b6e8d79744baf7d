"""Planning, and verdicts under overdispersion: the tables of docs/kpi.md, and brute force."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, poisson

from clusterctl.analytics.stats import ABOVE, BELOW, NOT_EXPOSED, rate_of, scaled, total_at_rate, verdict_of
from clusterctl.analytics.stats.planning import largest_count_below, plan_for, power_at

TABLE = [
    (1000, 1, 0.16, None, 0.0), (1000, 7, 1.12, None, 0.0), (1000, 30, 4.80, 6, 0.791), (1000, 90, 14.40, 30, 1.0),
    (4096, 7, 4.59, 6, 0.820), (4096, 30, 19.66, 43, 1.0), (10000, 1, 1.60, 0, 0.202), (10000, 7, 11.20, 22, 0.999),
]  # fmt: skip


@pytest.mark.parametrize(("gpus", "days", "expected", "largest", "power"), TABLE)
def test_the_planning_table(gpus: int, days: int, expected: float, largest: int | None, power: float) -> None:
    found = power_at(gpus * days, 0.16, 0.48)
    assert found.expected == pytest.approx(expected, abs=5e-3)
    assert found.largest_count == largest
    assert found.power == pytest.approx(power, abs=1e-3)


def test_the_exposure_that_gives_the_power() -> None:
    """24,310 first, and 30,050 for good where one looks at every tenth GPU-day: 30,048 is the first of them."""
    plan = plan_for(0.16, 0.48)
    assert plan.gpu_days_first == 24_310
    assert plan.gpu_days_for_good == 30_048


def test_no_exposure_tells_a_rate_from_itself() -> None:
    for rate in (0.48, 0.5, 0.4799):
        plan = plan_for(rate, 0.48)
        assert (plan.gpu_days_first, plan.gpu_days_for_good) == (None, None)


def by_definition(gpu_days: int, rate: float, target: float) -> float:
    """Power with nothing but scipy.stats: every count that gives below, weighed by its chance."""
    counts = range(int(target * gpu_days / 1000) + 2)
    allowed = [k for k in counts if 1000 * chi2.ppf(0.975, 2 * k + 2) / 2 <= target * gpu_days]
    return math.fsum(poisson.pmf(k, rate * gpu_days / 1000) for k in allowed)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60_000), st.floats(0.05, 0.6))
def test_power_is_the_chance_of_below(gpu_days: int, rate: float) -> None:
    assert power_at(gpu_days, rate, 0.48).power == pytest.approx(by_definition(gpu_days, rate, 0.48), abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.0, 0.9), st.floats(0.3, 0.95), st.integers(0, 2_000))
def test_first_and_for_good(share_of_target: float, power: float, beyond: int) -> None:
    rate, target = 0.4 * share_of_target, 0.4
    plan = plan_for(rate, target, power)
    assert plan.gpu_days_first is not None
    assert plan.gpu_days_for_good is not None
    assert power_at(plan.gpu_days_first, rate, target).power >= power
    assert power_at(plan.gpu_days_first - 1, rate, target).power < power
    assert power_at(plan.gpu_days_for_good - 1, rate, target).power < power
    assert power_at(plan.gpu_days_for_good + beyond, rate, target).power >= power


@settings(max_examples=50, deadline=None)
@given(st.floats(1.0, 200_000.0))
def test_the_largest_count_is_the_largest(gpu_days: float) -> None:
    found = largest_count_below(gpu_days, 0.48)
    for count in range(0 if found is None else found, (0 if found is None else found + 1) + 1):
        below = verdict_of(count, 0, gpu_days, 0.48, covered=True).verdict == BELOW
        assert below == (found is not None and count <= found)


@given(st.integers(0, 500), st.floats(1.0, 20.0))
def test_phi_widens_and_one_changes_nothing(count: int, phi: float) -> None:
    plain, wide = scaled(count, 1.0), scaled(count, phi)
    assert wide.low <= plain.low + 1e-9
    assert wide.high >= plain.high - 1e-9
    assert rate_of(count, 1000.0, "x", 1.0) == rate_of(count, 1000.0, "x")


def test_x04_the_wider_interval_takes_the_verdict_back() -> None:
    gpu_days, phi = 4096 * 30, 4.602
    assert verdict_of(22, 0, gpu_days, 0.30, covered=True).verdict == BELOW
    bound = verdict_of(22, 0, gpu_days, 0.30, covered=True, phi=phi)
    assert bound.verdict == NOT_EXPOSED
    assert bound.gpu_days_total_if_no_more == math.ceil(1000 * scaled(22, phi).high / 0.30)
    assert verdict_of(22, 0, gpu_days, 0.05, covered=True, phi=phi).verdict == ABOVE
    assert verdict_of(22, 0, gpu_days, 0.10, covered=True).verdict == ABOVE
    assert verdict_of(22, 0, gpu_days, 0.10, covered=True, phi=phi).verdict == NOT_EXPOSED


@settings(max_examples=25, deadline=None)
@given(st.floats(0.0, 0.4), st.floats(1.0, 8.0))
def test_the_total_at_the_observed_rate_takes_phi_along(rate: float, phi: float) -> None:
    total = total_at_rate(rate, 0.48, phi)
    assert total is not None
    assert 1000 * scaled(rate * total / 1000, phi).high / total <= 0.48
    assert 1000 * scaled(rate * (total - 1) / 1000, phi).high / (total - 1) > 0.48
