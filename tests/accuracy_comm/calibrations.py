"""Calibration end to end: a short misaligned profile, the job as it was, then with other communication and compute."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from clusterctl.analytics.communication.calibration import Calibration, Profile, Signature, calibrate
from clusterctl.analytics.communication.estimate import Estimate, Job, estimate
from clusterctl.analytics.communication.grade import Grade
from clusterctl.errors import InputError
from clusterctl.simulate.training.plan import JobPlan, Layout
from clusterctl.simulate.training.sampler import Rank, rank_of
from tests.accuracy_comm.scores import plain
from tests.accuracy_comm.telemetry import readings_of

STEPS_S, EXPOSED, HIDDEN = (0.2, 1.0, 5.0, 20.0), (0.05, 0.10, 0.20), (0.3, 0.8)
LAYOUTS = (Layout.TAIL, Layout.FINE, Layout.MIXED)
MISALIGNED_S = 0.1
CASES = ((0.0, 3), (0.005, 3), (0.01, 3), (0.01, 10), (0.02, 3))
"""Greatest drift of compute, relative, and steps profiled."""
SIGNATURE = Signature("job", "image", "tp1.pp1.dp8", 8)
HZ = 10.0


@dataclass(frozen=True)
class Course:
    """A calibrated job before and after it changed."""

    before: Estimate
    before_truth: float
    after: Estimate
    after_truth: float


def plans(seeds: int, first: int) -> Iterator[JobPlan]:
    """Every combination, `seeds` times."""
    cells = list(itertools.product(LAYOUTS, STEPS_S, EXPOSED, HIDDEN))
    for round_ in range(seeds):
        for number, (layout, step_s, exposed, hidden) in enumerate(cells):
            yield JobPlan(layout, step_s, exposed, hidden, 0.05, seed=first + round_ * len(cells) + number)


def profiled(rank: Rank, steps: int, chance: np.random.Generator) -> Calibration:
    """As from a trace of whole steps, read on a clock that is a little off. InputError if too short for the rate."""
    starts = rank.course.steps_s
    first = int(chance.integers(1, max(2, len(starts) - steps - 1)))
    begin_s, end_s = float(starts[first]), float(starts[min(first + steps, len(starts) - 1)])
    off_s = float(chance.uniform(-MISALIGNED_S, MISALIGNED_S))
    comm = rank.drawn.sm_comm + rank.drawn.profile_sn_error
    profile = Profile(begin_s + off_s, end_s + off_s, rank.course.exposed(begin_s, end_s), max(comm, 0.0))
    return calibrate(readings_of(rank.sampled(HZ)), profile, SIGNATURE)


def course(plan: JobPlan, drift: float, steps: int) -> Course | None:
    """Missing where the profile is too short to calibrate with."""
    chance = np.random.default_rng([plan.seed, 6])
    rank = rank_of(plan)
    try:
        calibration = profiled(rank, steps, chance)
    except InputError:
        return None
    exposed = min(plan.exposed * float(chance.uniform(0.4, 3.0)), 0.6)
    moved = rank_of(replace(plan, exposed=exposed, rank=1, sm_drift=float(chance.uniform(-drift, drift))))
    job = Job(signature=SIGNATURE, calibration=calibration, now_s=calibration.at_s + 3600.0)
    before, after = (estimate(readings_of(one.sampled(HZ)), job) for one in (rank, moved))
    return Course(before, rank.course.exposed(0, plan.window_s), after, moved.course.exposed(0, plan.window_s))


def row(courses: Sequence[Course | None], drift: float, steps: int) -> str:
    """One line: errors before, after and of the change, coverage, and how often the calibration was not believed."""
    made = [one for one in courses if one is not None]
    kept = [one for one in made if one.before.grade is Grade.A and one.after.grade is Grade.A]
    pairs = [(e, t) for one in kept for e, t in ((one.before, one.before_truth), (one.after, one.after_truth))]
    inside = np.mean([e.low <= t <= e.high for e, t in pairs if e.low is not None and e.high is not None]) * 100
    before = plain([one.before.value or 0.0 for one in kept], [one.before_truth for one in kept])
    after = plain([one.after.value or 0.0 for one in kept], [one.after_truth for one in kept])
    change = plain(
        [(one.after.value or 0.0) - (one.before.value or 0.0) for one in kept],
        [one.after_truth - one.before_truth for one in kept],
    )
    fallen = Counter(
        note.name for one in made for e in (one.before, one.after) if e.grade is not Grade.A for note in e.notes[:1]
    )
    words = ", ".join(f"{name} {count}" for name, count in fallen.most_common()) or "none"
    cells = [f"{found.median:.2f}/{found.p90:.2f}" for found in (before, after, change)]
    return (
        f"| {100 * drift:g} % | {steps} | " + " | ".join(cells) + f" | {inside:.0f} % | "
        f"{len(courses) - len(made)} of {len(courses)} | {words} |"
    )


HEAD = [
    "| drift of s_c | steps profiled | unchanged | after the change | the change itself | coverage | too short | fallen |",
    "|---|---|---|---|---|---|---|---|",
]
