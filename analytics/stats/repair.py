"""Did the repair help: a node's faults before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clusterctl.analytics.stats.cohort import BETTER, SAME, THIN, WORSE, compare_all
from clusterctl.analytics.stats.rates import Rate, Tally, rate_of

HELPED, WORSENED = "helped", "worse since"
_WORDS = {WORSE: HELPED, BETTER: WORSENED, SAME: SAME, THIN: THIN}
"""Of before against after: that before was worse is what was hoped for."""


@dataclass(frozen=True, slots=True)
class Repair:
    """Did the repair help: the node's faults before and after, with their exposure."""

    node: str
    at: str
    action: str
    before: Rate
    after: Rate
    count_before: int
    count_after: int
    p_value: float | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was done to a node, and its faults in its exposure before and after. `after_fault`: a fault led to it."""

    node: str
    at: str
    action: str
    before: Tally
    after: Tally
    after_fault: bool = True


def repairs_of(done: Sequence[Repaired], basis: str, phi: float = 1.0) -> list[Repair]:
    """All repairs of a page, by the test of cohorts.

    A repair comes after a fault, whether or not the node is any worse than others: the span before it ends with one by
    choice, so that the test leaves that fault out. The rates show all."""
    found = compare_all([(_tested(repair), repair.after) for repair in done], phi)
    return [
        Repair(
            repair.node,
            repair.at,
            repair.action,
            rate_of(repair.before.count, repair.before.gpu_days, basis, phi),
            rate_of(repair.after.count, repair.after.gpu_days, basis, phi),
            repair.before.count,
            repair.after.count,
            told.p_value,
            _WORDS[told.verdict],
        )
        for repair, told in zip(done, found, strict=True)
    ]


def _tested(repair: Repaired) -> Tally:
    left_out = 1 if repair.after_fault and repair.before.count else 0
    return Tally(repair.before.count - left_out, repair.before.gpu_days)
