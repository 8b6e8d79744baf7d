"""From a kernel line to a row that can be read, through agent, Kafka, collector and ClickHouse, with the defaults."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from clusterctl.config import load
from clusterctl.store import open_store
from tests.bench.servers import both
from tests.support.cli import Running, ok, wait_for

LINES = 100
BUDGET_S = 2.0


def main() -> None:
    with both() as (env, _, _), tempfile.TemporaryDirectory() as folder:
        kmsg = Path(folder) / "kmsg"
        kmsg.touch()
        ok(env, "topics", "apply")
        ok(env, "migrate")
        store = open_store(load(None, env))
        delays = []
        with Running(env, "collect"), Running(env, "agent", "run", "--kmsg-path", str(kmsg)):
            wait_for(lambda: store.query("SELECT count() FROM event").rows[0][0] > 0, 60)
            for number in range(LINES):
                with kmsg.open("a") as file:
                    us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
                    file.write(
                        f"3,{number},{us},-;NVRM: Xid (PCI:0000:4e:00): 31, pid={number + 1}, name=p{number}, x\n"
                    )
                began = time.monotonic()
                sql = f"SELECT count() FROM event WHERE pid = {number + 1}"
                wait_for(lambda sql=sql: store.query(sql).rows[0][0] > 0, 30, 0.01)  # type: ignore[misc]
                delays.append(time.monotonic() - began)
        store.close()
    delays.sort()
    print(f"median {delays[LINES // 2]:.2f} s, p99 {delays[int(LINES * 0.99) - 1]:.2f} s, worst {delays[-1]:.2f} s "
          f"of {LINES} (budget p99 {BUDGET_S} s)")  # fmt: skip
