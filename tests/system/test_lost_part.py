"""A server that is killed after it noted a block's token and before it kept the rows: the repeat is taken for known."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from clusterctl.analytics.migrate import migrate
from clusterctl.bus import Partition, Record
from clusterctl.collector.block import Block
from clusterctl.collector.decode import TimeBounds, decode
from clusterctl.collector.sink import Sink
from clusterctl.config import load
from clusterctl.store import Store, open_store
from clusterctl.store.driver import create_database
from tests.support.fetch import Missing
from tests.support.servers import ClickHouseServer
from tests.support.wirehelp import host_batch, nic_batch

pytestmark = pytest.mark.clickhouse
PARTITION = Partition("t", 3)


def block() -> Block:
    now_ms = time.time_ns() // 1_000_000
    bounds = TimeBounds(10**9, 10**9)
    items = []
    for offset in range(6):
        make = host_batch if offset % 2 else nic_batch
        record = Record(PARTITION, offset, now_ms, b"h", make("h", offset, now_ms + offset))
        items.append(decode(record, bounds)[0])
    return Block(PARTITION, 0, 6, tuple(items))


def counts(store: Store) -> dict[str, int]:
    return {name: store.query(f"SELECT count() FROM {name}").rows[0][0] for name in ("host_sample", "nic_sample")}


def test_a_block_whose_token_is_known_and_whose_rows_are_gone_is_stored_again(tmp_path: Path) -> None:
    try:
        server = ClickHouseServer(tmp_path)
    except Missing as missing:
        pytest.skip(str(missing))
    server.start()
    env = {
        "CLUSTERCTL_SITE_DATA_DIR": str(tmp_path / "d"), "CLUSTERCTL_STORE_KIND": "clickhouse",
        "CLUSTERCTL_STORE_DATABASE": "lost", "CLUSTERCTL_STORE_PORT": str(server.inner_port),
    }  # fmt: skip
    store = open_store(load(None, env))
    create_database(load(None, env).store)
    migrate(store)
    made = block()
    Sink([store]).insert(made, set())
    kept = counts(store)
    assert kept == {"host_sample": 3, "nic_sample": 6}, "two ports a batch"
    part = store.query("SELECT path FROM system.parts WHERE table = 'nic_sample' AND active").rows[0][0]
    store.close()
    server.stop()  # by SIGKILL
    shutil.rmtree(part)  # as if the kill had come before the rows
    server.start()
    store = open_store(load(None, {**env, "CLUSTERCTL_STORE_PORT": str(server.inner_port)}))
    Sink([store]).insert(made, set())
    assert counts(store)["nic_sample"] == 0, "the server takes the repeat for one that it has: what the rest is for"
    Sink([store]).insert(made, set(), doubtful=True)
    assert counts(store) == kept
    Sink([store]).insert(replace(made, replayed=True), set(), doubtful=True)
    assert counts(store) == kept, "what is there is not stored again"
    store.close()
    server.stop()
