"""Over the real broker and the real server: records that retention took, and dead letters put back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pytest
from kafka import KafkaAdminClient, TopicPartition

from clusterctl.analytics.migrate import migrate
from clusterctl.bus import Message, dead_letter_topic, open_bus, topic_of
from clusterctl.config import Config, load
from clusterctl.errors import BusError
from clusterctl.schema import Lane
from clusterctl.store import Store, open_store
from clusterctl.store.driver import create_database
from tests.support.cli import Running, clusterctl, wait_for
from tests.support.wirehelp import host_batch, now_ms

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse, pytest.mark.slow]
QUICK = {
    "CLUSTERCTL_BUS_SESSION_TIMEOUT_S": "6",
    "CLUSTERCTL_COLLECTOR_SAMPLES_AGE_S": "0.2",
    "CLUSTERCTL_BUS_SAMPLES_PARTITIONS": "1",
    "CLUSTERCTL_BUS_EVENTS_PARTITIONS": "1",
}


@pytest.fixture
def env(fleet_env: dict[str, str]) -> dict[str, str]:
    return {**fleet_env, **QUICK}


@pytest.fixture
def config(env: dict[str, str]) -> Config:
    made = load(None, env)
    open_bus(made).ensure_topics()
    return made


@pytest.fixture
def store(config: Config) -> Iterator[Store]:
    create_database(config.store)
    made = open_store(config)
    migrate(made)
    yield made
    made.execute(f"DROP DATABASE {config.store.database}")
    made.close()


def send(config: Config, values: Sequence[bytes]) -> None:
    producer = open_bus(config).producer()
    verdicts: list[BusError | None] = []
    for value in values:
        producer.send(Message(topic_of(Lane.SAMPLES, config), b"h1", value, (("v", b"1"),)), verdicts.append)
    assert wait_for(lambda: len(verdicts) == len(values), 30, 0.05)
    producer.close(5.0)
    assert not any(verdicts)


def batches(start: int, end: int, start_ms: int) -> list[bytes]:
    return [host_batch("h1", number, start_ms + number) for number in range(start, end)]


def stored(store: Store) -> int:
    return int(store.query("SELECT count() FROM host_sample").rows[0][0])


def delete_before(config: Config, offset: int) -> None:
    """What retention does, at once."""
    admin = KafkaAdminClient(bootstrap_servers=config.bus.bootstrap_servers)
    admin.delete_records({TopicPartition(topic_of(Lane.SAMPLES, config), 0): offset})
    admin.close()


@pytest.mark.timeout(180)
def test_records_deleted_unread_stop_the_collector_loudly_until_a_person_accepts(
    env: dict[str, str], config: Config, store: Store
) -> None:
    start_ms = now_ms() - 60_000
    send(config, batches(0, 100, start_ms))
    with Running(env, "collect") as first:
        assert wait_for(lambda: stored(store) == 100, 40)
        first.stop()
    send(config, batches(100, 400, start_ms))
    delete_before(config, 250)
    failed = clusterctl(env, "collect")
    assert failed.returncode == 2
    assert "150 records, offsets 100 to 249, were deleted before they were read" in failed.stderr
    assert "clusterctl collect accept-loss" in failed.stderr
    sql = "SELECT severity, code, source_seq, count FROM event WHERE kind = 'offsets_lost'"
    assert store.query(sql).rows == [("fail", f"{config.bus.topic_prefix}.samples.v1/0", 100, 150)]
    shown = clusterctl(env, "collect", "accept-loss", "--format", "json")
    assert shown.returncode == 1
    (gap,) = json.loads(shown.stdout)["gaps"]
    assert (gap["begin"], gap["end"], gap["lost"]) == (100, 250, 150)
    assert stored(store) == 100
    moved = clusterctl(env, "collect", "accept-loss", "--yes")
    assert moved.returncode == 0, moved.stderr
    assert "moved" in moved.stdout
    with Running(env, "collect") as later:
        assert wait_for(lambda: stored(store) == 250, 40), later.kill()
        later.stop()
    assert store.query("SELECT count() FROM host_sample WHERE seq < 100 OR seq >= 250").rows == [(250,)]


@pytest.mark.timeout(180)
def test_dead_letters_are_put_back_once_their_cause_is_mended(
    env: dict[str, str], config: Config, store: Store
) -> None:
    """Ten batches too late for a narrow bound, one that is no batch: with a wider bound the ten are stored, once each, and
    the one stays."""
    late_ms = now_ms() - 7_200_000
    send(config, [*batches(0, 5, now_ms()), *batches(5, 15, late_ms), b"no batch"])
    with Running({**env, "CLUSTERCTL_COLLECTOR_LATE_BOUND_H": "1"}, "collect") as narrow:
        topic = dead_letter_topic(config)
        assert wait_for(lambda: open_bus(config).standing(topic, "none")[0].end == 11, 40)
        assert stored(store) == 5
        narrow.stop()
    assert sorted(heap["letters"] for heap in letters(env)) == [1, 10]
    done = clusterctl(env, "collect", "replay-dead", "--reason", "clock", "--format", "json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["replayed"], result["other"]) == (10, 1)
    with Running(env, "collect") as wide:
        assert wait_for(lambda: stored(store) == 15, 40), wide.kill()
        wide.stop()
    assert [heap["letters"] for heap in letters(env)] == [1]
    assert store.query("SELECT uniqExact(seq) FROM host_sample").rows == [(15,)]


def letters(env: dict[str, str]) -> list[dict[str, object]]:
    listed = clusterctl(env, "collect", "dead", "--format", "json")
    assert listed.stdout, listed.stderr
    return list(json.loads(listed.stdout)["letters"])
