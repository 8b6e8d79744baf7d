"""Kill the collector at random points of a run over the real broker and the real server: exactly what was sent is stored."""

from __future__ import annotations

import os
import random
import threading
import time

import pytest

from clusterctl.analytics.migrate import migrate
from clusterctl.bus import Message, open_bus, topic_of
from clusterctl.config import Config, load
from clusterctl.errors import BusError
from clusterctl.schema import Lane
from clusterctl.store import Store, open_store
from clusterctl.store.driver import create_database
from tests.support.cli import Running, wait_for
from tests.support.wirehelp import host_batch, nic_batch, now_ms

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse, pytest.mark.slow]
SEEDS = int(os.environ.get("CLUSTERCTL_CRASH_SEEDS", "2"))
MESSAGES = 30_000
HOSTS = 40
KILLS = 4
SENT = (MESSAGES // 2, MESSAGES // 2, MESSAGES, MESSAGES)
"""Rows and distinct rows of host_sample and nic_sample: half of the messages have one row, half have two."""


def produce(config: Config, start_ms: int) -> None:
    """All messages, alternating host and port batches, and every acknowledgement awaited."""
    producer = open_bus(config).producer()
    verdicts: list[BusError | None] = []
    topic = topic_of(Lane.SAMPLES, config)
    for number in range(MESSAGES):
        host, tick = f"h{number % HOSTS}", number // HOSTS
        make = host_batch if number % 2 else nic_batch
        producer.send(Message(topic, host.encode(), make(host, tick, start_ms + tick)), verdicts.append)
    assert wait_for(lambda: len(verdicts) == MESSAGES, 120, 0.05)
    producer.close(10.0)
    assert not any(verdicts)


def counted(store: Store) -> tuple[int, int, int, int]:
    """Rows stored and distinct rows, of host_sample and nic_sample."""
    sql = "SELECT count(), uniqExact(host, ts{port}) FROM {table}"
    host = store.query(sql.format(table="host_sample", port="")).rows[0]
    nic = store.query(sql.format(table="nic_sample", port=", port")).rows[0]
    return (*host, *nic)  # type: ignore[return-value]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_sigkill_at_random_points_leaves_exactly_what_was_sent(fleet_env: dict[str, str], seed: int) -> None:
    """Four collectors of different block sizes are killed, each after a random while; a fifth finishes.

    The plain counts matter, not only the distinct ones: a token that fails would store a block twice."""
    chance = random.Random(seed)
    config = load(None, fleet_env)
    open_bus(config).ensure_topics()
    create_database(config.store)
    store = open_store(config)
    migrate(store)
    sender = threading.Thread(target=produce, args=(config, now_ms() - 60_000))
    sender.start()
    for _ in range(KILLS):
        env = {
            **fleet_env,
            "CLUSTERCTL_COLLECTOR_BLOCK_ROWS": str(chance.choice([500, 2_000, 5_000])),
            "CLUSTERCTL_COLLECTOR_SAMPLES_AGE_S": str(chance.choice([0.05, 0.2, 0.5])),
        }
        with Running(env, "collect") as collector:
            time.sleep(chance.uniform(0.7, 2.2))
            collector.kill()
    sender.join()
    with Running(fleet_env, "collect", "-v") as last:
        wait_for(lambda: counted(store)[1::2] == SENT[1::2], 60)
        said = last.stop()
    assert counted(store) == SENT, said
    store.execute(f"DROP DATABASE {config.store.database}")
    store.close()
