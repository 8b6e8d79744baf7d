"""When no value may be given at all, and the signs of it in the readings."""

from __future__ import annotations

import numpy as np

from clusterctl.analytics.communication.grade import Reason
from clusterctl.analytics.communication.mixture import MIN_SAMPLES, Phases, ratio
from clusterctl.analytics.communication.readings import Floats, Readings, measured

MIN_STEPS, MIN_GRAPHICS = 3.0, 0.30
IDLE, IDLE_SAMPLES, IDLE_LINK = 0.2, 5, 0.16
"""Links that are this busy in samples with hardly a kernel: the edge of a burst in the same sample gives half of that."""
EXPLAINED, SURE = 0.5, 20.0
"""Share of traffic that idle time explains, and by how many standard errors, where no sample is idle by itself."""


def too_little(readings: Readings, period_s: float | None) -> Reason | None:
    """Windows that hold too little to say anything of a step."""
    if not len(readings.at_s):
        return Reason.NO_SAMPLES
    if len(readings.at_s) < MIN_SAMPLES:
        return Reason.FEW_SAMPLES
    if period_s is not None and readings.window_s < MIN_STEPS * period_s:
        return Reason.FEW_STEPS
    return None


def too_strange(readings: Readings, graphics: Floats, sm: Floats, fit: Phases) -> Reason | None:
    """Readings that the model of two phases does not describe."""
    if float(graphics.mean()) < MIN_GRAPHICS:
        return Reason.MOSTLY_IDLE
    known = [use for use in (readings.use("nvlink"), readings.use("nic")) if use is not None]
    if known:
        link = np.nan_to_num(np.fmax.reduce(known), nan=0.0)
        if _busy_while_idle(graphics, link) or _traffic_of_idle_time(graphics, sm, link, fit.compute):
            return Reason.COPY_ENGINE
    return None


def enough(readings: Readings) -> bool:
    """Whether enough samples have both readings of the model."""
    return int(measured(readings).sum()) >= MIN_SAMPLES


def _busy_while_idle(graphics: Floats, link: Floats) -> bool:
    idle = graphics < IDLE
    return int(idle.sum()) >= IDLE_SAMPLES and float(link[idle].mean()) > IDLE_LINK


def _traffic_of_idle_time(graphics: Floats, sm: Floats, link: Floats, compute: float) -> bool:
    """Least squares of traffic on idle time and on time below compute: the first must not explain most of it."""
    idle = 1.0 - graphics
    r = np.nan_to_num(ratio(graphics, sm), nan=compute)
    below = graphics * np.clip(1.0 - r / max(compute, 1e-3), 0.0, 1.0)
    columns = np.column_stack([np.ones(len(link)), idle, below])
    normal = np.linalg.pinv(columns.T @ columns)
    found = normal @ (columns.T @ link)
    left = link - columns @ found
    error = float(np.sqrt(max(normal[1, 1] * left.var(), 1e-18)))
    traffic = float(link.mean())
    return traffic > 0 and float(found[1]) * float(idle.mean()) > EXPLAINED * traffic and found[1] > SURE * error
