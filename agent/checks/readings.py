"""What checks ask of a series of rows: its last minutes, how a counter grew, the middle of several."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter

from clusterctl.agent.checks.registry import Row
from clusterctl.clock import MS_PER_S

_TS = attrgetter("ts")
S_PER_MINUTE = 60.0
S_PER_HOUR = 3_600.0


def within(rows: Sequence[Row], window_s: float) -> Sequence[Row]:
    """The rows of the last `window_s`, and the one before them, from which growth is measured."""
    after = bisect_right(rows, rows[-1].ts - window_s * MS_PER_S, key=_TS)
    return rows[after - 1 :] if after > 1 else rows


@dataclass(frozen=True, slots=True)
class Growth:
    """How far a counter grew, at least. `gap` says why that may not be all."""

    count: int
    span_s: float
    gap: str = ""

    def above(self, per_s: float, window_s: float) -> bool:
        """More than `per_s` allows. A short span is given what a whole window may have: one error is no rate."""
        return self.count > per_s * max(self.span_s, window_s)


def growth(rows: Sequence[Row], name: str, window_s: float) -> Growth:
    """Growth of a counter over the last `window_s`, within one boot.

    A decrease is a reset: what was counted in that step is unknown, and so is the sum. The newest reading must be there,
    and one more."""
    recent = within(rows, window_s)
    values = [getattr(row, name) for row in recent]
    if values[-1] is None:
        return Growth(0, 0.0, "no reading")
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return Growth(0, 0.0, "only one reading yet")
    span_s = (rows[-1].ts - recent[next(i for i, value in enumerate(values) if value is not None)].ts) / MS_PER_S
    if known.count(known[0]) == len(known):
        return Growth(0, span_s)
    steps = [after - before for before, after in pairwise(known)]
    gap = "the counter was reset" if min(steps) < 0 else ""
    return Growth(sum(step for step in steps if step > 0), span_s, gap)


def middle(values: Iterable[float]) -> float | None:
    """The median, or None of nothing. (The statistics module would bring decimal and fractions into the agent.)"""
    known = sorted(values)
    half = len(known) // 2
    return (known[half] + known[~half]) / 2 if known else None


def of_its_kind(now: Row, neighbours: Mapping[str, Sequence[Row]], *names: str) -> list[Sequence[Row]]:
    """The neighbours that agree with this subject in columns that do not change: a node may hold several kinds of device."""
    kind = [getattr(now, name) for name in names]
    return [rows for rows in neighbours.values() if [getattr(rows[-1], name) for name in names] == kind]


def mean_of(rows: Sequence[Row], reading: Callable[[Row], float | None]) -> float | None:
    """Mean of a reading over the rows that have it."""
    known = [value for value in map(reading, rows) if value is not None]
    return sum(known) / len(known) if known else None


def busy_ratio(row: Row) -> float | None:
    """How busy a GPU was: GPM where the GPU has it, else NVML's utilisation."""
    ratio = row.sm_active_ratio if row.sm_active_ratio is not None else row.util_ratio
    return None if ratio is None else float(ratio)
