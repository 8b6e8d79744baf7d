"""Spans, stretches and saves: what was useful, and what was done again."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from clusterctl.analytics.times.pieces import Coarse, busy_buckets, pieces_of
from clusterctl.analytics.times.saves import Mark, pairs, saves_of
from clusterctl.analytics.times.spans import clipped, common, length_ms, merged, without
from clusterctl.analytics.times.spread import NONE, spread_of
from clusterctl.analytics.times.steps import Piece, kept_steps, stretches_of, useful_until

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12)


def moments(spans: list[tuple[int, int]]) -> set[int]:
    return {at for since, until in spans for at in range(since, until)}


@given(SPANS, SPANS)
def test_spans_are_sets_of_moments(some: list[tuple[int, int]], others: list[tuple[int, int]]) -> None:
    a, b = merged(some), merged(others)
    assert moments(a) == moments(some)
    assert all(before[1] < after[0] for before, after in pairwise(a)), "ordered, and none touch"
    assert moments(without(a, b)) == moments(a) - moments(b)
    assert moments(common(a, b)) == moments(a) & moments(b)
    assert length_ms(common(a, b)) == len(moments(a) & moments(b))
    assert moments(clipped(a, 10, 40)) == moments(a) & set(range(10, 40))


def test_the_spread_of_ten_repairs() -> None:
    spread = spread_of([355, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    assert (spread.count, spread.mean_s, spread.median_s, spread.p90_s) == (10, 40.0, 5.5, 9)
    assert spread_of([]) == NONE


# -- steps -----------------------------------------------------------------------------------------------------------


def attempt(first: int, count: int, at_ms: int, step_ms: int) -> list[Piece]:
    """Steps of one attempt, a row each; the first ends at `at_ms`."""
    return [Piece(at_ms + n * step_ms, at_ms + n * step_ms, first + n, first + n) for n in range(count)]


ATTEMPTS = st.lists(
    st.tuples(st.integers(0, 15), st.integers(1, 20), st.integers(1, 30), st.booleans()), min_size=1, max_size=6
)  # fmt: skip


@given(ATTEMPTS)
def test_a_step_that_is_done_again_is_never_useful(attempts: list[tuple[int, int, int, bool]]) -> None:
    """Against the definition, step by step: useful is what no later attempt came back before."""
    at_ms, reached = 1_000, 0
    done: list[tuple[int, int, int]] = []  # attempt, step, end
    pieces, starts = [], []
    for number, (back, count, step_s, marked) in enumerate(attempts):
        first = max(0, reached + 1 - back)
        starts += [at_ms - 1] if marked or back == 0 else []
        rows = attempt(first, count, at_ms, step_s * 1000)
        pieces += rows
        done += [(number, row.first, row.since_ms) for row in rows]
        reached, at_ms = rows[-1].last, rows[-1].until_ms + 5_000
    stretches = stretches_of(pieces, starts)
    useful = merged(
        (s.since_ms, useful_until(s, kept)) for s, kept in zip(stretches, kept_steps(stretches), strict=True)
    )
    for number, step, end_ms in done:
        again = any(other > number and later <= step for other, later, _ in done)
        inside = any(since < end_ms <= until for since, until in useful)
        first_of_stretch = any(stretch.since_ms == end_ms for stretch in stretches)
        assert inside == (not again and not first_of_stretch), (number, step)
    assert len(stretches) == len(attempts)


def test_a_gap_of_ten_minutes_breaks_a_stretch_and_a_shorter_one_does_not() -> None:
    before = Piece(0, 100_000, 1, 11)
    assert len(stretches_of([before, Piece(699_999, 800_000, 12, 20)], [])) == 1
    assert len(stretches_of([before, Piece(700_000, 800_000, 12, 20)], [])) == 2


def test_the_end_of_a_step_within_a_piece_is_at_an_even_pace() -> None:
    (stretch,) = stretches_of([Piece(1_000, 11_000, 10, 20), Piece(12_000, 52_000, 21, 25)], [])
    assert [stretch.ended_ms(step) for step in (9, 10, 15, 20, 21, 22, 25, 26)] == [
        1_000, 1_000, 6_000, 11_000, 12_000, 22_000, 52_000, 52_000,
    ]  # fmt: skip


class Gathered:
    def __init__(self, pieces: list[Piece], even: list[int]) -> None:
        self.buckets = [piece.since_ms // 300_000 for piece in pieces]
        self.since = [piece.since_ms for piece in pieces]
        self.until = [piece.until_ms for piece in pieces]
        self.first_step = [piece.first for piece in pieces]
        self.last_step = [piece.last for piece in pieces]
        self.is_even = even


def test_five_minutes_in_which_something_happened_are_read_row_by_row() -> None:
    coarse = Coarse(
        Gathered([Piece(n * 300_000, n * 300_000 + 290_000, n * 30, n * 30 + 29) for n in range(4)], [1, 0, 1, 1])
    )
    assert list(busy_buckets(coarse, [650_000, 895_000])) == [1, 2], "the last start lies between two"
    fine = {1: [Piece(300_000, 400_000, 30, 40), Piece(410_000, 590_000, 35, 59)]}
    assert [piece.first for piece in pieces_of(coarse, fine)] == [0, 30, 35, 60, 90]


# -- saves -----------------------------------------------------------------------------------------------------------


def test_saves_are_put_together_from_their_marks() -> None:
    marks = {
        "checkpoint_begin": [Mark(10, 100), Mark(100, 200), Mark(200, 300), Mark(300, 400), Mark(400, 500)],
        "checkpoint_end": [Mark(15, 100, 7), Mark(105, 200), Mark(305, 400)],
        "checkpoint_durable": [Mark(120, 100, 8), Mark(150, 200)],
        "checkpoint_failed": [Mark(390, 400)],
    }
    saves = saves_of(marks, last_ms=450)
    told = [(s.blocked, s.durable_ms, s.size_bytes, s.failed) for s in saves]
    assert told == [
        ((10, 15), 120, 7, False),  # durable after the next one began
        ((100, 105), 150, None, False),
        (None, None, None, True),  # never ended
        ((300, 305), None, None, True),  # its upload failed
        (None, None, None, True),  # the job went on without an end of it
    ]
    (*_, last) = saves_of(marks, last_ms=400)
    assert (last.open, last.failed) == (True, False), "nobody can tell yet"


def test_saves_without_numbers_are_paired_by_time() -> None:
    marks = {"checkpoint_begin": [Mark(10), Mark(20)], "checkpoint_end": [Mark(5), Mark(25)]}
    assert [save.end_ms for save in saves_of(marks, 30)] == [None, 25]
    assert pairs([Mark(10), Mark(20), Mark(30)], [Mark(12), Mark(14), Mark(35)]) == [(10, 12), (30, 35)]
