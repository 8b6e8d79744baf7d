"""The signature of one job from a short profile of it: what lets telemetry alone give a value afterwards.

A trace knows the exposed share over its few steps exactly, and from the grids of its kernels on how many SMs communication
runs. Telemetry of the same seconds then gives the level of compute, and both levels hold until the job changes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec
import numpy as np

from clusterctl.analytics.communication.grade import Reason
from clusterctl.analytics.communication.posterior import MIN_APART, Level
from clusterctl.analytics.communication.readings import Floats, Readings, measured
from clusterctl.errors import InputError

MIN_SAMPLES = 3
"""Whole samples within a profile; each adds a percent of noise, and its ends are known to a sample."""
DRIFT, SAMPLE_NOISE, COMM_SD = 0.0115, 0.014, 0.015
"""Compute may drift by up to 2 % unnoticed (sd of a uniform); noise of S/g of one sample; error of kernel grids."""
MOVED, CLOCKS_S = 0.02, 0.1
"""How far a job may move, relative; how far the clocks of a trace and of the readings may be apart."""
MAX_AGE_S = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Signature:
    """What a calibration is valid for."""

    job: str
    image: str
    layout: str
    """Parallel layout in the job's own words, as `tp8.pp4.dp16`."""
    world_size: int


@dataclass(frozen=True, slots=True)
class Profile:
    """What an exact analysis of a short trace of one rank says."""

    begin_s: float
    end_s: float
    """Whole steps, on the clock of the readings."""
    exposed: float
    """Share of that window."""
    comm_sm: float
    """SMs that communication kernels occupy, as a share, at most 1."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Levels of one GPU's job; plain numbers and words, so that a table or a file can keep it."""

    signature: Signature
    at_s: float
    compute: float
    compute_sd: float
    comm: float
    comm_sd: float
    tensor_per_sm: float | None
    """Tensor activity per SM activity of compute: moves with what a job computes, not with how it communicates."""
    tensor_doubt: float
    """Of that, relative: a step computes unevenly, so it depends on where exactly a short profile began and ended."""
    sm_clock_mhz: float | None

    @property
    def levels(self) -> tuple[Level, Level]:
        """Of compute and of communication."""
        return Level(self.compute, self.compute_sd), Level(self.comm, self.comm_sd)


def calibrate(readings: Readings, profile: Profile, signature: Signature) -> Calibration:
    """From the readings of the profile's own seconds. InputError where they cannot give the level of compute."""
    known = readings.kept(measured(readings))
    if known.graphics is None or known.sm is None:
        raise InputError("no SM activity (GPM) to calibrate with")
    weights = _overlap(known, profile.begin_s, profile.end_s)
    samples = float(weights.sum())
    if samples < MIN_SAMPLES:
        raise InputError(f"{samples:.1f} samples within the profile", hint=f"profile {MIN_SAMPLES} samples or more")
    g, s = float(np.average(known.graphics, weights=weights)), float(np.average(known.sm, weights=weights))
    computing = g - profile.exposed
    if computing < MIN_APART:
        raise InputError("the profile has hardly any compute in it")
    compute = (s - profile.comm_sm * profile.exposed) / computing
    if not (0 < compute <= 1 + 3 * SAMPLE_NOISE) or compute - profile.comm_sm < MIN_APART:
        raise InputError("the trace and the readings do not belong together", hint="compare their clocks and their GPU")
    sd = math.hypot(DRIFT * compute, SAMPLE_NOISE / math.sqrt(samples))
    tensor, doubt = _tensor(known, profile)
    clock = None if known.sm_clock_mhz is None else _mean(known.sm_clock_mhz, weights)
    return Calibration(signature, profile.end_s, compute, sd, profile.comm_sm, COMM_SD, tensor, doubt, clock)


def demotion(
    calibration: Calibration, readings: Readings, exposed: float, signature: Signature, now_s: float
) -> Reason | None:
    """Why a calibration no longer counts; missing while it does. `exposed` is what it gives for these readings."""
    ours, theirs = calibration.signature, signature
    if (ours.job, ours.image, ours.layout) != (theirs.job, theirs.image, theirs.layout):
        return Reason.CALIBRATION_OTHER
    if ours.world_size <= 0 or abs(theirs.world_size / ours.world_size - 1) > MOVED:
        return Reason.CALIBRATION_WORLD
    if not 0 <= now_s - calibration.at_s <= MAX_AGE_S:
        return Reason.CALIBRATION_AGED
    everywhere = np.ones(len(readings.at_s))
    if readings.tensor is not None and readings.sm is not None and calibration.tensor_per_sm:
        whole = Profile(0.0, 0.0, exposed, calibration.comm)
        tensor = _tensor_per_sm(_mean(readings.tensor, everywhere), _mean(readings.sm, everywhere), whole)
        if tensor is not None and abs(tensor / calibration.tensor_per_sm - 1) > MOVED + calibration.tensor_doubt:
            return Reason.CALIBRATION_TENSOR
    if readings.sm_clock_mhz is not None and calibration.sm_clock_mhz:
        clock = _mean(readings.sm_clock_mhz, everywhere)
        if abs(clock / calibration.sm_clock_mhz - 1) > MOVED:
            return Reason.CALIBRATION_CLOCK
    return None


def to_json(calibration: Calibration) -> bytes:
    """As a table or a file keeps it."""
    return msgspec.json.encode(calibration)


def from_json(text: bytes) -> Calibration:
    """InputError where it is not one."""
    try:
        found = msgspec.json.decode(text, type=Calibration)
    except msgspec.MsgspecError as error:
        raise InputError(f"not a calibration: {error}") from error
    if not (0 < found.comm + MIN_APART <= found.compute and found.compute_sd > 0 and found.comm_sd > 0):
        raise InputError("not a calibration: levels out of range")
    return found


def _overlap(readings: Readings, begin_s: float, end_s: float) -> Floats:
    """How much of each sample lies within, in samples: it covers the time since the read before."""
    every_s = readings.every_s or 1.0
    since_s = readings.at_s - every_s
    found: Floats = np.clip(np.minimum(readings.at_s, end_s) - np.maximum(since_s, begin_s), 0.0, None) / every_s
    return found


def _tensor(known: Readings, profile: Profile) -> tuple[float | None, float]:
    """Per SM activity, and how much it changes if the clocks are apart."""
    if known.tensor is None or known.sm is None:
        return None, 0.0
    found = []
    for off_s in (0.0, -CLOCKS_S, CLOCKS_S):
        weights = _overlap(known, profile.begin_s + off_s, profile.end_s + off_s)
        found.append(_tensor_per_sm(_mean(known.tensor, weights), _mean(known.sm, weights), profile))
    whole = [one for one in found if one is not None]
    if found[0] is None or not found[0] or len(whole) < len(found):
        return None, 0.0
    return found[0], max(abs(one / found[0] - 1) for one in whole)


def _mean(values: Floats, weights: Floats) -> float:
    known = np.isfinite(values)
    return float(np.average(values[known], weights=weights[known])) if weights[known].sum() > 0 else math.nan


def _tensor_per_sm(tensor: float, s: float, profile: Profile) -> float | None:
    computing = s - profile.comm_sm * profile.exposed
    return tensor / computing if computing > 0 and math.isfinite(tensor) else None
