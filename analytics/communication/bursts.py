"""Whether the phases of a step show in the samples: bursts of communication stand out below the level of compute.

A short burst need not fill a sample. It is enough that many samples hold none of it, since these tell the level of compute,
which is what the share of communication hangs on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clusterctl.analytics.communication.mixture import BUSY, MIN_SAMPLES, Phases, ratio
from clusterctl.analytics.communication.readings import Flags, Floats

MIN_DEPTH = 5.0
"""Depth of the lowest samples below compute, in deviations of what lies above it; noise alone has 2."""
MANY, SOME = 0.05, 0.01
"""Share of samples that dip so far: enough by itself, and enough if they come in a rhythm."""
MIN_RUNS, RHYTHM, NEAR = 5, 0.6, 0.25
"""Stragglers dip too, but at random: most gaps between bursts are within a quarter of the median gap."""
DIP_SDS, DIP = 4.0, 0.04
INSIDE_SDS, INSIDE, INSIDE_BUSY = 2.5, 0.02, 0.9
MAX_SD_COMM, MIN_COMM_SAMPLES = 0.03, 8.0
"""Samples wholly inside a burst agree with each other; ones that straddle its end do not."""
NOISE_RATIO = 0.02


@dataclass(frozen=True, slots=True)
class Bursts:
    """What stands out below compute."""

    visible: bool
    comm_known: bool
    """Whether some samples lie wholly inside a burst, so that the level of communication is measured."""
    lowest: float
    """Lowest r, but for a few samples: communication lies no higher."""
    inside: Flags
    """Samples that hold compute alone, or what cannot be told from it."""


def bursts(at_s: Floats, graphics: Floats, sm: Floats, fit: Phases) -> Bursts:
    """Of samples that all have both readings."""
    r = ratio(graphics, sm)
    busy = graphics > BUSY
    if busy.sum() < MIN_SAMPLES:
        busy = graphics > 0
    known = r[busy]
    sd = _upper_sd(known, fit.compute)
    depth = (fit.compute - float(np.quantile(known, 0.02))) / sd
    dips: Flags = busy & (r < fit.compute - max(DIP_SDS * sd, DIP))
    share = dips.sum() / busy.sum()
    rhythmic = share > SOME and _in_rhythm(at_s, dips)
    comm_samples = fit.weight_comm * fit.samples
    return Bursts(
        visible=depth > MIN_DEPTH and (share > MANY or rhythmic),
        comm_known=fit.resolved and comm_samples >= MIN_COMM_SAMPLES and fit.sd_comm < MAX_SD_COMM,
        lowest=float(np.quantile(known, 0.005)) + NOISE_RATIO,
        inside=_inside(graphics, r, fit.compute, sd),
    )


def _upper_sd(r: Floats, compute: float) -> float:
    """Scatter of compute, from the samples above its level: bursts cannot reach those."""
    above = r[r > compute]
    return max(float(np.sqrt(np.mean((above - compute) ** 2))), 1e-3) if len(above) > MIN_RUNS else NOISE_RATIO


def _in_rhythm(at_s: Floats, dips: Flags) -> bool:
    starts = at_s[dips & ~np.concatenate([[False], dips[:-1]])]
    if len(starts) < MIN_RUNS:
        return False
    gaps = np.diff(starts)
    usual = float(np.median(gaps))
    return float(np.mean(np.abs(gaps - usual) < NEAR * usual)) > RHYTHM


def _inside(graphics: Floats, r: Floats, compute: float, sd: float) -> Flags:
    """Samples at the level of compute whose neighbours are too: the edge of a burst carries its traffic."""
    level: Flags = (np.abs(r - compute) < max(INSIDE_SDS * sd, INSIDE)) & (graphics > INSIDE_BUSY)
    apart = level.copy()
    apart[1:] &= level[:-1]
    apart[:-1] &= level[1:]
    return apart if apart.sum() >= MIN_SAMPLES else level
