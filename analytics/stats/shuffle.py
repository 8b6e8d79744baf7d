"""The chance that the same steps in another order show as great a change: whatever makes faults cluster within steps is in
every order, so that clusters alone give no change."""

from __future__ import annotations

import numpy as np

from clusterctl.analytics.stats.distributions import Floats

ORDERS, SEED = 1_999, 20_240_607
CHUNK_ROWS, CHUNK_CELLS = 200, 1 << 20
"""So many orders, and so many windows of them, are looked at in one go, which bounds the memory."""
TIE = 1 - 1e-9
LADDER = 1.4
"""Each width of a window is so many times the last."""


def chance_by_order(counts: Floats, exposures: Floats, margin: int, level: float) -> float:
    """Of 2,000 orders, the real one among them, the share that have as great a change, before a boundary or within a window:
    twice the smaller of the two. No more orders are looked at once it is over `level`. The seed is fixed: the same steps give
    the same chance. Nothing shorter than `margin` steps counts.

    What changes places is how far each step lies from the common rate, in units of the square root of its exposure: a long
    step varies more than a short one, wherever it stands."""
    root = np.sqrt(exposures)
    distances = (counts - counts.sum() / exposures.sum() * exposures) / root
    scan = _Scan(root, np.concatenate(([0.0], np.cumsum(exposures) / exposures.sum())), margin)
    observed = TIE * scan.greatest(distances[None, :])
    generator, as_great = np.random.default_rng(SEED), np.ones(2)
    rows = min(CHUNK_ROWS, max(1, CHUNK_CELLS // scan.size))
    for start in range(0, ORDERS, rows):
        orders = generator.permuted(np.tile(distances, (min(rows, ORDERS - start), 1)), axis=1)
        as_great += (scan.greatest(orders) >= observed).sum(axis=0)
        if 2 * as_great.min() > level * (ORDERS + 1):
            break
    return float(min(1.0, 2 * as_great.min() / (ORDERS + 1)))


class _Scan:
    """The runs of steps that are looked at: everything before each boundary, and windows of some widths anywhere. A rate that
    rose and fell again differs more within its window than before any one boundary; one that stayed, the other way round."""

    def __init__(self, root: Floats, shares: Floats, margin: int) -> None:
        self._root, size = root, len(root)
        begins, ends = [np.zeros(size - 2 * margin + 1, dtype=np.int64)], [np.arange(margin, size - margin + 1)]
        width = margin
        while 2 * width <= size:
            begins.append(np.arange(size - width + 1))
            ends.append(begins[-1] + width)
            width = max(width + 1, int(width * LADDER))
        self._boundaries = len(begins[0])
        self._begins, self._ends = np.concatenate(begins), np.concatenate(ends)
        self._share = shares[self._ends] - shares[self._begins]
        self.size = len(self._begins)

    def greatest(self, distances: Floats) -> Floats:
        """For each row the greatest squared gap, over its variance, between the faults of a run and their share: of the runs
        before a boundary, and of the windows."""
        sums = np.zeros((len(distances), len(self._root) + 1))
        np.cumsum(distances * self._root, axis=1, out=sums[:, 1:])
        gaps = sums[:, self._ends] - sums[:, self._begins] - sums[:, -1:] * self._share
        gaps *= gaps
        gaps /= self._share * (1 - self._share)
        split = self._boundaries
        return np.stack((gaps[:, :split].max(axis=1), gaps[:, split:].max(axis=1)), axis=1)
