"""Apache Kafka through kafka-python; the one file that imports it. Why each setting: docs/decisions/004."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka import errors as kafka_errors
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.record import util as record_util
from kafka.structs import OffsetAndMetadata

from clusterctl.bus import Done, Listener, Message, Partition, Position, Record, dead_letter_topic, topic_of
from clusterctl.clock import MS_PER_S
from clusterctl.config import BusConfig, Config
from clusterctl.errors import (
    BusError,
    BusUnavailable,
    ClusterctlError,
    CommitRefused,
    OffsetsLost,
    RecordTooLarge,
)
from clusterctl.schema import Lane

MAX_POLL_RECORDS = 5_000
NEWS_WAIT_S = 0.05
TOPIC_WAIT_S = 10.0
"""A topic that was just created may take a moment to be known."""
GROUP_MOVED_ON = (
    kafka_errors.CommitFailedError,
    kafka_errors.IllegalGenerationError,
    kafka_errors.RebalanceInProgressError,
    kafka_errors.UnknownMemberIdError,
    kafka_errors.FencedInstanceIdError,
)
TOO_LARGE = (kafka_errors.MessageSizeTooLargeError, kafka_errors.RecordListTooLargeError)


def _require_fast_checksum() -> None:
    """Without the compiled crc32c one core checks 12 MB/s; better not to start than to fall behind in silence."""
    if record_util.crc32c_c is None or record_util.calc_crc32c(b"123456789") != 0xE3069283:
        raise ClusterctlError("kafka-python does not use the compiled crc32c", hint="pip install crc32c")


def _translated(error: Exception) -> BusError:
    if isinstance(error, GROUP_MOVED_ON):
        return CommitRefused(f"{type(error).__name__}: {error}")
    if isinstance(error, TOO_LARGE):
        return RecordTooLarge(str(error))
    if isinstance(error, (kafka_errors.RetriableError, kafka_errors.KafkaConnectionError, OSError)):
        return BusUnavailable(
            f"{type(error).__name__}: {error}", hint="is the broker up, and bus.bootstrap_servers right?"
        )
    return BusError(f"{type(error).__name__}: {error}")


class KafkaBus:
    """The configured cluster."""

    def __init__(self, config: Config) -> None:
        _require_fast_checksum()
        # below WARNING kafka-python prints thousands of lines a second while a broker hangs
        logging.getLogger("kafka").setLevel(max(logging.WARNING, logging.getLogger().level))
        self._config = config
        self._servers = [server.strip() for server in config.bus.bootstrap_servers.split(",") if server.strip()]

    def topics(self) -> dict[str, int]:
        """Every topic with its number of partitions."""
        bus = self._config.bus
        return {
            topic_of(Lane.SAMPLES, self._config): bus.samples_partitions,
            topic_of(Lane.EVENTS, self._config): bus.events_partitions,
            dead_letter_topic(self._config): 1,
        }

    def ensure_topics(self) -> list[str]:
        """Create missing topics, stamped by the broker's clock, against which rows are bounded."""
        bus = self._config.bus
        try:
            admin = KafkaAdminClient(bootstrap_servers=self._servers)
            try:
                missing = {name: count for name, count in self.topics().items() if name not in admin.list_topics()}
                if missing:
                    admin.create_topics(
                        {
                            name: {
                                "num_partitions": count,
                                "replication_factor": bus.replication_factor,
                                "configs": {
                                    "message.timestamp.type": "LogAppendTime",
                                    "retention.ms": str(int(bus.retention_h * 3_600_000)),
                                    "compression.type": "producer",
                                    "min.insync.replicas": str(min(2, bus.replication_factor)),
                                },
                            }
                            for name, count in missing.items()
                        },
                        wait_for_metadata=True,
                    )
                return sorted(missing)
            finally:
                admin.close()
        except kafka_errors.KafkaError as error:
            raise _translated(error) from error

    def producer(self) -> KafkaSender:
        return KafkaSender(self._servers)

    def consumer(self, topics: Sequence[str], group: str, listener: Listener) -> KafkaReader:
        return KafkaReader(self._servers, self._config.bus, topics, group, listener)


class KafkaSender:
    """Not idempotent: that producer can stop for ever in 3.0.x, and repeats cost nothing on a natural key."""

    def __init__(self, servers: list[str]) -> None:
        try:
            self._producer = KafkaProducer(
                bootstrap_servers=servers,
                enable_idempotence=False,
                acks="all",
                retries=float("inf"),
                max_in_flight_requests_per_connection=1,
                linger_ms=5,  # the publisher gathers before it sends
                batch_size=262_144,
                compression_type="lz4",
                delivery_timeout_ms=120_000,
                request_timeout_ms=15_000,
                max_block_ms=10_000,
                allow_auto_create_topics=False,
            )
        except kafka_errors.KafkaError as error:
            raise _translated(error) from error

    def send(self, message: Message, done: Done) -> None:
        """`done` is called on the producer's thread, or here when the message is refused at once."""
        try:
            future = self._producer.send(
                message.topic, key=message.key, value=message.value, headers=list(message.headers)
            )
        except kafka_errors.KafkaError as error:
            done(_translated(error))
            return
        future.add_callback(lambda _metadata: done(None))
        future.add_errback(lambda error: done(_translated(error)))

    def close(self, timeout_s: float) -> None:
        try:
            self._producer.close(timeout=timeout_s)
        except kafka_errors.KafkaTimeoutError:
            return  # what was not acknowledged stays in the spool


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
                metadata_max_age_ms=15_000,  # a topic that was just created may be missing from the first answer
                allow_auto_create_topics=False,
            )
            self._listener = listener
            self._paused = False
            self._rebalance = _Rebalance(self._consumer)
            self._require(topics)
            self._consumer.subscribe(topics=list(topics), listener=self._rebalance)
        except kafka_errors.KafkaError as error:
            raise _translated(error) from error

    def poll(self, timeout_s: float) -> list[Record]:
        try:
            fetched = self._consumer.poll(timeout_ms=int(timeout_s * MS_PER_S))
        except kafka_errors.OffsetOutOfRangeError as error:
            raise OffsetsLost(
                f"records between the committed offset and the oldest are gone: {error}",
                hint="Kafka's retention was shorter than the collector's absence; "
                "reset the group with kafka-consumer-groups.sh once the gap is noted",
            ) from error
        except kafka_errors.NoOffsetForPartitionError:
            fetched = {}  # a partition has come that the group never read: it gets its position below
            time.sleep(NEWS_WAIT_S)
        except kafka_errors.KafkaError as error:
            raise _translated(error) from error
        self._tell()
        return [
            Record(
                Partition(tp.topic, tp.partition),
                record.offset,
                record.timestamp,
                record.key or b"",
                record.value or b"",
                tuple(record.headers or ()),
            )
            for tp, records in fetched.items()
            for record in records
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
            self._listener.revoked(ours) if kind == "revoked" else self._listener.lost(ours)
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
            admin = KafkaAdminClient(bootstrap_servers=self._servers)
            try:
                return str(admin.describe_topics([topic])[0]["topic_id"])
            finally:
                admin.close()
        except kafka_errors.KafkaError as error:
            raise _translated(error) from error

    def committed(self, partition: Partition) -> Position | None:
        try:
            found = self._consumer.committed(TopicPartition(partition.topic, partition.number), metadata=True)
        except kafka_errors.KafkaError as error:
            raise _translated(error) from error
        if found is None or found.offset < 0:
            return None
        return Position(found.offset, found.metadata or "")

    def commit(self, partition: Partition, position: Position) -> None:
        offsets = {
            TopicPartition(partition.topic, partition.number): OffsetAndMetadata(position.offset, position.note, -1)
        }
        try:
            self._consumer.commit(offsets)
        except kafka_errors.KafkaError as error:
            raise _translated(error) from error

    def seek(self, partition: Partition, offset: int | None) -> None:
        topic_partition = TopicPartition(partition.topic, partition.number)
        try:
            if offset is None:
                self._consumer.seek_to_beginning(topic_partition)
            else:
                self._consumer.seek(topic_partition, offset)
        except (kafka_errors.KafkaError, AssertionError) as error:
            raise _translated(error) from error

    def pause(self) -> None:
        self._paused = True
        self._consumer.pause(*self._consumer.assignment())

    def resume(self) -> None:
        self._paused = False
        self._consumer.resume(*self._consumer.paused())

    def close(self) -> None:
        try:
            self._consumer.close(autocommit=False)
        except kafka_errors.KafkaError:
            return  # leaving without a goodbye: the group notices after the session time-out
