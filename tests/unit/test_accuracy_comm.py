"""A short run of the accuracy study: the same figures as `make accuracy-comm`, on fewer jobs and with wider tolerances."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from clusterctl.analytics.communication.grade import Grade
from clusterctl.simulate.training.plan import JobPlan, Layout, Oddity
from tests.accuracy_comm import calibrations, targets
from tests.accuracy_comm.scores import plain, score
from tests.accuracy_comm.tables import first_rules, scored
from tests.accuracy_comm.trial import Trial, trials

FIRST = 30_000_000


@pytest.fixture(scope="module")
def found() -> list[Trial]:
    """72 jobs at both rates."""
    cells = itertools.product(
        (Layout.TAIL, Layout.FINE, Layout.MIXED), (1.0, 5.0, 10.0), (0.05, 0.1, 0.2, 0.3), (0.0, 0.5)
    )
    plans = (JobPlan(*cell, idle=0.05, seed=FIRST + number) for number, cell in enumerate(cells))
    return [one for plan in plans for one in trials(plan)]


def test_the_simulator_gives_the_figures_of_the_study_for_its_own_estimators(found: list[Trial]) -> None:
    ten = [one for one in found if one.hz == 10.0]
    prior = plain([one.plain["prior"] for one in ten], [one.truth for one in ten])
    known = score((one.known, one.truth) for one in ten)
    assert prior.median == pytest.approx(3.3, abs=1.2)
    assert known.median == pytest.approx(0.8, abs=0.4)
    assert known.covered > 85
    tail = [one for one in ten if one.layout == "tail"]
    em = plain([one.plain["em"] for one in tail], [one.truth for one in tail])
    assert em.median < 0.4


def test_ours_is_no_worse_than_the_first_rules(found: list[Trial]) -> None:
    for hz in (10.0, 1.0):
        group = [one for one in found if one.hz == hz]
        ours, theirs = scored(group), score((first_rules(one), one.truth) for one in group)
        assert ours.median <= theirs.median + 0.3
        assert ours.p90 <= theirs.p90 * 1.1 + 0.3


def test_intervals_hold_about_nine_truths_in_ten(found: list[Trial]) -> None:
    low, high = targets.COVERED
    assert low - 8 <= scored(found).covered <= high + 5


def test_visible_bursts_have_points_within_a_point_and_a_half(found: list[Trial]) -> None:
    seen = [one for one in found if one.estimate.grade is Grade.B]
    assert len(seen) > 20
    assert scored(seen).p90 < 1.5


def test_slices_never_get_a_point(found: list[Trial]) -> None:
    assert all(one.estimate.value is None for one in found if one.layout == "fine")


def test_bytes_never_prove_too_much(found: list[Trial]) -> None:
    for one in found:
        assert one.estimate.total_at_least.total is not None
        assert one.estimate.total_at_least.total <= one.total + 0.005


def test_a_calibrated_job_is_followed_through_a_change() -> None:
    plans = [
        JobPlan(layout, 5.0, 0.1, 0.3, 0.05, seed=FIRST + number) for number, layout in enumerate(calibrations.LAYOUTS)
    ]
    for plan in plans:
        course = calibrations.course(plan, drift=0.0, steps=3)
        assert course is not None
        assert course.before.grade is Grade.A
        assert course.after.value == pytest.approx(course.after_truth, abs=0.02)
        assert course.before.value == pytest.approx(course.before_truth, abs=0.015)


def odd(oddity: Oddity) -> list[Trial]:
    """Four jobs of bursts that deviate."""
    plans = (JobPlan(Layout.TAIL, 2.0, 0.2, 0.5, 0.05, seed=FIRST + n, oddity=oddity) for n in range(4))
    return [one for plan in plans for one in trials(plan, (10.0,), plain=False)]


def test_copy_engine_bursts_are_refused() -> None:
    assert all(one.estimate.grade is None for one in odd(Oddity.COPY_ENGINE))


def test_small_kernels_are_a_blind_spot() -> None:
    """As the documentation warns: a change that makes this fail is an improvement to write down there."""
    errors = [(one.estimate.middle or 0.0) - one.truth for one in odd(Oddity.TINY_KERNELS)]
    assert np.mean(errors) == pytest.approx(0.10, abs=0.02)
