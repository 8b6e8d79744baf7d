"""What our topics should be, and how those of a cluster differ. Pure: `kafka` asks the brokers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from clusterctl.bus import dead_letter_topic, topic_of
from clusterctl.clock import MS_PER_S
from clusterctl.config import Config
from clusterctl.schema import Lane

MS_PER_H = 3_600 * MS_PER_S


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: as declared, or as the brokers have it."""

    name: str
    partitions: int
    replication_factor: int
    """Of a found topic: of the partition that has the fewest."""
    configs: Mapping[str, str] = field(default_factory=dict)
    lagging: tuple[int, ...] = ()
    """Partitions with a replica out of step; only of a found topic."""
    leaderless: tuple[int, ...] = ()
    """Partitions that nobody can write to or read; only of a found topic."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which a topic is not what the configuration says, and what to do about it."""

    topic: str
    what: str
    wanted: str
    found: str
    advice: str


def declared_topics(config: Config) -> list[Topic]:
    """Samples, events and dead letters, as the configuration wants them."""
    bus = config.bus
    counts = {
        topic_of(Lane.SAMPLES, config): bus.samples_partitions,
        topic_of(Lane.EVENTS, config): bus.events_partitions,
        dead_letter_topic(config): 1,
    }
    configs = {
        "message.timestamp.type": "LogAppendTime",  # the broker's clock, against which rows are bounded
        "retention.ms": str(int(bus.retention_h * MS_PER_H)),
        "compression.type": "producer",
        "min.insync.replicas": str(min(2, bus.replication_factor)),
        "unclean.leader.election.enable": "false",
        "cleanup.policy": "delete",  # a compacted topic would forget all but a host's last batch
    }
    return [Topic(name, count, bus.replication_factor, configs) for name, count in counts.items()]


def differences(wanted: Topic, found: Topic | None) -> list[Difference]:
    """All of them; empty if the topic is as declared and whole. `found` is None for a topic that is not there."""
    if found is None:
        return [Difference(wanted.name, "topic", "to be there", "nothing", "run: clusterctl topics apply")]
    return [*_shape(wanted, found), *_configs(wanted, found), *_health(found)]


def _shape(wanted: Topic, found: Topic) -> list[Difference]:
    differ = []
    if found.partitions != wanted.partitions:
        differ.append(_partitions(wanted, found))
    if found.replication_factor < wanted.replication_factor:
        advice = (
            "kafka-reassign-partitions.sh with more replicas for each partition; "
            "or, when collectors have read it to its end, delete it and run: clusterctl topics apply"
        )
        differ.append(
            Difference(wanted.name, "replicas", str(wanted.replication_factor), str(found.replication_factor), advice)
        )
    return differ


def _partitions(wanted: Topic, found: Topic) -> Difference:
    if found.partitions < wanted.partitions:
        # hosts move between partitions; rows have a natural key, so that order between partitions does not matter
        advice = f"kafka-topics.sh --alter --topic {wanted.name} --partitions {wanted.partitions}"
    else:
        advice = f"partitions are never taken away: set the bus's number of partitions to {found.partitions}"
    return Difference(wanted.name, "partitions", str(wanted.partitions), str(found.partitions), advice)


def _configs(wanted: Topic, found: Topic) -> list[Difference]:
    alter = f"kafka-configs.sh --alter --entity-type topics --entity-name {wanted.name} --add-config"
    return [
        Difference(wanted.name, name, value, found.configs.get(name, "nothing"), f"{alter} {name}={value}")
        for name, value in wanted.configs.items()
        if found.configs.get(name) != value
    ]


def _health(found: Topic) -> list[Difference]:
    differ = []
    if found.leaderless:
        advice = "start the brokers that hold it; agents keep what they cannot send"
        differ.append(Difference(found.name, "leader", "one each", f"none of {_listed(found.leaderless)}", advice))
    if found.lagging:
        advice = "a broker is away or behind: until it is back, one more failure stops writing"
        differ.append(Difference(found.name, "in-sync replicas", "all", f"fewer of {_listed(found.lagging)}", advice))
    return differ


def _listed(numbers: tuple[int, ...]) -> str:
    shown = ", ".join(str(number) for number in numbers[:8])
    return f"partitions {shown}" + (", …" if len(numbers) > 8 else "")
