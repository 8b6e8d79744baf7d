"""Blocks on their way while the bus is polled: one partition's trouble is its own, memory stays bounded, and a partition that
goes takes its block's fate with it."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from clusterctl.bus import Message, Partition
from clusterctl.bus.memory import MemoryBus
from clusterctl.collector import main
from clusterctl.collector.main import Collector
from clusterctl.collector.sink import Sink
from clusterctl.collector.writers import Inline, Threads
from clusterctl.config import Config
from clusterctl.errors import StoreUnavailable
from clusterctl.store import Columns
from tests.support.cli import wait_for
from tests.support.clock import HandClock
from tests.support.wirehelp import host_batch
from tests.unit.test_collector import TOPIC, TokenStore, configured, drain, expected, fill


class AwayFor(TokenStore):
    """Refuses blocks of one partition, or of all, while `away`."""

    def __init__(self, partition: int | None = None) -> None:
        super().__init__()
        self.away = True
        self._partition = partition

    def insert(self, table: str, columns: Columns, token: str = "") -> None:
        if self.away and self._partition in (None, int(token.split(":")[3])):
            raise StoreUnavailable("away")
        super().insert(table, columns, token)


class Slow(TokenStore):
    """Does not answer until told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()
        self.answer = threading.Event()

    def insert(self, table: str, columns: Columns, token: str = "") -> None:
        self.asked.set()
        assert self.answer.wait(20)
        super().insert(table, columns, token)


def collector(bus: MemoryBus, writers: Any, config: Config | None = None) -> Collector:
    stop = threading.Event()
    return Collector(config or configured(samples_age_s="0.01"), bus, writers, stop, bus.clock)


def settled(bus: MemoryBus) -> int:
    """Messages that the group has behind it."""
    return sum(position.offset for position in bus.positions.values())


def test_one_partitions_trouble_does_not_hold_the_others() -> None:
    bus, store = MemoryBus(partitions=3, clock=HandClock()), AwayFor(partition=1)
    fill(bus, 300)
    worker = collector(bus, Inline(Sink([store])))
    drain(worker, bus)
    logs = {partition.number: len(log) for partition, log in bus.logs.items() if partition.topic == TOPIC}
    assert settled(bus) == logs[0] + logs[2]
    store.away = False
    drain(worker, bus)
    assert len(store.rows) == len(set(store.rows)) == expected(300)


def test_an_hour_without_a_store_is_held_within_the_bound_and_then_stored_once() -> None:
    """A message a host and second for an hour: far more than may be held."""
    hosts, hold = 20, 1_048_576
    bus, store = MemoryBus(partitions=3, clock=HandClock(), max_poll_records=200), AwayFor()
    worker = collector(bus, Inline(Sink([store])), configured(hold_bytes=str(hold), block_rows="500"))
    largest, sent_bytes = 0, 0
    for second in range(3_600):
        for number in range(hosts):
            value = host_batch(f"h{number}", second, bus.clock.now_ms())
            bus.append(Message(TOPIC, f"h{number}".encode(), value))
            sent_bytes += len(value)
        worker.step()
        held = sum(stream.held_bytes for stream in worker._streams.values())
        largest = max(largest, held)
        bus.clock.sleep_s(1.0)
    assert sent_bytes > 5 * hold
    assert hold <= largest < hold + 200 * 200, "one poll beyond the bound at most"
    assert worker.meters.get("pauses") == 1
    assert worker.meters.get("retries") < 1_500, "it waits longer each time, for half a minute at last"
    store.away = False
    for _ in range(2_000):
        worker.step()
        bus.clock.sleep_s(0.1)
    assert len(store.rows) == len(set(store.rows)) == hosts * 3_600


def test_a_partition_that_goes_is_settled_when_its_block_lands_in_time() -> None:
    bus, store = MemoryBus(partitions=1), Slow()
    fill(bus, 50)
    worker = collector(bus, Threads([Sink([store])]))
    assert wait_for(lambda: worker.step() is None and store.asked.is_set(), 10, 0.01)
    threading.Timer(0.2, store.answer.set).start()
    worker.revoked([Partition(TOPIC, 0)])
    assert settled(bus) == 50
    assert len(store.rows) == expected(50)


def test_a_partition_that_is_lost_is_not_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next owner does the promised block again, under the same token."""
    bus, store = MemoryBus(partitions=1), Slow()
    fill(bus, 50)
    worker = collector(bus, Threads([Sink([store])]))
    assert wait_for(lambda: worker.step() is None and store.asked.is_set(), 10, 0.01)
    heir = collector(bus, Inline(Sink([store])))
    worker.step()
    store.answer.set()
    assert wait_for(lambda: len(store.rows) == expected(50), 10, 0.01)
    assert settled(bus) == 0
    assert wait_for(lambda: heir.step() is None and settled(bus) == 50, 10, 0.01)
    assert len(store.rows) == expected(50)


def test_a_stopped_collector_does_not_wait_for_a_server_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "STOP_S", 0.3)
    bus, store = MemoryBus(partitions=1), Slow()
    fill(bus, 50)
    stop = threading.Event()
    worker = Collector(configured(samples_age_s="0.01"), bus, Threads([Sink([store])]), stop)
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert store.asked.wait(10)
    began_s = time.monotonic()
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert time.monotonic() - began_s < 5
    assert settled(bus) == 0, "its note stays for the next owner"
    store.answer.set()


def test_as_many_blocks_are_stored_at_once_as_there_are_writers() -> None:
    both = threading.Barrier(2, timeout=10)

    class Together(TokenStore):
        def insert(self, table: str, columns: Columns, token: str = "") -> None:
            both.wait()

    bus = MemoryBus(partitions=2)
    for number in range(20):
        bus.append(Message(TOPIC, f"h{number}".encode(), host_batch(f"h{number}", 0, bus.clock.now_ms())))
    worker = collector(bus, Threads([Sink([Together()]), Sink([Together()])]))
    assert wait_for(lambda: worker.step() is None and settled(bus) == 20, 10, 0.01)


def test_a_writers_error_is_the_futures_and_the_writer_goes_on() -> None:
    writers = Threads([Sink([TokenStore()])])

    def fails(sink: Sink) -> None:
        raise ValueError("x")

    assert writers.room()
    assert isinstance(writers.submit(fails).exception(timeout=5), ValueError)
    assert wait_for(writers.room, 5, 0.01)
    assert writers.submit(lambda sink: None).exception(timeout=5) is None
    writers.close()
