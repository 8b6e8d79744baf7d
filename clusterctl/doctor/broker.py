"""Apache Kafka: are its brokers there, and are our topics what delivery rests on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from clusterctl.bus.facts import ClusterFacts, TopicFacts
from clusterctl.clock import MS_PER_S
from clusterctl.config import Config
from clusterctl.doctor.finding import Finding, fail, ok, span, unknown, warn
from clusterctl.doctor.patient import Patient
from clusterctl.doctor.registry import Needs, check, on_kafka
from clusterctl.errors import BusError
from clusterctl.schema import Lane

APPLY = "run: clusterctl topics apply"


def _cluster(patient: Patient) -> ClusterFacts | str:
    try:
        with patient.broker() as broker:
            return broker.cluster()
    except BusError as error:
        return str(error)


@check("broker", read=_cluster, left_out=on_kafka, opens=Needs.BROKER)
def broker(found: ClusterFacts | str, config: Config) -> Iterator[Finding]:
    """Every broker that the cluster names answers, and there is a controller."""
    if isinstance(found, str):
        yield fail(
            config.bus.bootstrap_servers,
            found,
            "start the broker, open the network, or correct bus.bootstrap_servers; agents keep a spool meanwhile",
        )
        return
    for item in found.brokers:
        subject = f"broker {item.node} at {item.address}"
        if item.error:
            yield fail(
                subject,
                f"named by the cluster, but does not answer: {item.error}",
                "see its log; check that its advertised.listeners can be reached from here",
            )
        elif item.fenced:
            yield fail(subject, "fenced by the controller", "see its log: it does not reach the controller")
        else:
            yield ok(subject, f"answers, Kafka {item.version or 'of unknown version'}")
    if found.controller is None:
        yield fail(f"cluster {found.cluster_id}", "names no controller", "see the logs of the controllers: no quorum")


@dataclass(frozen=True, slots=True)
class TopicsSeen:
    """Our topics with the number of partitions that the configuration asks for, and how many brokers there are."""

    topics: tuple[TopicFacts, ...]
    partitions: tuple[int, ...]
    brokers: int


def _topics(patient: Patient) -> TopicsSeen:
    bus = patient.config.bus
    wanted = {
        patient.lanes[Lane.SAMPLES]: bus.samples_partitions,
        patient.lanes[Lane.EVENTS]: bus.events_partitions,
        patient.dead_topic: 1,
    }
    with patient.broker() as admin:
        return TopicsSeen(tuple(admin.topics(list(wanted))), tuple(wanted.values()), admin.broker_count())


@check(
    "topics",
    read=_topics,
    needs=Needs.BROKER,
    left_out=on_kafka,
    knobs=("bus.samples_partitions", "bus.events_partitions", "bus.replication_factor", "bus.retention_h"),
)
def topics(seen: TopicsSeen, config: Config) -> Iterator[Finding]:
    """Topics exist, with the partitions, replicas and settings that delivery rests on: the broker's clock on every record
    (message.timestamp.type), retention, min.insync.replicas, no compaction."""
    for topic, wanted in zip(seen.topics, seen.partitions, strict=True):
        if not topic.exists:
            yield fail(topic.name, "does not exist", APPLY)
            continue
        wrong = [*_shape(topic, wanted, seen.brokers, config), *_settings(topic, config)]
        yield from wrong
        if not wrong:
            yield ok(
                topic.name,
                f"{len(topic.partitions)} partitions, {_replicas(topic)} replicas, "
                f"kept {span(int(topic.settings['retention.ms']) / MS_PER_S)}",
            )


def _replicas(topic: TopicFacts) -> int:
    return min(len(part.replicas) for part in topic.partitions)


def _shape(topic: TopicFacts, wanted: int, brokers: int, config: Config) -> Iterator[Finding]:
    have, replicas = len(topic.partitions), _replicas(topic)
    if have < wanted:
        yield warn(
            topic.name,
            f"{have} partitions, {wanted} are configured",
            f"kafka-topics.sh --alter --topic {topic.name} --partitions {wanted} (hosts move to other partitions: "
            "their order is kept only within one)",
        )
    elif have > wanted:
        yield warn(
            topic.name,
            f"{have} partitions, {wanted} are configured",
            f"set the number in the configuration to {have}: partitions cannot be taken away",
        )
    if replicas < config.bus.replication_factor:
        yield warn(
            topic.name,
            f"{replicas} replicas, {config.bus.replication_factor} are configured",
            f"kafka-reassign-partitions.sh for topic {topic.name}",
        )
    elif replicas == 1 and brokers > 1:
        yield warn(
            topic.name,
            f"1 replica on a cluster of {brokers} brokers: the loss of one loses records",
            "set bus.replication_factor = 3, then kafka-reassign-partitions.sh",
        )


def _settings(topic: TopicFacts, config: Config) -> Iterator[Finding]:
    have, name = topic.settings, topic.name
    if not {"message.timestamp.type", "retention.ms", "min.insync.replicas", "cleanup.policy"} <= have.keys():
        yield unknown(name, "the broker does not show its settings", "grant DESCRIBE_CONFIGS on the topic")
        return
    if have["message.timestamp.type"] != "LogAppendTime":
        yield fail(
            name,
            f"message.timestamp.type is {have['message.timestamp.type']}: rows are bounded against the "
            "senders' clocks, not the broker's",
            _alter(name, "message.timestamp.type=LogAppendTime"),
        )
    if "compact" in have["cleanup.policy"]:
        yield fail(
            name,
            f"cleanup.policy is {have['cleanup.policy']}: of a host's records only the last is kept",
            _alter(name, "cleanup.policy=delete"),
        )
    yield from _kept(topic, config)
    insync, wanted = int(have["min.insync.replicas"]), min(2, config.bus.replication_factor)
    if insync < wanted:
        yield warn(
            name,
            f"min.insync.replicas is {insync}, expected {wanted}: what one broker acknowledged can be lost",
            _alter(name, f"min.insync.replicas={wanted}"),
        )
    elif insync >= _replicas(topic) > 1:
        more = _replicas(topic) == wanted
        yield warn(
            name,
            f"min.insync.replicas is {insync} of {_replicas(topic)}: one broker down stops all writing",
            "set bus.replication_factor = 3, then kafka-reassign-partitions.sh"
            if more
            else _alter(name, f"min.insync.replicas={wanted}"),
        )


def _kept(topic: TopicFacts, config: Config) -> Iterator[Finding]:
    kept_ms, wanted_ms = int(topic.settings["retention.ms"]), int(config.bus.retention_h * 3_600 * MS_PER_S)
    if 0 <= kept_ms < wanted_ms:
        yield warn(
            topic.name,
            f"keeps records for {span(kept_ms / MS_PER_S)}, {config.bus.retention_h:g} h are configured",
            _alter(topic.name, f"retention.ms={wanted_ms}"),
        )
    limit = int(topic.settings.get("retention.bytes", "-1"))
    if limit >= 0:
        yield warn(
            topic.name,
            f"retention.bytes is {limit:,}: records may go before their time, read or not",
            _alter(topic.name, "retention.bytes=-1"),
        )


def _alter(topic: str, setting: str) -> str:
    return f"kafka-configs.sh --alter --entity-type topics --entity-name {topic} --add-config {setting}"


def _places(patient: Patient) -> tuple[TopicFacts, ...]:
    with patient.broker() as admin:
        return tuple(admin.topics([*patient.lanes.values(), patient.dead_topic]))


@check("replicas of topics", read=_places, needs=Needs.BROKER, left_out=on_kafka)
def places(found: tuple[TopicFacts, ...], config: Config) -> Iterator[Finding]:
    """Every partition has a leader, and all its replicas are in step."""
    for topic in found:
        if not topic.exists:
            yield unknown(topic.name, "there is no such topic", APPLY)
            continue
        offline = [part.number for part in topic.partitions if part.leader is None]
        behind = [part.number for part in topic.partitions if len(part.in_sync) < len(part.replicas)]
        if offline:
            yield fail(
                topic.name,
                f"partitions without a leader: {_numbers(offline)}; nothing can be written or read there",
                "bring the brokers back that hold them (kafka-topics.sh --describe --unavailable-partitions)",
            )
        if behind:
            yield warn(
                topic.name,
                f"under-replicated partitions: {_numbers(behind)}",
                "see which broker is missing (kafka-topics.sh --describe --under-replicated-partitions)",
            )
        if not offline and not behind:
            yield ok(topic.name, f"all {len(topic.partitions)} partitions led and in step")


def _numbers(found: list[int], at_most: int = 10) -> str:
    more = f" and {len(found) - at_most} more" if len(found) > at_most else ""
    return ", ".join(map(str, found[:at_most])) + more
