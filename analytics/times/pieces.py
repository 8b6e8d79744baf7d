"""Steps in pieces of a quarter of an hour, and which of those have to be read row by row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Protocol

from clusterctl.analytics.times.steps import Piece, Stretch


class Gathered(Protocol):
    """Equally long lists, in the order of time."""

    @property
    def buckets(self) -> list[int]: ...
    @property
    def since(self) -> list[int]: ...
    @property
    def until(self) -> list[int]: ...
    @property
    def first_step(self) -> list[int]: ...
    @property
    def last_step(self) -> list[int]: ...
    @property
    def is_even(self) -> list[int]: ...


class Coarse:
    """One job's steps, a quarter of an hour a piece."""

    def __init__(self, gathered: Gathered) -> None:
        self.buckets = gathered.buckets
        self.even = gathered.is_even
        columns = (gathered.since, gathered.until, gathered.first_step, gathered.last_step)
        self.pieces = [Piece(*row) for row in zip(*columns, strict=True)]


def busy_buckets(coarse: Coarse, starts: Sequence[int]) -> Iterator[int]:
    """The pieces in which steps came twice or went back, or a start is marked."""
    left = list(starts)
    for bucket, even, piece in zip(coarse.buckets, coarse.even, coarse.pieces, strict=True):
        while left and left[0] < piece.since_ms:
            left.pop(0)
        if not even or (left and left[0] <= piece.until_ms):
            yield bucket


def pieces_of(coarse: Coarse, fine: Mapping[int, Sequence[Piece]]) -> list[Piece]:
    """All pieces of the job, the fine ones where there are any."""
    found: list[Piece] = []
    for bucket, piece in zip(coarse.buckets, coarse.pieces, strict=True):
        found.extend(fine.get(bucket) or (piece,))
    return found


def turning_buckets(stretches: Sequence[Stretch], bucket_ms: int) -> set[int]:
    """Pieces in which a step ended that was lost or done again, and those on both sides of a break."""
    found: set[int] = set()
    peak = -1
    for before, after in pairwise(stretches):
        peak = max(peak, before.last)
        turns = (before.pieces[-1], before.piece_of(after.first - 1), after.pieces[0], after.piece_of(peak))
        found.update(piece.since_ms // bucket_ms for piece in turns if piece.until_ms > piece.since_ms)
    return found
