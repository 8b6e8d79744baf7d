"""Record batches made by hand are what Kafka's library reads; `Bulk` gives every batch one verdict, and is bounded."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka.record.memory_records import MemoryRecords

from clusterctl.bus.bulk import MAX_REQUESTS, Answered, Bulk
from clusterctl.bus.record_batch import field, headers, record_batch
from clusterctl.errors import BusError, BusUnavailable, RecordTooLarge

TEXTS = st.text(max_size=20)
MESSAGES = st.lists(
    st.tuples(
        st.binary(max_size=40),
        st.binary(max_size=20_000),
        st.lists(st.tuples(TEXTS, st.binary(max_size=9)), max_size=3),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(MESSAGES, st.integers(0, 2**42))
def test_the_library_reads_what_was_made(
    messages: list[tuple[bytes, bytes, list[tuple[str, bytes]]]], timestamp_ms: int
) -> None:
    made = record_batch([(field(key), value, headers(pairs)) for key, value, pairs in messages], timestamp_ms)
    batch = MemoryRecords(made).next_batch()
    assert batch.validate_crc()
    assert batch.size_in_bytes == len(made)
    found = [(record.key, record.value, record.headers, record.timestamp, record.offset) for record in batch]
    assert found == [(*message, timestamp_ms, offset) for offset, message in enumerate(messages)]


def test_many_messages_in_one_batch() -> None:
    """Offsets and lengths beyond the table of short numbers."""
    messages = [(field(b"k"), b"v" * (number % 3), headers(())) for number in range(20_000)]
    batch = MemoryRecords(record_batch(messages, 7)).next_batch()
    assert [(record.offset, len(record.value)) for record in batch] == [(n, n % 3) for n in range(20_000)]


class Lines:
    """Brokers that answer as told, when polled."""

    def __init__(self) -> None:
        self.leaders: dict[int, int | None] = {0: 1, 1: 2, 2: 1}
        self.answers: list[BusError | None] = []
        self.posted: list[tuple[int, tuple[int, ...]]] = []
        self.open: list[tuple[Mapping[int, bytes], Answered]] = []

    def partition_of(self, topic: str, key: bytes) -> int:
        return 0

    def leader_of(self, topic: str, partition: int) -> int | None:
        return self.leaders[partition]

    def post(self, leader: int, topic: str, batches: Mapping[int, bytes], answered: Answered) -> None:
        self.posted.append((leader, tuple(batches)))
        self.open.append((batches, answered))

    def poll(self, timeout_s: float) -> None:
        while self.open:
            batches, answered = self.open.pop(0)
            answered({number: self.answers.pop(0) if self.answers else None for number in batches})

    def close(self) -> None:
        return


def test_each_batch_has_one_verdict_and_what_time_can_cure_is_sent_again() -> None:
    lines = Lines()
    lines.answers = [BusUnavailable("away"), RecordTooLarge("no")]
    bulk, verdicts = Bulk(lines), list[BusError | None]()
    bulk.send("t", {0: b"a", 1: b"b", 2: b"c"}, verdicts.append)
    assert lines.posted == [(1, (0, 2)), (2, (1,))]
    bulk.close(5.0)
    assert lines.posted[2:] == [(1, (0,))]
    assert bulk.retries == 1
    assert bulk.due == 0
    assert [type(verdict) for verdict in verdicts].count(RecordTooLarge) == 1
    assert verdicts.count(None) == 2


def test_a_partition_without_a_leader_is_waited_for() -> None:
    lines = Lines()
    lines.leaders[0] = None
    bulk, verdicts = Bulk(lines), list[BusError | None]()
    bulk.send("t", {0: b"a"}, verdicts.append)
    bulk.poll(0.0)
    assert bulk.due == 1
    assert not verdicts
    lines.leaders[0] = 1
    bulk.close(5.0)
    assert verdicts == [None]
    assert lines.posted == [(1, (0,))]


def test_no_more_is_under_way_than_the_bound() -> None:
    lines, most = Lines(), 0
    bulk = Bulk(lines)
    for _ in range(3 * MAX_REQUESTS):
        bulk.send("t", {0: b"a"}, lambda error: None)
        most = max(most, len(lines.open))
    assert most == MAX_REQUESTS


def test_nothing_is_made_of_a_crooked_length() -> None:
    made = bytearray(record_batch([(field(b"k"), b"v" * 100, headers(()))], 1))
    made[-1] ^= 1
    with pytest.raises(AssertionError):
        assert MemoryRecords(bytes(made)).next_batch().validate_crc()
