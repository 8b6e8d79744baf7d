"""Simulated training telemetry: the truth is what was asked for, and readings are averages of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clusterctl.errors import InputError
from clusterctl.simulate.training.course import course_of
from clusterctl.simulate.training.draw import State
from clusterctl.simulate.training.plan import JobPlan, Layout, Oddity
from clusterctl.simulate.training.sampler import rank_of

WINDOW_S = 120.0


def plan(layout: Layout = Layout.TAIL, **changes: object) -> JobPlan:
    return replace(JobPlan(layout, 1.0, 0.2, 0.4, 0.05, seed=7, window_s=WINDOW_S), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("layout", Layout)
def test_shares_are_as_planned_but_for_jitter_and_stragglers(layout: Layout) -> None:
    course = course_of(plan(layout))
    # hidden = .2 x .4 / .6; one step in a hundred has .3 of a step more
    assert course.exposed(0, WINDOW_S) == pytest.approx(0.2, abs=0.02)
    assert course.total(0, WINDOW_S) == pytest.approx(0.2 + 0.2 * 0.4 / 0.6, abs=0.02)
    assert course.share(0, WINDOW_S, (State.IDLE,)) == pytest.approx(0.05, abs=0.01)
    assert course.share(0, WINDOW_S, tuple(State)) == pytest.approx(1.0)
    assert 0 < course.waiting(0, WINDOW_S) < course.exposed(0, WINDOW_S)


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("hz", [10.0, 1.0])
def test_readings_average_to_the_truth(layout: Layout, hz: float) -> None:
    rank = rank_of(plan(layout))
    signals = rank.sampled(hz).signals
    lengths = np.diff(rank.course.edges_s)
    truth = np.average(rank.levels[rank.course.states], axis=0, weights=lengths)
    for column, name in enumerate(("graphics", "sm", "tensor", "dram", "nvlink", "nic")):
        assert signals[name].mean() == pytest.approx(truth[column], abs=0.02), name


def test_a_seed_repeats_and_another_does_not() -> None:
    first, again, other = (rank_of(plan(seed=seed)).sampled(10.0).signals["sm"] for seed in (7, 7, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first[: len(other)], other[: len(first)])


def test_ranks_share_their_steps_and_not_their_jitter() -> None:
    first, second = course_of(plan(rank=0)), course_of(plan(rank=1))
    assert len(first.steps_s) == len(second.steps_s)
    assert np.allclose(first.steps_s, second.steps_s, atol=1.0)
    assert not np.array_equal(first.edges_s[:50], second.edges_s[:50])


def test_a_copy_engine_leaves_no_kernel() -> None:
    rank = rank_of(plan(oddity=Oddity.COPY_ENGINE))
    assert rank.levels[State.MOVE, 0] == 0
    assert rank.levels[State.LAST_MOVE, 5] > 0
    assert rank.course.exposed(0, WINDOW_S) == pytest.approx(0.2, abs=0.02)


def test_a_stop_lasts_twenty_seconds() -> None:
    usual, stopped = course_of(plan()), course_of(plan(oddity=Oddity.STOP))
    more = stopped.share(0, WINDOW_S, (State.IDLE,)) - usual.share(0, WINDOW_S, (State.IDLE,))
    assert more * WINDOW_S == pytest.approx(20.0, rel=0.1)


@pytest.mark.parametrize(
    "changes", [{"exposed": -0.1}, {"exposed": 0.6, "idle": 0.4}, {"hidden": 1.0}, {"step_s": 0.0}]
)
def test_a_step_that_cannot_be_is_refused(changes: dict[str, float]) -> None:
    with pytest.raises(InputError):
        plan(**changes)
