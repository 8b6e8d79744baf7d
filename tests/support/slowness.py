"""Groups of GPUs with the noise of real ones, and slowness put into them: what the detector is measured with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clusterctl.analytics.slow.detect import Group
from clusterctl.analytics.slow.metrics import Metric
from clusterctl.analytics.slow.peers import Floats

DAY_MIN = 1_440
PER_NODE = 8


@dataclass(frozen=True)
class Noise:
    """Of a reading's logarithm: a constant difference of each unit, and minutes that hang together."""

    minute: float
    unit: float = 0.0
    link: float = 0.0
    """Correlation of one minute with the next."""
    freedom: float = np.inf
    """Degrees of freedom of Student's distribution: 4 has heavy tails."""
    missing: float = 0.0


QUIET = Noise(0.01, unit=0.01, link=0.5)
USUAL = Noise(0.02, unit=0.015, link=0.5)
LOUD = Noise(0.05, unit=0.03, link=0.8)
GAPPY = Noise(0.05, unit=0.03, link=0.6, missing=0.1)
HEAVY = Noise(0.05, unit=0.02, link=0.8, freedom=4)
WILD = Noise(0.08, unit=0.05, link=0.9, freedom=3)
FORMS = {"quiet": QUIET, "usual": USUAL, "loud": LOUD, "gappy": GAPPY, "heavy": HEAVY, "wild": WILD}


def units(count: int) -> tuple[tuple[str, str], ...]:
    """Eight GPUs a node."""
    return tuple((f"n{index // PER_NODE}", f"g{index}") for index in range(count))


def noise(count: int, minutes: int, form: Noise, chance: np.random.Generator) -> Floats:
    """Logarithms around zero: a part that all units share, one that each keeps, and an AR(1) series of each."""
    drawn = chance.standard_normal((count, minutes))
    if np.isfinite(form.freedom):
        heavy = chance.standard_t(form.freedom, (count, minutes))
        drawn = heavy / np.sqrt(form.freedom / (form.freedom - 2))
    series = np.empty((count, minutes))
    series[:, 0] = drawn[:, 0]
    fresh = np.sqrt(1 - form.link**2)
    for minute in range(1, minutes):
        series[:, minute] = form.link * series[:, minute - 1] + fresh * drawn[:, minute]
    shared = 0.1 * np.sin(np.arange(minutes) / 97.0)
    own = form.unit * chance.standard_normal((count, 1))
    made: Floats = shared + own + form.minute * series
    return made


def group(
    metric: Metric,
    count: int,
    form: Noise,
    seed: int,
    minutes: int = DAY_MIN,
    slow: dict[int, tuple[int, int, float]] | None = None,
) -> Group:
    """A job's GPUs; those of `slow` are so much slower, as a share, from one minute to another."""
    chance = np.random.default_rng(seed)
    readings = noise(count, minutes, form, chance)
    for unit, (first, last, ratio) in (slow or {}).items():
        readings[unit, first:last] += np.log1p(-ratio) if metric.low_is_slow else np.log1p(ratio)
    values = 1_800.0 * np.exp(readings)
    if form.missing:
        values[chance.random(values.shape) < form.missing] = np.nan
    return Group("7", metric, units(count), values)
