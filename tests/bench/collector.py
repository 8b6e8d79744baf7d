"""Rows per second of one collector process between the real broker and the real server, and per second of its own CPU.

The machine has two cores for broker, collector and server together; the second figure is the one that a collector with a
core of its own could reach.
"""

from __future__ import annotations

import random
import time

import psutil

from clusterctl.bus import Message, open_bus, topic_of
from clusterctl.config import Config, load
from clusterctl.schema import Lane
from clusterctl.store import open_store
from tests.bench.fleet import GPUS, gpu_batch
from tests.bench.servers import both
from tests.support.cli import Running, ok, wait_for
from tests.support.wirehelp import now_ms

HOSTS, TICKS = 500, 200
BUDGET = 300_000


def produce(config: Config) -> int:
    producer = open_bus(config).producer()
    chance, start = random.Random(1), now_ms() - 600_000
    verdicts: list[object] = []
    for tick in range(TICKS):
        for number in range(HOSTS):
            host = f"gpu-{number:05}"
            value = gpu_batch(host, start + tick * 1_000, tick, chance)
            producer.send(Message(topic_of(Lane.SAMPLES, config), host.encode(), value), verdicts.append)
    wait_for(lambda: len(verdicts) == HOSTS * TICKS, 300, 0.1)
    producer.close(30.0)
    return HOSTS * TICKS * GPUS


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
