"""Several servers at once: ClickHouse shards with a ZooKeeper, three Kafka brokers; configured by what we ship."""

from __future__ import annotations

import re
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clusterctl.config import StoreConfig
from clusterctl.schema import TABLE_BY_NAME
from clusterctl.schema.cluster import ClusterDdl, is_sharded
from clusterctl.store import Bounds, Columns, Param, Result
from clusterctl.store.driver import DriverStore, create_database
from clusterctl.store.topology import CLUSTER_SETTINGS
from tests.support.cli import wait_for
from tests.support.fetch import kafka_jars, zookeeper_jars
from tests.support.servers import CLUSTER_ID, START_S, ClickHouseServer, Server, free_port, listens

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SHIPPED = DEPLOY / "clickhouse" / "config.d"
BROKER = DEPLOY / "kafka" / "server.properties"
JAVA = ["java", "-Xms64m", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
HURRY = {
    "broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500", "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.num.partitions": "4", "num.network.threads": "2", "num.io.threads": "2",
    "replica.lag.time.max.ms": "5000",
}  # fmt: skip
"""A test cannot wait nine seconds for a death to be noticed; fewer threads and partitions, since it has two cores."""
SHARDS = 2
PER_BROKER = {"node.id", "controller.quorum.voters", "listeners", "advertised.listeners", "log.dirs"}
_ON_CLUSTER = re.compile(r" ON CLUSTER `[^`]+`")
_REPLICATED = re.compile(r"Replicated(\w*MergeTree)\('[^']*', '[^']*'(?:, )?([^)]*)\)")


class ZooKeeper(Server):
    """One server; what Keeper is to ClickHouse."""

    def __init__(self, home: Path) -> None:
        super().__init__("ZooKeeper", home / "zookeeper.log")
        self.port = free_port()
        self._jars = str(zookeeper_jars() / "*")
        self._config = home / "zoo.cfg"
        self._config.write_text(
            f"tickTime=500\ndataDir={home / 'zookeeper'}\nclientPort={self.port}\nclientPortAddress=127.0.0.1\n"
            "admin.enableServer=false\n",
            encoding="utf-8",
        )

    def start(self) -> None:
        java = ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", self._jars]
        main = "org.apache.zookeeper.server.ZooKeeperServerMain"
        self.spawn([*java, main, str(self._config)], lambda: listens(self.port))


class ClickHouseCluster:
    """Two shards of one replica each, told of each other by the files of deploy/clickhouse with loopback addresses."""

    name = "clusterctl"

    def __init__(self, home: Path) -> None:
        self.zookeeper = ZooKeeper(home)
        self.servers = []
        for number in range(1, SHARDS + 1):
            folder = home / f"shard{number}"
            folder.mkdir()
            self.servers.append(ClickHouseServer(folder, f"--config-file={folder / 'config.xml'}"))
        for number, server in enumerate(self.servers, 1):
            self._configure(home / f"shard{number}", number, server)

    def _configure(self, folder: Path, number: int, server: ClickHouseServer) -> None:
        ports = f"<tcp_port>{server.inner_port}</tcp_port>"
        (folder / "config.xml").write_text(
            f"<clickhouse><path>{folder / 'clickhouse-data'}/</path>{ports}</clickhouse>", encoding="utf-8"
        )
        (folder / "config.d").mkdir()
        for name in ("cluster", "macros", "keeper", "storage"):
            tree = ElementTree.parse(SHIPPED / f"{name}.xml")
            self._relocate(tree.getroot(), number, folder)
            tree.write(folder / "config.d" / f"{name}.xml")

    def _relocate(self, root: ElementTree.Element, number: int, folder: Path) -> None:
        """The first replica of each shard, the one ZooKeeper, a disk instead of object storage, and no secret."""
        ports = iter([server.inner_port for server in self.servers])
        for shard in root.iter("shard"):
            replicas = shard.findall("replica")
            for spare in replicas[1:]:
                shard.remove(spare)
            for replica in replicas[:1]:
                _set(replica, host="127.0.0.1", port=str(next(ports)))
        for parent in list(root.iter()):
            for child in list(parent):
                if child.tag == "secret" or (child.tag == "node" and child is not parent.find("node")):
                    parent.remove(child)
        for node in root.iter("node"):
            _set(node, host="127.0.0.1", port=str(self.zookeeper.port))
        for macros in root.iter("macros"):
            _set(macros, shard=f"{number:02}", replica=f"ch{number}a")
        for disks in root.iter("disks"):
            cold = ElementTree.Element("cold")
            ElementTree.SubElement(cold, "path").text = f"{folder / 'cold'}/"
            disks.remove(disks.findall("cold")[0])
            disks.append(cold)

    def start(self) -> None:
        self.zookeeper.start()
        for server in self.servers:
            server.start()

    def stop(self) -> None:
        for server in (*self.servers, self.zookeeper):
            server.stop()

    @property
    def shards(self) -> str:
        """As store.shards."""
        return ";".join(f"127.0.0.1:{server.port}" for server in self.servers)

    def env(self, database: str) -> dict[str, str]:
        """A clusterctl that uses it."""
        return {
            "CLUSTERCTL_STORE_KIND": "clickhouse", "CLUSTERCTL_STORE_PORT": str(self.servers[0].port),
            "CLUSTERCTL_STORE_DATABASE": database, "CLUSTERCTL_STORE_CLUSTER": self.name,
            "CLUSTERCTL_STORE_SHARDS": self.shards,
        }  # fmt: skip


def _set(element: ElementTree.Element, **texts: str) -> None:
    for tag, text in texts.items():
        child = element.find(tag)
        assert child is not None, f"{element.tag} has no {tag}"
        child.text = text


class EveryServer:
    """A store that does by itself what this build of the engine does not: it sends ON CLUSTER statements to each server,
    makes plain tables of replicated ones, and writes to every server what Keeper would have copied there."""

    def __init__(self, servers: list[StoreConfig], ddl: ClusterDdl) -> None:
        for server in servers:
            create_database(server)
        self._stores = [DriverStore(server, CLUSTER_SETTINGS) for server in servers]
        self._whole = re.compile(rf"ALTER TABLE (?!(?:{'|'.join(sorted(ddl.sharded))})(?:_local)?\b)\w+")

    def query(self, sql: str, params: Mapping[str, Param] | None = None, bounds: Bounds | None = None) -> Result:
        return self._stores[0].query(sql, params)

    def execute(self, sql: str, params: Mapping[str, Param] | None = None) -> None:
        everywhere = _ON_CLUSTER.search(sql) or self._whole.match(sql)
        statement = _REPLICATED.sub(r"\1(\2)", _ON_CLUSTER.sub("", sql)).replace("MergeTree()", "MergeTree")
        for store in self._stores if everywhere else self._stores[:1]:
            store.execute(statement, params)

    def insert(self, table: str, columns: Columns, token: str = "") -> None:
        declared = TABLE_BY_NAME.get(table)
        stores: list[Any] = self._stores[:1] if declared and is_sharded(declared) else self._stores
        for store in stores:
            store.insert(table, columns, token)

    def close(self) -> None:
        for store in self._stores:
            store.close()


class Broker(Server):
    """One of three, from the shipped server.properties with loopback addresses and short timeouts."""

    def __init__(self, home: Path, number: int, jars: str) -> None:
        super().__init__(f"broker {number}", home / f"broker{number}.log")
        self.number, self.port, self.controller = number, free_port(), free_port()
        self.properties = home / f"broker{number}.properties"
        self._home, self._jars = home, jars

    def configure(self, voters: str) -> None:
        text = BROKER.read_text(encoding="utf-8")
        own = {
            "node.id": str(self.number),
            "controller.quorum.voters": voters,
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "log.dirs": str(self._home / f"broker{self.number}"),
            **HURRY,
        }
        assert set(own) == PER_BROKER | set(HURRY)
        for name, value in own.items():
            text, changed = re.subn(rf"(?m)^{re.escape(name)}=.*$", f"{name}={value}", text)
            text += "" if changed else f"{name}={value}\n"
        self.properties.write_text(text, encoding="utf-8")

    def format(self) -> subprocess.Popen[bytes]:
        """Make its storage; the caller waits, so that all three are made at once."""
        tool = [*JAVA, "-cp", self._jars, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"]
        return subprocess.Popen([*tool, str(self.properties)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def start(self, wait: bool = True) -> None:
        command = [*JAVA, "-cp", self._jars, "kafka.Kafka", str(self.properties)]
        self.spawn(command, lambda: not wait or listens(self.port))


class KafkaCluster:
    """Three combined brokers of Apache Kafka."""

    def __init__(self, home: Path) -> None:
        jars = str(kafka_jars() / "*")
        self.brokers = [Broker(home, number, jars) for number in (1, 2, 3)]
        voters = ",".join(f"{broker.number}@127.0.0.1:{broker.controller}" for broker in self.brokers)
        for broker in self.brokers:
            broker.configure(voters)
        for made in [broker.format() for broker in self.brokers]:
            _, said = made.communicate(timeout=60)
            assert made.returncode == 0, said.decode(errors="replace")

    @property
    def address(self) -> str:
        """As bus.bootstrap_servers."""
        return ",".join(f"127.0.0.1:{broker.port}" for broker in self.brokers)

    def start(self) -> None:
        for broker in self.brokers:
            broker.start(wait=False)
        for broker in self.brokers:
            assert wait_for(lambda one=broker: listens(one.port), START_S)  # type: ignore[misc]

    def stop(self) -> None:
        for broker in self.brokers:
            broker.stop()
