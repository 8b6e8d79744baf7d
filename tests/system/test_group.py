"""Several collectors in one group over the real broker and the real server: they come and go, die, hang and wake up.

Always the same promise: exactly what was sent is stored, once, by plain count().
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Iterator

import pytest
from kafka import KafkaAdminClient

from clusterctl.analytics.migrate import migrate
from clusterctl.bus import Message, open_bus, topic_of
from clusterctl.config import Config, load
from clusterctl.errors import BusError
from clusterctl.schema import Lane
from clusterctl.store import Store, open_store
from clusterctl.store.driver import create_database
from tests.support.cli import Running, wait_for
from tests.support.cutting_proxy import CuttingProxy
from tests.support.wirehelp import host_batch, now_ms

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse, pytest.mark.slow, pytest.mark.timeout(180)]
SESSION_S = 6
"""The least that the broker allows."""
HOSTS = 40
STORMS = int(os.environ.get("CLUSTERCTL_STORM_SEEDS", "1"))


@pytest.fixture
def env(fleet_env: dict[str, str]) -> dict[str, str]:
    """Nobody has a name in the group, unless a test says so."""
    return {
        **fleet_env,
        "CLUSTERCTL_BUS_INSTANCE_ID": "",
        "CLUSTERCTL_BUS_SESSION_TIMEOUT_S": str(SESSION_S),
        "CLUSTERCTL_COLLECTOR_SAMPLES_AGE_S": "0.2",
        "CLUSTERCTL_COLLECTOR_BLOCK_ROWS": "500",
    }


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


class Flow:
    """Sends rows of many hosts, some at once or many over a while, and knows how many were acknowledged."""

    def __init__(self, config: Config) -> None:
        self._topic = topic_of(Lane.SAMPLES, config)
        self._producer = open_bus(config).producer()
        self._verdicts: list[BusError | None] = []
        self._start_ms = now_ms() - 60_000
        self.sent = 0

    def send(self, count: int, over_s: float = 0.0) -> None:
        """Returns when all are acknowledged."""
        pause_s = 0.05
        for portion in _portions(count, max(1, int(over_s / pause_s))):
            for _ in range(portion):
                self._one()
            time.sleep(pause_s if over_s else 0.0)
        assert wait_for(lambda: len(self._verdicts) == self.sent, 60, 0.05)
        assert not any(self._verdicts)

    def _one(self) -> None:
        host, tick = f"h{self.sent % HOSTS}", self.sent // HOSTS
        value = host_batch(host, tick, self._start_ms + tick)
        self._producer.send(Message(self._topic, host.encode(), value), self._verdicts.append)
        self.sent += 1

    def close(self) -> None:
        self._producer.close(5.0)


def _portions(count: int, parts: int) -> list[int]:
    return [count * (part + 1) // parts - count * part // parts for part in range(parts)]


@pytest.fixture
def flow(config: Config) -> Iterator[Flow]:
    made = Flow(config)
    yield made
    made.close()


def stored(store: Store) -> int:
    """Rows as they lie there: one that is stored twice counts twice."""
    return int(store.query("SELECT count() FROM host_sample").rows[0][0])


def distinct(store: Store) -> int:
    return int(store.query("SELECT uniqExact(host, ts) FROM host_sample").rows[0][0])


def settled(config: Config) -> list[tuple[int, str]]:
    """How far the group stands from the end of each partition, and its note."""
    standings = open_bus(config).standing(topic_of(Lane.SAMPLES, config), config.bus.group)
    return [(s.end - s.position.offset, s.position.note) if s.position else (s.end, "-") for s in standings]


def shared_out(config: Config, members: int) -> bool:
    """Whether each member holds partitions of the samples, and every partition of both topics is held: a cooperative
    rebalance takes two rounds, and between them the group is stable with partitions that nobody has."""
    topic, group = topic_of(Lane.SAMPLES, config), config.bus.group
    admin = KafkaAdminClient(bootstrap_servers=config.bus.bootstrap_servers)
    try:
        described = admin.describe_groups([group])[group]
    finally:
        admin.close()
    if described["group_state"] != "Stable":
        return False
    held = [
        [entry["topic"] for entry in member["member_assignment"]["assigned_partitions"] for _ in entry["partitions"]]
        for member in described["members"]
    ]
    whole = config.bus.samples_partitions + config.bus.events_partitions
    return len(held) == members and all(topic in topics for topics in held) and sum(map(len, held)) == whole


def all_settled(config: Config) -> bool:
    return all(left == (0, "") for left in settled(config))


def test_a_writer_that_slept_through_its_session_stores_nothing_twice_and_commits_nothing(
    env: dict[str, str], config: Config, store: Store, flow: Flow
) -> None:
    """The first collector is stopped with its inserts on the way; the second one finds its notes, stores the same blocks
    and goes on. Then the first one's inserts arrive, and it wakes."""
    proxy = CuttingProxy(config.store.port)
    with contextlib.ExitStack() as running:
        zombie = running.enter_context(
            Running(
                {**env, "CLUSTERCTL_STORE_PORT": str(proxy.port), "CLUSTERCTL_STORE_TIMEOUT_S": "60"}, "collect", "-v"
            )
        )
        flow.send(2_000)
        assert wait_for(lambda: stored(store) == flow.sent, 40)
        proxy.hold_at(b"INSERT INTO host_sample")
        flow.send(2_000)
        assert proxy.held.wait(20.0), "an insert is on its way"
        assert stored(store) < flow.sent
        assert any("end" in note for _, note in settled(config)), "promised and not settled"
        os.kill(zombie.process.pid, signal.SIGSTOP)
        heir = running.enter_context(Running(env, "collect", "-v"))
        assert wait_for(lambda: stored(store) == flow.sent, 60), settled(config)
        flow.send(1_000)
        assert wait_for(lambda: stored(store) == flow.sent and all_settled(config), 30)
        proxy.go_on.set()
        os.kill(zombie.process.pid, signal.SIGCONT)
        flow.send(1_000)
        assert wait_for(lambda: distinct(store) == flow.sent and all_settled(config), 40), settled(config)
        said = zombie.stop()
        heir.stop()
    proxy.close()
    assert "abandoned" in said, "the block of the past was given up, not settled"
    assert stored(store) == distinct(store) == flow.sent
    assert all_settled(config)


def test_a_named_collector_takes_its_partitions_up_at_once(
    env: dict[str, str], config: Config, store: Store, flow: Flow
) -> None:
    """While it is away nobody takes them, for less than a session; killed and started again it does not wait for one."""
    env = {**env, "CLUSTERCTL_BUS_SESSION_TIMEOUT_S": "120"}
    named = {**env, "CLUSTERCTL_BUS_INSTANCE_ID": "a"}
    with Running({**env, "CLUSTERCTL_BUS_INSTANCE_ID": "b"}, "collect", "-v") as other:
        with Running(named, "collect") as first:
            flow.send(2_000)
            assert wait_for(lambda: stored(store) == flow.sent, 60)
            assert wait_for(lambda: shared_out(config, 2), 60), "both have joined"
            first.kill()
        flow.send(2_000)
        assert wait_for(lambda: any(left == 0 for left, _ in settled(config)), 30)
        time.sleep(1.0)
        assert stored(store) < flow.sent, "its partitions wait for it"
        began_s = time.monotonic()
        with Running(named, "collect") as again:
            assert wait_for(lambda: stored(store) == flow.sent, 60), settled(config)
            assert time.monotonic() - began_s < 30, "a quarter of a session is much, and not a session"
            again.stop()
        other.stop()
    assert stored(store) == distinct(store) == flow.sent


@pytest.mark.parametrize("seed", range(STORMS))
def test_a_storm_of_joins_leaves_and_deaths_leaves_exactly_what_was_sent(
    env: dict[str, str], config: Config, store: Store, flow: Flow, seed: int
) -> None:
    """Three places for collectors: every moment one is started, stopped politely or killed, while messages flow."""
    chance = random.Random(seed)
    sending = threading.Thread(target=flow.send, args=(12_000, 9.0))
    sending.start()
    places: list[Running | None] = [None, None, None]
    with contextlib.ExitStack() as running:
        while sending.is_alive():
            place = chance.randrange(len(places))
            one = places[place]
            if one is None:
                places[place] = running.enter_context(Running(env, "collect"))
            elif chance.random() < 0.5:
                one.kill()
                places[place] = None
            else:
                one.process.terminate()
                places[place] = None
            time.sleep(chance.uniform(0.3, 1.2))
        sending.join()
        last = running.enter_context(Running(env, "collect", "-v"))
        for one in filter(None, places):
            one.process.terminate()
        assert wait_for(lambda: distinct(store) == flow.sent and all_settled(config), 60), settled(config)
        last.stop()
    assert stored(store) == distinct(store) == flow.sent
