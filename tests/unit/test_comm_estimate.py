"""Exposed communication from telemetry, on series whose answer is known by arithmetic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clusterctl.analytics.communication.calibration import Profile, Signature, calibrate
from clusterctl.analytics.communication.estimate import LABEL, Job, estimate
from clusterctl.analytics.communication.grade import Grade, Reason
from clusterctl.analytics.communication.posterior import Level, from_levels
from clusterctl.analytics.communication.readings import Limits, Readings
from clusterctl.errors import InputError

COMPUTE, COMM = 0.90, 0.10
LIMITS = Limits(nvlink_bytes_per_s=400e9, nic_bytes_per_s=50e9, power_w=700.0)
SIGNATURE = Signature("job-1", "image-1", "tp1.pp1.dp8", 8)


def bursts(exposed: float = 0.2, seconds: int = 300, idle: float = 0.0, steps_s: int = 10, hz: int = 10) -> Readings:
    """Compute, then a burst over the NIC at 80 % of line rate, then nothing: each a whole number of samples."""
    step = steps_s * hz
    at = np.arange(seconds * hz)
    phase = at % step
    communicating = (phase >= round(step * (1 - exposed - idle))) & (phase < round(step * (1 - idle)))
    resting = phase >= round(step * (1 - idle))
    noise = 1 + 0.01 * np.random.default_rng(1).standard_normal(len(at))
    sm = np.where(resting, 0.0, np.where(communicating, COMM, COMPUTE)) * noise
    return Readings(
        at_s=(at + 1) / hz,
        limits=LIMITS,
        graphics=np.where(resting, 0.0, 1.0),
        sm=sm,
        tensor=np.where(communicating | resting, 0.0, 0.5),
        nvlink_bytes_per_s=np.zeros(len(at)),
        nic_bytes_per_s=np.where(communicating, 40e9, 0.0),
        power_w=np.where(communicating, 250.0, np.where(resting, 91.0, 600.0)),
    )


def blended(exposed: float = 0.2, samples: int = 300) -> Readings:
    """Slices shorter than a sample: every sample is the same blend."""
    noise = 1 + 0.01 * np.random.default_rng(2).standard_normal(samples)
    sm = (COMPUTE * (1 - exposed) + COMM * exposed) * noise
    nvlink = np.full(samples, 0.3 * exposed * 400e9)
    return Readings(
        at_s=np.arange(samples) + 1.0, limits=LIMITS, graphics=np.ones(samples), sm=sm,
        nvlink_bytes_per_s=nvlink, nic_bytes_per_s=np.zeros(samples),
    )  # fmt: skip


def test_levels_give_the_share_and_its_interval() -> None:
    # S = .9 x .75 + .1 x .25 = .7; sd = hypot(.75/.8 x .012, .25/.8 x .015, .004) = .01283
    found = from_levels(1.0, 0.7, Level(COMPUTE, 0.012), Level(COMM, 0.015))
    assert found.middle == pytest.approx(0.25)
    assert found.high - found.middle == pytest.approx(1.645 * 0.012831, rel=1e-3)
    assert found.middle - found.low == pytest.approx(found.high - found.middle)


def test_idle_time_is_not_communication() -> None:
    # g = .8 with 5 % exposed: S = .9 x .75 + .1 x .05
    assert from_levels(0.8, 0.68, Level(COMPUTE, 0.01), Level(COMM, 0.01)).middle == pytest.approx(0.05)


@pytest.mark.parametrize("exposed", [0.05, 0.1, 0.2, 0.4])
@pytest.mark.parametrize("idle", [0.0, 0.1])
def test_visible_bursts_are_measured(exposed: float, idle: float) -> None:
    found = estimate(bursts(exposed, idle=idle))
    assert found.grade is Grade.B
    assert found.reason is Reason.BURSTS
    assert found.value == pytest.approx(exposed, abs=0.005)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= exposed <= found.high
    assert found.step_s == pytest.approx(10.0, rel=0.01)
    assert found.label == LABEL


def test_slices_shorter_than_a_sample_give_bounds_and_no_point() -> None:
    found = estimate(blended())
    assert found.grade is Grade.D
    assert found.value is None
    assert found.reason is Reason.NOT_RESOLVED
    assert found.low is not None
    assert found.high is not None
    assert found.low <= 0.2 <= found.high
    assert found.high - found.low > 0.05


def test_local_traffic_between_bursts_takes_the_point_away() -> None:
    readings = bursts()
    assert readings.nvlink_bytes_per_s is not None
    found = estimate(replace(readings, nvlink_bytes_per_s=np.full(len(readings.at_s), 12e9)))  # 3 % of line rate
    assert found.grade is Grade.C
    assert found.value is None
    assert found.reason is Reason.FINE_TRAFFIC


def test_a_fine_layout_never_has_a_point_without_a_calibration() -> None:
    found = estimate(bursts(), Job(fine_layout=True))
    assert (found.grade, found.value, found.reason) == (Grade.C, None, Reason.FINE_LAYOUT)


def test_unread_links_are_not_idle_ones() -> None:
    found = estimate(replace(bursts(), nvlink_bytes_per_s=None))
    assert (found.grade, found.value, found.reason) == (Grade.D, None, Reason.NO_LOCAL_LINK)
    unread = estimate(replace(bursts(), nic_bytes_per_s=None))
    read = estimate(bursts())
    assert unread.low is not None
    assert unread.high is not None
    assert read.low is not None
    assert read.high is not None
    assert unread.high - unread.low > read.high - read.low
    assert unread.total_at_least.nic is None


def test_a_gpu_without_gpm_has_bounds_by_power_and_no_point() -> None:
    found = estimate(replace(bursts(), sm=None))
    assert (found.grade, found.value, found.reason) == (Grade.D, None, Reason.NO_GPM)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= 0.2 <= found.high
    assert found.high - found.low >= 0.3


def test_a_gpu_with_neither_gpm_nor_power_has_nothing() -> None:
    found = estimate(replace(bursts(), sm=None, power_w=None))
    assert (found.grade, found.value, found.low, found.high) == (None, None, None, None)
    assert found.reason is Reason.NO_GPM


def test_missing_samples_do_not_count_as_zero() -> None:
    readings = bursts(0.2)
    assert readings.sm is not None
    holes = np.random.default_rng(3).random(len(readings.at_s)) < 0.2
    found = estimate(replace(readings, sm=np.where(holes, np.nan, readings.sm)))
    assert found.value == pytest.approx(0.2, abs=0.015)
    assert found.samples == int((~holes).sum())


@pytest.mark.parametrize(
    ("readings", "reason"),
    [
        (Readings(at_s=np.array([]), limits=LIMITS), Reason.NO_SAMPLES),
        (bursts(seconds=2), Reason.FEW_SAMPLES),
        (replace(bursts(seconds=20), step_marks_s=np.array([0.0, 10.0, 20.0])), Reason.FEW_STEPS),
        (bursts(0.1, idle=0.75), Reason.MOSTLY_IDLE),
    ],
)
def test_too_little_to_say_anything(readings: Readings, reason: Reason) -> None:
    found = estimate(readings)
    assert (found.grade, found.value, found.low, found.high) == (None, None, None, None)
    assert found.reason is reason


def test_links_that_are_busy_while_the_gpu_is_not_are_refused() -> None:
    readings = bursts(0.0, idle=0.2)
    assert readings.graphics is not None
    copied = replace(readings, nic_bytes_per_s=np.where(readings.graphics == 0, 40e9, 0.0))
    found = estimate(copied)
    assert (found.grade, found.reason) == (None, Reason.COPY_ENGINE)


def test_small_kernels_alone_are_refused_or_doubted() -> None:
    low = replace(blended(0.0), sm=np.full(300, 0.25))
    assert estimate(low).reason is Reason.ALIKE
    half = replace(blended(0.0), sm=np.full(300, 0.6))
    assert Reason.SMALL_KERNELS in estimate(half).notes


class TestCalibrated:
    """One profile of 20 s, exposed 20 %, communication on 10 % of the SMs."""

    profile = Profile(begin_s=100.0, end_s=120.0, exposed=0.2, comm_sm=COMM)

    def test_the_level_of_compute_comes_out(self) -> None:
        found = calibrate(blended(), self.profile, SIGNATURE)
        assert found.compute == pytest.approx(COMPUTE, abs=0.01)
        assert found.comm == COMM

    @pytest.mark.parametrize("exposed", [0.05, 0.1, 0.3])
    def test_then_slices_have_a_point(self, exposed: float) -> None:
        job = Job(SIGNATURE, calibrate(blended(), self.profile, SIGNATURE), fine_layout=True, now_s=1000.0)
        found = estimate(blended(exposed), job)
        assert (found.grade, found.reason) == (Grade.A, Reason.CALIBRATED)
        assert found.value == pytest.approx(exposed, abs=0.01)

    @pytest.mark.parametrize(
        ("signature", "now_s", "reason"),
        [
            (replace(SIGNATURE, layout="tp8.pp1.dp1"), 1000.0, Reason.CALIBRATION_OTHER),
            (replace(SIGNATURE, world_size=16), 1000.0, Reason.CALIBRATION_WORLD),
            (SIGNATURE, 120.0 + 8 * 86_400, Reason.CALIBRATION_AGED),
            (SIGNATURE, 0.0, Reason.CALIBRATION_AGED),
        ],
    )
    def test_it_does_not_hold_for_another_job(self, signature: Signature, now_s: float, reason: Reason) -> None:
        job = Job(signature, calibrate(blended(), self.profile, SIGNATURE), now_s=now_s)
        found = estimate(blended(), job)
        assert found.grade is Grade.D
        assert found.value is None
        assert found.notes[0] is reason

    @pytest.mark.parametrize(("factor", "reason"), [(1.03, Reason.CALIBRATION_TENSOR), (1.01, Reason.CALIBRATED)])
    def test_other_compute_shows_in_tensor_activity(self, factor: float, reason: Reason) -> None:
        readings = replace(blended(), tensor=np.full(300, 0.4))
        job = Job(SIGNATURE, calibrate(readings, self.profile, SIGNATURE), now_s=1000.0)
        found = estimate(replace(readings, tensor=np.full(300, 0.4 * factor)), job)
        assert reason in (found.reason, *found.notes)

    def test_another_clock_ends_it(self) -> None:
        readings = replace(blended(), sm_clock_mhz=np.full(300, 1980.0))
        job = Job(SIGNATURE, calibrate(readings, self.profile, SIGNATURE), now_s=1000.0)
        assert estimate(readings, job).grade is Grade.A
        slower = estimate(replace(readings, sm_clock_mhz=np.full(300, 1755.0)), job)
        assert Reason.CALIBRATION_CLOCK in slower.notes

    def test_more_activity_than_compute_has_does_not_fit(self) -> None:
        job = Job(SIGNATURE, calibrate(blended(), self.profile, SIGNATURE), now_s=1000.0)
        found = estimate(replace(blended(), sm=np.full(300, 0.98)), job)
        assert Reason.CALIBRATION_FAR in found.notes

    @pytest.mark.parametrize(
        "profile",
        [
            Profile(100.0, 101.5, 0.2, COMM),
            Profile(1000.0, 1020.0, 0.2, COMM),
            Profile(100.0, 120.0, 0.95, COMM),
            Profile(100.0, 120.0, 0.7, COMM),
        ],
    )
    def test_a_profile_that_cannot_calibrate_is_an_error(self, profile: Profile) -> None:
        with pytest.raises(InputError):
            calibrate(blended(), profile, SIGNATURE)


@pytest.mark.parametrize(
    "broken",
    [
        {"at_s": np.array([1.0, 1.0])},
        {"at_s": np.array([1.0, np.nan])},
        {"sm": np.array([0.5])},
        {"sm": np.array([0.5, np.inf])},
        {"sm": np.array([0.5, -0.1])},
        {"sm": np.array([50.0, 90.0])},
    ],
)
def test_arrays_that_cannot_be_are_refused(broken: dict[str, np.ndarray]) -> None:  # type: ignore[type-arg]
    given = {"at_s": np.array([1.0, 2.0]), "sm": np.array([0.5, 0.5]), **broken}
    with pytest.raises(InputError):
        Readings(limits=LIMITS, **given)  # type: ignore[arg-type]
