"""Rows per second of one collector process between the real broker and the real server, and per second of its own CPU.

The machine has two cores for broker, collector and server together; the second figure is the one that a collector with a
core of its own could reach. Messages are packs of five ticks of eight GPUs, as agents send them.
"""

from __future__ import annotations

import random
import time

import psutil

from clusterctl import wire
from clusterctl.bus import Message, open_bus, topic_of
from clusterctl.config import Config, load
from clusterctl.schema import Lane
from clusterctl.store import open_store
from tests.bench.fleet import GPUS, gpu_batch
from tests.bench.servers import both
from tests.support.cli import Running, ok, wait_for
from tests.support.wirehelp import now_ms

HOSTS, PACKS, TICKS = 500, 200, 5
BUDGET = 300_000


def produce(config: Config) -> int:
    """All packs, acknowledged; how many rows they have."""
    producer = open_bus(config).producer()
    chance, start = random.Random(1), now_ms() - PACKS * TICKS * 1_000
    verdicts: list[object] = []
    for number in range(PACKS):
        for place in range(HOSTS):
            host = f"gpu-{place:05}"
            ticks = range(number * TICKS, number * TICKS + TICKS)
            value = wire.gather([gpu_batch(host, start + tick * 1_000, tick, chance) for tick in ticks])
            producer.send(Message(topic_of(Lane.SAMPLES, config), host.encode(), value), verdicts.append)
    wait_for(lambda: len(verdicts) == HOSTS * PACKS, 300, 0.1)
    producer.close(30.0)
    return HOSTS * PACKS * TICKS * GPUS


def main() -> None:
    with both() as (env, _, _):
        config = load(None, env)
        ok(env, "topics", "apply")
        ok(env, "migrate")
        rows = produce(config)
        store = open_store(config)
        with Running(env, "collect") as collector:
            process = psutil.Process(collector.process.pid)
            sql = "SELECT count() FROM gpu_sample"
            wait_for(lambda: store.query(sql).rows[0][0] > 0, 60, 0.01)
            first, began, cpu = store.query(sql).rows[0][0], time.monotonic(), sum(process.cpu_times()[:2])
            wait_for(lambda: store.query(sql).rows[0][0] >= rows, 300, 0.05)
            took_s, cpu_s = time.monotonic() - began, sum(process.cpu_times()[:2]) - cpu
            rss = process.memory_info().rss / 2**20
            collector.stop()
        stored = store.query(sql).rows[0][0]
        store.close()
    done = rows - first
    print(f"{done / took_s:,.0f} rows/s on a shared machine, {done / cpu_s:,.0f} rows per second of collector CPU "
          f"(budget {BUDGET:,}), {rows:,} rows sent, {stored:,} stored, RSS {rss:.0f} MiB")  # fmt: skip
