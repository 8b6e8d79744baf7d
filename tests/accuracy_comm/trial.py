"""One simulated rank through the estimators: what came out, beside what really happened."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from clusterctl.analytics.communication.estimate import UNKNOWN_JOB, Estimate, Job, estimate
from clusterctl.analytics.communication.posterior import Level, Share, from_levels
from clusterctl.simulate.training.plan import JobPlan, Layout
from clusterctl.simulate.training.sampler import Rank, rank_of
from tests.accuracy_comm import reference_rules
from tests.accuracy_comm.telemetry import readings_of

STEPS_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
EXPOSED = (0.02, 0.05, 0.10, 0.20, 0.30, 0.40)
HIDDEN, IDLE = (0.0, 0.3, 0.6, 0.9), (0.02, 0.10)
PLAIN = (Layout.TAIL, Layout.FINE, Layout.MIXED)
RATES = (10.0, 1.0)
KNOWN_COMPUTE, KNOWN_COMM = 0.012, 0.015
"""Deviations of levels that are "known" in the table."""
BASELINES = ("threshold", "regression", "deficit", "power", "prior", "em")


@dataclass(frozen=True)
class Trial:
    """One rank at one read rate."""

    plan: JobPlan
    hz: float
    truth: float
    total: float
    waiting: float
    estimate: Estimate
    known: Share
    """With both levels known but for a small error: grade A."""
    reference: reference_rules.Graded
    plain: dict[str, float]
    """The plain estimators."""

    @property
    def layout(self) -> str:
        return self.plan.layout.value


def grid(seeds: int, first: int, layouts: tuple[Layout, ...] = PLAIN) -> Iterator[JobPlan]:
    """Every combination of the study, `seeds` times; no two jobs have the same seed."""
    cells = list(itertools.product(layouts, STEPS_S, EXPOSED, HIDDEN, IDLE))
    for round_ in range(seeds):
        for number, (layout, step_s, exposed, hidden, idle) in enumerate(cells):
            yield JobPlan(layout, step_s, exposed, hidden, idle, seed=first + round_ * len(cells) + number)


def trials(plan: JobPlan, rates: tuple[float, ...] = RATES, job: Job = UNKNOWN_JOB, plain: bool = True) -> list[Trial]:
    """The same rank at each rate."""
    rank = rank_of(plan)
    return [_trial(rank, hz, job, plain) for hz in rates]


def _trial(rank: Rank, hz: float, job: Job, plain: bool) -> Trial:
    sampled = rank.sampled(hz)
    signals, window_s = sampled.signals, rank.plan.window_s
    return Trial(
        plan=rank.plan,
        hz=hz,
        truth=rank.course.exposed(0, window_s),
        total=rank.course.total(0, window_s),
        waiting=rank.course.waiting(0, window_s),
        estimate=estimate(readings_of(sampled), job),
        known=_known(rank, hz, float(signals["graphics"].mean()), float(signals["sm"].mean())),
        reference=reference_rules.graded(signals),
        plain={name: getattr(reference_rules, name)(signals) for name in BASELINES} if plain else {},
    )


def _known(rank: Rank, hz: float, g: float, s: float) -> Share:
    chance = np.random.default_rng([rank.plan.seed, 5, round(hz)])
    compute = rank.mean_sm(communicating=False) * (1 + KNOWN_COMPUTE * chance.standard_normal())
    comm = rank.mean_sm(communicating=True)
    comm = (rank.drawn.sm_comm if math.isnan(comm) else comm) + KNOWN_COMM * chance.standard_normal()
    return from_levels(g, s, Level(compute, KNOWN_COMPUTE), Level(comm, KNOWN_COMM))
