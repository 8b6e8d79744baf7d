"""What an agent would read of a rank: averages between two reads, with the flaws that real readings have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from clusterctl.simulate.noise import Array
from clusterctl.simulate.training.course import Course, course_of
from clusterctl.simulate.training.draw import COMMUNICATING, SIGNALS, Draw, State, draw, levels
from clusterctl.simulate.training.plan import JobPlan

READ_JITTER_S, NOISE, LOST, TENSOR_DRIFT = 0.004, 0.01, 0.01, 0.005
POWER_WINDOW_S = 0.1
RATIOS = ("graphics", "sm", "tensor", "dram")


@dataclass(frozen=True, slots=True)
class Sampled:
    """Readings by signal, each the mean since the read before: ratios, shares of line rate, shares of TDP."""

    at_s: Array
    since_s: Array
    signals: dict[str, Array]


@dataclass(frozen=True, slots=True)
class Rank:
    """One simulated rank: what was asked, what chance made of it, and what really happened."""

    plan: JobPlan
    drawn: Draw
    course: Course
    levels: Array

    def sampled(self, hz: float) -> Sampled:
        """Reads at that rate. The same rank at another rate is read anew."""
        return _read(self, hz, np.random.default_rng([self.plan.seed, 4, self.plan.rank, round(1000 * hz)]))

    def mean_sm(self, communicating: bool) -> float:
        """The truth: SM activity over exposed communication or over all compute; nan where there is none."""
        lengths = np.diff(self.course.edges_s)
        exposed = np.isin(self.course.states, COMMUNICATING)
        kept = exposed if communicating else ~exposed & (self.course.states != State.IDLE)
        if not kept.any():
            return float("nan")
        return float(np.average(self.levels[self.course.states[kept], 1], weights=lengths[kept]))


def rank_of(plan: JobPlan) -> Rank:
    """The rank that a plan describes."""
    drawn = draw(plan)
    return Rank(plan, drawn, course_of(plan), levels(plan, drawn))


def _read(rank: Rank, hz: float, chance: np.random.Generator) -> Sampled:
    window_s = rank.plan.window_s
    count = int(window_s * hz)
    reads = np.arange(count + 1) / hz + READ_JITTER_S * chance.standard_normal(count + 1)
    reads = np.sort(np.clip(reads, 0.0, window_s - rank.drawn.nic_lag_s))
    spans = np.diff(reads)
    kept = (spans > 0.2 / hz) & (chance.random(count) >= LOST)
    signals = {}
    for column, name in enumerate(SIGNALS):
        integral = _integral(rank, column)
        if name == "power":
            means = (integral(reads[1:]) - integral(reads[1:] - POWER_WINDOW_S)) / POWER_WINDOW_S
        else:
            late_s = rank.drawn.nic_lag_s if name == "nic" else 0.0
            means = np.diff(integral(reads + late_s)) / np.maximum(spans, 1e-9)
        signals[name] = _flawed(rank, name, means, reads[1:], chance)[kept]
    return Sampled(reads[1:][kept], reads[:-1][kept], signals)


def _integral(rank: Rank, column: int) -> Callable[[Array], Array]:
    """Of a signal from 0 to each moment: exact, since states are constant between edges."""
    values = rank.levels[rank.course.states, column]
    sums = np.concatenate([[0.0], np.cumsum(values * np.diff(rank.course.edges_s))])
    return lambda at_s: np.interp(at_s, rank.course.edges_s, sums)


def _flawed(rank: Rank, name: str, means: Array, at_s: Array, chance: np.random.Generator) -> Array:
    noisy = means * (1 + NOISE * chance.standard_normal(len(means)))
    if name == "nic":
        noisy = noisy + rank.drawn.background * chance.random(len(means))
    if name == "tensor":
        phase = rank.plan.seed % 7
        noisy = noisy * (1 + TENSOR_DRIFT * np.sin(2 * np.pi * at_s / rank.plan.window_s + phase))
    return np.clip(noisy, 0.0, 1.0) if name != "power" else noisy
