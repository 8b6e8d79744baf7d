"""Intervals and verdicts against the published check values of docs/kpi.md."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from clusterctl.analytics.stats import (
    ABOVE,
    BELOW,
    NOT_ATTRIBUTED,
    NOT_COVERED,
    garwood,
    rate_of,
    total_at_rate,
    verdict_of,
)

TABLE = {
    0: (0, 3.6889), 1: (0.0253, 5.5716), 2: (0.2422, 7.2247), 3: (0.6187, 8.7673), 4: (1.0899, 10.2416),
    5: (1.6235, 11.6683), 6: (2.2019, 13.0595), 10: (4.7954, 18.3904), 20: (12.2165, 30.8884), 50: (37.1110, 65.9188),
    100: (81.3640, 121.6268), 419: (379.8359, 461.1059),
}  # fmt: skip


@pytest.mark.parametrize("count", TABLE)
def test_garwood_gives_the_published_limits(count: int) -> None:
    limits = garwood(count)
    assert limits.low == pytest.approx(TABLE[count][0], abs=1e-4)
    assert limits.high == pytest.approx(TABLE[count][1], abs=1e-4)


@given(st.integers(0, 2_000))
def test_garwood_is_the_exact_interval(count: int) -> None:
    """At the upper limit so few, and at the lower limit so many, come with a chance of 2.5 %."""
    limits = garwood(count)
    assert poisson.cdf(count, limits.high) == pytest.approx(0.025, rel=1e-6)
    if count:
        assert poisson.sf(count - 1, limits.low) == pytest.approx(0.025, rel=1e-6)


@pytest.mark.parametrize("count", [-1, math.nan])
def test_a_count_is_not_negative(count: float) -> None:
    with pytest.raises(ValueError, match="not negative"):
        garwood(count)


@pytest.mark.parametrize("gpu_days", [None, 0, 0.0])
def test_without_exposure_there_is_no_rate(gpu_days: float | None) -> None:
    rate = rate_of(3, gpu_days, "in_service")
    assert (rate.value, rate.low, rate.high) == (None, None, None)


@pytest.mark.parametrize(
    ("gpus", "days", "largest"),
    [(1000, 30, 6), (1000, 90, 30), (4096, 7, 6), (4096, 30, 43), (10000, 1, 0), (10000, 7, 22)],
)
def test_the_largest_count_that_is_below_048(gpus: int, days: int, largest: int) -> None:
    assert verdict_of(largest, 0, gpus * days, 0.48, covered=True).verdict == BELOW
    assert verdict_of(largest + 1, 0, gpus * days, 0.48, covered=True).verdict != BELOW


@pytest.mark.parametrize(("target", "total"), [(0.16, 23_056), (0.48, 7_686)])
def test_gpu_days_without_a_fault(target: float, total: int) -> None:
    verdict = verdict_of(0, 0, 0.0, target, covered=True)
    assert verdict.gpu_days_total_if_no_more == total
    assert verdict.gpu_days_needed == total
    assert verdict_of(0, 0, total, target, covered=True).verdict == BELOW
    assert verdict_of(0, 0, total - 1, target, covered=True).gpu_days_needed == 1


def test_x09_byterobust_against_both() -> None:
    assert verdict_of(143, 0, 864_000, 0.48, covered=True).verdict == BELOW
    thin = verdict_of(143, 0, 864_000, 0.16, covered=True)
    assert thin.gpu_days_total_if_no_more == 1_052_825
    assert thin.gpu_days_total_at_observed_rate is None, "never"


def test_the_unattributed_can_turn_below_into_not_decided() -> None:
    assert verdict_of(6, 0, 30_000, 0.48, covered=True).verdict == BELOW
    assert verdict_of(6, 4, 30_000, 0.48, covered=True).verdict == NOT_ATTRIBUTED


def test_above_needs_the_lower_limit() -> None:
    assert verdict_of(356, 7, 884_736, 0.16, covered=True).verdict == ABOVE


def test_too_little_watched_is_no_verdict() -> None:
    verdict = verdict_of(0, 0, 1e9, 0.48, covered=False)
    assert (verdict.verdict, verdict.gpu_days_needed) == (NOT_COVERED, None)


@given(st.floats(0.0, 0.4), st.sampled_from([0.48, 0.5]))
def test_the_total_at_the_observed_rate_is_the_smallest(rate: float, target: float) -> None:
    total = total_at_rate(rate, target)
    assert total is not None
    assert 1000 * garwood(rate * total / 1000).high / total <= target
    assert 1000 * garwood(rate * (total - 1) / 1000).high / (total - 1) > target
