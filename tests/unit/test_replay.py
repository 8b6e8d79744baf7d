"""Dead letters put back, over the bus in memory and the local one: the original bytes, once each, the rest kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clusterctl.bus import Bus, Message, Partition, Position, Record, dead_letter_topic
from clusterctl.bus.memory import MemoryBus
from clusterctl.bus.spool import SpoolBus
from clusterctl.clock import Clock, SystemClock
from clusterctl.collector.block import Dead
from clusterctl.collector.deadletter import MAX_VALUE, DeadLetters
from clusterctl.collector.letters import MAX_REASONS, OTHER_REASONS, Tally, Wanted, letter_of, replay_group, tally
from clusterctl.collector.replay import Done, Plan, origins, plan, replay
from clusterctl.config import Config
from clusterctl.errors import BusUnavailable
from tests.support.cli import clusterctl
from tests.support.clock import HandClock
from tests.unit.test_collector import TokenStore, collector, configured, drain, expected, fill

CONFIG = configured(samples_age_s="0.01")
SAMPLES, EVENTS = origins(CONFIG)
DEAD = dead_letter_topic(CONFIG)
HEADERS = (("v", b"1"),)
ALL = Wanted()


def record(value: bytes = b"value", topic: str = SAMPLES, offset: int = 7, key: bytes = b"h1") -> Record:
    return Record(Partition(topic, 0), offset, 1, key, value, HEADERS)


def put(bus: Bus, *letters: tuple[Record, str]) -> None:
    producer = bus.producer()
    DeadLetters(producer, DEAD).put([Dead(original, reason) for original, reason in letters])
    producer.close(1.0)


def lying(bus: Bus, topic: str, config: Config = CONFIG) -> list[Record]:
    """Everything that is in a topic."""

    class Listener:
        def assigned(self, partitions: Any) -> None: ...
        def revoked(self, partitions: Any) -> None: ...
        def lost(self, partitions: Any) -> None: ...

    consumer = bus.consumer([topic], "spectator", Listener())
    found, fresh = [], consumer.poll(0.0)
    while fresh:
        found += fresh
        fresh = consumer.poll(0.0)
    consumer.close()
    return found


def go(bus: Bus, wanted: Wanted = ALL, *, limit: int | None = None, clock: Clock | None = None) -> tuple[Plan, Done]:
    clock = clock or SystemClock()
    planned = plan(bus, CONFIG, wanted, limit, clock)
    return planned, replay(bus, CONFIG, wanted, planned, clock)


@pytest.fixture(params=["memory", "spool"])
def bus(request: pytest.FixtureRequest, tmp_path: Path) -> Bus:
    return MemoryBus(partitions=1) if request.param == "memory" else SpoolBus(str(tmp_path), 10_000_000)


def values(bus: Bus, topic: str) -> list[bytes]:
    return [found.value for found in lying(bus, topic)]


def test_a_letter_goes_back_with_its_bytes_key_and_headers_and_a_count(bus: Bus) -> None:
    put(bus, (record(b"a"), "wire version 9"), (record(b"b", EVENTS), "wire version 9"))
    planned, done = go(bus)
    assert (planned.replay, done.replayed, done.kept) == (2, 2, 0)
    (back,) = lying(bus, SAMPLES)
    assert (back.key, back.value, back.headers) == (b"h1", b"a", (*HEADERS, ("replays", b"1")))
    assert values(bus, EVENTS) == [b"b"]
    assert go(bus)[0] == Plan(), "nothing is left to be put back"
    assert values(bus, SAMPLES) == [b"a"]


def test_a_letter_that_dies_again_counts_its_replays(bus: Bus) -> None:
    put(bus, (record(b"a"), "x"))
    for times in (1, 2, 3):
        go(bus)
        back = lying(bus, SAMPLES)[-1]
        assert dict(back.headers) == {"v": b"1", "replays": str(times).encode()}
        put(bus, (back, "x"))
    assert next(iter(tally(bus, CONFIG, origins(CONFIG), Wanted(), SystemClock()).heaps.values())).replayed_before == 1


def test_what_is_not_meant_is_kept_with_the_time_of_its_death(bus: Bus) -> None:
    put(bus, (record(b"a"), "clock"), (record(b"b"), "version 9"), (record(b"c"), "clock"), (record(b"d"), "version 8"))
    died_ms = lying(bus, DEAD)[0].timestamp_ms
    planned, done = go(bus, Wanted(reason="VERSION"))
    assert (planned.replay, planned.other, done.replayed, done.kept) == (2, 2, 2, 2)
    assert values(bus, SAMPLES) == [b"b", b"d"]
    for _ in range(2):
        assert count(bus) == {"clock": 2}
        assert go(bus, Wanted(reason="version"))[1] == Done(), "kept letters are not moved for nothing"
    last = letter_of(lying(bus, DEAD)[-1], origins(CONFIG))
    assert last is not None
    assert last.dead_ms == pytest.approx(died_ms, abs=1_000)
    go(bus)
    assert sorted(values(bus, SAMPLES)) == [b"a", b"b", b"c", b"d"]
    assert all(name != "dead_ms" for found in lying(bus, SAMPLES) for name, _ in found.headers)


def count(bus: Bus) -> dict[str, int]:
    found = tally(bus, CONFIG, origins(CONFIG), Wanted(), SystemClock())
    return {heap.reason: heap.letters for heap in found.heaps.values()}


def test_letters_after_the_last_one_meant_stay_where_they_are(bus: Bus) -> None:
    put(bus, (record(b"a"), "x"), (record(b"b"), "y"), (record(b"c"), "y"))
    assert go(bus, Wanted(reason="x"))[1] == Done(replayed=1, kept=0)
    assert len(lying(bus, DEAD)) == 3
    assert count(bus) == {"y": 2}


def test_a_limit_takes_the_oldest(bus: Bus) -> None:
    put(bus, *((record(b"%d" % number), "x" if number % 2 else "y") for number in range(10)))
    assert go(bus, Wanted(reason="x"), limit=2)[1].replayed == 2
    assert values(bus, SAMPLES) == [b"1", b"3"]
    assert go(bus, Wanted(reason="x"), limit=100)[1].replayed == 3
    assert count(bus) == {"y": 5}


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        (Wanted(topic=EVENTS), [b"e"]),
        (Wanted(partition=0), [b"a", b"e"]),
        (Wanted(partition=1), []),
        (Wanted(topic=SAMPLES, reason="off"), [b"a"]),
        (Wanted(since_ms=2**52), []),
    ],
)
def test_letters_are_chosen_by_where_and_when(bus: Bus, wanted: Wanted, meant: list[bytes]) -> None:
    put(bus, (record(b"a"), "clock off"), (record(b"e", EVENTS), "clock off"))
    go(bus, wanted)
    assert values(bus, SAMPLES) + values(bus, EVENTS) == meant


def test_a_letter_that_was_cut_is_said_and_kept(bus: Bus) -> None:
    long = b"x" * (MAX_VALUE + 1)
    put(bus, (record(long), "too long"), (record(b"x" * MAX_VALUE), "not cut"), (record(b"a"), "short"))
    planned, done = go(bus)
    assert (planned.truncated, planned.replay, done.replayed, done.kept) == (1, 2, 2, 1)
    assert [len(value) for value in values(bus, SAMPLES)] == [MAX_VALUE, 1]
    assert count(bus) == {"too long": 1}
    assert go(bus)[0].truncated == 1


def test_what_is_no_letter_of_ours_is_kept_and_sent_nowhere(bus: Bus) -> None:
    producer = bus.producer()
    own = (("topic", b"__consumer_offsets"), ("partition", b"0"), ("offset", b"1"), ("reason", b"x"))
    for headers in ((), own, (*own[:1], ("partition", b"zero")), (("v", b"1"),)):
        producer.send(Message(DEAD, b"k", b"foreign", headers), lambda error: None)
    producer.close(1.0)
    put(bus, (record(b"a"), "x"))
    planned, done = go(bus)
    assert (planned.foreign, done.replayed, done.kept) == (4, 1, 4)
    assert lying(bus, "__consumer_offsets") == []
    assert tally(bus, CONFIG, origins(CONFIG), Wanted(), SystemClock()).foreign == 4


def test_letters_from_before_the_length_was_written_down_are_read() -> None:
    own = (("topic", SAMPLES.encode()), ("partition", b"2"), ("offset", b"1"), ("reason", b"x"), ("code_version", b"0"))
    short = letter_of(Record(Partition(DEAD, 0), 0, 5, b"k", b"abc", (*own, *HEADERS)), origins(CONFIG))
    assert short is not None
    assert (short.truncated, short.headers, short.partition) == (False, HEADERS, 2)
    full = letter_of(Record(Partition(DEAD, 0), 0, 5, b"k", b"x" * MAX_VALUE, own), origins(CONFIG))
    assert full is not None
    assert full.truncated, "nobody knows, so it is not sent as if it were whole"


def test_listing_bounds_the_kinds_of_reasons() -> None:
    found = Tally()
    for number in range(MAX_REASONS * 2):
        reason = "".join(chr(ord("a") + int(digit)) for digit in str(number))
        letter = letter_of(record_of(reason), origins(CONFIG))
        found.add(letter)
    assert len(found.heaps) == MAX_REASONS + 1
    assert sum(heap.letters for heap in found.heaps.values()) == MAX_REASONS * 2
    assert found.heaps[SAMPLES, OTHER_REASONS].letters == MAX_REASONS


def record_of(reason: str) -> Record:
    bus = MemoryBus(partitions=1)
    put(bus, (record(), reason))
    return bus.logs[Partition(DEAD, 0)][0]


def test_reasons_that_differ_in_numbers_and_quotes_are_one_kind() -> None:
    found = Tally()
    for reason in ("ts 17 is 3 h off", "ts 99 is 450 h off", "table 'a' is not", 'table "b" is not'):
        found.add(letter_of(record_of(reason), origins(CONFIG)))
    assert {kind: heap.letters for (_, kind), heap in found.heaps.items()} == {
        "ts # is # h off": 2,
        "table '…' is not": 2,
    }


class Failing(MemoryBus):
    """Loses its voice after some messages, or dies before a commit."""

    def __init__(self) -> None:
        super().__init__(partitions=1, clock=HandClock())
        self.takes = -1
        self.dies_at_commit = False

    def append(self, message: Message) -> None:
        if self.takes == 0:
            raise BusUnavailable("away")
        self.takes -= 1
        super().append(message)

    def consumer(self, topics: Any, group: str, listener: Any) -> Any:
        inner = super().consumer(topics, group, listener)
        commit = inner.commit

        def dying(partition: Partition, position: Position) -> None:
            if self.dies_at_commit:
                raise BusUnavailable("died before the commit")
            commit(partition, position)

        inner.commit = dying  # type: ignore[method-assign]
        return inner


@pytest.mark.parametrize("takes", range(8))
def test_a_replay_that_fails_at_any_point_loses_no_letter(takes: int) -> None:
    bus = Failing()
    put(bus, *((record(b"%d" % number), "x" if number % 2 else "y") for number in range(8)))
    bus.takes = takes
    with pytest.raises(BusUnavailable):
        go(bus, Wanted(reason="x"), clock=bus.clock)
    bus.takes = -1
    go(bus, Wanted(reason="x"), clock=bus.clock)
    assert {b"1", b"3", b"5", b"7"} == set(values(bus, SAMPLES))
    assert {letter.value for letter in lying(bus, DEAD)[bus.standing(DEAD, replay_group(CONFIG))[0].start :]} == {
        b"0", b"2", b"4", b"6"
    }  # fmt: skip


def test_a_crash_before_the_commit_repeats_what_was_sent() -> None:
    bus = Failing()
    put(bus, (record(b"a"), "x"))
    bus.dies_at_commit = True
    with pytest.raises(BusUnavailable):
        go(bus, clock=bus.clock)
    bus.dies_at_commit = False
    assert go(bus, clock=bus.clock)[1].replayed == 1
    assert values(bus, SAMPLES) == [b"a", b"a"], "twice, which the natural key makes harmless"


def test_letters_that_retention_took_are_counted() -> None:
    bus = MemoryBus(partitions=1)
    put(bus, *((record(b"%d" % number), "x") for number in range(6)))
    go(bus, limit=1)
    bus.forget(Partition(DEAD, 0), 4)
    assert tally(bus, CONFIG, origins(CONFIG), Wanted(), SystemClock()).expired == 3
    planned, done = go(bus)
    assert (planned.expired, done.replayed) == (3, 2)
    assert values(bus, SAMPLES) == [b"0", b"4", b"5"]


def test_a_collector_that_was_mended_stores_what_was_put_back() -> None:
    """The rows that an unready collector could not store come to be stored. Distinct rows count: a block that is split was
    stored in part before."""
    bus, store = MemoryBus(partitions=1, clock=HandClock()), TokenStore()
    fill(bus, 60)
    store.refuse = lambda row: row[2] == "h1"
    drain(collector(bus, store, configured(samples_age_s="0.01")), bus)
    assert len(set(store.rows)) < expected(60)
    store.refuse = None
    assert go(bus, clock=bus.clock)[1].replayed == 12
    drain(collector(bus, store, configured(samples_age_s="0.01")), bus)
    assert len(set(store.rows)) == expected(60)


# -- the commands, on the local bus ------------------------------------------------------------------------------------------


@pytest.fixture
def spool(local_env: dict[str, str]) -> Callable[[], SpoolBus]:
    return lambda: SpoolBus(str(Path(local_env["CLUSTERCTL_SITE_DATA_DIR"]) / "spool"), 10_000_000)


def test_the_commands_list_and_put_back(local_env: dict[str, str], spool: Callable[[], SpoolBus]) -> None:
    assert clusterctl(local_env, "collect", "dead").stdout == "no dead letters\n"
    put(spool(), (record(b"a"), "wire version 9"), (record(b"b"), "\x1b[31mevil 3"), (record(b"c"), "wire version 8"))
    listed = clusterctl(local_env, "collect", "dead", "--format", "json")
    assert listed.returncode == 1
    heaps = {heap["reason"]: heap["letters"] for heap in json.loads(listed.stdout)["letters"]}
    assert heaps == {"wire version #": 2, "\x1b[#mevil #": 1}
    table = clusterctl(local_env, "collect", "dead").stdout
    assert "wire version #" in table
    assert "\x1b" not in table
    dry = clusterctl(local_env, "collect", "replay-dead", "--reason", "wire", "--dry-run")
    assert (dry.returncode, dry.stdout) == (0, "would put back 2\n1 others are not meant and stay dead letters\n")
    assert values(spool(), SAMPLES) == []
    done = clusterctl(local_env, "collect", "replay-dead", "--reason", "wire", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "dry_run": False, "planned": 2, "replayed": 2, "kept": 1, "truncated": 0, "other": 1, "foreign": 0, "expired": 0,
    }  # fmt: skip
    assert values(spool(), SAMPLES) == [b"a", b"c"]
    wrong = clusterctl(local_env, "collect", "replay-dead", "--topic", "other")
    assert (wrong.returncode, "no topic of ours" in wrong.stderr) == (2, True)


def test_a_spool_in_use_is_said_and_nothing_is_lost(local_env: dict[str, str], spool: Callable[[], SpoolBus]) -> None:
    put(spool(), (record(b"a"), "x"))
    agent = spool().writer(SAMPLES)
    refused = clusterctl(local_env, "collect", "replay-dead")
    assert (refused.returncode, "another process writes here" in refused.stderr) == (2, True)
    agent.close()
    assert clusterctl(local_env, "collect", "replay-dead").stdout == "put back 1\n"


def test_replays_stand_in_a_group_of_their_own() -> None:
    assert replay_group(CONFIG) == "clusterctl-collector-replay"
    assert replay_group(replace(CONFIG, bus=replace(CONFIG.bus, group="g"))) == "g-replay"
