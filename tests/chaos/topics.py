"""The topics as Kafka has them: read back whole, without the product's own consumer; and how far the group has come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import CoordinatorNotAvailableError

READ_S = 30.0


@dataclass(frozen=True, slots=True)
class Letter:
    """One record with what the harness asks of it."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    value: bytes
    headers: dict[str, bytes]


class Topics:
    """Read straight from the broker, past the doors."""

    def __init__(self, address: str) -> None:
        self._address = address

    def read(self, topics: Sequence[str]) -> Iterator[Letter]:
        """Everything from the beginning to where the topics end now."""
        consumer = KafkaConsumer(
            bootstrap_servers=[self._address], enable_auto_commit=False, max_partition_fetch_bytes=8_388_608
        )
        try:
            parts = [TopicPartition(t, n) for t in topics for n in sorted(consumer.partitions_for_topic(t) or ())]
            consumer.assign(parts)
            consumer.seek_to_beginning(*parts)
            ends = consumer.end_offsets(parts)
            while any(consumer.position(part) < ends[part] for part in parts):
                for part, records in consumer.poll(timeout_ms=500).items():
                    for record in records:
                        headers = dict(record.headers or ())
                        value = record.value or b""
                        yield Letter(part.topic, part.partition, record.offset, record.timestamp, value, headers)
        finally:
            consumer.close()

    def behind(self, topics: Sequence[str], group: str) -> list[str]:
        """Partitions that the group has not settled to their end; empty when it is through."""
        admin = KafkaAdminClient(bootstrap_servers=[self._address])
        consumer = KafkaConsumer(bootstrap_servers=[self._address], enable_auto_commit=False)
        try:
            committed = admin.list_group_offsets(group).get(group, {})
            parts = [TopicPartition(t, n) for t in topics for n in sorted(consumer.partitions_for_topic(t) or ())]
            found = []
            for part, end in consumer.end_offsets(parts).items():
                position = committed.get(part)
                if end and (position is None or position.offset < end or position.metadata):
                    found.append(f"{part.topic}-{part.partition} at {position} of {end}")
            return found
        finally:
            admin.close()
            consumer.close()

    def members(self, group: str) -> int:
        """How many share the partitions; 0 while the group is at it."""
        admin = KafkaAdminClient(bootstrap_servers=[self._address])
        try:
            found = admin.describe_groups([group])[group]
        except CoordinatorNotAvailableError:
            return 0  # nobody has asked for its coordinator yet
        finally:
            admin.close()
        return len(found["members"]) if found["group_state"] == "Stable" else 0

    def delete(self, topics: Sequence[str], group: str) -> None:
        """Leave nothing to the next seed."""
        admin = KafkaAdminClient(bootstrap_servers=[self._address])
        try:
            admin.delete_topics(list(topics))
        finally:
            admin.close()
