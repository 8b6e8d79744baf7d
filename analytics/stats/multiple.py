"""Many tests on one page: which of them still stand."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.05


def benjamini_hochberg(p_values: ArrayLike, level: float = LEVEL) -> NDArray[np.bool_]:
    """Which of the tests stand when at most `level` of those that do may be false (Benjamini, Hochberg 1995). A test that
    could not be made is NaN: it is not counted, and does not stand."""
    values = np.asarray(p_values, dtype=np.float64)
    made = np.sort(values[~np.isnan(values)])
    steps = level * np.arange(1, len(made) + 1) / max(1, len(made))
    under = np.flatnonzero(made <= steps)
    if not len(under):
        return np.zeros(len(values), dtype=np.bool_)
    with np.errstate(invalid="ignore"):
        return np.asarray(values <= made[under[-1]], dtype=np.bool_)
