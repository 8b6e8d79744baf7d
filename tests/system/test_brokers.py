"""Three real brokers from the shipped server.properties: one dies, then a second, while messages flow through a collector.

What agents were acknowledged is stored, once; what was not is sent again, as the spool does."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from clusterctl.analytics.migrate import migrate
from clusterctl.bus import Message, Producer, open_bus, topic_of
from clusterctl.config import Config, load
from clusterctl.errors import BusError
from clusterctl.schema import Lane
from clusterctl.store import open_store
from clusterctl.store.driver import create_database
from tests.support.cli import Running, clusterctl, ok, wait_for
from tests.support.clusters import BROKER, HURRY, PER_BROKER, Broker, KafkaCluster
from tests.support.fetch import Missing, unavailable
from tests.support.wirehelp import host_batch, now_ms

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse, pytest.mark.slow]
HOSTS = 16
PACE_S = 0.004
IN_FLIGHT = 64
"""As an agent bounds itself (bus.max_in_flight)."""


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """Three, started once."""
    try:
        cluster = KafkaCluster(tmp_path_factory.mktemp("brokers"))
    except Missing as missing:
        unavailable("kafka", str(missing))
        raise
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture
def env(local_env: dict[str, str], brokers: KafkaCluster, unique: str) -> dict[str, str]:
    return {
        **local_env,
        "CLUSTERCTL_BUS_KIND": "kafka", "CLUSTERCTL_BUS_BOOTSTRAP_SERVERS": brokers.address,
        "CLUSTERCTL_BUS_TOPIC_PREFIX": unique, "CLUSTERCTL_BUS_GROUP": unique, "CLUSTERCTL_BUS_SAMPLES_PARTITIONS": "4",
        "CLUSTERCTL_BUS_EVENTS_PARTITIONS": "2", "CLUSTERCTL_BUS_REPLICATION_FACTOR": "3",
        "CLUSTERCTL_BUS_SESSION_TIMEOUT_S": "6", "CLUSTERCTL_COLLECTOR_SAMPLES_AGE_S": "0.5",
    }  # fmt: skip


class Agents:
    """Sends numbered batches of sixteen hosts until told to stop, and those without an acknowledgement again."""

    def __init__(self, config: Config) -> None:
        self._topic = topic_of(Lane.SAMPLES, config)
        self._producer: Producer = open_bus(config).producer()
        self._start_ms = now_ms() - 600_000
        self._due: list[int] = []
        self._news = threading.Condition()
        self._open: set[int] = set()
        self.acknowledged: set[int] = set()
        self.sent = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set() or self._open or self._due:
            with self._news:
                self._news.wait_for(lambda: len(self._open) < IN_FLIGHT, 0.5)
                if len(self._open) >= IN_FLIGHT or (self._stop.is_set() and not self._due):
                    continue
                number = self._due.pop() if self._due else self.sent
                self.sent = max(self.sent, number + 1)
                self._open.add(number)
            self._send(number)
            time.sleep(PACE_S)

    def _send(self, number: int) -> None:
        host, tick = f"h{number % HOSTS}", number // HOSTS

        def done(error: BusError | None) -> None:
            with self._news:
                self._open.discard(number)
                self._due.append(number) if error else self.acknowledged.add(number)
                self._news.notify()

        self._producer.send(Message(self._topic, host.encode(), host_batch(host, tick, self._start_ms + tick)), done)

    def moved(self, by: int, timeout_s: float = 60.0) -> bool:
        """Whether so many more were acknowledged in time."""
        before = len(self.acknowledged)
        return wait_for(lambda: len(self.acknowledged) >= before + by, timeout_s, 0.05)

    def finish(self) -> int:
        """Everything acknowledged; how many batches there were."""
        self._stop.set()
        self._thread.join(timeout=60)
        assert not self._thread.is_alive(), f"{len(self._open)} without a verdict"
        self._producer.close(10.0)
        assert self.acknowledged == set(range(self.sent))
        return self.sent


def leader_of(brokers: KafkaCluster, config: Config) -> Broker:
    """The broker that leads the first partition of samples."""
    admin = KafkaAdminClient(bootstrap_servers=config.bus.bootstrap_servers.split(","))
    [topic] = admin.describe_topics([topic_of(Lane.SAMPLES, config)])
    admin.close()
    return brokers.brokers[min(topic["partitions"], key=lambda each: each["partition_index"])["leader_id"] - 1]


def test_every_shipped_setting_is_one_that_a_broker_has(brokers: KafkaCluster) -> None:
    """An unknown one is ignored, with a warning that nobody reads."""
    settings = dict(
        line.split("=", 1) for line in BROKER.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"
    )
    admin = KafkaAdminClient(bootstrap_servers=brokers.address.split(","))
    [known] = admin.describe_configs([ConfigResource(ConfigResourceType.BROKER, "2")], config_filter="all")[
        "broker"
    ].values()
    admin.close()
    assert set(settings) <= set(known)
    for name, value in settings.items():
        if name not in HURRY and name not in PER_BROKER:
            assert known[name]["value"] == value, name


def test_topics_that_differ_are_found(env: dict[str, str]) -> None:
    assert clusterctl(env, "topics", "check").returncode == 1
    assert ok(env, "topics", "apply").count("created ") == 3
    assert ok(env, "topics", "check") == "topics are as configured, all replicas in step\n"
    [samples] = [
        topic for topic in json.loads(ok(env, "topics", "show", "--format", "json")) if "samples" in topic["name"]
    ]
    assert (samples["partitions"], samples["replication_factor"], samples["lagging"]) == (4, 3, [])
    changed = {**env, "CLUSTERCTL_BUS_SAMPLES_PARTITIONS": "8", "CLUSTERCTL_BUS_RETENTION_H": "24"}
    said = clusterctl(changed, "topics", "check")
    assert said.returncode == 1
    assert "partitions: expected 8, found 4" in said.stdout
    assert said.stdout.count("retention.ms: expected 86400000, found 604800000") == 3
    assert samples["name"] in ok(env, "topics", "show")


@pytest.mark.timeout(280)
def test_one_broker_dies_then_a_second_and_all_is_stored_once(
    env: dict[str, str], clickhouse_env: dict[str, str], brokers: KafkaCluster
) -> None:
    config = load(None, {**env, **clickhouse_env})
    open_bus(config).ensure_topics()
    create_database(config.store)
    store = open_store(config)
    migrate(store)
    agents = Agents(config)
    with Running({**env, **clickhouse_env}, "collect", "-v") as collector:
        assert agents.moved(500)
        first = leader_of(brokers, config)
        first.stop()
        assert agents.moved(500), "the other two go on"

        second = leader_of(brokers, config)
        second.stop()
        assert wait_for(lambda: not agents.moved(1, 3.0), 30), "one copy is not enough to acknowledge"

        second.start()
        assert agents.moved(500)
        first.start(wait=False)
        sent = agents.finish()
        sql = "SELECT count(), uniqExact(host, ts) FROM host_sample FINAL"
        assert wait_for(lambda: store.query(sql).rows == [(sent, sent)], 60), (
            sent,
            store.query(sql).rows,
            collector.kill(),
        )
        collector.stop()
    assert wait_for(lambda: clusterctl(env, "topics", "check").returncode == 0, 60, 0.5)
    store.execute(f"DROP DATABASE {config.store.database}")
    store.close()
