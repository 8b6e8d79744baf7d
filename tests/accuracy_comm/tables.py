"""The error tables, as text: plain, graded, by layout, and what the first study has beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from clusterctl.analytics.communication.estimate import Estimate
from clusterctl.analytics.communication.posterior import Share
from tests.accuracy_comm import targets
from tests.accuracy_comm.scores import Score, plain, score
from tests.accuracy_comm.trial import BASELINES, EXPOSED, STEPS_S, Trial

COLUMNS = ("tail 10 Hz", "fine 10 Hz", "mixed 10 Hz", "all 10 Hz", "all 1 Hz")


def share_of(found: Estimate) -> Share | None:
    """What is scored: the middle of an interval too, where a user sees the interval alone."""
    if found.middle is None or found.low is None or found.high is None:
        return None
    return Share(found.middle, found.low, found.high)


def scored(trials: Iterable[Trial]) -> Score:
    """Ours, where there is a value."""
    shares = ((share_of(one.estimate), one.truth) for one in trials)
    return score((share, truth) for share, truth in shares if share is not None)


def columns(trials: Sequence[Trial]) -> list[list[Trial]]:
    """As the study's table has them."""
    ten = [one for one in trials if one.hz == 10.0]
    by_layout = [[one for one in ten if one.layout == name] for name in ("tail", "fine", "mixed")]
    return [*by_layout, ten, [one for one in trials if one.hz == 1.0]]


def estimators(trials: Sequence[Trial]) -> dict[str, list[str]]:
    """Errors of each estimator by column."""
    groups = columns(trials)

    def row(of: Callable[[Sequence[Trial]], Score]) -> list[str]:
        return [of(group).errors() for group in groups]

    found = {
        name: row(lambda group, name=name: plain([t.plain[name] for t in group], [t.truth for t in group]))  # type: ignore[misc]
        for name in BASELINES
    }
    found["first rules"] = row(lambda group: score((first_rules(t), t.truth) for t in group))
    found["ours"] = row(scored)
    found["levels known"] = row(lambda group: score((t.known, t.truth) for t in group))
    return found


def first_rules(trial: Trial) -> Share:
    """The first rules' result."""
    return Share(trial.reference.value, trial.reference.low, trial.reference.high)


def estimator_table(trials: Sequence[Trial]) -> list[str]:
    """With the study's figure in brackets where it has one, and a mark where ours is out of its tolerance."""
    lines = ["| estimator | " + " | ".join(COLUMNS) + " |", "|---|" + "---|" * len(COLUMNS)]
    for name, row in estimators(trials).items():
        compare = targets.no_worse if name == "ours" else targets.reproduces
        cells = []
        for found, wanted in zip(row, targets.ESTIMATORS[name], strict=True):
            mark = "" if found == "-" or compare(found, wanted) else " !"
            cells.append(f"{found} ({wanted}){mark}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def step_table(trials: Sequence[Trial]) -> list[str]:
    """Bursts at 10 Hz by the length of a step."""
    tail = [one for one in trials if one.hz == 10.0 and one.layout == "tail"]
    cells = []
    for step_s, wanted in zip(STEPS_S, targets.TAIL_BY_STEP, strict=True):
        cells.append(f"{scored(t for t in tail if t.plan.step_s == step_s).errors()} ({wanted})")
    head = "| tail, 10 Hz, by step | " + " | ".join(f"{step_s:g} s" for step_s in STEPS_S) + " |"
    return [head, "|---|" + "---|" * len(STEPS_S), "| ours | " + " | ".join(cells) + " |"]


def grade_table(trials: Sequence[Trial]) -> list[str]:
    """By grade and rate: share of jobs, errors, coverage and half-width; then coverage by layout."""
    layouts = list(dict.fromkeys(one.layout for one in trials))
    lines = [
        "| rate | grade | jobs | median/p90 | bias | coverage | half-width | " + " | ".join(layouts) + " |",
        "|---|---|---|---|---|---|---|" + "---|" * len(layouts),
    ]
    for hz in dict.fromkeys(one.hz for one in trials):
        at_rate = [one for one in trials if one.hz == hz]
        lines.append(_grade_row(f"{hz:g} Hz | A (levels known) | any", at_rate, layouts, _known))
        for grade in ("B", "C", "D", "all"):
            group = [t for t in at_rate if t.estimate.grade is not None and grade in (t.estimate.grade.value, "all")]
            if group:
                share = f"{100 * len(group) / len(at_rate):.0f} %"
                lines.append(_grade_row(f"{hz:g} Hz | {grade} | {share}", group, layouts, scored))
        refused = Counter(t.estimate.reason.name for t in at_rate if t.estimate.middle is None)
        if refused:
            words = ", ".join(f"{name} {count}" for name, count in refused.most_common())
            lines.append(f"| {hz:g} Hz | refused | {sum(refused.values())} jobs: {words} |" + " |" * (4 + len(layouts)))
    return lines


def _known(trials: Iterable[Trial]) -> Score:
    return score((one.known, one.truth) for one in trials)


def _grade_row(
    head: str, group: Sequence[Trial], layouts: Sequence[str], of: Callable[[Iterable[Trial]], Score]
) -> str:
    found = of(group)
    by_layout = [of([t for t in group if t.layout == name]) for name in layouts]
    cells = [f"{one.covered:.0f} % of {one.jobs}" if one.jobs else "-" for one in by_layout]
    numbers = f"{found.errors()} | {found.bias:+.1f} | {found.covered:.0f} % | {found.half_width:.1f}"
    return f"| {head} | {numbers} | " + " | ".join(cells) + " |"


def share_table(trials: Sequence[Trial]) -> list[str]:
    """Coverage and bias by the true share: what a pooled figure hides."""
    lines = [
        "| grade, 10 and 1 Hz | " + " | ".join(f"{100 * x:.0f} % exposed" for x in EXPOSED) + " |",
        "|---|" + "---|" * len(EXPOSED),
    ]
    for grade in ("B", "C", "D"):
        group = [t for t in trials if t.estimate.grade is not None and t.estimate.grade.value == grade]
        cells = [scored(t for t in group if t.plan.exposed == x) for x in EXPOSED]
        words = (f"{one.bias:+.1f} ({one.covered:.0f} %)" if one.jobs else "-" for one in cells)
        lines.append(f"| {grade} | " + " | ".join(words) + " |")
    return lines
