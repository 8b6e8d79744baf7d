"""Apache Kafka through kafka-python: topics, groups, sending; `kafka_reader` reads. Why each setting: docs/decisions/004."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka import errors as kafka_errors
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec, OffsetTimestamp
from kafka.structs import OffsetAndMetadata

from clusterctl.bus import Done, Listener, Message, Partition, Standing
from clusterctl.bus.bulk import Bulk
from clusterctl.bus.kafka_common import position_of, require_fast_checksum, translated
from clusterctl.bus.kafka_line import KafkaLine
from clusterctl.bus.kafka_reader import KafkaReader
from clusterctl.bus.topics import Topic, declared_topics
from clusterctl.config import Config


class KafkaBus:
    """The configured cluster."""

    def __init__(self, config: Config) -> None:
        require_fast_checksum()
        # below WARNING kafka-python prints thousands of lines a second while a broker hangs
        logging.getLogger("kafka").setLevel(max(logging.WARNING, logging.getLogger().level))
        self._config = config
        self._servers = [server.strip() for server in config.bus.bootstrap_servers.split(",") if server.strip()]

    def ensure_topics(self) -> list[str]:
        """Create missing topics as declared; those that are there are left as they are."""
        with self._admin() as admin:
            there = admin.list_topics()
            missing = {topic.name: topic for topic in declared_topics(self._config) if topic.name not in there}
            if missing:
                admin.create_topics(
                    {
                        name: {
                            "num_partitions": topic.partitions,
                            "replication_factor": topic.replication_factor,
                            "configs": dict(topic.configs),
                        }
                        for name, topic in missing.items()
                    },
                    wait_for_metadata=True,
                )
            return sorted(missing)

    @contextmanager
    def _admin(self) -> Iterator[Any]:
        try:
            admin = KafkaAdminClient(bootstrap_servers=self._servers)
            try:
                yield admin
            finally:
                admin.close()
        except kafka_errors.KafkaError as error:
            raise translated(error) from error

    def found_topics(self) -> dict[str, Topic]:
        """Those of the declared topics that are there, as the brokers have them."""
        names = [topic.name for topic in declared_topics(self._config)]
        with self._admin() as admin:
            there = [topic for topic in admin.describe_topics(names) if not topic["error_code"]]
            resources = [ConfigResource(ConfigResourceType.TOPIC, topic["name"]) for topic in there]
            configs = admin.describe_configs(resources, config_filter="all") if resources else {}
            return {topic["name"]: _found(topic, configs) for topic in there}

    def identity(self, topic: str) -> str:
        with self._admin() as admin:
            return str(admin.describe_topics([topic])[0]["topic_id"])

    def standing(self, topic: str, group: str) -> list[Standing]:
        with self._admin() as admin:
            numbers = sorted(entry["partition_index"] for entry in admin.describe_topics([topic])[0]["partitions"])
            parts = [TopicPartition(topic, number) for number in numbers]
            ends = admin.list_partition_offsets(dict.fromkeys(parts, OffsetSpec.LATEST))
            starts = admin.list_partition_offsets(dict.fromkeys(parts, OffsetSpec.EARLIEST))
            # the first record stamped since 1970: the oldest one, and here Kafka tells its stamp too
            firsts = admin.list_partition_offsets(dict.fromkeys(parts, OffsetTimestamp(0)))
            held = admin.list_group_offsets({group: parts})[group]
        return [
            Standing(
                Partition(topic, part.partition),
                position_of(held.get(part)),
                starts[part].offset,
                ends[part].offset,
                firsts[part].timestamp if firsts[part].offset >= 0 else None,
            )
            for part in parts
        ]

    def move(self, group: str, partition: Partition, offset: int) -> None:
        part = TopicPartition(partition.topic, partition.number)
        with self._admin() as admin:
            verdict = admin.alter_group_offsets(group, {part: OffsetAndMetadata(offset, "", -1)})[part]
            if verdict is not kafka_errors.NoError:
                raise verdict(f"{group} at {partition}")

    def producer(self) -> KafkaSender:
        return KafkaSender(self._servers)

    def bulk(self, topics: Sequence[str]) -> Bulk:
        """For one process that sends what thousands would."""
        return Bulk(KafkaLine(self._servers, topics))

    def consumer(self, topics: Sequence[str], group: str, listener: Listener) -> KafkaReader:
        return KafkaReader(self._servers, self._config.bus, topics, group, listener)


def _found(topic: Any, configs: Any) -> Topic:
    """A topic from the client's answers."""
    partitions = topic["partitions"]
    values = configs["topic"][topic["name"]]
    return Topic(
        topic["name"],
        len(partitions),
        min(len(partition["replica_nodes"]) for partition in partitions),
        {name: str(entry["value"]) for name, entry in values.items()},
        _numbers(p for p in partitions if len(p["isr_nodes"]) < len(p["replica_nodes"])),
        _numbers(p for p in partitions if p["leader_id"] < 0),
    )


def _numbers(partitions: Iterable[Any]) -> tuple[int, ...]:
    return tuple(sorted(partition["partition_index"] for partition in partitions))


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
                reconnect_backoff_max_ms=1_000,  # 30 s by default, longer than a stop may take
                allow_auto_create_topics=False,
            )
        except kafka_errors.KafkaError as error:
            raise translated(error) from error

    def send(self, message: Message, done: Done) -> None:
        """`done` is called on the producer's thread, or here when the message is refused at once."""
        try:
            future = self._producer.send(
                message.topic, key=message.key, value=message.value, headers=list(message.headers)
            )
        except kafka_errors.KafkaError as error:
            done(translated(error))
            return
        future.add_callback(lambda _metadata: done(None))
        future.add_errback(lambda error: done(translated(error)))

    def close(self, timeout_s: float) -> None:
        try:
            self._producer.close(timeout=timeout_s)
        except kafka_errors.KafkaTimeoutError:
            return  # what was not acknowledged stays in the spool
