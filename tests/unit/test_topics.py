"""How topics that differ from the configuration are told apart, and what a person is told to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clusterctl.bus.topics import Topic, declared_topics, differences
from clusterctl.config import load

WANTED = declared_topics(load(None, {"CLUSTERCTL_BUS_REPLICATION_FACTOR": "3", "CLUSTERCTL_BUS_RETENTION_H": "1.5"}))
SAMPLES = WANTED[0]


def test_three_topics_are_declared() -> None:
    assert [(topic.name, topic.partitions, topic.replication_factor) for topic in WANTED] == [
        ("clusterctl.samples.v1", 16, 3),
        ("clusterctl.events.v1", 4, 3),
        ("clusterctl.deadletter.v1", 1, 3),
    ]
    assert SAMPLES.configs["retention.ms"] == "5400000"
    assert SAMPLES.configs["min.insync.replicas"] == "2"
    assert SAMPLES.configs["message.timestamp.type"] == "LogAppendTime"


def test_one_replica_asks_for_one_in_sync() -> None:
    """With two asked for, nobody could write."""
    assert declared_topics(load(None, {}))[0].configs["min.insync.replicas"] == "1"


def test_a_topic_as_declared_has_no_difference() -> None:
    found = replace(SAMPLES, configs={**SAMPLES.configs, "segment.bytes": "1073741824"})
    assert differences(SAMPLES, found) == []
    assert differences(SAMPLES, replace(found, replication_factor=4)) == [], "more than asked for is as safe"


@pytest.mark.parametrize(
    ("found", "what", "advice"),
    [
        (None, "topic", "clusterctl topics apply"),
        (replace(SAMPLES, partitions=8), "partitions", "--alter --topic clusterctl.samples.v1 --partitions 16"),
        (replace(SAMPLES, partitions=32), "partitions", "number of partitions to 32"),
        (replace(SAMPLES, replication_factor=1), "replicas", "kafka-reassign-partitions.sh"),
        (replace(SAMPLES, lagging=(3,)), "in-sync replicas", "one more failure stops writing"),
        (replace(SAMPLES, leaderless=(3,)), "leader", "start the brokers"),
        (replace(SAMPLES, configs={**SAMPLES.configs, "cleanup.policy": "compact"}), "cleanup.policy", "=delete"),
        (
            replace(SAMPLES, configs={**SAMPLES.configs, "message.timestamp.type": "CreateTime"}),
            "message.timestamp.type",
            "--entity-name clusterctl.samples.v1 --add-config message.timestamp.type=LogAppendTime",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_difference_says_what_to_do(found: Topic | None, what: str, advice: str) -> None:
    [difference] = differences(SAMPLES, found)
    assert difference.what == what
    assert advice in difference.advice
    assert difference.topic == SAMPLES.name


def test_many_partitions_are_not_all_listed() -> None:
    [difference] = differences(SAMPLES, replace(SAMPLES, lagging=tuple(range(16))))
    assert difference.found == "fewer of partitions 0, 1, 2, 3, 4, 5, 6, 7, …"
