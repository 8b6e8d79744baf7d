"""Exact arithmetic on sets of half-open intervals of whole nanoseconds. Durations are never summed before merging:
kernels of different streams overlap."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]
EMPTY: Times = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Cover:
    """Disjoint intervals [start, end) in order; neighbours that touch are one."""

    starts: Times
    ends: Times
    before: Times
    """Length covered before each interval, and in the end all of it: one longer than the others."""

    @classmethod
    def of(cls, starts: Times, ends: Times) -> Cover:
        """The union of intervals in any order, none of them empty."""
        if not starts.size:
            return cls(EMPTY, EMPTY, np.zeros(1, dtype=np.int64))
        order = np.argsort(starts, kind="stable")
        begin, reach = starts[order], np.maximum.accumulate(ends[order])
        opens = np.empty(begin.size, dtype=bool)
        opens[0] = True
        opens[1:] = begin[1:] > reach[:-1]
        first = np.flatnonzero(opens)
        last = np.append(first[1:], begin.size) - 1
        return cls._disjoint(begin[first], reach[last])

    @classmethod
    def _disjoint(cls, starts: Times, ends: Times) -> Cover:
        before = np.zeros(starts.size + 1, dtype=np.int64)
        np.cumsum(ends - starts, out=before[1:])
        return cls(starts, ends, before)

    @property
    def length(self) -> int:
        """Nanoseconds covered."""
        return int(self.before[-1])

    def upto(self, moments: Times) -> Times:
        """Length covered before each moment."""
        at = np.searchsorted(self.starts, moments, side="right")
        whole = self.before[at]
        inside = at > 0
        over = np.zeros(moments.size, dtype=np.int64)
        over[inside] = np.maximum(self.ends[at[inside] - 1] - moments[inside], 0)
        return whole - over

    def within(self, starts: Times, ends: Times) -> Times:
        """Length covered inside each window [start, end)."""
        return self.upto(ends) - self.upto(starts)

    def and_(self, other: Cover) -> Cover:
        """What both cover."""
        first = np.searchsorted(other.ends, self.starts, side="right")
        behind = np.searchsorted(other.starts, self.ends, side="left")
        count = np.maximum(behind - first, 0)
        mine = np.repeat(np.arange(self.starts.size), count)
        theirs = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
        starts = np.maximum(self.starts[mine], other.starts[theirs])
        ends = np.minimum(self.ends[mine], other.ends[theirs])
        return Cover._disjoint(starts, ends)

    def shared(self, other: Cover) -> int:
        """Length that both cover, without building it."""
        return int(other.within(self.starts, self.ends).sum())


def union(covers: Iterable[Cover]) -> Cover:
    """What any of them covers."""
    kept = list(covers)
    return Cover.of(np.concatenate([one.starts for one in kept]), np.concatenate([one.ends for one in kept]))
