"""One deviation from the model at a time: what each costs, and which ones are seen. The blind spots."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from clusterctl.simulate.training.plan import JobPlan, Layout, Oddity

STEP_S, HIDDEN, IDLE = 2.0, 0.5, 0.05
EXPOSED = (0.05, 0.10, 0.15, 0.20, 0.25, 0.30)


def plans(oddity: Oddity, seeds: int, first: int) -> Iterator[JobPlan]:
    """Bursts and slices, as the study has them."""
    cells = list(itertools.product((Layout.TAIL, Layout.FINE), EXPOSED))
    for round_ in range(seeds):
        for number, (layout, exposed) in enumerate(cells):
            seed = first + round_ * len(cells) + number
            yield JobPlan(layout, STEP_S, exposed, HIDDEN, IDLE, seed=seed, oddity=oddity)
