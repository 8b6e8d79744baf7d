"""The course of one rank: states one after another over the window, each with its length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clusterctl.simulate.noise import Array
from clusterctl.simulate.training.draw import COMMUNICATING, State
from clusterctl.simulate.training.plan import JobPlan, Oddity

OPTIMISER, SMALL = 0.04, 0.10
STEP_JITTER, COMM_JITTER, OTHER_JITTER = 0.015, 0.10, 0.03
STRAGGLERS, STRAGGLE = 0.01, 0.3
IDLE_IN_SLICES = 0.6
STOP_S = 20.0


@dataclass(frozen=True, slots=True)
class Course:
    """States between `edges_s`, which begin at 0; `steps_s` are the starts of the steps."""

    edges_s: Array
    states: Array
    steps_s: Array

    def share(self, begin_s: float, end_s: float, states: tuple[State, ...]) -> float:
        """Exact share of that window in these states."""
        within = np.diff(np.clip(self.edges_s, begin_s, end_s))
        return float(within[np.isin(self.states, states)].sum() / (end_s - begin_s))

    def exposed(self, begin_s: float, end_s: float) -> float:
        """The truth: exposed communication, waiting included."""
        return self.share(begin_s, end_s, COMMUNICATING)

    def total(self, begin_s: float, end_s: float) -> float:
        """The truth: all communication, hidden included."""
        return self.share(begin_s, end_s, (*COMMUNICATING, State.BESIDE))

    def waiting(self, begin_s: float, end_s: float) -> float:
        """The truth: exposed communication that moves no bytes."""
        return self.share(begin_s, end_s, (State.WAIT, State.LAST_WAIT))


def step_of(plan: JobPlan) -> tuple[Array, Array]:
    """One step: shares of its length, and their states."""
    shape, count = plan.shape, plan.shape.count(plan.step_s)
    small = SMALL if plan.oddity in (Oddity.SMALL_KERNELS, Oddity.TINY_KERNELS) else 0.0
    compute = 1 - OPTIMISER - plan.exposed - plan.idle_share - small
    hidden = min(plan.exposed * plan.hidden / (1 - plan.hidden), 0.97 * compute)
    alone = compute - hidden
    sliced, bubble = plan.exposed * shape.in_slices, plan.exposed * shape.bubble
    block = plan.exposed - sliced - bubble
    idle_in_slices = plan.idle_share * IDLE_IN_SLICES
    piece = [
        (0.45 * alone, State.A),
        (0.35 * alone, State.B),
        (hidden, State.BESIDE),
        (0.20 * alone, State.C),
        (small, State.SMALL),
        (sliced * plan.waiting, State.WAIT),
        (sliced * (1 - plan.waiting), State.MOVE),
        (idle_in_slices, State.IDLE),
    ]
    parts = [(bubble, State.LAST_WAIT)]
    parts += [(share / count, state) for share, state in piece] * count
    parts += [
        (block * plan.waiting, State.LAST_WAIT),
        (block * (1 - plan.waiting), State.LAST_MOVE),
        (OPTIMISER, State.OPTIMISER),
        (plan.idle_share - idle_in_slices, State.IDLE),
    ]
    parts = [part for part in parts if part[0] > 0]
    return np.array([share for share, _ in parts]), np.array([state for _, state in parts])


def course_of(plan: JobPlan) -> Course:
    """The whole window. Ranks of a job have the same steps and stragglers; the rest of their jitter is their own."""
    shared, own = np.random.default_rng([plan.seed, 2]), np.random.default_rng([plan.seed, 3, plan.rank])
    shares, states = step_of(plan)
    count = int(plan.window_s / plan.step_s / 0.9) + 3
    steps_s = plan.step_s * np.clip(shared.normal(1.0, STEP_JITTER, count), 0.9, 1.3)
    late = shared.random(count) < STRAGGLERS
    communicating = np.isin(states, COMMUNICATING)
    jitter = np.where(communicating, COMM_JITTER, OTHER_JITTER)
    lengths = shares * np.clip(1 + jitter * own.standard_normal((count, len(shares))), 0.3, 2.0) * steps_s[:, None]
    if communicating.any():
        lengths[late, np.flatnonzero(communicating)[-1]] += STRAGGLE * plan.step_s
    if plan.oddity is Oddity.STOP:
        lengths[int(plan.window_s / plan.step_s / 2), -1] += STOP_S
    edges = np.concatenate([[0.0], np.cumsum(lengths.ravel())])
    return _cut(edges, np.tile(states, count), edges[: -1 : len(shares)], plan.window_s)


def _cut(edges: Array, states: Array, steps_s: Array, window_s: float) -> Course:
    last = int(np.searchsorted(edges, window_s))
    kept = np.append(edges[:last], window_s)
    return Course(kept, states[:last], steps_s[steps_s < window_s])
