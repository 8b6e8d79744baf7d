"""How likely a run is that nothing made: by the scatter of equally long stretches of the group itself, all looks counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtr, stdtrit

from clusterctl.analytics.slow.peers import Floats

LONGEST_MIN = 30
"""Longer runs are judged by the scatter of stretches of so many minutes: of longer ones there are too few. Stretches so far
apart are taken for independent."""
SHORTER_MIN, ENOUGH = (15, 5, 1), 100
"""Stretches to fall back to, and how many differences between stretches are enough to know the tails by."""
UNUSUAL = 1.5
"""Units that differ by more than so many times the usual are judged by their own differences and by nothing known before."""
LOOKS_A_LENGTH = 4
"""Where a run of some length may begin and end is more than one choice in each such length of time."""
TAILS = (0.999, 0.99, 0.95)
"""Quantiles that the weight of the tails is taken from: the first beyond which at least `TAIL_COUNT` stretches lie."""
TAIL_COUNT = 5
FREEDOMS = (1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0)
"""Degrees of freedom of tails. No sample of a day shows that tails are as light as the normal ones out where it matters, so
that lighter ones than the last are never believed in."""
HALF_NORMAL = 0.6745
"""Median of the size of a normal deviate."""
NORMAL = 1e6
"""Degrees of freedom at which Student's distribution is the normal one."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How a difference scatters when nothing is slow: Student's distribution with this scale."""

    scale: float
    freedom: float


def over_time(excess: Floats, minutes: int) -> Spread:
    """The scatter of medians over so many minutes, from differences between stretches of one unit half an hour apart: what
    a unit always is does not count; what links one minute to the next, and what makes tails heavy, does. Where there are too
    few stretches that long, shorter ones are taken, whose medians scatter no less."""
    wanted = max(1, min(minutes, LONGEST_MIN))
    steps = np.empty(0)
    for length in (wanted, *(shorter for shorter in SHORTER_MIN if shorter < wanted)):
        steps = _steps(excess, length)
        if steps.size >= ENOUGH:
            break
    if not steps.size:
        return Spread(0.0, NORMAL)
    middle = float(np.quantile(steps, 0.5))
    tail = next((share for share in TAILS if steps.size * (1 - share) >= TAIL_COUNT), 0.0)
    if not tail:
        return Spread(middle / HALF_NORMAL, min(FREEDOMS[-1], max(1.0, steps.size / 4)))
    freedom = _freedom(float(np.quantile(steps, tail)) / middle, tail)
    return Spread(middle / float(stdtrit(freedom, 0.75)), freedom)


def _steps(excess: Floats, length: int) -> Floats:
    """Sizes of differences between two medians of one unit, as deviations of one."""
    count, apart = excess.shape[1] // length, math.ceil(LONGEST_MIN / length) + 1
    blocks = excess[:, : count * length].reshape(excess.shape[0], count, length)
    enough = np.isfinite(blocks).mean(axis=2) >= 0.8
    medians = np.full(enough.shape, np.nan)
    medians[enough] = np.nanmedian(blocks[enough], axis=1) if enough.any() else np.nan
    steps: Floats = np.abs(medians[:, apart:] - medians[:, :-apart]) / math.sqrt(2)
    return steps[np.isfinite(steps) & (steps > 0)]


def between_units(excess: Floats, usual: float) -> Spread:
    """The scatter of what units always are: from those that are faster than the middle one, so that slow ones are not in it.
    Where it is not much wider than usual, the usual is believed. `excess` has a reading of each."""
    medians = np.nanmedian(excess, axis=1) if len(excess) else np.empty(0)
    middle = float(np.median(medians)) if len(medians) else 0.0
    fast = middle - medians[medians < middle]
    scale = float(np.median(fast)) / HALF_NORMAL if fast.size else 0.0
    if scale <= UNUSUAL * usual:
        return Spread(max(scale, usual), NORMAL)
    return Spread(scale, max(1.0, len(medians) - 1.0))


def _freedom(ratio: float, tail: float) -> float:
    """Degrees of freedom at which the tail lies so many times as far out as the middle."""
    for freedom in reversed(FREEDOMS):
        if stdtrit(freedom, (1 + tail) / 2) / stdtrit(freedom, 0.75) >= ratio:
            return freedom
    return FREEDOMS[0]


def chance(level: float, parts: Sequence[Spread]) -> float:
    """Probability of at least this level in one look, where independent parts add up: by Student's distribution with the
    degrees of freedom of their sum (Welch and Satterthwaite), and never less than any one of them gives alone."""
    variances = [(part.scale**2, part.freedom) for part in parts if part.scale > 0]
    total = sum(variance for variance, _ in variances)
    freedom = total**2 / sum(variance**2 / freedom for variance, freedom in variances)
    alone = [_beyond(level, part) for part in parts if part.scale > 0]
    return max(_beyond(level, Spread(math.sqrt(total), freedom)), *alone)


def _beyond(level: float, found: Spread) -> float:
    if found.freedom >= NORMAL:
        return float(ndtr(-level / found.scale))
    return float(stdtr(found.freedom, -level / found.scale))


def adjusted(probability: float, comparisons: int, minutes: int, window_minutes: int) -> float:
    """Probability that any of all looks gives as much (Bonferroni over units, readings, and places in the window)."""
    looks = LOOKS_A_LENGTH * math.ceil(window_minutes / max(1, minutes))
    return min(1.0, probability * comparisons * looks)
