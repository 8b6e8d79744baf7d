"""Times to failure, expected ETTR, checkpoints, shares: the worked examples of docs/kpi.md, and what must hold anyway."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from clusterctl.analytics.stats import Rate, rate_of
from clusterctl.analytics.stats.ettr import Job, best_interval_min, expected_ettr, unproductive_share
from clusterctl.analytics.stats.scaling import (
    MODEL,
    PROJECTED,
    HoursInterval,
    expected_failures,
    gpu_rate,
    hours_between,
    mttf_of,
    no_interruption,
)
from clusterctl.analytics.stats.share import shortening

RSC = Rate(gpu_rate(6.50, 8), None, None, "stated")


@pytest.mark.parametrize(
    ("gpus", "hours", "label"),
    [(16_384, 1.803, PROJECTED), (131_072, 0.2254, PROJECTED), (100_000, 17.72 / 60, PROJECTED), (1024, 28.85, MODEL)],
)
def test_at11_mttf_by_size(gpus: int, hours: float, label: str) -> None:
    found = mttf_of(RSC, gpus, measured_gpus=1024)
    assert found.hours.value == pytest.approx(hours, rel=5e-4)
    assert found.label == label


@pytest.mark.parametrize("rate", [0.16, 0.48])
def test_mtti_table(rate: float) -> None:
    table = {1000: 24 / rate, 4096: {0.16: 36.6, 0.48: 12.2}[rate], 16_384: {0.16: 9.16, 0.48: 3.05}[rate]}
    for gpus, hours in table.items():
        assert mttf_of(Rate(rate, None, None, ""), gpus).hours.value == pytest.approx(hours, rel=2e-3)


def test_four_times_the_size_is_still_a_model_and_more_is_projected() -> None:
    assert mttf_of(RSC, 4000, 1000).label == MODEL
    assert mttf_of(RSC, 4001, 1000).label == PROJECTED


def test_the_interval_is_carried_along() -> None:
    found = mttf_of(rate_of(143, 864_000, "allocated"), 16_384).hours
    assert found.low is not None
    assert found.value is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    assert found.low == pytest.approx(24_000 / (0.1950 * 16_384), rel=1e-3)


def test_without_a_fault_only_the_least_is_known() -> None:
    assert hours_between(0, 24_000) == HoursInterval(None, pytest.approx(24_000 / 3.6889, rel=1e-4), None)
    assert mttf_of(rate_of(0, 1000, "x"), 8).hours.value is None
    assert mttf_of(rate_of(0, 1000, "x"), 8).hours.low is not None


def test_at01_hours_between_interruptions() -> None:
    assert hours_between(419, 54 * 24).value == pytest.approx(3.093, abs=1e-3)


@given(st.floats(0.001, 5.0), st.integers(1, 100_000), st.floats(0.1, 100.0))
def test_no_interruption_is_no_event_of_a_poisson(rate: float, gpus: int, hours: float) -> None:
    assert no_interruption(rate, gpus, hours) == pytest.approx(poisson.pmf(0, rate * gpus * hours / 24_000), abs=1e-12)


@pytest.mark.parametrize(
    ("nodes", "interval_min", "queue_min", "ettr"), [(2000, 60, 0, 0.684), (2000, 5, 0, 0.932), (1000, 30, 1, 0.905)]
)
def test_at12_expected_ettr(nodes: int, interval_min: float, queue_min: float, ettr: float) -> None:
    found = expected_ettr(Job(nodes * 0.0065, interval_min, restart_min=5, queue_min=queue_min))
    assert found == pytest.approx(ettr, abs=1e-3)


def test_beyond_half_the_model_gives_no_number() -> None:
    half = Job(1440 / 65, 120, restart_min=5)  # a failure every 65 min, 65 min lost to each
    assert half.lost_to_failures() == pytest.approx(1.0)
    assert expected_ettr(half) is None
    assert expected_ettr(Job(1440 / 131, 120, restart_min=5)) is not None
    assert expected_ettr(Job(1440 / 129, 120, restart_min=5)) is None


def test_the_best_interval() -> None:
    assert best_interval_min(16_384 / 8 * 0.0065, 1.0) == pytest.approx(14.7, abs=0.1)
    assert best_interval_min(0.0, 1.0) is None


@given(st.floats(0.01, 50.0), st.floats(0.01, 10.0), st.floats(0.2, 5.0))
def test_no_interval_loses_less(failures_per_day: float, blocked_min: float, factor: float) -> None:
    best = best_interval_min(failures_per_day, blocked_min)
    assert best is not None
    least = unproductive_share(Job(failures_per_day, best, blocked_min=blocked_min))
    assert unproductive_share(Job(failures_per_day, best * factor, blocked_min=blocked_min)) >= least * (1 - 1e-12)


def test_at29_what_a_smaller_share_is_worth() -> None:
    assert shortening(0.35, 0.037).step_shorter == pytest.approx(0.325, abs=1e-3)
    small = shortening(0.12, 0.06)
    assert small.step_shorter == pytest.approx(0.064, abs=1e-3)
    assert small.throughput_gain == pytest.approx(0.068, abs=1e-3)
    with pytest.raises(ValueError, match="under 1"):
        shortening(1.0, 0.1)


@given(st.floats(0.0, 0.95), st.floats(0.0, 0.95), st.floats(0.1, 100.0))
def test_the_compute_stays(before: float, after: float, step_s: float) -> None:
    """The step so shortened, less its share of communication, computes as long as before."""
    found = shortening(before, after)
    assert step_s * (1 - found.step_shorter) * (1 - after) == pytest.approx(step_s * (1 - before))
    assert 1 / (1 - found.step_shorter) == pytest.approx(1 + found.throughput_gain)


def test_at30_links() -> None:
    found = expected_failures(0.00057, 3000)
    assert found.mean == pytest.approx(1.71, abs=1e-2)
    assert found.none == pytest.approx(math.exp(-1.71))


@given(st.floats(0.0, 0.5), st.integers(1, 5_000), st.floats(0.1, 24.0))
def test_what_nineteen_of_twenty_periods_stay_within(share: float, units: int, periods: float) -> None:
    found = expected_failures(share, units, periods)
    low, high = poisson.ppf([0.025, 0.975], share * units * periods)
    assert (found.low, found.high) == (max(0, low), max(0, high))
