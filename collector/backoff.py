"""How long to wait before the same thing is tried again."""

from __future__ import annotations

import random

FIRST_S = 0.1
CEILING_S = 30.0


class Backoff:
    """Doubling with jitter up to a ceiling: many collectors must not come back in step."""

    def __init__(self, chance: random.Random | None = None) -> None:
        self._chance = chance or random.Random()
        self._next_s = FIRST_S

    def next_s(self) -> float:
        """The next wait, between half of and all of the doubled step."""
        step_s, self._next_s = self._next_s, min(CEILING_S, self._next_s * 2)
        return step_s * (0.5 + self._chance.random() / 2)
