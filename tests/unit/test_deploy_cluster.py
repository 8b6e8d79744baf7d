"""The files for a cluster parse, and the names in them are those of the product."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from clusterctl.config import Config, load
from clusterctl.store.topology import layout_of, shards_of

ROOT = Path(__file__).resolve().parents[2]
CLICKHOUSE = ROOT / "deploy" / "clickhouse"
FILES = sorted(CLICKHOUSE.rglob("*.xml"))


def root(name: str) -> ElementTree.Element:
    return ElementTree.parse(CLICKHOUSE / name).getroot()


def texts(element: ElementTree.Element, path: str) -> list[str]:
    return [found.text or "" for found in element.findall(path)]


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """The configuration that docs/cluster.md shows."""
    page = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    path = tmp_path_factory.mktemp("documented") / "clusterctl.toml"
    path.write_text(block, encoding="utf-8")
    return load(str(path), {})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_is_read_and_says_why(path: Path) -> None:
    assert ElementTree.parse(path).getroot().tag == "clickhouse"
    assert path.read_text(encoding="utf-8").startswith("<!-- ")


def test_the_documented_shards_are_those_of_remote_servers(documented: Config) -> None:
    layout = layout_of(documented.store)
    assert layout is not None
    cluster = root("config.d/cluster.xml").find(f"remote_servers/{layout.cluster}")
    assert cluster is not None
    shipped = [
        [(replica.findtext("host"), int(replica.findtext("port") or 0)) for replica in shard.findall("replica")]
        for shard in cluster.findall("shard")
    ]
    assert shipped == [[(server.host, server.port) for server in shard] for shard in shards_of(documented.store)]
    assert texts(cluster, "shard/internal_replication") == ["true"] * len(shipped)


def test_the_macros_are_those_of_the_keeper_path(documented: Config) -> None:
    macros = root("config.d/macros.xml").find("macros")
    assert macros is not None
    used = set(re.findall(r"{(\w+)}", documented.store.keeper_path + documented.store.replica))
    assert used - {"database", "table"} == {element.tag for element in macros}


def test_servers_ask_the_keepers_that_are_set_up() -> None:
    asked = root("config.d/keeper.xml")
    keeper = root("keeper/keeper_config.xml")
    assert texts(asked, "zookeeper/node/host") == texts(keeper, "keeper_server/raft_configuration/server/hostname")
    assert set(texts(asked, "zookeeper/node/port")) == set(texts(keeper, "keeper_server/tcp_port"))
    assert asked.find("distributed_ddl/path") is not None, "ON CLUSTER needs it"


def test_users_have_the_rights_on_our_database_and_reports_only_read() -> None:
    users = root("users.d/clusterctl.xml")
    database = load(None, {}).store.database
    for name in ("clusterctl", "clusterctl_report"):
        user = users.find(f"users/{name}")
        assert user is not None
        assert users.find(f"profiles/{user.findtext('profile')}") is not None
        assert any(f"ON {database}.*" in grant for grant in texts(user, "grants/query"))
        assert user.find("password_sha256_hex") is not None
        assert user.find("password") is None
    assert users.findtext("profiles/clusterctl_read/readonly") == "2"
    report = texts(users, "users/clusterctl_report/grants/query")
    assert all(grant.startswith(("GRANT SELECT ON ", "GRANT REMOTE ON ")) for grant in report)


def test_the_brokers_are_three_and_lose_nothing_with_one() -> None:
    lines = (ROOT / "deploy" / "kafka" / "server.properties").read_text(encoding="utf-8").splitlines()
    settings = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert len(settings["controller.quorum.voters"].split(",")) == 3
    assert settings["unclean.leader.election.enable"] == "false"
    assert settings["log.message.timestamp.type"] == "LogAppendTime"
    for name in ("default", "offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
        assert settings[f"{name}.replication.factor"] == "3"
    assert settings["min.insync.replicas"] == "2"
    assert int(settings["log.retention.hours"]) == load(None, {}).bus.retention_h
