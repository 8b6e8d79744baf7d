"""What an Apache Kafka cluster says of itself, its topics and a group. Only reads: nothing is joined or written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka import errors as kafka_errors
from kafka.admin import ConfigResource, ConfigResourceType, MemberToRemove, OffsetSpec

from clusterctl.bus import Partition, Record
from clusterctl.bus.facts import BrokerFacts, ClusterFacts, GroupFacts, Member, PartitionFacts, Standing, TopicFacts
from clusterctl.clock import MS_PER_S
from clusterctl.config import BusConfig
from clusterctl.errors import BusError, BusUnavailable

POLL_MS = 200
ASK_AGAIN_S = 0.3
BROKERS_AT_ONCE = 16
FETCH_BYTES = 256 * 1024
"""A look at single records; the broker sends at least one batch of each partition even if it is larger."""
COORDINATOR_MOVES = (
    kafka_errors.CoordinatorNotAvailableError,
    kafka_errors.CoordinatorLoadInProgressError,
    kafka_errors.NotCoordinatorError,
)
"""What a broker answers for a moment after it has started, or has made the topic of the groups."""
TIME_CURES = (
    kafka_errors.RetriableError,
    kafka_errors.KafkaConnectionError,
    kafka_errors.KafkaTimeoutError,
    OSError,
)


@contextmanager
def _ours() -> Iterator[None]:
    """Errors of the client library as errors of ours."""
    try:
        yield
    except TIME_CURES as error:
        raise BusUnavailable(
            f"{type(error).__name__}: {error}", hint="is the broker up, and bus.bootstrap_servers right?"
        ) from error
    except kafka_errors.KafkaError as error:
        raise BusError(f"{type(error).__name__}: {error}") from error


class KafkaAdmin:
    """One look at the configured cluster. Each question may take `timeout_s`. Raises BusError and BusUnavailable."""

    def __init__(self, config: BusConfig, timeout_s: float) -> None:
        self._servers = [server.strip() for server in config.bootstrap_servers.split(",") if server.strip()]
        self._timeout_s = timeout_s
        timeout_ms = int(timeout_s * MS_PER_S)
        with _ours():
            self._admin = KafkaAdminClient(
                bootstrap_servers=self._servers, bootstrap_timeout_ms=timeout_ms, request_timeout_ms=timeout_ms
            )

    def __enter__(self) -> KafkaAdmin:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        with _ours():
            self._admin.close()

    def cluster(self) -> ClusterFacts:
        """The brokers that the cluster names, each asked by itself."""
        with _ours():
            found = self._asked(self._admin.describe_cluster)
        controller = found["controller_id"]
        with ThreadPoolExecutor(max_workers=BROKERS_AT_ONCE) as pool:
            brokers = tuple(pool.map(self._broker, found["brokers"]))
        return ClusterFacts(str(found["cluster_id"]), controller if controller >= 0 else None, brokers)

    def broker_count(self) -> int:
        """How many brokers the cluster names, answering or not."""
        with _ours():
            return len(self._asked(self._admin.describe_cluster)["brokers"])

    def _broker(self, entry: Mapping[str, Any]) -> BrokerFacts:
        node, address = entry["broker_id"], f"{entry['host']}:{entry['port']}"
        fenced = bool(entry.get("is_fenced", False))
        timeout_ms = int(self._timeout_s * MS_PER_S)
        try:
            with _ours():
                alone = KafkaAdminClient(
                    bootstrap_servers=[address], bootstrap_timeout_ms=timeout_ms, request_timeout_ms=timeout_ms
                )
                try:
                    version = alone.get_broker_version_data(node)
                finally:
                    alone.close()
        except BusError as error:
            return BrokerFacts(node, address, fenced=fenced, error=str(error))
        return BrokerFacts(node, address, ".".join(map(str, version.broker_version)), fenced)

    def topics(self, names: Sequence[str]) -> list[TopicFacts]:
        """Topics in the order of `names`; one that is not there has no partitions."""
        with _ours():
            described = self._asked(lambda: self._admin.describe_topics(list(names)))
            found = {entry["name"]: entry for entry in described}
            there = [name for name in names if name in found and found[name]["partitions"]]
            settings = self._settings(there)
        return [
            TopicFacts(name, _partitions(found[name]["partitions"]), settings.get(name, {}))
            if name in there
            else TopicFacts(name)
            for name in names
        ]

    def _settings(self, topics: Sequence[str]) -> dict[str, dict[str, str]]:
        if not topics:
            return {}
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in topics]
        answer = self._asked(lambda: self._admin.describe_configs(asked, config_filter="all")).get("topic", {})
        return {
            name: {key: str(entry["value"]) for key, entry in entries.items() if entry["value"] is not None}
            for name, entries in answer.items()
        }

    def group(self, name: str) -> GroupFacts:
        """The group's members and what each owns."""
        with _ours():
            found = self._asked(lambda: self._admin.describe_groups([name]))[name]
        return GroupFacts(name, str(found["group_state"]), tuple(_member(entry) for entry in found["members"]))

    def put_out(self, group: str, instance_id: str) -> None:
        """End the membership of a static member, as if it had left: the group shares out its partitions anew."""
        with _ours():
            self._asked(
                lambda: self._admin.remove_group_members(group, [MemberToRemove(group_instance_id=instance_id)])
            )

    def _asked(self, ask: Callable[[], Any]) -> Any:
        """Ask again while the group's coordinator is being found, for as long as a question may take; and once more when
        the broker that was asked hangs, since the client then asks another."""
        until_s = time.monotonic() + self._timeout_s
        while True:
            try:
                return ask()
            except kafka_errors.RequestTimedOutError:
                return ask()
            except COORDINATOR_MOVES:
                if time.monotonic() > until_s:
                    raise
                time.sleep(ASK_AGAIN_S)

    def standings(self, topics: Sequence[TopicFacts], group: str) -> list[Standing]:
        """Every partition that has a leader, with the group's position in it."""
        partitions = _led(topics)
        if not partitions:
            return []
        with _ours():
            begin, end = self._offsets(partitions, OffsetSpec.EARLIEST), self._offsets(partitions, OffsetSpec.LATEST)
            newest = self._offsets(partitions, OffsetSpec.MAX_TIMESTAMP)
            committed = self._asked(lambda: self._admin.list_group_offsets(group))[group]
        return [_standing(tp, begin[tp], end[tp], newest[tp], committed.get(tp)) for tp in partitions]

    def newest_ms(self, topics: Sequence[TopicFacts]) -> dict[Partition, int]:
        """The broker's time of the newest record of each partition that has one."""
        partitions = _led(topics)
        with _ours():
            found = self._offsets(partitions, OffsetSpec.MAX_TIMESTAMP) if partitions else {}
        return {_ours_of(tp): entry.timestamp for tp, entry in found.items() if entry.timestamp >= 0}

    def counted_since(self, topics: Sequence[TopicFacts], since_ms: int) -> int:
        """How many offsets there are from the first record at or after `since_ms` to the end; transaction marks count."""
        partitions = _led(topics)
        with _ours():
            end = self._offsets(partitions, OffsetSpec.LATEST)
            first = self._admin.list_partition_offsets({tp: since_ms for tp in partitions})
        return sum(end[tp].offset - first[tp].offset for tp in partitions if first[tp].offset >= 0)

    def _offsets(self, partitions: Sequence[TopicPartition], spec: OffsetSpec) -> dict[TopicPartition, Any]:
        return dict(self._admin.list_partition_offsets({tp: spec for tp in partitions}))

    def records(self, positions: Mapping[Partition, int], at_most: int = 1) -> list[Record]:
        """Up to `at_most` records of each partition from a position on; fewer when the broker is slow to give them."""
        if not positions:
            return []
        with _ours():
            consumer = KafkaConsumer(
                bootstrap_servers=self._servers,
                group_id=None,
                enable_auto_commit=False,
                max_partition_fetch_bytes=FETCH_BYTES,
                max_poll_records=at_most * len(positions),
                bootstrap_timeout_ms=int(self._timeout_s * MS_PER_S),
            )
            try:
                return self._fetched(consumer, positions, at_most)
            finally:
                consumer.close(autocommit=False)

    def _fetched(self, consumer: KafkaConsumer, positions: Mapping[Partition, int], at_most: int) -> list[Record]:
        waiting = {TopicPartition(part.topic, part.number): at_most for part in positions}
        consumer.assign(list(waiting))
        for part, offset in positions.items():
            consumer.seek(TopicPartition(part.topic, part.number), offset)
        end = consumer.end_offsets(list(waiting))
        found: list[Record] = []
        deadline_s = time.monotonic() + self._timeout_s / 2
        while waiting and time.monotonic() < deadline_s:
            for tp, records in consumer.poll(timeout_ms=POLL_MS).items():
                if tp not in waiting:
                    continue
                taken = records[: waiting[tp]]
                found += [_record(tp, record) for record in taken]
                waiting[tp] -= len(taken)
                if not waiting[tp] or records[-1].offset + 1 >= end[tp]:
                    del waiting[tp]
                    consumer.pause(tp)
        return found


def _led(topics: Sequence[TopicFacts]) -> list[TopicPartition]:
    """Partitions that can be asked: one without a leader would fail the question for all."""
    return [TopicPartition(t.name, part.number) for t in topics for part in t.partitions if part.leader is not None]


def _ours_of(tp: TopicPartition) -> Partition:
    return Partition(tp.topic, tp.partition)


def _record(tp: TopicPartition, record: Any) -> Record:
    return Record(
        _ours_of(tp),
        record.offset,
        record.timestamp,
        record.key or b"",
        record.value or b"",
        tuple(record.headers or ()),
    )


def _partitions(entries: Sequence[Mapping[str, Any]]) -> tuple[PartitionFacts, ...]:
    made = (
        PartitionFacts(
            entry["partition_index"],
            entry["leader_id"] if entry["leader_id"] >= 0 else None,
            tuple(entry["replica_nodes"]),
            tuple(entry["isr_nodes"]),
        )
        for entry in entries
    )
    return tuple(sorted(made, key=lambda part: part.number))


def _member(entry: Mapping[str, Any]) -> Member:
    assigned = entry["member_assignment"] or {}
    owned = assigned.get("assigned_partitions", []) if isinstance(assigned, Mapping) else []
    return Member(
        str(entry["group_instance_id"] or entry["member_id"]),
        str(entry["client_host"]).lstrip("/"),
        tuple(Partition(topic["topic"], number) for topic in owned for number in topic["partitions"]),
    )


def _standing(tp: TopicPartition, begin: Any, end: Any, newest: Any, committed: Any) -> Standing:
    known = committed is not None and committed.offset >= 0
    return Standing(
        _ours_of(tp),
        begin.offset,
        end.offset,
        committed.offset if known else None,
        (committed.metadata or "") if known else "",
        newest.timestamp if newest.timestamp >= 0 else None,
    )
