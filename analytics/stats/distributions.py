"""Tails and quantiles of the count distributions, over whole arrays at once. Real counts are allowed everywhere.

The one file of the statistics that imports scipy; only `scipy.special`, since `scipy.stats` takes half a second to load.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincinv, chdtrc, chdtri, gammainc, gammaincc, gammaln

Floats = NDArray[np.float64]


def chi2_quantile(df: ArrayLike, upper_tail: float) -> Floats:
    """Where chi-squared has `upper_tail` above it."""
    return np.asarray(chdtri(df, upper_tail), dtype=np.float64)


def chi2_above(df: float, value: float) -> float:
    """P(chi-squared >= value)."""
    return float(chdtrc(df, value))


def poisson_at_most(count: ArrayLike, mean: ArrayLike) -> Floats:
    """P(X <= count)."""
    return np.asarray(gammaincc(np.asarray(count, dtype=np.float64) + 1, mean), dtype=np.float64)


def poisson_at_least(count: ArrayLike, mean: ArrayLike) -> Floats:
    """P(X >= count); exact far into the tail, where one minus the other tail would be all rounding."""
    counts = np.asarray(count, dtype=np.float64)
    return np.where(counts > 0, gammainc(np.maximum(counts, 1e-300), mean), 1.0)


def poisson_exactly(count: ArrayLike, mean: float) -> Floats:
    """P(X = count) for a mean over zero."""
    counts = np.asarray(count, dtype=np.float64)
    return np.asarray(np.exp(counts * np.log(mean) - mean - gammaln(counts + 1)), dtype=np.float64)


def binomial_at_most(count: ArrayLike, trials: ArrayLike, chance: ArrayLike) -> Floats:
    """P(X <= count) by the beta function, which takes real counts."""
    counts, total = np.asarray(count, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    inside = counts < total
    rest = np.where(inside, total - counts, 1.0)
    return np.where(inside, betainc(rest, counts + 1, 1 - np.asarray(chance)), 1.0)


def binomial_at_least(count: ArrayLike, trials: ArrayLike, chance: ArrayLike) -> Floats:
    """P(X >= count) by the beta function, which takes real counts."""
    counts, total = np.asarray(count, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    return np.where(counts > 0, betainc(np.maximum(counts, 1e-300), total - counts + 1, chance), 1.0)


def clopper_pearson(count: float, trials: float, confidence: float) -> tuple[float, float]:
    """Exact two-sided limits of a share (Clopper, Pearson 1934). `trials` is over zero."""
    tail = (1 - confidence) / 2
    low = 0.0 if count <= 0 else float(betaincinv(count, trials - count + 1, tail))
    high = 1.0 if count >= trials else float(betaincinv(count + 1, trials - count, 1 - tail))
    return low, high
