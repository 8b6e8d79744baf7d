"""Further tables: byte bound, step period, order of two jobs, waiting, deviations, other layouts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from clusterctl.simulate.training.plan import JobPlan, Layout
from tests.accuracy_comm import targets
from tests.accuracy_comm.scores import score
from tests.accuracy_comm.tables import first_rules, scored
from tests.accuracy_comm.trial import STEPS_S, Trial

NEAR_PERIOD = 0.05
BOUND_GRACE = 0.005
MORE_LAYOUTS = (Layout.FSDP, Layout.PIPELINE, Layout.MOE)


def byte_bound(trials: Sequence[Trial]) -> list[str]:
    """How much of all communication the bytes prove, and whether they ever prove too much."""
    lines = ["| byte bound | bound / true total, median | violations above 0.5 points | jobs |", "|---|---|---|---|"]
    for name in dict.fromkeys(one.layout for one in trials):
        bounds = [(t.estimate.total_at_least.total, t.total) for t in trials if t.layout == name]
        known = [(bound, total) for bound, total in bounds if bound is not None]
        ratio = np.median([bound / total for bound, total in known])
        over = sum(bound > total + BOUND_GRACE for bound, total in known)
        lines.append(f"| {name} | {ratio:.2f} | {over} | {len(known)} |")
    return lines


def period(trials: Sequence[Trial]) -> list[str]:
    """Share of jobs whose period is right within 5 %."""
    lines = [
        "| step period within 5 % | " + " | ".join(f"{s:g} s" for s in STEPS_S) + " |",
        "|---|" + "---|" * len(STEPS_S),
    ]
    for hz in (10.0, 1.0):
        cells = []
        for step_s, wanted in zip(STEPS_S, targets.PERIOD[hz], strict=True):
            found = [t.estimate.step_s for t in trials if t.hz == hz and t.plan.step_s == step_s]
            right = [one is not None and abs(one / step_s - 1) < NEAR_PERIOD for one in found]
            cells.append(f"{100 * np.mean(right):.0f} % ({wanted})" if right else "-")
        lines.append(f"| {hz:g} Hz | " + " | ".join(cells) + " |")
    return lines


def order(trials: Sequence[Trial], seed: int) -> list[str]:
    """How often a 5 % and a 10 % job, drawn at random, come out in the right order."""
    chance = np.random.default_rng(seed)
    lines = ["| right order of a 5 % and a 10 % job | ours | first rules | levels known |", "|---|---|---|---|"]
    for hz in (10.0, 1.0):
        at_rate = [t for t in trials if t.hz == hz and t.estimate.middle is not None]
        less, more = ([t for t in at_rate if t.plan.exposed == x] for x in (0.05, 0.10))
        pairs = [(less[a], more[b]) for a, b in zip(*_picks(chance, len(less), len(more)), strict=True)]
        ours = np.mean([(a.estimate.middle or 0) < (b.estimate.middle or 0) for a, b in pairs])
        theirs = np.mean([a.reference.value < b.reference.value for a, b in pairs])
        known = np.mean([a.known.middle < b.known.middle for a, b in pairs])
        cells = f"{100 * ours:.0f} % | {100 * theirs:.0f} % ({targets.ORDER[hz]}) | {100 * known:.0f} % (100)"
        lines.append(f"| {hz:g} Hz | {cells} |")
    return lines


def _picks(chance: np.random.Generator, less: int, more: int) -> tuple[Sequence[int], Sequence[int]]:
    return chance.integers(0, less, 2000).tolist(), chance.integers(0, more, 2000).tolist()


def waiting(trials: Sequence[Trial]) -> list[str]:
    """Where waiting is told apart from transfer: how often the bounds hold it, and how wide they are."""
    lines = [
        "| wait against transfer, 10 Hz | told | wait within its bounds | within a point | bounds' width |",
        "|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(one.layout for one in trials):
        group = [t for t in trials if t.layout == name and t.hz == 10.0]
        told = [(t.estimate.parts.wait, t.waiting) for t in group if t.estimate.parts.wait is not None]
        if not told:
            lines.append(f"| {name} | 0 of {len(group)} | - | - | - |")
            continue
        inside = np.mean([b.low <= w <= b.high for b, w in told if b]) * 100
        near = np.mean([b.low - 0.01 <= w <= b.high + 0.01 for b, w in told if b]) * 100
        width = np.median([b.high - b.low for b, _ in told if b]) * 100
        lines.append(f"| {name} | {len(told)} of {len(group)} | {inside:.0f} % | {near:.0f} % | {width:.1f} |")
    return lines


ODD_HEAD = [
    "| deviation | layout | ours | refused | grades | first rules | levels known |",
    "|---|---|---|---|---|---|---|",
]


def deviation(trials: Sequence[Trial]) -> list[str]:
    """Median/p90/bias and coverage of one deviation, by layout."""
    lines = []
    for name in dict.fromkeys(one.layout for one in trials):
        group = [one for one in trials if one.layout == name]
        ours = scored(group)
        grades = Counter(t.estimate.grade.value for t in group if t.estimate.grade is not None)
        words = " ".join(f"{grade} {count}" for grade, count in sorted(grades.items())) or "-"
        theirs, known = score((first_rules(t), t.truth) for t in group), score((t.known, t.truth) for t in group)
        lines.append(
            f"| {group[0].plan.oddity.value} | {name} | {ours.full()} | {len(group) - ours.jobs} of {len(group)} | {words} | "
            f"{theirs.full()} | {known.full()} |"
        )
    return lines


def more_layouts(seeds: int, first: int) -> Iterator[JobPlan]:
    """Layouts that the study does not have. What traffic of a NIC may hide was chosen with other seeds of them in view."""
    cells = [
        (layout, step_s, exposed, hidden)
        for layout in MORE_LAYOUTS
        for step_s in (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
        for exposed in (0.02, 0.05, 0.10, 0.20, 0.30, 0.40)
        for hidden in (0.0, 0.3, 0.6)
    ]
    for round_ in range(seeds):
        for number, (layout, step_s, exposed, hidden) in enumerate(cells):
            yield JobPlan(layout, step_s, exposed, hidden, 0.05, seed=first + round_ * len(cells) + number)


SLOW_HZ, SLOW_WINDOW_S = 0.1, 1800.0


def slow(seeds: int, first: int) -> Iterator[JobPlan]:
    """Half an hour read every ten seconds."""
    cells = [
        (layout, step_s, exposed)
        for layout in (Layout.TAIL, Layout.FINE, Layout.MIXED)
        for step_s in (2.0, 30.0)
        for exposed in (0.02, 0.05, 0.10, 0.20, 0.30)
    ]
    for round_ in range(seeds):
        for number, (layout, step_s, exposed) in enumerate(cells):
            seed = first + round_ * len(cells) + number
            yield JobPlan(layout, step_s, exposed, 0.3, 0.05, seed=seed, window_s=SLOW_WINDOW_S)
