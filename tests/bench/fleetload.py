"""A whole fleet's traffic through the whole pipeline on this machine: `simulate load`, Kafka, `collect`, ClickHouse.

CLUSTERCTL_BENCH_GPUS and CLUSTERCTL_BENCH_S say how many GPUs at 1 Hz and for how long, CLUSTERCTL_BENCH_COLLECTORS how many
collectors. Held means: the lag at the end is what blocks of a few seconds make, and all that was sent is stored once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from typing import Any

from clusterctl.config import load
from clusterctl.store import Store, open_store
from tests.bench.servers import both
from tests.bench.watch import Lag, Processes, Server
from tests.support.cli import Running, clusterctl, ok, wait_for

GPUS = int(os.environ.get("CLUSTERCTL_BENCH_GPUS", "20000"))
SECONDS = float(os.environ.get("CLUSTERCTL_BENCH_S", "60"))
COLLECTORS = int(os.environ.get("CLUSTERCTL_BENCH_COLLECTORS", "1"))
BROKER = ("-Xmx1g", "-XX:+UseParallelGC")
EVERY_S, DRAIN_S, HELD_S = 10.0, 300.0, 20.0
WARM = "warm"
"""A small fleet beforehand, so that all programs have started; its rows are not counted."""
REPEATS = "presence"
"""The one table of which agents send a row twice, the preliminary one first."""


class Generator:
    """`simulate load`, and what it says at the end."""

    def __init__(self, env: dict[str, str]) -> None:
        command = ["simulate", "load", "--gpus", str(GPUS), "--duration-s", str(SECONDS), "--format", "json"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CLUSTERCTL_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "clusterctl.cli", *command],
            env={**kept, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def result(self) -> dict[str, Any]:
        output, _ = self.process.communicate(timeout=120.0)
        return dict(json.loads(output))


class _Drained(threading.Thread):
    """Reads what a collector prints, so that its pipe never fills."""

    def __init__(self, running: Running) -> None:
        super().__init__(daemon=True)
        self._stream = running.process.stdout
        self.lines: list[str] = []

    def run(self) -> None:
        for line in self._stream or ():
            self.lines = [*self.lines[-50:], line.decode(errors="replace")]


def _line(began_s: float, lag: Lag, processes: Processes, server: Server) -> tuple[int, float]:
    behind, behind_s = lag.look()
    events, stored = server.since_last()
    parts, size = server.parts()
    cpu, rss = processes.since_last(), processes.rss_mib()
    shares = ", ".join(f"{name} {cpu[name]:.0f} % {rss.get(name, 0):.0f} MiB" for name in cpu)
    print(
        f"{time.monotonic() - began_s:5.0f} s  stored {sum(stored.values()):,.0f} rows/s, lag {behind:,} messages "
        f"{behind_s:.1f} s; {shares}; {parts} parts, {events['MergeSourceParts']:.1f} merged/s, "
        f"{events['InsertQuery']:.1f} inserts/s, {size / 2**20:,.0f} MiB",
        flush=True,
    )
    busiest = sorted(stored.items(), key=lambda item: -item[1])[:5]
    print("        " + ", ".join(f"{name} {rate:,.0f}/s" for name, rate in busiest), flush=True)
    return behind, behind_s


def _watch(generator: Generator, lag: Lag, processes: Processes, server: Server) -> list[float]:
    """A line every few seconds until the generator ends; the lags in seconds."""
    began_s, lags = time.monotonic(), []
    while generator.process.poll() is None:
        next_s = began_s + (len(lags) + 1) * EVERY_S
        while generator.process.poll() is None and time.monotonic() < next_s:
            time.sleep(0.5)
            lag.look()
        lags.append(_line(began_s, lag, processes, server)[1])
    return lags


def _stored_once(store: Store, sent: dict[str, Any]) -> bool:
    """Whether each table has the rows that were sent: the plain count, and what is left of it without repeats."""
    good = True
    for table, rows in sent["rows"].items():
        wanted = rows - (sent["rows_with_an_older_key"] if table == REPEATS else 0)
        plain = int(store.query(f"SELECT count() FROM {table} WHERE cluster = 'sim'").rows[0][0])
        final = (
            int(store.query(f"SELECT count() FROM {table} FINAL WHERE cluster = 'sim'").rows[0][0])
            if plain < 2e7
            else wanted
        )
        fine = final == wanted and (plain == rows or table == REPEATS)
        good &= fine
        print(f"{table}: {rows:,} sent, {plain:,} stored, {final:,} without repeats{'' if fine else '  <-- NOT EQUAL'}")
    return good


def main() -> None:
    with both(BROKER, direct=True) as (env, kafka, clickhouse), ExitStack() as stack:
        config = load(None, env)
        ok(env, "topics", "apply")
        ok(env, "migrate")
        collectors = [stack.enter_context(Running(env, "collect", "-v")) for _ in range(COLLECTORS)]
        readers = [_Drained(collector) for collector in collectors]
        for reader in readers:
            reader.start()
        store, lag = open_store(config), Lag(config)
        server = Server(store)
        print(f"{GPUS:,} GPUs at 1 Hz for {SECONDS:.0f} s, {COLLECTORS} collector(s), {os.cpu_count()} cores")
        clusterctl(env, "simulate", "load", "--gpus", "800", "--cluster", WARM, "--duration-s", "6")
        assert wait_for(lambda: lag.look()[0] == 0, DRAIN_S, 0.5), "the collectors do not collect"
        generator = Generator(env)
        pids = {"generator": generator.process.pid, "broker": kafka.process.pid if kafka.process else 0}
        pids |= {f"collector {number}": one.process.pid for number, one in enumerate(collectors, start=1)}
        pids["server"] = clickhouse.process.pid if clickhouse.process else 0
        processes = Processes(pids)
        began_s = time.monotonic()
        lags = _watch(generator, lag, processes, server)
        sent = generator.result()
        ended_s = time.monotonic()
        drained = wait_for(lambda: lag.look()[0] == 0, DRAIN_S, 0.5)
        drain_s = time.monotonic() - ended_s
        _line(began_s, lag, processes, server)
        rows, cpu = sum(sent["rows"].values()), processes.whole()
        print(f"generator: {json.dumps(sent)}")
        print("CPU seconds per million rows: " + ", ".join(f"{name} {1e6 * cpu[name] / rows:.2f}" for name in cpu))
        good = _stored_once(store, sent)
        held = drained and drain_s <= HELD_S and bool(lags) and lags[-1] <= HELD_S and sent["kept_up"]
        print(
            f"{GPUS:,} GPUs: {rows / sent['seconds']:,.0f} rows/s sent, lag at the end {lags[-1] if lags else 0:.1f} s, "
            f"drained {drain_s:.1f} s after the last message: {'held' if held else 'NOT held'}; "
            f"{'every row stored once' if good else 'ROWS LOST OR DOUBLED'}"
        )
        lag.close()
        store.close()
        for collector in collectors:
            collector.process.terminate()
            collector.process.wait(40.0)
        if not good:
            print("".join(line for reader in readers for line in reader.lines))
