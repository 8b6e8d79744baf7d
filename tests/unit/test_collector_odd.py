"""What a collector may be given and should not: fetches with holes, and bytes that somebody chose."""

from __future__ import annotations

from typing import Any

import pytest

from clusterctl.bus import Message, Partition, Position
from clusterctl.bus.memory import MemoryBus, MemoryConsumer
from tests.support.clock import HandClock
from tests.unit.test_collector import DEAD, TOPIC, TokenStore, collector, drain, expected, fill


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus(partitions=3, clock=HandClock())


class LosingBus(MemoryBus):
    """Its first fetch of each partition forgets a record in the middle."""

    def consumer(self, topics: Any, group: str, listener: Any) -> Any:
        inner = super().consumer(topics, group, listener)
        poll, forgot = inner.poll, set()

        def losing(timeout_s: float) -> Any:
            records = poll(timeout_s)
            kept = [record for record in records if record.offset != 5 or record.partition in forgot]
            forgot.update(record.partition for record in records if record.offset == 5)
            return kept

        inner.poll = losing  # type: ignore[method-assign]
        return inner


def test_a_fetch_that_got_lost_on_its_way_is_fetched_again() -> None:
    bus, store = LosingBus(partitions=3, clock=HandClock()), TokenStore()
    for partition in range(3):
        bus.positions["clusterctl-collector", Partition(TOPIC, partition)] = Position(0)
    fill(bus, 90)
    drain(collector(bus, store), bus)
    assert len(store.rows) == len(set(store.rows)) == expected(90)


def test_a_hole_that_is_there_is_believed_the_second_time(bus: MemoryBus) -> None:
    fill(bus, 60)
    for log in bus.logs.values():
        bus.positions["clusterctl-collector", log[0].partition] = Position(0)
    there = sum(len(log) for log in bus.logs.values())
    consumer_poll = MemoryConsumer.poll
    store = TokenStore()
    worker = collector(bus, store)

    def without(timeout_s: float) -> Any:
        return [record for record in consumer_poll(worker._consumer, timeout_s) if record.offset != 3]  # type: ignore[arg-type]

    worker._consumer.poll = without  # type: ignore[method-assign]
    drain(worker, bus)
    settled = [position.offset for (_, partition), position in bus.positions.items() if partition.topic == TOPIC]
    assert sum(settled) == there


@pytest.mark.parametrize("data", [b"\x91" * 1_100, b"\x9b\x02" + b"\x91" * 5_000, b"\x99\x01" + b"\x81" * 5_000, b""])
def test_hostile_bytes_cost_themselves(bus: MemoryBus, data: bytes) -> None:
    fill(bus, 12)
    bus.append(Message(TOPIC, b"k" * 5_000, data, (("h" * 5_000, b"v" * 5_000),) * 40))
    store = TokenStore()
    worker = collector(bus, store)
    drain(worker, bus)
    assert len(store.rows) == expected(12)
    letter = next(record for partition, log in bus.logs.items() if partition.topic == DEAD for record in log)
    assert letter.size_bytes < 50_000
