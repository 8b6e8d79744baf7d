"""The doctor on a real server, with the causes made: each check finds what is wrong, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from clusterctl.analytics.migrate import migrate
from clusterctl.config import Config, load
from clusterctl.schema.verdict import State
from clusterctl.store import Store, open_store
from clusterctl.store.driver import create_database
from tests.support.doctoring import STORE, by_subject, examined, states
from tests.support.fetch import Missing
from tests.support.servers import ClickHouseServer, free_port
from tests.support.wirehelp import now_ms


@pytest.fixture
def server_config(clickhouse_env: dict[str, str], local_env: dict[str, str]) -> Config:
    return load(None, {**local_env, **clickhouse_env})


@pytest.fixture
def tables(server_config: Config) -> Iterator[Store]:
    """A migrated database."""
    create_database(server_config.store)
    store = open_store(server_config)
    migrate(store)
    yield store
    store.execute(f"DROP DATABASE {server_config.store.database}")
    store.close()


# -- the server --------------------------------------------------------------------------------------------------------


@pytest.mark.clickhouse
def test_a_migrated_server_is_in_order_and_says_what_is_missing_from_it(server_config: Config, tables: Store) -> None:
    found = examined(server_config, *STORE)
    good = {name for name, findings in found.items() if states(findings) == {State.OK}}
    assert good >= set(STORE) - {"freshness", "hosts", "batches lost", "clocks of agents", "disks"}, found
    assert states(found["hosts"]) == {State.FAIL}
    assert states(found["batches lost"]) == states(found["clocks of agents"]) == {State.UNKNOWN}
    assert by_subject(found["freshness"])["host_sample (samples)"].state is State.FAIL


def _drift(store: Store) -> None:
    store.execute("ALTER TABLE event ADD COLUMN odd UInt8")


def _behind(store: Store) -> None:
    store.execute("ALTER TABLE schema_migration DELETE WHERE number = 2 SETTINGS mutations_sync = 1")


def _rewritten(store: Store) -> None:
    store.insert("schema_migration", {"number": [1], "name": ["0001_initial.sql"], "sha256": ["0" * 64]})


@pytest.mark.clickhouse
@pytest.mark.parametrize(
    ("spoil", "words", "do"),
    [
        (_drift, "1 columns differ from the declaration: event.odd: not declared", "ALTER TABLE"),
        (_behind, "lacks 1 migrations: 0002_complete_agent.sql", "run: clusterctl migrate"),
        (_rewritten, "another text of 0001_initial.sql", "frozen"),
    ],
)
def test_a_schema_that_is_not_what_it_should_be(
    server_config: Config, tables: Store, spoil: Callable[[Store], None], words: str, do: str
) -> None:
    spoil(tables)
    finding = examined(server_config, "store", "schema")["schema"][0]
    assert finding.state is State.FAIL
    assert words in finding.seen
    assert do in finding.do


@pytest.mark.clickhouse
def test_a_window_that_was_changed_too_many_parts_a_full_disk_and_a_mutation_that_waits(
    server_config: Config, tables: Store
) -> None:
    tables.execute("ALTER TABLE gpu_sample MODIFY SETTING non_replicated_deduplication_window = 0")
    tables.execute("SYSTEM STOP MERGES host_sample")
    for seq in range(4):
        insert_host(tables, "h", seq)
    tables.execute("ALTER TABLE host_sample UPDATE load_1m = 1 WHERE 1 SETTINGS mutations_sync = 0")
    limits = replace(
        server_config.doctor, parts_warn_count=3, disk_fail_ratio=1.0, disk_warn_ratio=1.0, stuck_warn_s=-1
    )
    found = examined(
        replace(server_config, doctor=limits), "store", "deduplication", "parts", "disks", "background work"
    )
    window = by_subject(found["deduplication"])["gpu_sample"]
    assert (window.state, window.seen) == (State.FAIL, "non_replicated_deduplication_window is 0")
    parts = by_subject(found["parts"])["host_sample"]
    assert parts.state is State.WARN
    assert "has 4 parts; inserts are slowed at 1,000, refused at 3,000" in parts.seen
    assert states(found["disks"]) == {State.FAIL}
    tables.execute("SYSTEM START MERGES host_sample")
    mutation = by_subject(found["background work"])["host_sample"]
    assert mutation.state is State.WARN
    assert "KILL MUTATION" in mutation.do


def insert_host(store: Store, host: str, seq: int, ts: int | None = None, **values: object) -> None:
    """One host_sample row, as the collector would store it."""
    row: Mapping[str, object] = {
        "cluster": "c", "host": host, "boot_id": "b", "seq": seq, "ts": now_ms() if ts is None else ts, "period_ms": 1_000,
        "schema_version": 2, "bus_partition": 0, "bus_offset": seq, **values,
    }  # fmt: skip
    store.insert("host_sample", {name: [value] for name, value in row.items()})


def insert_presence(store: Store, host: str, ts: int) -> None:
    row: Mapping[str, object] = {
        "cluster": "c", "host": host, "boot_id": "b", "seq": 0, "ts": ts, "gpus_expected": 8, "ticks_expected": 60,
        "ticks_done": 60, "log_records_lost": 0, "node_state": "in_service", "blind": "", "schema_version": 2,
        "bus_partition": 0, "bus_offset": 0,
    }  # fmt: skip
    store.insert("presence", {name: [value] for name, value in row.items()})


@pytest.mark.clickhouse
def test_hosts_that_fell_silent_batches_that_never_came_and_clocks_that_are_off(
    server_config: Config, tables: Store
) -> None:
    minute_ms = now_ms() // 60_000 * 60_000
    for back in (0, 3, 4, 6):
        insert_presence(tables, "up", minute_ms - back * 60_000)
    insert_presence(tables, "down", minute_ms - 30 * 60_000)
    tables.insert(
        "host_sample",
        {
            "cluster": ["c"] * 12, "host": ["up"] * 9 + ["ahead", "unsynced", "right"], "boot_id": ["b"] * 12,
            "seq": [1, 2, 3, 4, 6, 7, 8, 9, 10, 1, 1, 1],
            "ts": [minute_ms - 600_000 + 1_000 * n for n in range(9)] + [now_ms() + 90_000, now_ms(), now_ms()],
            "period_ms": [1_000] * 12, "clock_synchronized": [1] * 10 + [0, 1], "schema_version": [2] * 12,
            "bus_partition": [0] * 12, "bus_offset": [0] * 12,
        },
    )  # fmt: skip
    found = examined(
        server_config, "store", "hosts", "batches lost", "clocks of agents", "freshness", "clock of the server"
    )
    hosts = by_subject(found["hosts"])
    assert hosts["hosts"].seen == "1 of 2 hosts have said nothing for 4 min: down"
    # of `up` the window has the minutes -3, -4 and -6 of four, of `down` minute -30 of twenty-eight
    assert hosts["coverage"].seen.startswith("4 of 32 node-minutes")
    lost = found["batches lost"][0]
    assert lost.state is State.FAIL
    assert lost.seen == "1 of 10 never came (10.00%), on 1 hosts, most on up"
    agents = by_subject(found["clocks of agents"])
    assert {host: finding.state for host, finding in agents.items()} == {
        "ahead": State.FAIL, "unsynced": State.WARN, "up": State.WARN,
    }  # fmt: skip
    assert "later than other hosts'" in agents["up"].seen
    fresh = by_subject(found["freshness"])
    assert fresh["host_sample (samples)"].state is State.OK
    assert "ahead" in fresh["host_sample (samples)"].seen
    assert found["clock of the server"][0].state is State.OK
    wrong = examined(server_config, "store", "clock of the server", shift_s=5)["clock of the server"][0]
    assert wrong.state is State.WARN
    assert wrong.seen.startswith(("-5.0", "-4.9"))


@pytest.mark.clickhouse
@pytest.mark.parametrize(
    ("changed", "words", "do"),
    [
        ({"password": "wrong"}, "wrong password", "CLUSTERCTL_STORE_PASSWORD"),
        ({"database": "nowhere"}, "there is no database nowhere", "run: clusterctl migrate"),
    ],
)
def test_a_server_that_refuses_us(
    server_config: Config, tmp_path: Path, changed: dict[str, str], words: str, do: str
) -> None:
    """On a server of its own: this build of the engine aborts after it has refused a connection."""
    try:
        server = ClickHouseServer(tmp_path)
    except Missing as missing:
        pytest.skip(str(missing))
    server.start()
    try:
        store = replace(server_config.store, port=server.port, **changed)  # type: ignore[arg-type]
        refused = examined(replace(server_config, store=store), "store", "parts")
    finally:
        server.stop()
    assert refused["store"][0].state is State.FAIL
    assert words in refused["store"][0].seen
    assert do in refused["store"][0].do
    assert states(refused["parts"]) == {State.UNKNOWN}


def test_a_server_that_is_down(local_env: dict[str, str]) -> None:
    env = {**local_env, "CLUSTERCTL_STORE_KIND": "clickhouse", "CLUSTERCTL_STORE_PORT": str(free_port())}
    down = examined(load(None, env), "store", "parts")
    assert states(down["store"]) == {State.FAIL}
    assert "store.host and store.port" in down["store"][0].do
    assert states(down["parts"]) == {State.UNKNOWN}


@pytest.mark.clickhouse
def test_a_server_that_hangs_costs_a_deadline_and_no_more(
    server_config: Config, tables: Store, clickhouse_server: ClickHouseServer
) -> None:
    quick = replace(server_config, doctor=replace(server_config.doctor, deadline_s=1.5))
    clickhouse_server.hold()
    begun_s = time.monotonic()
    try:
        hung = examined(quick, "store", "parts", "configuration")
    finally:
        clickhouse_server.let_go()
    assert time.monotonic() - begun_s < 4
    assert states(hung["store"]) <= {State.FAIL, State.UNKNOWN}
    assert states(hung["parts"]) == {State.UNKNOWN}
    assert states(hung["configuration"]) == {State.OK}
