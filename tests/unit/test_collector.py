"""The collector against a bus in memory: crashes at each point, every fate, dead letters and their limit."""

from __future__ import annotations

import random
import tempfile
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterctl.bus import Message, Partition, Position
from clusterctl.bus.memory import MemoryBus
from clusterctl.collector.block import Block
from clusterctl.collector.fate import Fate, fate_of
from clusterctl.collector.journal import Journal, Pending
from clusterctl.collector.main import Collector
from clusterctl.collector.quota import Quota
from clusterctl.collector.sink import Sink
from clusterctl.collector.writers import Inline
from clusterctl.config import Config, load
from clusterctl.errors import (
    BusUnavailable,
    ConfigError,
    QuotaExceeded,
    SchemaBehind,
    ServerError,
    StoreUnavailable,
    Unencodable,
)
from clusterctl.schema import TABLE_BY_NAME
from clusterctl.store import Bounds, Columns, Param, Result
from tests.support.clock import HandClock
from tests.support.wirehelp import host_batch, nic_batch

TOPIC, EVENTS = "clusterctl.samples.v1", "clusterctl.events.v1"
DEAD = "clusterctl.deadletter.v1"


class Died(BaseException):
    """The process is gone: nothing of ours may catch it."""


class TokenStore:
    """As ClickHouse: remembers tokens, and keeps one row a key when asked for distinct ones."""

    def __init__(self) -> None:
        self.tokens: set[str] = set()
        self.rows: list[tuple[Any, ...]] = []
        self.errors: list[Exception] = []
        self.die_after = -1
        self.refuse: Any = None
        self.offsets: dict[str, set[int]] = {}

    def query(self, sql: str, params: dict[str, Param] | None = None, bounds: Bounds | None = None) -> Result:
        """The one question that a collector asks: which offsets of a table are there."""
        table = sql.split(" FROM ")[1].split()[0]
        return Result(("bus_offset",), ("UInt64",), [(offset,) for offset in sorted(self.offsets.get(table, ()))])

    def execute(self, sql: str, params: dict[str, Param] | None = None) -> None:
        raise NotImplementedError

    def insert(self, table: str, columns: Columns, token: str = "") -> None:
        if self.errors:
            raise self.errors.pop(0)
        key = TABLE_BY_NAME[table].key
        rows = [(table, *row) for row in zip(*(columns[name] for name in key), strict=True)]
        if self.refuse is not None and any(self.refuse(row) for row in rows):
            raise ServerError(53, "type mismatch")
        if token not in self.tokens:
            self.tokens.add(token)
            self.rows += rows
            self.offsets.setdefault(table, set()).update(columns["bus_offset"])
        if self.die_after == 0:
            raise Died
        self.die_after -= 1

    def close(self) -> None:
        return


SCRATCH = tempfile.TemporaryDirectory()


def configured(**env: str) -> Config:
    """With a data directory of its own: what is left of the quota is kept there."""
    named = {f"CLUSTERCTL_COLLECTOR_{name.upper()}": value for name, value in env.items()}
    return load(None, {**named, "CLUSTERCTL_SITE_DATA_DIR": str(Path(SCRATCH.name) / uuid.uuid4().hex)})


def fill(bus: MemoryBus, count: int, hosts: int = 5) -> None:
    now = bus.clock.now_ms()
    for number in range(count):
        host, seq = f"h{number % hosts}", number // hosts
        value = host_batch(host, seq, now + seq) if number % 3 else nic_batch(host, seq, now + seq)
        bus.append(Message(TOPIC, host.encode(), value))


def expected(count: int) -> int:
    return sum(1 if number % 3 else 2 for number in range(count))


def collector(bus: MemoryBus, store: TokenStore, config: Config | None = None) -> Collector:
    writers = Inline(Sink([store]))
    return Collector(config or configured(samples_age_s="0.01"), bus, writers, threading.Event(), bus.clock)


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus(partitions=3, clock=HandClock())


def drain(worker: Collector, bus: MemoryBus) -> None:
    for _ in range(120):
        worker.step()
        bus.clock.sleep_s(1.0)


def test_what_was_sent_is_stored_and_settled(bus: MemoryBus) -> None:
    fill(bus, 500)
    store = TokenStore()
    drain(collector(bus, store), bus)
    assert len(store.rows) == len(set(store.rows)) == expected(500)
    for (_, partition), position in bus.positions.items():
        assert position == Position(len(bus.logs[partition]))


class CrashingBus(MemoryBus):
    """Dies at a commit: before it counts, or after."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__(partitions=3, clock=clock)
        self.commits_left = -1
        self.after = False

    def consumer(self, topics: Any, group: str, listener: Any) -> Any:
        inner = super().consumer(topics, group, listener)
        commit = inner.commit

        def dying(partition: Partition, position: Position) -> None:
            dies = self.commits_left == 0
            self.commits_left -= 1
            if dies and not self.after:
                raise Died
            commit(partition, position)
            if dies:
                raise Died

        inner.commit = dying  # type: ignore[method-assign]
        return inner


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_death_at_any_point_loses_nothing_and_stores_nothing_twice(seed: int) -> None:
    """Before and after each promise, each insert and each settling, with other block sizes after each death."""
    chance = random.Random(seed)
    bus, store = CrashingBus(HandClock()), TokenStore()
    fill(bus, 200)
    for _ in range(chance.randrange(1, 8)):
        point = chance.randrange(3)
        bus.commits_left, bus.after = (chance.randrange(8), point == 1) if point < 2 else (-1, False)
        store.die_after = chance.randrange(6) if point == 2 else -1
        config = configured(block_rows=str(chance.randrange(1, 60)), samples_age_s="0.01")
        try:
            drain(collector(bus, store, config), bus)
        except Died:
            continue
    bus.commits_left = store.die_after = -1
    drain(collector(bus, store), bus)
    assert Counter(store.rows).most_common(1)[0][1] == 1, "nothing twice"
    assert len(store.rows) == expected(200), "nothing lost"


@pytest.mark.parametrize("error", [StoreUnavailable("gone"), ServerError(242, "read-only"), BusUnavailable("away")])
def test_what_time_cures_is_waited_for_with_the_bus_paused(bus: MemoryBus, error: Exception) -> None:
    fill(bus, 60)
    store = TokenStore()
    store.errors = [error] * 8
    worker = collector(bus, store)
    before_s = bus.clock.monotonic_s()
    drain(worker, bus)
    assert len(store.rows) == expected(60)
    assert worker.meters.get("retries") == 8
    assert bus.clock.monotonic_s() - before_s > 10, "it waits longer each time"


def test_one_spoilt_row_is_found_and_only_its_message_is_a_dead_letter(bus: MemoryBus) -> None:
    fill(bus, 90)
    store = TokenStore()
    spoilt = next(iter(_keys(bus, 41)))
    store.refuse = lambda row: row == spoilt
    worker = collector(bus, store)
    drain(worker, bus)
    assert spoilt not in store.rows
    assert len(set(store.rows)) == expected(90) - 1
    letters = [record for partition, log in bus.logs.items() if partition.topic == DEAD for record in log]
    assert len(letters) == 1
    assert b"type mismatch" in dict(letters[0].headers)["reason"]
    assert worker.meters.get("dead_letters") == 1


def _keys(bus: MemoryBus, number: int) -> Iterator[tuple[Any, ...]]:
    """The key of message `number` of `fill`, which is a host batch."""
    seq = number // 5
    yield ("host_sample", "c", f"h{number % 5}", bus.clock.now_ms() + seq)


def test_our_own_fault_stops_the_collector(bus: MemoryBus) -> None:
    fill(bus, 10)
    store = TokenStore()
    store.errors = [ServerError(60, "unknown table")]
    with pytest.raises(ServerError):
        drain(collector(bus, store), bus)
    assert all(position.offset == 0 for position in bus.positions.values()), "nothing was settled"


def test_a_new_owner_finishes_what_the_old_one_promised(bus: MemoryBus) -> None:
    fill(bus, 100)
    store = TokenStore()
    zombie = collector(bus, store, configured(block_rows="7"))
    store.die_after = 3
    with pytest.raises(Died):
        drain(zombie, bus)
    store.die_after = -1
    heir = collector(bus, store, configured(block_rows="50", samples_age_s="0.01"))
    drain(heir, bus)
    assert heir.meters.get("replayed") >= 1
    drain(zombie, bus)  # it wakes, and finds that its group has moved on
    assert len(store.rows) == len(set(store.rows)) == expected(100)


FATES = [
    (StoreUnavailable("x"), Fate.RETRY),
    (BusUnavailable("x"), Fate.RETRY),
    *((ServerError(code, "x"), Fate.RETRY) for code in (159, 202, 209, 210, 241, 242, 285, 286, 319, 999)),
    (ServerError(252, "Too many parts (3000 with average size of 1 MiB) in table"), Fate.RETRY),
    (ServerError(252, "Too many partitions for single INSERT block (more than 100)"), Fate.SPLIT),
    *((ServerError(code, "x"), Fate.SPLIT) for code in (27, 53, 117)),
    (Unencodable("x"), Fate.SPLIT),
    *((ServerError(code, "x"), Fate.STOP) for code in (16, 47, 60, 497, 516, 1, 0)),
    (SchemaBehind("x"), Fate.STOP),
    (ConfigError("x"), Fate.STOP),
    (ValueError("x"), Fate.STOP),
]


@pytest.mark.parametrize(("error", "fate"), FATES, ids=lambda value: str(value)[:40])
def test_every_failure_has_a_fate(error: Exception, fate: Fate) -> None:
    assert fate_of(error) is fate


def test_the_last_permitted_dead_letter_passes_and_the_next_stops() -> None:
    clock = HandClock()
    quota = Quota(clock, share=0.01, floor=5, in_a_row=1_000)
    for _ in range(5):
        quota.bad("x")
    with pytest.raises(QuotaExceeded):
        quota.bad("x")
    clock.sleep_s(60.0)
    quota.bad("a new minute is a new allowance")


def test_the_share_counts_the_minutes_records() -> None:
    quota = Quota(HandClock(), share=0.01, floor=0, in_a_row=1_000)
    for _ in range(990):
        quota.good()
    for _ in range(9):
        quota.bad("x")
    quota.good()
    quota.bad("the tenth of 1001 is one in a hundred")
    with pytest.raises(QuotaExceeded):
        quota.bad("x")


def test_a_run_of_dead_letters_stops() -> None:
    quota = Quota(HandClock(), share=1.0, floor=10_000, in_a_row=3)
    for _ in range(3):
        quota.bad("x")
    quota.good()
    for _ in range(3):
        quota.bad("x")
    with pytest.raises(QuotaExceeded, match="in a row"):
        quota.bad("x")


def test_a_clock_ten_years_off_costs_its_message_alone(bus: MemoryBus) -> None:
    fill(bus, 30)
    bus.append(Message(TOPIC, b"h0", host_batch("h0", 99, bus.clock.now_ms() + 315_360_000_000)))
    bus.append(Message(TOPIC, b"h0", host_batch("h0", 98, bus.clock.now_ms() - 315_360_000_000)))
    store = TokenStore()
    worker = collector(bus, store)
    drain(worker, bus)
    assert len(store.rows) == expected(30)
    assert worker.meters.get("dead_letters") == 2


def test_a_table_stored_before_another_was_refused_is_not_stored_again(bus: MemoryBus) -> None:
    """Neither by the halves, nor by an heir who finds a half's note."""
    fill(bus, 90)
    store = TokenStore()
    spoilt = next(key for number in range(3, 90, 3) for key in nic_keys(bus, number) if number == 45)
    store.refuse = lambda row: row == spoilt
    worker = collector(bus, store)
    drain(worker, bus)
    assert worker.meters.get("splits") > 0
    assert Counter(store.rows).most_common(1)[0][1] == 1, "the plain count, not only the distinct one"
    assert len(store.rows) == expected(90) - 2, "the message of the spoilt row has two"


def nic_keys(bus: MemoryBus, number: int) -> Iterator[tuple[Any, ...]]:
    """Keys of message `number` of `fill`, which is a port batch."""
    for port in range(2):
        yield ("nic_sample", "c", f"h{number % 5}", f"eth{port}", bus.clock.now_ms() + number // 5)


def test_the_note_of_a_half_says_what_is_stored_already() -> None:
    bus = MemoryBus(partitions=1)
    journal = Journal(bus.consumer([TOPIC], "g", Nobody()))
    whole = Block(Partition(TOPIC, 0), 0, 10, ())
    journal.intend(whole)
    assert journal.pending(whole.partition).stored == {}
    half = replace(whole, end=6, stored={"host_sample": 10})
    journal.intend(half)
    assert journal.pending(whole.partition) == Pending(0, 6, {"host_sample": 10})
    journal.settle(half)
    assert journal.pending(whole.partition) == Pending(6, None, {"host_sample": 10}), (
        "the rest is known to be half stored"
    )
    journal.settle(replace(half, begin=6, end=10))
    assert journal.pending(whole.partition) == Pending(10, None)


class Nobody:
    def assigned(self, partitions: Any) -> None: ...

    def revoked(self, partitions: Any) -> None: ...

    def lost(self, partitions: Any) -> None: ...


@pytest.mark.parametrize("commits", range(14))
def test_death_in_the_middle_of_a_split_stores_nothing_twice(commits: int) -> None:
    """Also when only the first half was settled: the rest is promised in the same commit, with what is stored already."""
    bus, store = CrashingBus(HandClock()), TokenStore()
    fill(bus, 30)
    spoilt = next(nic_keys(bus, 15))
    store.refuse = lambda row: row == spoilt
    bus.commits_left, bus.after = commits, True
    try:
        drain(collector(bus, store), bus)
    except Died:
        bus.commits_left = -1
        drain(collector(bus, store), bus)
    assert Counter(store.rows).most_common(1)[0][1] == 1
    assert len(store.rows) == expected(30) - 2
