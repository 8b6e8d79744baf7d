"""Exposed communication of one GPU from telemetry: value, interval, grade and reason, or the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from clusterctl.analytics.communication import power
from clusterctl.analytics.communication.bursts import Bursts, bursts
from clusterctl.analytics.communication.calibration import Calibration, Signature, demotion
from clusterctl.analytics.communication.grade import Grade, Reason
from clusterctl.analytics.communication.links import UNKNOWN_SPLIT, AtLeast, Split, at_least, split
from clusterctl.analytics.communication.mixture import Phases, phases
from clusterctl.analytics.communication.period import step_period_s
from clusterctl.analytics.communication.posterior import (
    MIN_APART,
    NOISE,
    NOISE_OF_BURSTS,
    PURE,
    USUAL_COMM,
    Between,
    Level,
    Share,
    from_bursts,
    from_levels,
    from_prior,
    share_of,
)
from clusterctl.analytics.communication.readings import Floats, Readings, measured
from clusterctl.analytics.communication.refusal import enough, too_little, too_strange

LABEL = "model, not validated on hardware"
"""Beside every value from telemetry until an hour on real hardware says otherwise."""
COMPUTE_SD_SHARE, COMPUTE_SD_MIN = 0.12, 0.0015
"""How well the level of compute is known, against the scatter of its samples: kernels of a step differ."""
COMPUTE_SD_ASSUMED, COMM_SD = 0.006, 0.010
DOUBTFUL_SM = 0.70
UNREAD_NIC = 0.15
"""Traffic between bursts, in shares of line rate, that a NIC may have which nobody reads."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Shares of wall time. `value` is missing unless the grade has a point; `low` and `high` where nothing is known."""

    value: float | None
    low: float | None
    high: float | None
    grade: Grade | None
    reason: Reason
    notes: tuple[Reason, ...]
    """Further doubts, and why a better grade was refused."""
    middle: float | None
    """Of the interval's distribution: to order jobs by, never to be printed as a value."""
    total_at_least: AtLeast
    parts: Split
    step_s: float | None
    samples: int
    window_s: float
    label: str = LABEL


@dataclass(frozen=True, slots=True)
class Job:
    """What is known of the job beside its telemetry."""

    signature: Signature | None = None
    calibration: Calibration | None = None
    fine_layout: bool = False
    """Tensor or expert parallel, as far as anybody said."""
    now_s: float = 0.0
    """On the clock of the calibration."""


UNKNOWN_JOB = Job()


def estimate(readings: Readings, job: Job = UNKNOWN_JOB) -> Estimate:
    """The best that can be said. Samples without SM activity do not count; a missing reading is never a zero."""
    period_s = step_period_s(readings)
    blank = Estimate(
        None, None, None, None, Reason.NO_SAMPLES, (), None,
        at_least(readings), UNKNOWN_SPLIT, period_s, len(readings.at_s), readings.window_s,
    )  # fmt: skip
    refused = too_little(readings, period_s)
    if refused is not None:
        return replace(blank, reason=refused)
    if not enough(readings):
        return _by_power(readings, blank)
    return _by_activity(readings.kept(measured(readings)), job, blank)


def _by_power(readings: Readings, blank: Estimate) -> Estimate:
    share = power.share(readings)
    if share is None:
        return replace(blank, reason=Reason.NO_GPM)
    return _with(blank, share, Grade.D, Reason.NO_GPM)


def _by_activity(readings: Readings, job: Job, blank: Estimate) -> Estimate:
    if readings.graphics is None or readings.sm is None:
        return replace(blank, reason=Reason.NO_GPM)
    graphics, sm = readings.graphics, readings.sm
    blank = replace(blank, samples=len(graphics))
    fit = phases(graphics, sm)
    if fit is None:
        return replace(blank, reason=Reason.MOSTLY_IDLE)
    refused = too_strange(readings, graphics, sm, fit)
    if refused is not None:
        return replace(blank, reason=refused)
    g, s = float(graphics.mean()), float(sm.mean())
    seen = bursts(readings.at_s, graphics, sm, fit)
    between = _between(readings, seen)
    pure = between is not None and between.local < PURE
    blank = replace(blank, parts=split(readings, graphics, sm, fit, seen, pure=pure))
    calibrated, fallen = _calibrated(readings, job, g, s)
    if calibrated is not None:
        return _with(blank, calibrated, Grade.A, Reason.CALIBRATED)
    found = _uncalibrated(fit, seen, between, job.fine_layout, g, s, blank)
    return found if fallen is None else replace(found, notes=(fallen, *found.notes))


def _calibrated(readings: Readings, job: Job, g: float, s: float) -> tuple[Share | None, Reason | None]:
    calibration = job.calibration
    if calibration is None or job.signature is None:
        return None, None
    compute, comm = calibration.levels
    share = from_levels(g, s, compute, comm)
    fallen = demotion(calibration, readings, share.middle, job.signature, job.now_s)
    if fallen is None and not _fits(g, s, share, compute, comm):
        fallen = Reason.CALIBRATION_FAR
    return (share, None) if fallen is None else (None, fallen)


def _fits(g: float, s: float, share: Share, compute: Level, comm: Level) -> bool:
    """More SM activity than compute alone has, beyond the calibration's own doubt, means another compute."""
    return share_of(g, s, compute.mean, comm.mean) > -(share.high - share.middle + NOISE)


def _uncalibrated(
    fit: Phases, seen: Bursts, between: Between | None, fine_layout: bool, g: float, s: float, blank: Estimate
) -> Estimate:
    notes = (Reason.SMALL_KERNELS,) if s / g < DOUBTFUL_SM else ()
    if not seen.visible or between is None:
        reason = Reason.NOT_RESOLVED if not seen.visible else Reason.NO_LOCAL_LINK
        if fit.compute < MIN_APART + USUAL_COMM.mean:
            return replace(blank, reason=Reason.ALIKE, notes=notes)
        return _with(blank, from_prior(g, s, fit.compute), Grade.D, reason, notes)
    if fit.compute - (fit.comm if seen.comm_known else USUAL_COMM.mean) < MIN_APART:
        return replace(blank, reason=Reason.ALIKE, notes=notes)
    if seen.comm_known:
        compute = Level(fit.compute, _compute_sd(fit))
        share = from_bursts(g, s, compute, Level(fit.comm, COMM_SD), 1.0, between, NOISE_OF_BURSTS)
    else:
        compute = Level(fit.compute, COMPUTE_SD_ASSUMED)
        share = from_bursts(g, s, compute, USUAL_COMM, seen.lowest, between, NOISE)
    return _with(blank, share, *_grade_of_bursts(seen, between, fine_layout), notes)


def _compute_sd(fit: Phases) -> float:
    """Kernels of a step differ, and few samples know their mean less well."""
    samples = max(fit.weight_compute * fit.samples, 1.0)
    return math.hypot(max(COMPUTE_SD_SHARE * fit.sd_compute, COMPUTE_SD_MIN), fit.sd_compute / math.sqrt(samples))


def _grade_of_bursts(seen: Bursts, between: Between, fine_layout: bool) -> tuple[Grade, Reason]:
    if fine_layout:
        return Grade.C, Reason.FINE_LAYOUT
    if between.local >= PURE:
        return Grade.C, Reason.FINE_TRAFFIC
    return Grade.B, Reason.BURSTS if seen.comm_known else Reason.COMM_ASSUMED


def _between(readings: Readings, seen: Bursts) -> Between | None:
    """Missing without a local link. A NIC that is not read is not an idle one."""
    local, nic = readings.local_use(), readings.use("nic")
    if local is None:
        return None
    return Between(_traffic(local, seen), UNREAD_NIC if nic is None else _traffic(nic, seen))


def _traffic(use: Floats, seen: Bursts) -> float:
    """Between the bursts; readings that are missing do not count."""
    inside = use[seen.inside & np.isfinite(use)]
    return float(inside.mean()) if len(inside) else float(np.nanmean(use))


def _with(blank: Estimate, share: Share, grade: Grade, reason: Reason, notes: tuple[Reason, ...] = ()) -> Estimate:
    value = share.middle if grade.has_point else None
    return replace(
        blank, value=value, low=share.low, high=share.high, grade=grade, reason=reason, notes=notes, middle=share.middle
    )
