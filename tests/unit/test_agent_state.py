"""From one run of the agent to the next: the last tick, the minute it was in, and the gap that is counted."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from clusterctl.agent.presence import MinuteBook, Seen
from clusterctl.agent.schedule import Ticker
from clusterctl.agent.state import LastRun, StateFile
from clusterctl.agent.tiers import FAST, MEDIUM, SLOW, Tiers
from tests.support.clock import HandClock

RUN = LastRun(1_700_000_000_000, 1_699_999_980_000, 1_699_999_980_362, 20, 7, 8, False)
MINUTE = 1_700_000_040_000 // 60_000 * 60_000
SEEN = Seen(8, 8, ())


def kept(path: Path, boot: str = "boot") -> LastRun | None:
    state = StateFile(path, boot)
    found = state.before
    state.close()
    return found


def test_the_next_run_knows_this_one(tmp_path: Path) -> None:
    path = tmp_path / "data" / "agent-state"
    assert kept(path) is None
    state = StateFile(path, "boot")
    state.write(RUN)
    state.close()
    assert kept(path) == RUN
    assert kept(path, "another boot") is None, "what was before a reboot is not a gap of this boot"


@given(data=st.binary(max_size=120), cut=st.integers(0, 120))
def test_a_torn_state_is_no_state(tmp_path_factory: Any, data: bytes, cut: int) -> None:
    path = tmp_path_factory.mktemp("state") / "agent-state"
    state = StateFile(path, "boot")
    state.write(RUN)
    state.close()
    good = path.read_bytes()
    path.write_bytes(good[:cut] + data)
    assert kept(path) in (None, RUN)


def test_a_full_disk_costs_the_memory_and_not_the_agent(tmp_path: Path) -> None:
    state = StateFile(tmp_path / "agent-state", "boot")
    os.dup2(os.open("/dev/full", os.O_RDWR), state._fd)
    state.write(RUN)
    state.write(RUN)
    state.close()


def rows_of(book: MinuteBook, *ticks: int) -> list[Any]:
    return [row for tick in ticks for row in book.tick(MINUTE + tick, SEEN, 0)]


def test_a_restart_within_a_minute_counts_what_it_missed() -> None:
    first = MinuteBook(1_000)
    rows_of(first, *range(0, 20_000, 1_000))
    minute, first_tick, done, lost = first.progress
    second = MinuteBook(1_000)
    assert second.resume(minute, first_tick, done, lost, SEEN, MINUTE + 35_000) == []
    rows_of(second, *range(35_000, 60_000, 1_000))
    row: Any = second.tick(MINUTE + 60_000, SEEN, 0)[0]
    assert (row.ts, row.ticks_expected, row.ticks_done) == (MINUTE, 60, 45)


def test_a_restart_in_a_later_minute_ends_the_old_one_and_starts_the_new_one_at_its_beginning() -> None:
    first = MinuteBook(1_000)
    rows_of(first, *range(0, 20_000, 1_000))
    minute, first_tick, done, lost = first.progress
    second = MinuteBook(1_000)
    ended: Any = second.resume(minute, first_tick, done, lost, SEEN, MINUTE + 190_500)[0]
    assert (ended.ts, ended.ticks_expected, ended.ticks_done) == (MINUTE, 60, 20)
    for tick in range(191_000, 240_000, 1_000):
        second.tick(MINUTE + tick, SEEN, 0)
    row: Any = second.tick(MINUTE + 240_000, SEEN, 0)[0]
    assert (row.ts, row.ticks_expected, row.ticks_done) == (MINUTE + 180_000, 60, 49)


def test_a_first_start_owes_nothing_for_the_minute_before_it() -> None:
    book = MinuteBook(1_000)
    rows_of(book, *range(35_000, 60_000, 1_000))
    row: Any = book.tick(MINUTE + 60_000, SEEN, 0)[0]
    assert (row.ticks_expected, row.ticks_done) == (25, 25)


@given(st.text(min_size=1, max_size=20), st.integers(0, 10**12))
def test_slow_work_comes_every_so_often_and_first_of_all(host: str, start_ms: int) -> None:
    tiers = Tiers(host, 10_000, 60_000)
    levels = [tiers.level(start_ms + second * 1_000) for second in range(240)]
    assert levels[0] == SLOW
    assert levels.count(SLOW) in (4, 5)
    assert 24 <= levels.count(SLOW) + levels.count(MEDIUM) <= 25
    gaps = [i for i, level in enumerate(levels) if level >= MEDIUM]
    assert all(b - a == 10 for a, b in pairwise(gaps[1:]))
    assert levels.count(FAST) >= 215


def test_hosts_do_not_do_their_slow_work_in_the_same_second() -> None:
    seconds = []
    for number in range(200):
        tiers = Tiers(f"gpu-{number:04}", 10_000, 60_000)
        tiers.level(0)
        seconds.append(next(s for s in range(1, 61) if tiers.level(s * 1_000) == SLOW))
    assert len(set(seconds)) > 40


def test_log_records_lost_in_a_minute_survive_a_restart_within_it() -> None:
    first = MinuteBook(1_000)
    first.tick(MINUTE, SEEN, 5)
    second = MinuteBook(1_000)
    second.resume(*first.progress, SEEN, MINUTE + 10_000)
    for tick in range(10_000, 60_000, 1_000):
        second.tick(MINUTE + tick, SEEN, 2)
    row: Any = second.tick(MINUTE + 60_000, SEEN, 2)[0]
    assert row.log_records_lost == 7
    last: Any = second.close(MINUTE + 120_000)[0]
    assert last.log_records_lost == 0, "what was lost belongs to its minute"


def test_a_stall_over_a_minutes_end_is_in_both_minutes() -> None:
    book = MinuteBook(1_000)
    rows_of(book, *range(0, 60_000, 1_000))
    rows_of(book, *range(60_000, 110_000, 1_000))  # then nothing for 25 s
    row: Any = rows_of(book, 135_000)[0]
    assert (row.ticks_expected, row.ticks_done) == (60, 50)
    rows_of(book, *range(136_000, 180_000, 1_000))
    row = rows_of(book, 180_000)[0]
    assert (row.ticks_expected, row.ticks_done) == (60, 45)


def test_a_gap_counts_once_however_often_the_next_point_is_asked_for() -> None:
    clock = HandClock()
    ticker = Ticker(10_000, 0, clock)
    ticker.served(ticker.next_ms())
    clock.sleep_s(30.0)
    for _ in range(10):
        tick = ticker.next_ms()
    missed = ticker.missed
    assert missed in (1, 2)
    ticker.served(tick)
    ticker.next_ms()
    assert ticker.missed == missed
    assert ticker.owe_since(tick - 40_000) == 4
    ticker.next_ms()
    assert ticker.missed == missed + 4


def test_a_restart_owes_every_point_between_the_last_tick_and_its_own_first() -> None:
    ticker = Ticker(500, 395, clock := HandClock())
    first = ticker.next_ms()
    assert ticker.owe_since(first - 500) == 0, "it was away for less than a period"
    assert ticker.owe_since(first - 8_500) == 16
    assert ticker.missed == 16
    clock.sleep_s((first - clock.now_ms()) / 1_000)
    assert ticker.next_ms() == first, "which is still to come"
