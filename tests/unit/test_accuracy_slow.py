"""The short form of the fail-slow part of `make accuracy`: two days of a fleet whose slow units are known."""

from __future__ import annotations

from tests.accuracy.slowness import judge_slow, slow_measures


def test_slow_units_are_found_and_no_others() -> None:
    found = slow_measures([judge_slow(seed) for seed in (101, 102)])
    assert found[0].trials >= 5
    assert [measure.line() for measure in found if measure.excluded] == []
