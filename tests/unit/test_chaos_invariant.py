"""The checker of the chaos runs finds what it is there for: a checker that cannot fail would prove nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clusterctl.errors import DecodeError
from clusterctl.schema import SCHEMA_VERSION
from tests.chaos.invariant import Findings, Row, check_acknowledged, check_dead, check_rows
from tests.chaos.messages import BOOT, CLUSTER, Author, Sent, in_time
from tests.chaos.rows import as_row
from tests.chaos.ticks import AgentRecord, Tick, TickCount, check_lines, check_ticks
from tests.chaos.verdict import tracebacks
from tests.support.wirehelp import rows_of

NOW_MS = 1_790_000_000_000
PERIOD_MS = 500


@pytest.fixture
def messages() -> list[Sent]:
    author = Author(7, NOW_MS)
    return [author.good(NOW_MS + number) for number in range(40)]


@pytest.fixture
def rows(messages: list[Sent]) -> list[Row]:
    return [row for sent in messages for row in sent.stored(sent.number % 4, sent.number, NOW_MS)]


def found_in(sent: list[Row], stored: list[Row]) -> Findings:
    found = Findings()
    check_rows(sent, stored, found)
    return found


def test_all_rows_once_is_right(rows: list[Row]) -> None:
    assert found_in(rows, list(reversed(rows))).words == []


def test_a_lost_row_is_found(rows: list[Row]) -> None:
    found = found_in(rows, rows[:17] + rows[18:])
    assert (found.lost, found.twice) == (1, 0)
    assert str(rows[17].key) in found.words[0]


def test_a_row_stored_twice_is_found(rows: list[Row]) -> None:
    found = found_in(rows, [*rows, rows[3]])
    assert (found.lost, found.twice) == (0, 1)


def test_a_message_that_its_sender_repeated_may_be_stored_once_or_at_both_places(messages: list[Sent]) -> None:
    once, again = messages[0].stored(1, 10, NOW_MS), messages[0].stored(1, 11, NOW_MS)
    assert found_in([*once, *again], again).words == []
    assert found_in([*once, *again], [*once, *again]).words == []
    assert found_in([*once, *again], [*again, *again]).twice == len(again)


def test_a_row_of_no_message_and_a_changed_value_are_found(rows: list[Row]) -> None:
    stranger = replace(rows[0], place=(9, 999_999))
    assert "no good message" in found_in(rows, [*rows, stranger]).words[0]
    changed = replace(rows[0], values=(*rows[0].values[:-1], "other"))
    assert "other values" in found_in(rows, [changed, *rows[1:]]).words[0]


def test_a_missing_dead_letter_and_one_too_many_are_found() -> None:
    wanted = {("samples", 0, 5), ("samples", 3, 8)}
    found = Findings()
    check_dead(wanted, [("samples", 0, 5), ("samples", 0, 5), ("samples", 3, 8)], found)
    assert found.words == [], "at least once"
    check_dead(wanted, [("samples", 0, 5)], found)
    assert found.lost == 1
    check_dead(wanted, [*wanted, ("samples", 0, 6)], found)
    assert "of good messages" in found.words[-1]


def test_an_acknowledged_message_that_is_gone_from_the_topic_is_found() -> None:
    found = Findings()
    check_acknowledged({1, 2}, {1, 2, 3}, found)
    assert found.words == [], "what was not acknowledged may be there"
    check_acknowledged({1, 2}, {2}, found)
    assert found.lost == 1


def read(sent: Sent) -> set[Row]:
    """The rows of a message as the product reads them."""
    assert sent.table is not None
    table, numbered = sent.table, zip(*rows_of(sent.value), strict=True)
    return {as_row(table, (CLUSTER, sent.host, BOOT, seq), row, SCHEMA_VERSION, (0, 0)) for seq, row in numbered}


def test_bad_messages_are_bad_and_good_ones_are_good() -> None:
    """The harness's own idea of a message's fate, against the product's decoder on a day without faults."""
    author = Author(3, NOW_MS)
    for _ in range(200):
        bad, good, skewed = author.poison(NOW_MS), author.good(NOW_MS), author.skewed(NOW_MS)
        with pytest.raises(DecodeError):
            rows_of(bad.value)
        assert read(good) == set(good.stored(0, 0, NOW_MS))
        assert (bad.dead(NOW_MS), good.dead(NOW_MS)) == (True, False)
        assert skewed.dead(NOW_MS) == (len(skewed.stored(0, 0, NOW_MS)) < len(rows_of(skewed.value)[1]))


def test_a_row_at_the_bound_is_stored_and_one_beyond_is_not() -> None:
    assert in_time(NOW_MS + 300_000, NOW_MS)
    assert not in_time(NOW_MS + 300_001, NOW_MS)
    assert in_time(NOW_MS - 7 * 86_400_000, NOW_MS)
    assert not in_time(NOW_MS - 7 * 86_400_000 - 1, NOW_MS)


def agent(skip: range = range(0), *, counted: int = 0, restarts: int = 0, lost_batches: int = 0) -> AgentRecord:
    """A hundred ticks without those in `skip`; the last half of them says how many are missed."""
    ticks = tuple(
        Tick(NOW_MS + n * PERIOD_MS, 3 * n, counted if n >= 50 else 0, lost_batches if n >= 50 else 0)
        for n in range(100)
        if n not in skip
    )
    starts = tuple(140 for _ in range(restarts))
    return AgentRecord("a1", PERIOD_MS, starts, ticks, 100, 100 - counted, {"samples": tuple(range(300))})


def ticks_of(record: AgentRecord) -> tuple[TickCount, list[str]]:
    found = Findings()
    return check_ticks(record, found), found.words


def test_ticks_that_are_all_there_or_counted_are_right() -> None:
    assert ticks_of(agent()) == (TickCount(0, 0), [])
    assert ticks_of(agent(range(40, 47), counted=7)) == (TickCount(7, 7), [])


def test_a_tick_that_nobody_counted_is_found() -> None:
    assert len(ticks_of(agent(range(40, 41)))[1]) == 1
    assert len(ticks_of(agent(range(40, 47), counted=6))[1]) == 1
    assert len(ticks_of(agent(range(40, 47), counted=8))[1]) == 1, "nor may more be counted than were lost"


def test_an_end_may_hide_the_tick_in_hand_and_no_more() -> None:
    assert ticks_of(agent(range(40, 47), counted=6, restarts=1))[1] == []
    assert len(ticks_of(agent(range(40, 47), counted=5, restarts=1))[1]) == 1


def test_a_full_disk_may_cost_what_it_counts() -> None:
    assert ticks_of(agent(range(40, 47), lost_batches=20))[1] == []
    assert len(ticks_of(agent(range(40, 47), lost_batches=6))[1]) == 1


def test_a_missing_batch_and_minutes_that_disagree_are_found() -> None:
    whole = agent()
    gap = replace(whole, seqs={"samples": tuple(n for n in range(300) if n != 150)})
    assert "missing on samples" in ticks_of(gap)[1][0]
    assert "presence" in ticks_of(replace(whole, done=80))[1][0]
    assert "not one tick" in ticks_of(replace(whole, ticks=()))[1][0]


def test_kernel_lines_are_counted_once() -> None:
    found = Findings()
    check_lines("a1", 10, 10, 0, found)
    check_lines("a1", 10, 9, 3, found)
    assert found.words == []
    check_lines("a1", 10, 9, 0, found)
    check_lines("a1", 10, 11, 3, found)
    assert len(found.words) == 2


def test_a_traceback_of_ours_is_told_from_one_that_the_client_logs() -> None:
    theirs = "2026-11-24 ERROR kafka.net: closing\nTraceback (most recent call last):\n  File x\nOSError: y\n"
    ours = "2026-11-24 INFO clusterctl: on\nTraceback (most recent call last):\n  File x\nValueError: y\n"
    assert tracebacks(theirs) == []
    assert len(tracebacks(theirs + ours)) == 1
