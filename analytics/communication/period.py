"""How long a training step is, from the rhythm of the readings. Steps that differ by a few percent are one rhythm."""

from __future__ import annotations

import numpy as np

from clusterctl.analytics.communication.readings import Floats, Readings

MIN_PEAK, FIRST_PEAK = 0.25, 0.8
"""Smallest correlation that counts, and which share of the highest the first may have: later ones are multiples."""
MAX_S, WINDOWS = 60.0, 3


def step_period_s(readings: Readings) -> float | None:
    """Seconds a step; by the job's own marks where there are some. Missing where no rhythm shows."""
    marks = readings.step_marks_s
    if marks is not None and len(marks) > 1:
        return float(np.median(np.diff(np.sort(marks))))
    if len(readings.at_s) < 3 * WINDOWS or readings.every_s <= 0:
        return None
    return _rhythm(_even_series(readings), readings.every_s)


def _even_series(readings: Readings) -> Floats:
    """All that has a rhythm, each to the same scale and added, on an even grid: a lost sample must not shift the rest."""
    grid = np.arange(readings.at_s[0], readings.at_s[-1], readings.every_s)
    total = np.zeros(len(grid))
    for values in (readings.sm, readings.tensor, readings.nic_bytes_per_s):
        if values is None or np.isfinite(values).sum() < 2:
            continue
        known = np.isfinite(values)
        even = np.interp(grid, readings.at_s[known], values[known])
        if np.ptp(even) > 0:
            total += (even - even.mean()) / even.std()
    return total


def _rhythm(series: Floats, every_s: float) -> float | None:
    last = int(min(len(series) / WINDOWS, MAX_S / every_s))
    if last < 2 or np.ptp(series) == 0:
        return None
    found = _autocorrelation(series, last + 1)
    inner = found[1:-1]
    peaks = 1 + np.flatnonzero((inner > found[:-2]) & (inner >= found[2:]) & (inner > MIN_PEAK))
    if not len(peaks):
        return None
    first = peaks[found[peaks] >= FIRST_PEAK * found[peaks].max()][0]
    return float((first + _vertex(*found[first - 1 : first + 2])) * every_s)


def _autocorrelation(series: Floats, lags: int) -> Floats:
    """Unbiased: each lag by the number of pairs it has."""
    centred = series - series.mean()
    size = 1 << (2 * len(series) - 1).bit_length()
    power = np.abs(np.fft.rfft(centred, size)) ** 2
    raw = np.fft.irfft(power, size)[: lags + 1] / (len(series) - np.arange(lags + 1))
    found: Floats = raw / raw[0]
    return found


def _vertex(before: float, at: float, after: float) -> float:
    """Where the parabola through three points has its top, from the middle one."""
    bend = before - 2 * at + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0
