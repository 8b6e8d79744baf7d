"""Kafka's connections without the library's producer: what `bulk` sends record batches over."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from kafka import TopicPartition
from kafka import errors as kafka_errors
from kafka.net.compat import KafkaNetClient
from kafka.partitioner.default import murmur2
from kafka.protocol.producer import ProduceRequest

from clusterctl.bus.bulk import MAX_REQUESTS, Answered
from clusterctl.bus.kafka_common import translated
from clusterctl.clock import MS_PER_S
from clusterctl.errors import BusError, BusUnavailable

TOPIC_WAIT_S = 10.0


class KafkaLine:
    """The library's connections without its producer, for `bulk`."""

    def __init__(self, servers: list[str], topics: Sequence[str]) -> None:
        try:
            self._client = KafkaNetClient(
                bootstrap_servers=servers,
                request_timeout_ms=15_000,
                max_in_flight_requests_per_connection=MAX_REQUESTS + 1,
            )
            self._client._manager.bootstrap(TOPIC_WAIT_S * MS_PER_S)
            self._partitions = {topic: self._count(topic) for topic in topics}
        except kafka_errors.KafkaError as error:
            raise translated(error) from error

    def _count(self, topic: str) -> int:
        until_s = time.monotonic() + TOPIC_WAIT_S
        self._client.cluster.add_topic(topic)
        while not (found := self._client.cluster.partitions_for_topic(topic)):
            if time.monotonic() > until_s:
                raise BusUnavailable(f"topic {topic} does not exist", hint="run: clusterctl topics apply")
            self._client.poll(timeout_ms=100)
        return len(found)

    def partition_of(self, topic: str, key: bytes) -> int:
        return int((murmur2(key) & 0x7FFFFFFF) % self._partitions[topic])

    def leader_of(self, topic: str, partition: int) -> int | None:
        leader = self._client.cluster.leader_for_partition(TopicPartition(topic, partition))
        if leader is not None and leader >= 0:
            return int(leader)
        self._client.cluster.request_update()
        return None

    def post(self, leader: int, topic: str, batches: Mapping[int, bytes], answered: Answered) -> None:
        data = ProduceRequest.TopicProduceData
        partitions = [data.PartitionProduceData(index=number, records=batch) for number, batch in batches.items()]
        request = ProduceRequest(
            transactional_id=None,
            acks=-1,
            timeout_ms=15_000,
            topic_data=[data(name=topic, partition_data=partitions)],
            min_version=3,
            max_version=9,
        )
        future = self._client.send(leader, request)
        future.add_callback(lambda response: answered(_verdicts(response)))
        future.add_errback(lambda error: answered(dict.fromkeys(batches, translated(error))))

    def poll(self, timeout_s: float) -> None:
        self._client.poll(timeout_ms=max(0, int(timeout_s * MS_PER_S)))

    def close(self) -> None:
        self._client.close()


def _verdicts(response: Any) -> dict[int, BusError | None]:
    return {
        answer.index: translated(kafka_errors.for_code(answer.error_code)(answer.error_message))
        if answer.error_code
        else None
        for topic in response.responses
        for answer in topic.partition_responses
    }
