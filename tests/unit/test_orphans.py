"""Partitions without an owner: seen only while the group is at rest; tests/chaos makes them on a real broker."""

from __future__ import annotations

from clusterctl.bus import Partition
from clusterctl.bus.facts import GroupFacts, Member
from clusterctl.bus.orphans import orphans

ALL = [Partition("t", number) for number in range(4)]


def group(state: str, *owned: int) -> GroupFacts:
    return GroupFacts("g", state, (Member("c1", "h", tuple(Partition("t", number) for number in owned)),))


def test_what_no_member_owns_is_an_orphan() -> None:
    assert orphans(group("Stable", 0, 2), ALL) == {Partition("t", 1), Partition("t", 3)}
    assert orphans(group("Stable", 0, 1, 2, 3), ALL) == frozenset()


def test_nothing_is_an_orphan_in_the_middle_of_a_rebalance() -> None:
    for state in ("PreparingRebalance", "CompletingRebalance", "Empty", "Dead"):
        assert orphans(group(state, 0), ALL) == frozenset()
