"""A cluster of real engines: two shards that know each other, and a real ZooKeeper. What they cannot do is in
docs/not-verified.md: this build runs no ON CLUSTER statement and fetches no part from a replica."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import replace

import pytest

from clusterctl.analytics import incidents  # noqa: F401 - registers its query
from clusterctl.analytics.drift import drift
from clusterctl.analytics.migrate import ddl_of, migrate, script
from clusterctl.analytics.query import Query
from clusterctl.analytics.reports import build  # noqa: F401 - registers every query of a report
from clusterctl.clock import utc
from clusterctl.commands.analyze import refresh_all
from clusterctl.config import Config, load
from clusterctl.errors import StoreUnavailable
from clusterctl.schema import TABLES, Table
from clusterctl.schema.cluster import Layout, is_sharded, local_name
from clusterctl.schema.field import Field, Kind
from clusterctl.store import Param
from clusterctl.store.driver import DriverStore, create_database
from clusterctl.store.shards import QUORUM, ShardStore, open_shards, shard_of, shard_token
from clusterctl.store.topology import layout_of, shards_of
from tests.support.clusters import DEPLOY, ClickHouseCluster, EveryServer
from tests.support.fetch import Missing, unavailable
from tests.support.servers import free_port
from tests.support.wirehelp import now_ms

pytestmark = pytest.mark.clickhouse
BASE_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""
HOSTILE = [
    "",
    "node-1",
    "node-2",
    "GPU节点",
    "😀" * 50,
    "a\0b",
    "' OR 1=1 --",
    "\n\t\\",
    "x" * 5_000,
    "é",
    "e\u0301",
    " n",
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseCluster]:
    """Two shards, started once."""
    try:
        servers = ClickHouseCluster(tmp_path_factory.mktemp("cluster"))
    except Missing as missing:
        unavailable("clickhouse", str(missing))
        raise
    servers.start()
    yield servers
    servers.stop()


@pytest.fixture(scope="module")
def config(cluster: ClickHouseCluster) -> Config:
    return load(None, cluster.env("monitor"))


@pytest.fixture(scope="module")
def layout(config: Config) -> Layout:
    found = layout_of(config.store)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def store(config: Config, layout: Layout) -> Iterator[EveryServer]:
    """The migrated cluster."""
    ddl = ddl_of(layout)
    assert ddl is not None
    servers = EveryServer([server for shard in shards_of(config.store) for server in shard], ddl)
    migrate(servers, layout)
    yield servers
    servers.close()


def test_the_shipped_files_make_the_cluster(store: EveryServer, cluster: ClickHouseCluster) -> None:
    """remote_servers, macros and the hot and cold policy, as the engine read them."""
    found = store.query(
        "SELECT shard_num, port, internal_replication FROM system.clusters WHERE cluster = 'clusterctl'"
    )
    ports = [server.inner_port for server in cluster.servers]
    assert found.rows == [(number, port, 1) for number, port in enumerate(ports, 1)]
    assert dict(store.query("SELECT macro, substitution FROM system.macros").rows) == {"shard": "01", "replica": "ch1a"}
    volumes = "SELECT volume_name, disks, move_factor FROM system.storage_policies WHERE policy_name = 'default'"
    assert [(name, disks) for name, disks, _ in store.query(volumes).rows] == [
        ("default", ["default"]),
        ("cold", ["cold"]),
    ]
    assert store.query(volumes).rows[0][2] == pytest.approx(0.2)


def test_every_setting_of_the_shipped_profiles_is_one_that_the_engine_has(store: EveryServer) -> None:
    known = {name for (name,) in store.query("SELECT name FROM system.settings").rows}
    profiles = ElementTree.parse(DEPLOY / "clickhouse" / "users.d" / "clusterctl.xml").getroot().find("profiles")
    assert profiles is not None
    assert {setting.tag for profile in profiles for setting in profile} - {"constraints"} <= known
    assert set(QUORUM) <= known


def test_replicated_tables_are_made_in_a_real_zookeeper(
    cluster: ClickHouseCluster, layout: Layout, unique: str
) -> None:
    """Every CREATE as the servers would run it: paths and names in Keeper are those of docs/cluster.md."""
    config = load(None, cluster.env(unique))
    servers = [server for shard in shards_of(config.store) for server in shard]
    created = [text for text in script(layout) if text.startswith("CREATE TABLE") and "Replicated" in text]
    assert len(created) == len(TABLES) + 1
    for number, server in enumerate(servers, 1):
        create_database(server)
        store = DriverStore(server)
        for statement in created:
            store.execute(re.sub(r" ON CLUSTER `\w+`", "", statement))
        rows = store.query(
            "SELECT table, zookeeper_path, replica_name FROM system.replicas WHERE database = currentDatabase()"
        ).rows
        base = f"/clickhouse/tables/{{}}/{config.store.database}/{{}}"
        want = {
            (local_name(t.name), base.format(f"0{number}", local_name(t.name)), f"ch{number}a")
            for t in TABLES
            if is_sharded(t)
        }
        whole = [t.name for t in TABLES if not is_sharded(t)] + ["schema_migration"]
        assert set(rows) == want | {(name, base.format("all", name), f"0{number}-ch{number}a") for name in whole}
        store.close()


def test_the_engine_reads_every_statement_as_we_mean_it(store: EveryServer, layout: Layout) -> None:
    """Parsed with ON CLUSTER in them, and each names its cluster."""
    for statement in script(layout):
        parsed = store.query("SELECT formatQuerySingleLine({text:String})", {"text": statement}).rows[0][0]
        assert ("ON CLUSTER clusterctl" in parsed) == ("ON CLUSTER" in statement)


def test_migrating_a_cluster_twice_changes_nothing_and_drift_names_the_server(
    store: EveryServer, layout: Layout, config: Config
) -> None:
    assert migrate(store, layout) == []
    assert drift(store, layout) == []
    second = DriverStore(shards_of(config.store)[1][0])
    second.execute("ALTER TABLE gpu_sample_local DROP COLUMN power_mw")
    second.execute("ALTER TABLE presence ADD COLUMN stray UInt8")
    lines = drift(store, layout)
    second.execute("ALTER TABLE gpu_sample_local ADD COLUMN power_mw Nullable(UInt32) CODEC(T64, ZSTD(1))")
    second.execute("ALTER TABLE presence DROP COLUMN stray")
    second.close()
    assert [line.partition(" (")[0] for line in lines] == ["server 2", "server 2"]
    assert {line.partition("): ")[2] for line in lines} == {
        "presence.stray: not declared",
        "gpu_sample_local.power_mw: declared Nullable(UInt32), found nothing",
    }
    assert drift(store, layout) == []


@pytest.mark.parametrize("shards", [1, 2, 3, 7, 64])
def test_the_shard_is_the_one_that_the_engine_computes(store: EveryServer, shards: int) -> None:
    """Of text, and of the LowCardinality that hosts are."""
    sql = "SELECT cityHash64({host:String}) % {shards:UInt8}, cityHash64(toLowCardinality({host:String})) % {shards:UInt8}"
    for host in HOSTILE:
        ours = shard_of(host, shards)
        assert store.query(sql, {"host": host, "shards": shards}).rows == [(ours, ours)], ascii(host)


def rows_of(hosts: list[str], ts: int, cluster: str) -> dict[str, list[object]]:
    """One host_sample row each."""
    count = len(hosts)
    return {
        "cluster": [cluster] * count, "host": list(hosts), "boot_id": ["b"] * count, "seq": list(range(count)),
        "ts": [ts] * count, "period_ms": [1_000] * count, "schema_version": [2] * count, "bus_partition": [0] * count,
        "bus_offset": list(range(count)),
    }  # fmt: skip


def test_rows_lie_where_the_distributed_table_would_have_put_them(
    store: EveryServer, config: Config, unique: str
) -> None:
    """Written by shard, and written through Distributed a second later: the same shard, so that FINAL can merge them."""
    ts = now_ms()
    shards = open_shards(config)
    for number, shard in enumerate(shards):
        mine = [host for host in HOSTILE if shard_of(host, len(shards)) == number]
        shard.insert("host_sample", rows_of(mine, ts, unique), shard_token("t", number))
    through = DriverStore(config.store, {"distributed_foreground_insert": 1})
    through.insert("host_sample", rows_of(HOSTILE, ts, unique))
    through.insert("host_sample", rows_of(HOSTILE, ts + 1_000, unique))
    ours = f"WHERE cluster = '{unique}'"
    where = dict(store.query(f"SELECT host, groupUniqArray(_shard_num) FROM host_sample {ours} GROUP BY host").rows)
    assert where == {host: [shard_of(host, len(shards)) + 1] for host in HOSTILE}
    assert store.query(f"SELECT count() FROM host_sample {ours}").rows == [(3 * len(HOSTILE),)]
    assert store.query(f"SELECT count() FROM host_sample FINAL {ours}").rows == [(2 * len(HOSTILE),)]
    for opened in (*shards, through):
        opened.close()


def test_a_retry_is_known_to_its_shard(store: EveryServer, config: Config, unique: str) -> None:
    shards = open_shards(config)
    ts = now_ms()
    for _ in range(3):
        for number, shard in enumerate(shards):
            mine = [host for host in HOSTILE if shard_of(host, len(shards)) == number]
            shard.insert("host_sample", rows_of(mine, ts, unique), shard_token("block", number))
    assert store.query(f"SELECT count() FROM host_sample WHERE cluster = '{unique}'").rows == [(len(HOSTILE),)]
    for shard in shards:
        shard.close()


def test_a_replica_that_does_not_answer_is_passed_over(store: EveryServer, config: Config, unique: str) -> None:
    """The first replica of the shard is a port where nobody listens; the row arrives all the same, once."""
    alive = shards_of(config.store)[0][0]
    dead = replace(alive, port=free_port(), timeout_s=2.0)
    shard = ShardStore([dead, alive], DriverStore)
    ts = now_ms()
    for _ in range(2):
        shard.insert("host_sample", rows_of(["n"], ts, unique), "token")
    assert shard.query(f"SELECT count() FROM host_sample_local WHERE cluster = '{unique}'").rows == [(1,)]
    shard.close()
    nobody = ShardStore([dead, replace(dead, port=free_port())], DriverStore)
    with pytest.raises(StoreUnavailable):
        nobody.insert("host_sample", rows_of(["n"], ts, unique), "token")
    nobody.close()


def value(field: Field, host: int, tick: int) -> object:
    """Something that depends on host and tick, of the field's kind."""
    if field.kind is Kind.TIME:
        return BASE_MS + tick * 60_000
    if field.type.python is str:
        return f"{field.name}{host % 3}"
    return host % 5 + tick if field.kind is Kind.COUNTER else host % 2


def filled(table: Table) -> dict[str, list[object]]:
    """Three ticks of nine hosts of one cluster."""
    fixed: dict[str, list[object]] = {
        "cluster": ["c"], "host": [f"n{host}" for host in range(9)], "kind": ["xid"], "code": ["79", "48", "31"],
        "severity": ["fail"], "source": ["kmsg"], "gpus_in_service": [8], "gpus_expected": [8],
    }  # fmt: skip
    return {
        column.name: [
            fixed[column.name][host % len(fixed[column.name])] if column.name in fixed else value(column, host, tick)
            for host in range(9)
            for tick in range(3)
        ]
        for column in table.columns
        if column.name in table.inserted
    }


def test_every_report_gives_the_same_answer_as_a_single_server(
    store: EveryServer, config: Config, cluster: ClickHouseCluster, unique: str
) -> None:
    """The same rows in one database and over two shards; every query of the package, views and joins included."""
    single_config = load(None, {**cluster.env(unique), "CLUSTERCTL_STORE_CLUSTER": "", "CLUSTERCTL_STORE_SHARDS": ""})
    create_database(single_config.store)
    single = DriverStore(single_config.store)
    migrate(single)
    shards = open_shards(config)
    for table in TABLES:
        if table.lane is None:
            continue
        columns = filled(table)
        single.insert(table.name, columns)
        for number, shard in enumerate(shards):
            mine = [at for at, host in enumerate(columns["host"]) if shard_of(str(host), len(shards)) == number]
            shard.insert(table.name, {name: [values[at] for at in mine] for name, values in columns.items()})
    for each, settings in ((single, single_config), (store, config)):
        refresh_all(each, settings, BASE_MS + 3_600_000)
    bound: dict[str, Param] = {
        "cluster": "c",
        "since": utc(BASE_MS - 60_000),
        "until": utc(BASE_MS + 600_000),
        "top": 50,
        "bucket_ms": 900_000,
        "stall_ms": 600_000,
        "chosen": json.dumps([[job, rank, BASE_MS // 900_000] for job in ("job_id0", "job_id1") for rank in (0, 1)]),
        "jobs": '["job_id0", "job_id1", "job_id2"]',
        "edges": "[8, 64]",
        "recent": utc(BASE_MS + 300_000),
        "hosts": json.dumps([f"n{host}" for host in range(9)]),
        "suspect_ratio": 0.03,
        "rolled_until": utc(BASE_MS + 600_000),
        "cut": utc(BASE_MS + 300_000),
        "points": 100,
        "low_line": 0.06,
        "high_line": 0.12,
    }
    answered = 0
    asked = [query for query in Query.registry if query.path.startswith("reports/")]
    for query in asked:
        params = {name: bound[name] for name in query.parameters()}
        print(query.path)  # the last one is what a server that died was asked
        want, have = single.query(query.text, params), store.query(query.text, params)
        assert have.names == want.names
        assert sorted(map(repr, have.rows)) == sorted(map(repr, want.rows)), query.path
        answered += bool(want.rows)
    assert answered >= 20, "about half of the questions have something to answer in made-up rows"
    single.execute(f"DROP DATABASE {unique}")
    for opened in (single, *shards):
        opened.close()
