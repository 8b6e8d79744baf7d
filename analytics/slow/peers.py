"""How far each unit is behind its peers in each minute. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from clusterctl.analytics.slow.metrics import Metric

Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.int64]


def logs(values: Floats) -> Floats:
    """Logarithms of readings; what is missing, zero or negative is missing, so that a silent unit is never a slow one."""
    known = np.where(np.isfinite(values) & (values > 0), values, np.nan)
    return np.log(known)


def peer_medians(readings: Floats, min_peers: int) -> Floats:
    """For each unit (row) and minute (column) the median of the other units; missing where fewer than `min_peers` of them, or
    not the unit itself, have a reading."""
    order = np.argsort(readings, axis=0)  # what is missing comes last
    rank: Indexes = np.argsort(order, axis=0)
    ordered = np.take_along_axis(readings, order, axis=0)
    others = np.isfinite(readings).sum(axis=0) - 1
    low, high = _without(rank, (others - 1) // 2), _without(rank, others // 2)
    middle = (np.take_along_axis(ordered, low, axis=0) + np.take_along_axis(ordered, high, axis=0)) / 2
    told = np.isfinite(readings) & (others >= max(1, min_peers))
    return np.where(told, middle, np.nan)


def _without(rank: Indexes, index: Any) -> Indexes:
    """Where, in a sorted column, the element stands that is `index`-th once the unit of `rank` is left out."""
    at = np.broadcast_to(np.maximum(index, 0), rank.shape)
    found: Indexes = np.minimum(at + (at >= rank), rank.shape[0] - 1)
    return found


def behind(values: Floats, metric: Metric, min_peers: int) -> Floats:
    """By how much, as a difference of logarithms, each unit is slower than its peers; negative where it is faster."""
    readings = logs(values)
    ahead = readings - peer_medians(readings, min_peers)
    return -ahead if metric.low_is_slow else ahead


def unequal_activity(activity: Floats, min_peers: int, tolerance: float = 0.05) -> npt.NDArray[np.bool_]:
    """Minutes in which a unit was not as active as its peers, or in which nobody knows."""
    readings = logs(activity)
    difference = np.abs(readings - peer_medians(readings, min_peers))
    return ~(difference <= tolerance)


def slower(log_difference: float, metric: Metric) -> float:
    """The difference as people say it: speed lost of a speed, time added to a time."""
    return float(-np.expm1(-log_difference) if metric.low_is_slow else np.expm1(log_difference))


def threshold(ratio: float, metric: Metric) -> float:
    """The least difference of logarithms that is `ratio` slower."""
    return float(-np.log1p(-ratio) if metric.low_is_slow else np.log1p(ratio))
