"""The limit of dead letters holds across restarts: it is an allowance of time."""

from __future__ import annotations

from pathlib import Path

import pytest

from clusterctl.bus import Message, Position
from clusterctl.bus.memory import MemoryBus
from clusterctl.collector.main import Collector
from clusterctl.collector.quota import Quota, quota_file
from clusterctl.errors import ClusterctlError, QuotaExceeded
from tests.support.clock import HandClock
from tests.unit.test_collector import DEAD, TOPIC, TokenStore, collector, configured


def quota(clock: HandClock, path: Path, *, floor: int = 3, share: float = 0.0, in_a_row: int = 1_000) -> Quota:
    return Quota(clock, share, floor, in_a_row, path)


def bad(limit: Quota, times: int) -> None:
    for _ in range(times):
        limit.bad("x")


def test_a_restart_within_the_minute_goes_on_with_what_is_left(tmp_path: Path) -> None:
    clock, path = HandClock(), tmp_path / "quota.json"
    bad(quota(clock, path), 2)
    clock.sleep_s(30.0)
    again = quota(clock, path)
    bad(again, 1)
    with pytest.raises(QuotaExceeded):
        bad(again, 1)


def test_the_minute_ends_when_it_would_have_ended_without_the_restart(tmp_path: Path) -> None:
    clock, path = HandClock(), tmp_path / "quota.json"
    bad(quota(clock, path), 3)
    clock.sleep_s(40.0)
    again = quota(clock, path)
    clock.sleep_s(19.0)
    with pytest.raises(QuotaExceeded):
        bad(again, 1)
    clock.sleep_s(1.0)
    bad(quota(clock, path), 3)


@pytest.mark.parametrize("restart_every_s", [1.0, 5.0, 7.3, 59.0])
def test_a_supervisor_that_restarts_for_ever_gets_no_more_than_one_that_does_not(
    tmp_path: Path, restart_every_s: float
) -> None:
    """Ten minutes of nothing but dead letters, between good ones: three a minute pass, as the floor says."""
    clock, passed = HandClock(), 0
    until_s = clock.monotonic_s() + 600.0
    while clock.monotonic_s() < until_s:
        limit = quota(clock, tmp_path / "quota.json")
        try:
            while True:
                limit.good()
                limit.bad("x")
                passed += 1
                clock.sleep_s(0.1)
        except QuotaExceeded:
            clock.sleep_s(restart_every_s)
    assert 15 <= passed <= 30


def test_a_run_of_dead_letters_is_not_forgotten_and_a_good_one_ends_it(tmp_path: Path) -> None:
    clock, path = HandClock(), tmp_path / "quota.json"
    bad(quota(clock, path, floor=100, in_a_row=5), 5)
    clock.sleep_s(3_600.0)
    with pytest.raises(QuotaExceeded, match="in a row"):
        quota(clock, path, floor=100, in_a_row=5).bad("x")
    last = quota(clock, path, floor=100, in_a_row=5)
    last.good()
    bad(quota(clock, path, floor=100, in_a_row=5), 5)


def test_a_clock_that_was_set_back_gives_no_more_than_a_fresh_minute(tmp_path: Path) -> None:
    clock, path = HandClock(), tmp_path / "quota.json"
    bad(quota(clock, path), 3)
    clock.step_ms(-3_600_000)
    again = quota(clock, path)
    bad(again, 3)
    with pytest.raises(QuotaExceeded):
        bad(again, 1)


def test_a_file_that_is_not_ours_and_a_directory_that_cannot_be_written_are_said(tmp_path: Path) -> None:
    strange = tmp_path / "quota.json"
    strange.write_text('{"minutes": 1}')
    with pytest.raises(ClusterctlError, match="not what a collector writes"):
        quota(HandClock(), strange)
    (tmp_path / "file").write_text("")
    with pytest.raises(ClusterctlError, match="cannot be kept"):
        quota(HandClock(), tmp_path / "file" / "quota.json").bad("x")


def test_collectors_that_share_a_directory_have_files_of_their_own() -> None:
    from dataclasses import replace

    config = configured()
    names = {
        quota_file(replace(config, bus=replace(config.bus, instance_id=name))).name for name in ("", "a", "../../a")
    }
    assert len(names) == 3
    assert all("/" not in name for name in names)


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus(partitions=1, clock=HandClock())


def test_a_restart_loop_meets_the_same_message_and_drains_nothing(bus: MemoryBus) -> None:
    """Ten bad messages and a quota of four: the four that were in blocks of their own are dead letters, and ten restarts
    in the same minute add none."""
    config = configured(samples_age_s="0.01", dead_floor="4")
    store = TokenStore()

    def run(worker: Collector) -> None:
        for _ in range(3):
            worker.step()
            bus.clock.sleep_s(0.1)

    first = collector(bus, store, config)
    for number in range(4):
        bus.append(Message(TOPIC, b"h", b"bad %d" % number))
        run(first)
    dead = next(log for partition, log in bus.logs.items() if partition.topic == DEAD)
    assert len(dead) == 4, "the last permitted one passes"
    for number in range(4, 10):
        bus.append(Message(TOPIC, b"h", b"bad %d" % number))
    for _ in range(10):
        with pytest.raises(QuotaExceeded):
            run(collector(bus, store, config))
    assert len(dead) == 4
    (position,) = {position for (_, part), position in bus.positions.items() if part.topic == TOPIC}
    assert position == Position(4), "the message that broke the quota was not passed"
