"""Step period, waiting, calibration as text, and the job as a whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clusterctl.analytics.communication.calibration import Calibration, Signature, from_json, to_json
from clusterctl.analytics.communication.estimate import Estimate, estimate
from clusterctl.analytics.communication.grade import Grade, Reason
from clusterctl.analytics.communication.job import ABOVE, BELOW, NOT_DECIDED, gain, of_job, verdict
from clusterctl.analytics.communication.links import UNKNOWN_SPLIT, AtLeast
from clusterctl.analytics.communication.period import step_period_s
from clusterctl.analytics.communication.readings import Limits, Readings
from clusterctl.errors import InputError
from clusterctl.simulate.training.plan import JobPlan, Layout
from clusterctl.simulate.training.sampler import rank_of
from tests.accuracy_comm.telemetry import readings_of


def one(middle: float, half: float = 0.01, grade: Grade = Grade.B, reason: Reason = Reason.BURSTS) -> Estimate:
    """An estimate as the estimator would give it."""
    value = middle if grade.has_point else None
    at_least = AtLeast(0.05, 0.02, None)
    return Estimate(
        value, middle - half, middle + half, grade, reason, (), middle, at_least, UNKNOWN_SPLIT, 2.0, 300, 300.0
    )


NOTHING = Estimate(
    None, None, None, None, Reason.COPY_ENGINE, (), None, AtLeast(None, None, None), UNKNOWN_SPLIT, None, 300, 300.0
)


def wave(period_s: float, hz: float, seconds: float = 300.0) -> Readings:
    """A sawtooth of SM activity."""
    at = (np.arange(int(seconds * hz)) + 1) / hz
    return Readings(at_s=at, limits=Limits(), graphics=np.ones(len(at)), sm=0.3 + 0.6 * (at / period_s % 1))


class TestPeriod:
    @pytest.mark.parametrize(("period_s", "hz"), [(0.7, 10.0), (2.0, 10.0), (13.0, 10.0), (7.0, 1.0), (30.0, 1.0)])
    def test_a_rhythm_is_found(self, period_s: float, hz: float) -> None:
        assert step_period_s(wave(period_s, hz)) == pytest.approx(period_s, rel=0.03)

    def test_lost_samples_do_not_shift_it(self) -> None:
        readings = wave(5.0, 10.0)
        kept = np.random.default_rng(1).random(len(readings.at_s)) > 0.1
        assert step_period_s(readings.kept(kept)) == pytest.approx(5.0, rel=0.03)

    def test_no_rhythm_is_no_period(self) -> None:
        flat = Readings(at_s=np.arange(300.0), limits=Limits(), sm=np.full(300, 0.5))
        noise = replace(flat, sm=np.random.default_rng(1).random(300))
        assert step_period_s(flat) is None
        assert step_period_s(noise) is None

    def test_marks_of_the_job_count_more(self) -> None:
        assert step_period_s(replace(wave(5.0, 10.0), step_marks_s=np.array([8.0, 0.0, 4.0]))) == 4.0


class TestWaiting:
    def told(self, wait_share: float, layout: Layout = Layout.TAIL, step_s: float = 10.0) -> tuple[Estimate, float]:
        rank = rank_of(JobPlan(layout, step_s, 0.2, 0.3, 0.05, seed=5, wait_share=wait_share))
        return estimate(readings_of(rank.sampled(10.0))), rank.course.waiting(0, 300.0)

    @pytest.mark.parametrize("wait_share", [0.1, 0.3, 0.7])
    def test_long_bursts_tell_waiting_from_transfer(self, wait_share: float) -> None:
        found, truth = self.told(wait_share)
        assert found.parts.wait is not None
        assert found.parts.wait.low - 0.01 <= truth <= found.parts.wait.high + 0.01

    @pytest.mark.parametrize(("layout", "step_s"), [(Layout.FINE, 10.0), (Layout.TAIL, 0.5), (Layout.MIXED, 10.0)])
    def test_short_ones_do_not(self, layout: Layout, step_s: float) -> None:
        found, _ = self.told(0.3, layout, step_s)
        assert found.parts.wait is None
        assert found.parts.transfer is None

    def test_more_waiting_is_more_silence(self) -> None:
        silent = [self.told(share)[0].parts.silent or 0.0 for share in (0.1, 0.4, 0.8)]
        assert silent == sorted(silent)
        assert silent[2] > silent[0] + 0.05


class TestCalibrationText:
    calibration = Calibration(Signature("j", "i", "tp8", 64), 1e9, 0.9, 0.012, 0.1, 0.015, 0.55, 0.004, None)

    def test_it_comes_back(self) -> None:
        assert from_json(to_json(self.calibration)) == self.calibration

    @pytest.mark.parametrize(
        "text", [b"", b"{}", b"\xff\xfe", b'{"signature": 1}', to_json(replace(calibration, comm=0.85))]
    )
    def test_anything_else_is_refused(self, text: bytes) -> None:
        with pytest.raises(InputError):
            from_json(text)


class TestJob:
    def test_the_mean_keeps_the_width_of_its_ranks(self) -> None:
        found = of_job({"0": one(0.10), "1": one(0.14), "2": one(0.12)})
        assert found.value == pytest.approx(0.12)
        assert (found.low, found.high) == (pytest.approx(0.11), pytest.approx(0.13))
        assert found.spread is not None
        assert (found.spread.median, found.spread.low, found.spread.high) == (0.12, 0.10, 0.14)

    def test_the_worst_rank_gives_the_grade_and_takes_the_point(self) -> None:
        bounds = one(0.2, 0.06, Grade.D, Reason.NOT_RESOLVED)
        found = of_job({"0": one(0.10), "1": one(0.11), "2": bounds})
        assert (found.grade, found.value, found.reason) == (Grade.D, None, Reason.NOT_RESOLVED)

    def test_ranks_without_an_estimate_are_counted(self) -> None:
        found = of_job({"0": one(0.10), "1": NOTHING}, ranks=4)
        assert (found.ranks, found.ranks_seen) == (4, 1)
        assert Reason.COPY_ENGINE in found.notes
        assert verdict(found, 0.5).verdict == NOT_DECIDED

    def test_nothing_seen_says_why(self) -> None:
        found = of_job({"0": NOTHING}, ranks=2)
        assert (found.value, found.low, found.grade, found.reason) == (None, None, None, Reason.COPY_ENGINE)
        assert of_job({}).reason is Reason.NO_SAMPLES

    def test_the_rank_that_all_wait_for_is_named(self) -> None:
        ranks = {
            f"rank-{number}": one(0.20 + 0.001 * number, 0.05, Grade.D, Reason.NOT_RESOLVED) for number in range(8)
        }
        assert of_job(ranks).late_ranks == ()
        assert of_job({**ranks, "rank-5": one(0.13, 0.05, Grade.D)}).late_ranks == ("rank-5",)

    @pytest.mark.parametrize(
        ("found", "target", "wanted"),
        [
            (one(0.045), 0.06, BELOW),
            (one(0.055), 0.06, NOT_DECIDED),
            (one(0.08), 0.06, ABOVE),
            (one(0.02, 0.01, Grade.C, Reason.FINE_TRAFFIC), 0.12, NOT_DECIDED),
            (NOTHING, 0.12, NOT_DECIDED),
        ],
    )
    def test_a_verdict_needs_the_whole_interval_and_a_grade(self, found: Estimate, target: float, wanted: str) -> None:
        assert verdict(found, target).verdict == wanted
        assert verdict(of_job({"0": found}), target).verdict == wanted

    def test_what_less_communication_would_win(self) -> None:
        assert gain(0.12, 0.06) == pytest.approx(0.068, abs=5e-4)
        assert gain(0.3, 0.3) == 0

    def test_simulated_ranks_with_one_late(self) -> None:
        plan = JobPlan(Layout.FINE, 1.0, 0.2, 0.3, 0.03, seed=11, window_s=60.0)
        ranks = {}
        for rank in range(6):
            late = {"exposed": 0.14, "wait_share": 0.0} if rank == 4 else {}
            ranks[str(rank)] = estimate(readings_of(rank_of(replace(plan, rank=rank, **late)).sampled(10.0)))
        assert of_job(ranks, 6).late_ranks == ("4",)
