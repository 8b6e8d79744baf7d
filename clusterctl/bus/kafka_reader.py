"""One member of a Kafka consumer group, cooperative-sticky. Why each setting: docs/decisions/004."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka import errors as kafka_errors
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.structs import OffsetAndMetadata

from clusterctl.bus import Listener, Partition, Position, Record
from clusterctl.bus.kafka_common import position_of, translated
from clusterctl.bus.orphans import OrphanWatch
from clusterctl.clock import MS_PER_S
from clusterctl.config import BusConfig
from clusterctl.errors import BusUnavailable, CommitRefused, OffsetsLost

MAX_POLL_RECORDS = 5_000
NEWS_WAIT_S = 0.05
ANSWER_MS, CLOSE_MS = 5_000, 3_000
"""How long a commit and the goodbye to the group may take; the library's own half minute is longer than a stop."""
TOPIC_WAIT_S = 10.0
"""A topic that was just created may take a moment to be known."""


class _Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]
    """Called on the client's own thread, where nothing may block: it only notes what happened, and holds new partitions
    back until `poll` has told our listener."""

    def __init__(self, consumer: KafkaConsumer) -> None:
        self._consumer = consumer
        self.news: deque[tuple[str, list[TopicPartition]]] = deque()

    def on_partitions_assigned(self, assigned: Any) -> None:
        if assigned:
            self._consumer.pause(*assigned)
        self.news.append(("assigned", list(assigned)))

    def on_partitions_revoked(self, revoked: Any) -> None:
        self.news.append(("revoked", list(revoked)))

    def on_partitions_lost(self, lost: Any) -> None:
        self.news.append(("lost", list(lost)))


class KafkaReader:
    """One member of a group, cooperative-sticky."""

    def __init__(
        self, servers: list[str], config: BusConfig, topics: Sequence[str], group: str, listener: Listener
    ) -> None:
        self._servers = servers
        try:
            self._consumer = KafkaConsumer(
                bootstrap_servers=servers,
                group_id=group,
                enable_auto_commit=False,
                # 'earliest' would also hide an offset out of range; a new group is sent to the beginning below
                auto_offset_reset="none",
                partition_assignment_strategy=[CooperativeStickyAssignor()],
                check_crcs=True,
                max_poll_records=MAX_POLL_RECORDS,
                fetch_max_bytes=64 * 1024 * 1024,
                max_partition_fetch_bytes=8 * 1024 * 1024,
                session_timeout_ms=int(config.session_timeout_s * MS_PER_S),
                group_instance_id=config.instance_id or None,
                max_poll_interval_ms=300_000,
                reconnect_backoff_max_ms=1_000,  # 30 s by default, longer than a stop may take
                metadata_max_age_ms=15_000,  # a topic that was just created may be missing from the first answer
                allow_auto_create_topics=False,
            )
            self._listener = listener
            self._paused = False
            self._kept: list[Record] = []
            self._read_to: dict[TopicPartition, int] = {}
            self._rebalance = _Rebalance(self._consumer)
            self._require(topics)
            self._topics = tuple(topics)
            self._orphans = OrphanWatch(config, group, self._all_partitions)
            self._consumer.subscribe(topics=list(topics), listener=self._rebalance)
        except kafka_errors.KafkaError as error:
            raise translated(error) from error

    def poll(self, timeout_s: float) -> list[Record]:
        try:
            fetched = {} if self._kept else self._consumer.poll(timeout_ms=int(timeout_s * MS_PER_S))
        except kafka_errors.OffsetOutOfRangeError as error:
            raise OffsetsLost(
                f"records between the committed offset and the oldest are gone: {error}",
                hint="retention was shorter than the collector's absence: clusterctl collect accept-loss",
            ) from error
        except kafka_errors.NoOffsetForPartitionError:
            fetched = {}  # a partition has come that the group never read: it gets its position below
            time.sleep(NEWS_WAIT_S)
        except kafka_errors.KafkaError as error:
            raise translated(error) from error
        self._keep(fetched)
        self._tell()
        self._orphans.look(time.monotonic())
        records, self._kept = self._kept, []
        return records

    def _keep(self, fetched: Mapping[TopicPartition, Any]) -> None:
        """What was fetched is not fetched again: should telling fail, the next poll gives it."""
        for tp, found in fetched.items():
            partition = Partition(tp.topic, tp.partition)
            if found:
                self._read_to[tp] = found[-1].offset + 1
            self._kept += [
                Record(partition, r.offset, r.timestamp, r.key or b"", r.value or b"", _headers(r)) for r in found
            ]

    def _all_partitions(self) -> list[Partition]:
        return [
            Partition(topic, number)
            for topic in self._topics
            for number in self._consumer.partitions_for_topic(topic) or ()
        ]

    def _require(self, topics: Sequence[str]) -> None:
        """Know every topic before joining. A leader that does not shares out nothing, and a static member that takes its
        place keeps to that. Raises BusUnavailable for a topic that is not there."""
        deadline_s = time.monotonic() + TOPIC_WAIT_S
        for topic in topics:
            while not self._consumer.partitions_for_topic(topic):
                if time.monotonic() > deadline_s:
                    self._consumer.close(autocommit=False)
                    raise BusUnavailable(f"topic {topic} does not exist", hint="run: clusterctl topics apply")
                time.sleep(0.2)

    def _tell(self) -> None:
        """Pass on what the rebalance brought. A partition without a committed offset is read from its beginning."""
        news = self._rebalance.news
        while news:
            self._pass_on(*news[0])
            news.popleft()  # only now: what failed is told again by the next poll

    def _pass_on(self, kind: str, partitions: list[TopicPartition]) -> None:
        if kind != "assigned":
            ours = [Partition(tp.topic, tp.partition) for tp in partitions]
            self._kept = [record for record in self._kept if record.partition not in ours]
            if kind == "revoked":
                self._listener.revoked(ours)
            else:
                self._listener.lost(ours)
            return
        still = [tp for tp in partitions if tp in self._consumer.assignment()]
        for tp in still:
            if self.committed(Partition(tp.topic, tp.partition)) is None:
                self.seek(Partition(tp.topic, tp.partition), None)
        self._listener.assigned([Partition(tp.topic, tp.partition) for tp in still])
        if still and not self._paused:
            self._consumer.resume(*still)

    def identity(self, topic: str) -> str:
        try:
            admin = KafkaAdminClient(bootstrap_servers=self._servers, bootstrap_timeout_ms=ANSWER_MS)
            try:
                return str(admin.describe_topics([topic])[0]["topic_id"])
            finally:
                admin.close()
        except kafka_errors.KafkaError as error:
            raise translated(error) from error

    def committed(self, partition: Partition) -> Position | None:
        try:
            found = self._consumer.committed(
                TopicPartition(partition.topic, partition.number), metadata=True, timeout_ms=ANSWER_MS
            )
        except kafka_errors.KafkaError as error:
            raise translated(error) from error
        return position_of(found)

    def commit(self, partition: Partition, position: Position) -> None:
        offsets = {
            TopicPartition(partition.topic, partition.number): OffsetAndMetadata(position.offset, position.note, -1)
        }
        try:
            self._consumer.commit(offsets, timeout_ms=ANSWER_MS)
        except kafka_errors.KafkaError as error:
            raise translated(error) from error

    def seek(self, partition: Partition, offset: int | None) -> None:
        topic_partition = TopicPartition(partition.topic, partition.number)
        try:
            if offset is None:
                self._consumer.seek_to_beginning(topic_partition)
            else:
                self._consumer.seek(topic_partition, offset)
        except (AssertionError, ValueError) as error:
            raise CommitRefused(f"{partition} is not ours any more: {error}") from error
        except kafka_errors.KafkaError as error:
            raise translated(error) from error

    def unread(self) -> dict[Partition, int]:
        found = {}
        for tp in self._consumer.assignment():
            end, read_to = self._consumer.highwater(tp), self._read_to.get(tp)
            if end is not None and read_to is not None:
                found[Partition(tp.topic, tp.partition)] = max(0, end - read_to)
        return found

    def pause(self) -> None:
        self._paused = True
        self._consumer.pause(*self._consumer.assignment())

    def resume(self) -> None:
        self._paused = False
        untold = {tp for kind, partitions in self._rebalance.news if kind == "assigned" for tp in partitions}
        self._consumer.resume(*(self._consumer.paused() - untold))

    def close(self) -> None:
        try:
            self._consumer.close(autocommit=False, timeout_ms=CLOSE_MS)
        except kafka_errors.KafkaError:
            return  # leaving without a goodbye: the group notices after the session time-out


def _headers(record: Any) -> tuple[tuple[str, bytes], ...]:
    """A header may have no value."""
    return tuple((name, value or b"") for name, value in record.headers)
