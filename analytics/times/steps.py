"""Which steps a job did without a break, and which it did again: a step that is done again was not useful.

A job's steps come gathered: a piece says that steps `first` to `last` ended between two times. Pieces that follow each other
are a stretch; a stretch ends where the job was started again, where step numbers go back, or where nothing happened for ten
minutes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

STALL_MS = 600_000
"""A running job without progress for ten minutes hangs: the usual timeout of collectives."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Steps `first` to `last` of one job: the one ended at `since_ms`, the other at `until_ms`, at an even pace between."""

    since_ms: int
    until_ms: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """Pieces without a break. Step numbers grow. It begins with the end of its first step: what that one took belongs to the
    start of the run, which it shares with compiling and filling caches."""

    pieces: tuple[Piece, ...]

    @property
    def since_ms(self) -> int:
        """End of its first step."""
        return self.pieces[0].since_ms

    @property
    def until_ms(self) -> int:
        """End of its last step."""
        return self.pieces[-1].until_ms

    @property
    def first(self) -> int:
        """Number of its first step."""
        return self.pieces[0].first

    @property
    def last(self) -> int:
        """Number of its last step."""
        return self.pieces[-1].last

    def piece_of(self, step: int) -> Piece:
        """The last piece that began at or before this step."""
        at = bisect_right(self.pieces, step, key=lambda piece: piece.first)
        return self.pieces[max(at - 1, 0)]

    def ended_ms(self, step: int) -> int:
        """When that step of the stretch ended; its limits for steps before and after it."""
        piece = self.piece_of(step)
        if step >= piece.last:
            return piece.until_ms
        if step <= piece.first:
            return piece.since_ms
        return piece.since_ms + (piece.until_ms - piece.since_ms) * (step - piece.first) // (piece.last - piece.first)


def stretches_of(pieces: Sequence[Piece], starts: Sequence[int]) -> list[Stretch]:
    """The stretches of one job. `starts` are times, in order, at which it is known to have started again."""
    found: list[list[Piece]] = []
    ordered = sorted(pieces, key=lambda piece: (piece.since_ms, piece.until_ms))
    for before, piece in zip([None, *ordered], ordered, strict=False):
        broken = before is None or piece.first <= before.last or piece.since_ms - before.until_ms >= STALL_MS
        if before is None or broken or _starts_between(starts, before.until_ms, piece.until_ms):
            found.append([])
        found[-1].append(piece)
    return [Stretch(tuple(group)) for group in found]


def _starts_between(starts: Sequence[int], after_ms: int, until_ms: int) -> bool:
    """Whether the job started then. A start is marked when it has begun, or when its first step has ended, which is within
    the piece that it begins."""
    at = bisect_right(starts, after_ms)
    return at < len(starts) and starts[at] <= until_ms


def kept_steps(stretches: Sequence[Stretch]) -> list[int]:
    """Of each stretch, the last step that no later one did again; below its first where all of it was lost."""
    kept: list[int] = []
    lowest: int | None = None
    for stretch in reversed(stretches):
        kept.append(stretch.last if lowest is None else min(stretch.last, lowest - 1))
        lowest = stretch.first if lowest is None else min(lowest, stretch.first)
    return kept[::-1]


def useful_until(stretch: Stretch, kept: int) -> int:
    """Until when the stretch was useful, its start where none of it was."""
    return stretch.since_ms if kept < stretch.first else stretch.ended_ms(kept)
