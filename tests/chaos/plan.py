"""Which faults a seed has, and when: drawn before anything starts, so that a seed can be repeated."""

from __future__ import annotations

from dataclasses import dataclass

from tests.chaos.faults import KINDS, Deed, Fault, Scene
from tests.chaos.fleet import RESIDENTS

FEWEST, MOST = 3, 6
SHARES = {"collectors": frozenset(RESIDENTS)}
"""Targets that are several."""


@dataclass(frozen=True, slots=True)
class Act:
    """One deed and its time after the start."""

    at_s: float
    fault: Fault
    deed: Deed
    ends: bool

    @property
    def words(self) -> str:
        return f"end of: {self.fault.words}" if self.ends else self.fault.words


def draw(scene: Scene, seed: int) -> list[Fault]:
    """The first kind goes round with the seeds, so that a run has every kind equally often."""
    kinds = [KINDS[seed % len(KINDS)], *scene.chance.choices(KINDS, k=scene.chance.randint(FEWEST, MOST) - 1)]
    return [kind(scene) for kind in kinds]


def timetable(scene: Scene, faults: list[Fault]) -> list[Act]:
    """Faults of different targets may overlap, those of one target follow each other."""
    free_s: dict[str, float] = {}
    acts = []
    for fault in faults:
        targets = SHARES.get(fault.target, frozenset({fault.target}))
        begin_s = max(scene.chance.uniform(0.0, 4.0), *(free_s.get(target, 0.0) for target in targets))
        end_s = begin_s + fault.lasts_s
        acts += [Act(begin_s, fault, fault.begin, False), Act(end_s, fault, fault.end, True)]
        free_s.update(dict.fromkeys(targets, end_s + 0.5))
    return sorted(acts, key=lambda act: act.at_s)
