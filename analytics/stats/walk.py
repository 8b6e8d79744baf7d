"""The exact chance that faults thrown into steps by exposure alone give so small a p-value at any boundary.

Sums of counts over steps are a Markov chain. Poisson counts that happen to sum to the total are distributed as the total
thrown into the steps, so that the chain is followed with Poisson steps inside the band of sums that give no small p-value.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clusterctl.analytics.stats.distributions import Floats, binomial_at_least, binomial_at_most, poisson_exactly

NEGLIGIBLE = 1e-18
TIE = 1 + 1e-9
"""Sums that give the same p-value must not fall apart by rounding."""


def chance_of_any(least: float, total: int, shares: Floats, margin: int) -> float:
    """P(some boundary has a two-sided p of at most `least`), for `total` faults over steps with these sums of exposure (the
    last is 1). Boundaries with fewer than `margin` steps on a side are not looked at."""
    tested = np.zeros(len(shares), dtype=np.bool_)
    tested[margin - 1 : len(shares) - margin] = True
    low, high = _band(least * TIE / 2, total, shares)
    low, high = np.where(tested, low, 0), np.where(tested, high, total)
    low[-1] = high[-1] = total
    # a sum cannot fall: what a later boundary forbids need not be followed before it
    low = np.maximum.accumulate(low)
    high = np.minimum.accumulate(high[::-1])[::-1]
    if (low > high).any():
        return 1.0
    inside = _stays(total, shares, low, high)
    # between the smallest single p and their sum, whatever rounding does
    return float(min(1.0, max(least, min(1.0 - inside, least * tested.sum()))))


def _band(tail: float, total: int, shares: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each boundary the smallest and the largest sum whose tails are both over `tail`."""
    low, high = np.zeros(len(shares), dtype=np.int64), np.full(len(shares), total, dtype=np.int64)
    few, many = low.copy(), high.copy()
    for _ in range(total.bit_length() + 1):
        middle = (low + high) // 2
        over = binomial_at_most(middle, total, shares) > tail
        low, high = np.where(over, low, np.minimum(middle + 1, high)), np.where(over, middle, high)
        above = (few + many + 1) // 2
        kept = binomial_at_least(above, total, shares) > tail
        few, many = np.where(kept, above, few), np.where(kept, many, np.maximum(above - 1, few))
    return high, few


def _stays(total: int, shares: Floats, low: NDArray[np.int64], high: NDArray[np.int64]) -> float:
    """P(every sum lies within its limits), given the total."""
    state, first = np.ones(1), 0
    steps = np.diff(shares, prepend=0.0)
    for share, least, most in zip(steps, low, high, strict=True):
        counts = np.arange(0, most - first + 1)
        step = poisson_exactly(counts, total * share)
        kept = np.flatnonzero(step > NEGLIGIBLE)
        if not len(kept):
            return 0.0
        moved = np.convolve(state, step[kept[0] : kept[-1] + 1])
        begin = first + int(kept[0])
        first = max(int(least), begin)
        state = moved[first - begin : int(most) - begin + 1]
        if not len(state):
            return 0.0
    return float(state[-1] / poisson_exactly(total, float(total)))
