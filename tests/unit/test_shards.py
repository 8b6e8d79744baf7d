"""Where servers are read from, and what a shard does with replicas that refuse, die or lag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterctl.config import StoreConfig, load
from clusterctl.errors import ConfigError, ServerError, StoreError, StoreUnavailable
from clusterctl.store import Bounds, Columns, Param, Result
from clusterctl.store.shards import ShardStore, open_shards, shard_of, shard_token
from clusterctl.store.topology import layout_of, shards_of

CLUSTER = StoreConfig(kind="clickhouse", cluster="clusterctl", shards="ch1a,ch1b:9001;ch2a, [fd00::2]:9440")
QUORUM = {"insert_quorum": "auto", "insert_quorum_parallel": 1, "insert_quorum_timeout": 20_000}


def test_shards_replicas_and_ports() -> None:
    found = [[(server.host, server.port) for server in shard] for shard in shards_of(CLUSTER)]
    assert found == [[("ch1a", 9000), ("ch1b", 9001)], [("ch2a", 9000), ("fd00::2", 9440)]]
    assert shards_of(StoreConfig()) == [[StoreConfig()]], "a single server is one shard of one replica"


@pytest.mark.parametrize(
    "shards", ["", " ", "a;;b", "a,", "a:0", "a:99999", "a:port", "a b", "a,a", "a;a:9000", "[::1"]
)
def test_shards_that_name_no_server_are_refused_by_name(shards: str) -> None:
    with pytest.raises(ConfigError, match=r"store\.(cluster and store\.)?shards"):
        shards_of(replace(CLUSTER, shards=shards))


def test_shards_without_a_cluster_are_refused() -> None:
    with pytest.raises(ConfigError, match="expected both"):
        shards_of(replace(CLUSTER, cluster=""))


@pytest.mark.parametrize(
    "setting",
    [
        {"cluster": "a`b"}, {"cluster": "a' OR"}, {"database": "x'y"}, {"replica": "it's"}, {"keeper_path": "/a/{shard}"},
        {"keeper_path": "/a/{table}"}, {"keeper_path": "a/{shard}/{table}"}, {"keeper_path": "/'/{shard}/{table}"},
        {"kind": "chdb"},
    ],
    ids=str,
)  # fmt: skip
def test_names_that_would_break_out_of_a_statement_are_refused(setting: dict[str, str]) -> None:
    assert layout_of(CLUSTER) is not None
    with pytest.raises(ConfigError):
        layout_of(replace(CLUSTER, **setting))  # type: ignore[arg-type]


def test_a_single_server_has_no_layout() -> None:
    assert layout_of(StoreConfig()) is None


@given(st.text(), st.integers(1, 1_000))
def test_every_host_has_one_shard(host: str, shards: int) -> None:
    assert 0 <= shard_of(host, shards) < shards
    assert shard_of(host, shards) == shard_of(host, shards)
    assert shard_of(host, 1) == 0


def test_the_hash_is_clickhouse_s_own() -> None:
    """Figures printed by a server: SELECT cityHash64('abc'), cityHash64('')."""
    assert shard_of("abc", 2**64) == 4220206313085259313
    assert shard_of("", 2**64) == 11160318154034397263


def test_hosts_spread_evenly() -> None:
    counts = [0] * 8
    for number in range(12_500):
        counts[shard_of(f"gpu-{number:05}", 8)] += 1
    assert min(counts) > 1_400
    assert max(counts) < 1_725


def test_a_token_belongs_to_one_shard_and_none_stays_none() -> None:
    assert shard_token("t:1-2", 0) != shard_token("t:1-2", 1)
    assert shard_token("", 1) == ""


class Replica:
    """A store that fails as it is told, and notes what reached it."""

    def __init__(self, config: StoreConfig, settings: Mapping[str, Any]) -> None:
        self.settings = dict(settings)
        self.failing: list[StoreError] = []
        self.seen: list[tuple[str, str]] = []
        self.closed = False

    def query(self, sql: str, params: Mapping[str, Param] | None = None, bounds: Bounds | None = None) -> Result:
        self._fail()
        return Result((), (), [])

    def execute(self, sql: str, params: Mapping[str, Param] | None = None) -> None:
        self._fail()

    def insert(self, table: str, columns: Columns, token: str = "") -> None:
        self._fail()
        self.seen.append((table, token))

    def _fail(self) -> None:
        if self.failing:
            raise self.failing.pop(0)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def opened() -> list[Replica]:
    """Connections in the order in which they are opened: a and b for samples, then a and b for events."""
    return []


@pytest.fixture
def shard(opened: list[Replica]) -> ShardStore:
    def opener(config: StoreConfig, settings: Mapping[str, Any]) -> Replica:
        opened.append(Replica(config, settings))
        return opened[-1]

    return ShardStore(shards_of(CLUSTER)[0], opener)


def test_events_wait_for_a_quorum_and_samples_do_not(shard: ShardStore, opened: list[Replica]) -> None:
    for table in ("gpu_sample", "presence", "event", "job", "incident"):
        shard.insert(table, {}, "t")
    samples, events = opened[0], opened[2]
    assert (samples.settings, events.settings) == ({}, QUORUM)
    quorate = {name for name, _ in events.seen}
    assert quorate >= {"event_local"}
    assert {"gpu_sample_local", "incident"} <= {name for name, _ in samples.seen}


@pytest.mark.parametrize("error", [StoreUnavailable("gone"), ServerError(242, "readonly"), ServerError(999, "keeper")])
def test_the_next_replica_is_asked_and_stays_asked(shard: ShardStore, opened: list[Replica], error: StoreError) -> None:
    opened[0].failing = [error]
    shard.insert("gpu_sample", {}, "t")
    shard.insert("gpu_sample", {}, "u")
    assert (opened[0].seen, opened[1].seen) == ([], [("gpu_sample_local", "t"), ("gpu_sample_local", "u")])


def test_a_refusal_that_concerns_the_rows_is_not_tried_elsewhere(shard: ShardStore, opened: list[Replica]) -> None:
    opened[0].failing = [ServerError(53, "type mismatch")]
    with pytest.raises(ServerError, match="53"):
        shard.insert("gpu_sample", {}, "t")
    assert opened[1].seen == []


def test_all_replicas_away_is_one_failed_attempt(shard: ShardStore, opened: list[Replica]) -> None:
    opened[0].failing, opened[1].failing = [StoreUnavailable("a")], [StoreUnavailable("b")]
    with pytest.raises(StoreUnavailable, match="b"):
        shard.execute("SELECT 1")
    shard.execute("SELECT 1")
    shard.query("SELECT 1")


def test_closing_closes_every_connection(shard: ShardStore, opened: list[Replica]) -> None:
    shard.close()
    assert [replica.closed for replica in opened] == [True] * 4


def test_without_a_cluster_there_is_one_store(local_env: dict[str, str]) -> None:
    [only] = open_shards(load(None, local_env))
    assert only.query("SELECT 1").rows == [(1,)]
    only.close()
