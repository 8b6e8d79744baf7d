"""What holds for every series: order, bounds, missing readings, and what a byte bound promises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterctl.analytics.communication.estimate import Estimate, estimate
from clusterctl.analytics.communication.grade import Grade
from clusterctl.analytics.communication.links import at_least
from clusterctl.analytics.communication.posterior import Between, Level, from_bursts, from_levels, from_prior
from clusterctl.analytics.communication.readings import Limits, Readings
from clusterctl.simulate.training.plan import JobPlan, Layout
from clusterctl.simulate.training.sampler import rank_of
from tests.accuracy_comm.telemetry import readings_of

LIMITS = Limits(nvlink_bytes_per_s=450e9, nic_bytes_per_s=50e9, power_w=700.0)
RATIOS = st.floats(0.0, 1.0)
HARMLESS = settings(max_examples=60, deadline=None)


@given(
    exposed=st.floats(0.0, 0.6), compute=st.floats(0.75, 0.99), comm=st.floats(0.0, 0.3), idle=st.floats(0.0, 0.3),
    off=st.floats(-1.0, 1.0), comm_off=st.floats(-1.0, 1.0),
)  # fmt: skip
@HARMLESS
def test_levels_within_their_deviation_keep_the_truth_within_the_interval(
    exposed: float, compute: float, comm: float, idle: float, off: float, comm_off: float
) -> None:
    g = 1 - idle
    s = compute * (g - exposed) + comm * exposed
    found = from_levels(g, s, Level(compute + 0.01 * off, 0.01), Level(comm + 0.01 * comm_off, 0.01))
    assert found.low - 1e-9 <= exposed <= found.high + 1e-9


@given(g=st.floats(0.5, 1.0), s=st.floats(0.2, 0.9), more=st.floats(0.001, 0.1), seen=RATIOS)
@HARMLESS
def test_more_sm_activity_never_means_more_communication(g: float, s: float, more: float, seen: float) -> None:
    for share in (
        lambda s: from_levels(g, s, Level(0.9, 0.01), Level(0.1, 0.01)),
        lambda s: from_prior(g, s, seen),
        lambda s: from_bursts(g, s, Level(0.9, 0.01), Level(0.1, 0.01), 1.0, Between(0.01, 0.1), 0.001),
    ):
        less_active, more_active = share(s), share(s + more)
        assert more_active.middle <= less_active.middle + 1e-9
        assert 0 <= more_active.low <= more_active.middle <= more_active.high <= 1


@given(local=st.floats(0.0, 0.1), nic=st.floats(0.0, 0.5))
@HARMLESS
def test_traffic_between_bursts_never_lowers_the_share(local: float, nic: float) -> None:
    """Compared with bursts that nothing moves between, and for any level of compute."""
    for compute in (0.75, 0.85, 0.95):
        level, comm = Level(compute, 0.003), Level(0.1, 0.007)
        quiet = from_bursts(1.0, 0.7, level, comm, 1.0, Between(0.0, 0.0), 0.001)
        found = from_bursts(1.0, 0.7, level, comm, 1.0, Between(local, nic), 0.001)
        assert found.middle >= quiet.middle - 0.003
        assert found.high >= quiet.high - 0.003


@st.composite
def odd_readings(draw: st.DrawFn) -> Readings:
    """Anything that the type admits: constant, empty, mostly missing, without a link, without GPM."""
    count = draw(st.integers(0, 80))
    chance = np.random.default_rng(draw(st.integers(0, 2**31)))

    def series(top: float) -> np.ndarray | None:  # type: ignore[type-arg]
        kind = draw(st.sampled_from(["none", "nan", "zero", "one", "random", "holes"]))
        made = {
            "none": None,
            "nan": np.full(count, np.nan),
            "zero": np.zeros(count),
            "one": np.full(count, top),
            "random": chance.random(count) * top,
            "holes": np.where(chance.random(count) < 0.4, np.nan, chance.random(count) * top),
        }
        return made[kind]

    return Readings(
        at_s=np.cumsum(chance.random(count) + 0.01),
        limits=draw(st.sampled_from([LIMITS, Limits()])),
        graphics=series(1.0),
        sm=series(1.0),
        tensor=series(1.0),
        nvlink_bytes_per_s=series(450e9),
        nic_bytes_per_s=series(50e9),
        power_w=series(700.0),
    )


def consistent(found: Estimate) -> bool:
    """A point only with an interval and a grade that has one; bounds in order and within [0, 1]."""
    if found.low is None or found.high is None or found.middle is None:
        return found.value is None and found.grade is None and found.low is None and found.high is None
    ordered = 0 <= found.low <= found.middle <= found.high <= 1
    return ordered and found.grade is not None and (found.value is not None) == found.grade.has_point


@given(readings=odd_readings())
@settings(max_examples=150, deadline=None)
def test_whatever_is_read_the_answer_is_consistent(readings: Readings) -> None:
    found = estimate(readings)
    assert consistent(found)
    if readings.sm is None or readings.graphics is None:
        assert found.value is None
        assert found.grade in (None, Grade.D)


@given(
    layout=st.sampled_from(list(Layout)), exposed=st.floats(0.0, 0.4), hidden=st.floats(0.0, 0.9),
    seed=st.integers(0, 2**31), step_s=st.sampled_from([1.0, 5.0]),
)  # fmt: skip
@settings(max_examples=20, deadline=None)
def test_bytes_never_prove_more_communication_than_there_was(
    layout: Layout, exposed: float, hidden: float, seed: int, step_s: float
) -> None:
    rank = rank_of(JobPlan(layout, step_s, exposed, hidden, seed=seed, window_s=60.0))
    bound = at_least(readings_of(rank.sampled(10.0))).total
    assert bound is not None
    assert bound <= rank.course.total(0, 60.0) + 0.005


@given(factor=st.floats(0.1, 10.0))
@settings(max_examples=15, deadline=None)
def test_units_do_not_matter(factor: float) -> None:
    readings = readings_of(rank_of(JobPlan(Layout.TAIL, 5.0, 0.2, seed=4, window_s=60.0)).sampled(10.0))
    assert readings.nic_bytes_per_s is not None
    scaled = replace(
        readings,
        nic_bytes_per_s=readings.nic_bytes_per_s * factor,
        limits=replace(readings.limits, nic_bytes_per_s=50e9 * factor),
    )
    first, second = estimate(readings), estimate(scaled)
    assert first.grade is second.grade
    assert first.middle is not None
    assert second.middle is not None
    assert abs(first.middle - second.middle) < 1e-6
