"""How wrong estimates are, in points of share: median and p90 of the absolute error, bias, coverage, half-width."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from clusterctl.analytics.communication.posterior import Share

POINTS = 100.0


@dataclass(frozen=True)
class Score:
    """Of a set of jobs; all in points or percent."""

    jobs: int
    median: float
    p90: float
    bias: float
    covered: float
    half_width: float

    def errors(self) -> str:
        """As the tables have it."""
        return f"{self.median:.1f}/{self.p90:.1f}" if self.jobs else "-"

    def full(self) -> str:
        """With bias and coverage."""
        return f"{self.errors()}/{self.bias:+.1f} ({self.covered:.0f} %)" if self.jobs else "-"


def score(pairs: Iterable[tuple[Share, float]]) -> Score:
    """Of estimates beside the truth. Coverage is strict: no grace."""
    found = list(pairs)
    if not found:
        return Score(0, *[float("nan")] * 5)
    errors = np.array([share.middle - truth for share, truth in found]) * POINTS
    inside = [share.low <= truth <= share.high for share, truth in found]
    half = [(share.high - share.low) / 2 * POINTS for share, _ in found]
    return Score(len(found), *_errors(errors), float(np.mean(inside) * POINTS), float(np.mean(half)))


def plain(values: Sequence[float], truths: Sequence[float]) -> Score:
    """Of points without an interval."""
    errors = (np.array(values) - np.array(truths)) * POINTS
    return Score(len(errors), *_errors(errors), float("nan"), float("nan"))


def _errors(errors: np.ndarray) -> tuple[float, float, float]:  # type: ignore[type-arg]
    size = np.abs(errors)
    return float(np.median(size)), float(np.quantile(size, 0.9)), float(errors.mean())
