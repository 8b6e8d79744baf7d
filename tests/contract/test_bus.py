"""What every bus promises, held against each: memory, spool, Apache Kafka."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from clusterctl.bus import Bus, Consumer, Listener, Message, Partition, Position, Record, open_bus, topic_of
from clusterctl.bus.memory import MemoryBus
from clusterctl.bus.spool import SpoolBus
from clusterctl.config import Config, load
from clusterctl.errors import BusError, CommitRefused
from clusterctl.schema import Lane
from tests.support.cli import wait_for

CONFIG = load(None, {})


class Seen:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.partitions: set[Partition] = set()

    def assigned(self, partitions: Sequence[Partition]) -> None:
        self.partitions |= set(partitions)

    def revoked(self, partitions: Sequence[Partition]) -> None:
        self.partitions -= set(partitions)

    def lost(self, partitions: Sequence[Partition]) -> None:
        self.partitions -= set(partitions)


Opened = tuple[Callable[[], Bus], str]


@pytest.fixture(params=["memory", "spool", pytest.param("kafka", marks=pytest.mark.kafka)])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """How to open the bus (the same one each time), and a topic on it."""
    if request.param == "memory":
        bus = MemoryBus()
        return lambda: bus, "samples"
    if request.param == "spool":
        return lambda: SpoolBus(str(tmp_path), 10_000_000), "samples"
    env = {**request.getfixturevalue("kafka_env"), "CLUSTERCTL_BUS_SESSION_TIMEOUT_S": "6"}
    config: Config = load(None, env)
    open_bus(config).ensure_topics()
    return lambda: open_bus(config), topic_of(Lane.SAMPLES, config)


def send(bus: Bus, topic: str, values: Sequence[bytes], key: bytes = b"host") -> None:
    errors: list[BusError | None] = []
    producer = bus.producer()
    for value in values:
        producer.send(Message(topic, key, value, (("v", b"1"),)), errors.append)
    deadline = time.monotonic() + 20
    while len(errors) < len(values) and time.monotonic() < deadline:
        time.sleep(0.01)
    producer.close(5.0)
    assert errors == [None] * len(values)


def read(consumer: Consumer, count: int, timeout_s: float = 20.0) -> list[Record]:
    records: list[Record] = []
    deadline = time.monotonic() + timeout_s
    while len(records) < count and time.monotonic() < deadline:
        records += consumer.poll(0.2)
    return records


def test_records_come_in_order_with_everything_they_were_sent_with(opened: Opened) -> None:
    make, topic = opened
    values = [bytes([number]) * 100 for number in range(50)]
    before_ms = time.time_ns() // 1_000_000
    send(make(), topic, values)
    consumer = make().consumer([topic], "group", Seen())
    records = read(consumer, 50)
    assert [record.value for record in records] == values
    assert len({record.partition for record in records}) == 1, "one key, one partition"
    offsets = [record.offset for record in records]
    assert offsets == sorted(set(offsets))
    assert records[0].key == b"host"
    assert records[0].headers == (("v", b"1"),)
    assert abs(records[0].timestamp_ms - before_ms) < 60_000
    consumer.close()


def test_a_new_group_begins_at_the_oldest_record(opened: Opened) -> None:
    make, topic = opened
    send(make(), topic, [b"a", b"b"])
    for group in ("first", "second"):
        consumer = make().consumer([topic], group, Seen())
        assert [record.value for record in read(consumer, 2)] == [b"a", b"b"]
        consumer.close()


def test_a_position_and_its_note_outlive_the_consumer(opened: Opened) -> None:
    make, topic = opened
    send(make(), topic, [b"a", b"b", b"c"])
    consumer = make().consumer([topic], "group", Seen())
    second = read(consumer, 3)[1]
    note = '{"end": 2, "who": "it\'s \\u4e2d"}'
    consumer.commit(second.partition, Position(second.offset, note))
    consumer.close()
    later = make().consumer([topic], "group", Seen())
    assert [record.value for record in read(later, 2)] == [b"b", b"c"]
    assert later.committed(second.partition) == Position(second.offset, note)
    later.close()


def test_a_group_that_never_committed_has_no_position(opened: Opened) -> None:
    make, topic = opened
    send(make(), topic, [b"a"])
    consumer = make().consumer([topic], "group", Seen())
    record = read(consumer, 1)[0]
    assert consumer.committed(record.partition) is None
    consumer.close()


def test_a_paused_consumer_gets_nothing_and_goes_on_where_it_was(opened: Opened) -> None:
    make, topic = opened
    send(make(), topic, [b"a"])
    consumer = make().consumer([topic], "group", Seen())
    assert len(read(consumer, 1)) == 1
    consumer.pause()
    send(make(), topic, [b"b"])
    assert read(consumer, 1, timeout_s=1.0) == []
    consumer.resume()
    assert [record.value for record in read(consumer, 1)] == [b"b"]
    consumer.close()


def test_seek_reads_again(opened: Opened) -> None:
    make, topic = opened
    send(make(), topic, [b"a", b"b"])
    consumer = make().consumer([topic], "group", Seen())
    records = read(consumer, 2)
    consumer.seek(records[0].partition, records[1].offset)
    assert [record.value for record in read(consumer, 1)] == [b"b"]
    consumer.seek(records[0].partition, None)
    assert [record.value for record in read(consumer, 2)] == [b"a", b"b"]
    consumer.close()


def test_the_listener_is_told_before_the_first_record(opened: Opened) -> None:
    make, topic = opened
    send(make(), topic, [b"a"])
    seen: Listener = Seen()
    consumer = make().consumer([topic], "group", seen)
    record = read(consumer, 1)[0]
    assert isinstance(seen, Seen)
    assert record.partition in seen.partitions
    consumer.close()


def test_a_standing_tells_position_and_log_of_a_group_that_need_not_run(opened: Opened) -> None:
    make, topic = opened
    before_ms = time.time_ns() // 1_000_000
    send(make(), topic, [b"a", b"b", b"c"])
    consumer = make().consumer([topic], "group", Seen())
    second = read(consumer, 3)[1]
    consumer.commit(second.partition, Position(second.offset, "note"))
    consumer.close()
    bus = make()
    assert bus.identity(topic) == bus.identity(topic) != ""
    by_partition = {found.partition: found for found in bus.standing(topic, "group")}
    found = by_partition.pop(second.partition)
    assert (found.position, found.oldest, found.end, found.start) == (Position(1, "note"), 0, 3, 1)
    assert abs((found.oldest_ms or 0) - before_ms) < 60_000
    assert all((other.position, other.oldest, other.end, other.oldest_ms) == (None, 0, 0, None)
               for other in by_partition.values())  # fmt: skip
    assert [other.position for other in bus.standing(topic, "stranger")] == [None] * (1 + len(by_partition))


def test_a_group_without_members_can_be_moved(opened: Opened) -> None:
    make, topic = opened
    send(make(), topic, [b"a", b"b", b"c"])
    consumer = make().consumer([topic], "group", Seen())
    first = read(consumer, 3)[0]
    consumer.commit(first.partition, Position(first.offset, "note"))
    consumer.close()
    assert wait_for(lambda: moved(make(), first.partition, 2), 30, 0.5)
    later = make().consumer([topic], "group", Seen())
    assert [record.value for record in read(later, 1)] == [b"c"]
    assert later.committed(first.partition) == Position(2), "and no note is left"
    later.close()


def moved(bus: Bus, partition: Partition, offset: int) -> bool:
    """False while the group is not known to be empty: a static member is missed only after the session timeout."""
    try:
        bus.move("group", partition, offset)
    except CommitRefused:
        return False
    return True
