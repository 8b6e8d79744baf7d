"""What an agent survives, and what each of it costs: SIGKILL, a full disk, a broker that is away."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from clusterctl.agent.outbox import Outbox
from clusterctl.agent.publish import Publisher
from clusterctl.bus import Done, Message, topic_of
from clusterctl.bus.spool import SpoolBus
from clusterctl.config import load
from clusterctl.errors import BusUnavailable
from clusterctl.schema import GPU_SAMPLE, HOST_SAMPLE, NIC_SAMPLE, Lane
from clusterctl.store import open_store
from clusterctl.wire import decode
from tests.support.cli import Running, ok, wait_for
from tests.support.clock import HandClock
from tests.support.fake_nvml import compiler
from tests.support.gpu_node import GpuNode
from tests.support.servers import KafkaServer
from tests.support.wirehelp import rows_of

PERIOD_S = 0.2
OUTAGE_S = float(os.environ.get("CLUSTERCTL_OUTAGE_S", "20"))
"""Two minutes were run by hand (docs/benchmarks.md)."""
SEEDS = int(os.environ.get("CLUSTERCTL_CRASH_SEEDS", "2"))
"""More of them take half a minute each."""


@pytest.fixture
def node(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, local_env: dict[str, str]) -> GpuNode:
    if compiler() is None:
        pytest.skip("no C compiler")
    found = GpuNode(tmp_path, tmp_path_factory.mktemp("nvml"), local_env, ports=2)
    found.env["CLUSTERCTL_AGENT_PERIOD_S"] = str(PERIOD_S)
    return found


def collected(env: Mapping[str, str], *queries: str) -> list[list[Any]]:
    """Everything that is in the spool, stored; then the answers. A collector that stops takes what lies ready."""
    with Running(env, "collect") as collector:
        time.sleep(8.0)
        collector.stop(60.0)
    store = open_store(load(None, env))
    try:
        return [list(store.query(query).rows) for query in queries]
    finally:
        store.close()


def batches(env: Mapping[str, str], lane: Lane) -> Iterator[Any]:
    """What the spool holds, decoded."""
    config = load(None, env)
    bus = SpoolBus(str(config.site.data_path() / "spool"), 10**9)
    consumer = bus.consumer([topic_of(lane, config)], "test", _Nobody())
    while records := consumer.poll(0.0):
        yield from (decode(record.value) for record in records)
    consumer.close()


class _Nobody:
    def assigned(self, partitions: object) -> None: ...

    def revoked(self, partitions: object) -> None: ...

    def lost(self, partitions: object) -> None: ...


@pytest.mark.parametrize("seed", range(1, 1 + SEEDS))
def test_a_kill_at_any_point_loses_the_tick_in_hand_and_counts_the_gap(node: GpuNode, seed: int) -> None:
    chance = random.Random(seed)
    lines = 0
    for _ in range(5):
        with Running(node.env, "agent", "run") as agent:
            assert wait_for(lambda: bool(node.status()), 30)
            until = time.monotonic() + chance.uniform(0.3, 2.5)
            while time.monotonic() < until:
                count = chance.choice((1, 1, 40))
                node.log(*[f"NVRM: Xid (PCI:0000:43:00): 95, pid=0, Uncontained {chance.random()}"] * count)
                lines += count
                time.sleep(chance.uniform(0.0, 0.2))
            agent.kill()
        time.sleep(chance.uniform(0.0, 1.5))
    with Running(node.env, "agent", "run") as agent:
        assert wait_for(lambda: bool(node.status()), 30)
        time.sleep(3.0)
        agent.stop(30.0)
    told, ticks, minutes, missed, crashes = collected(
        node.env,
        "SELECT sum(count) FROM event FINAL WHERE kind = 'xid' AND source = 'kmsg'",
        "SELECT count(), toUnixTimestamp64Milli(min(ts)), toUnixTimestamp64Milli(max(ts)) FROM host_sample FINAL",
        "SELECT sum(ticks_expected), sum(ticks_done) FROM presence FINAL",
        "SELECT sum(m) FROM (SELECT JSONExtractInt(fields, 'ticks_missed') AS m FROM event FINAL WHERE code = 'crashed')",
        "SELECT count() FROM event FINAL WHERE code = 'crashed'",
    )
    assert told[0][0] == lines, "no line lost, none counted twice"
    stored, first_ms, last_ms = ticks[0]
    grid = (last_ms - first_ms) // int(PERIOD_S * 1_000) + 1
    assert crashes[0][0] == 5
    gap = grid - stored
    assert gap >= 5, "there were gaps"
    assert abs(missed[0][0] - gap) <= 5, "one tick in hand a kill"
    expected, done = minutes[0]
    assert abs(expected - done - gap) <= 6
    assert abs(done - stored) <= 5


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder)]
    if mount is None or os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_survived_and_counted(node: GpuNode, small_disk: Path) -> None:
    node.env["CLUSTERCTL_SITE_DATA_DIR"] = str(small_disk / "data")
    filler = small_disk / "filler"
    with Running(node.env, "agent", "run") as agent:
        assert wait_for(lambda: counters(node).get("batches", 0) > 20, 30)
        with pytest.raises(OSError, match="No space"):
            fill(filler)
        assert wait_for(lambda: counters(node)["spool_lost_batches"] > 10, 30), "counted"
        lost = counters(node)["spool_lost_batches"]
        filler.unlink()
        before = counters(node)["batches"]
        assert wait_for(lambda: counters(node)["batches"] > before + 20, 30), "and it goes on by itself"
        assert counters(node)["spool_lost_batches"] <= lost + 30
        agent.stop(30.0)
    rows = [row for item in batches(node.env, Lane.SAMPLES) if item.table is HOST_SAMPLE for row in item.rows]
    assert max(row.spool_lost_batches for row in rows) >= lost, "the rows that come after tell of it"


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4_096)


def counters(node: GpuNode) -> dict[str, int]:
    return dict(node.status().get("counters", {}))


class _Refusing:
    """A broker that is away until it is let in."""

    def __init__(self) -> None:
        self.here = False
        self.taken: list[bytes] = []

    def send(self, message: Message, done: Done) -> None:
        if not self.here:
            done(BusUnavailable("connection refused"))
            return
        self.taken.append(message.value)
        done(None)

    def close(self, timeout_s: float) -> None:
        return


def test_an_hour_without_the_broker_loses_nothing(tmp_path: Path) -> None:
    """On a clock turned by hand: an hour at 1 Hz of eight GPUs and nine ports, then the broker is back."""
    clock = HandClock()
    config = load(None, {"CLUSTERCTL_SITE_DATA_DIR": str(tmp_path)})
    bus = SpoolBus(str(tmp_path / "spool"), config.agent.spool_max_bytes)
    outbox = Outbox(config, bus, "boot", clock)
    broker = _Refusing()
    consumer = bus.consumer([topic_of(lane, config) for lane in Lane], "publisher", _Nobody())
    publisher = Publisher(consumer, lambda: broker, clock, max_in_flight=64, stuck_after_s=150.0)
    for second in range(3_600):
        now_ms = clock.now_ms()
        for table, rows in node_rows(now_ms, second):
            outbox.put(table, rows)
        clock.sleep_s(1.0)
        publisher.step()
    assert outbox.lost == 0
    assert outbox.size_bytes < config.agent.spool_max_bytes / 4, "room for some hours more"
    broker.here = True
    until(lambda: len(broker.taken) == 3 * 3_600, publisher.step)
    seqs = [decode(value).batch.seq for value in broker.taken]
    assert seqs == list(range(3 * 3_600)), "all of it, in order, once"
    publisher.finish()
    outbox.close()


def node_rows(ts: int, step: int) -> Iterator[tuple[Any, list[Any]]]:
    gpu = {
        "power_mw": 600_000 + step,
        "energy_mj": step * 600_000,
        "temp_c": 60,
        "sm_clock_mhz": 1_980,
        "util_ratio": 0.9,
    }
    yield HOST_SAMPLE, [HOST_SAMPLE.row(ts=ts, period_ms=1_000, load_1m=3.0, uptime_s=step)]
    yield (
        NIC_SAMPLE,
        [
            NIC_SAMPLE.row(
                ts=ts, port=f"mlx5_{n}/1", link_layer="infiniband", pci="", rx_bytes=step * 10**9, tx_bytes=step
            )
            for n in range(9)
        ],
    )
    yield GPU_SAMPLE, [GPU_SAMPLE.row(ts=ts, gpu_uuid=f"GPU-{n}", gpu_index=n, pci="", **gpu) for n in range(8)]


def until(condition: Callable[[], bool], step: Callable[[], None], most: int = 100_000) -> None:
    for _ in range(most):
        if condition():
            return
        step()
    raise AssertionError("it did not come to that")


@pytest.mark.kafka
@pytest.mark.slow
def test_a_while_without_a_real_broker_loses_nothing(
    node: GpuNode, kafka_server: KafkaServer, kafka_env: dict[str, str]
) -> None:
    """The broker's process is killed and started anew; on its topics is every batch of the agent afterwards."""
    env = {**kafka_env, **{name: value for name, value in node.env.items() if name not in kafka_env}}
    node.env = env
    ok(env, "topics", "apply")
    with Running(env, "agent", "run") as agent:
        assert wait_for(lambda: counters(node).get("published", 0) > 20, 60)
        kafka_server.stop()
        time.sleep(OUTAGE_S)
        kafka_server.start()
        due = counters(node)["batches"]
        assert wait_for(lambda: counters(node)["published"] >= due, 120)
        assert counters(node)["spool_lost_batches"] == 0
        agent.stop(60.0)
    arrived = published(env, due)
    assert len(arrived) >= OUTAGE_S / PERIOD_S * 3
    assert sorted(set(arrived)) == list(range(max(arrived) + 1)), "no number is missing"


def published(env: Mapping[str, str], least: int) -> list[int]:
    """Numbers of the batches on the samples topic: at least so many, as far as they come."""
    from clusterctl.bus import open_bus

    config = load(None, env)
    consumer = open_bus(config).consumer([topic_of(Lane.SAMPLES, config)], "another", _Nobody())
    found: list[int] = []
    quiet = 0
    while quiet < (3 if len(found) >= least else 15):
        records = consumer.poll(1.0)
        quiet = 0 if records else quiet + 1
        found += [seq for record in records for seq in set(rows_of(record.value)[0])]
    consumer.close()
    return found
