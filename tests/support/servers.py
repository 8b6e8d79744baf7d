"""A real Apache Kafka broker and a real ClickHouse server on free loopback ports, each a child of the test run."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.fetch import clickhouse_library, kafka_jars

START_S = 60.0
CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qg"
PR_SET_PDEATHSIG = 1
PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """A child process that can be killed, held and let go."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self._log = log
        self.process: subprocess.Popen[bytes] | None = None

    def spawn(self, command: list[str], ready: Callable[[], bool]) -> None:
        """Start the child and wait until it is ready."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=_die_with_parent)
        deadline = time.monotonic() + START_S
        while not ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start:\n{self._log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.1)

    def signal(self, number: int) -> None:
        if self.process is not None:
            os.kill(self.process.pid, number)

    def hold(self) -> None:
        """Hang, as a server does that neither answers nor closes."""
        self.signal(signal.SIGSTOP)

    def let_go(self) -> None:
        self.signal(signal.SIGCONT)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class KafkaServer(Server):
    """One broker, KRaft."""

    def __init__(self, home: Path) -> None:
        super().__init__("Kafka", home / "kafka.log")
        self.port, controller = free_port(), free_port()
        self._jars = str(kafka_jars() / "*")
        self._properties = home / "server.properties"
        self._properties.write_text(
            PROPERTIES.format(port=self.port, controller=controller, data=home / "kafka-data"), encoding="utf-8"
        )
        command = [
            "java",
            "-cp",
            self._jars,
            "kafka.tools.StorageTool",
            "format",
            "-t",
            CLUSTER_ID,
            "-c",
            str(self._properties),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        java = ["java", "-Xms128m", "-Xmx512m", "-XX:TieredStopAtLevel=1"]
        command = [*java, "-cp", self._jars, "kafka.Kafka", str(self._properties)]
        self.spawn(command, lambda: _listens(self.port))


class ClickHouseServer(Server):
    """The engine listening on the native protocol, behind a proxy that ends connections politely."""

    def __init__(self, home: Path) -> None:
        super().__init__("ClickHouse", home / "clickhouse.log")
        self.port, self._inner_port, self.http_port = free_port(), free_port(), free_port()
        self._library = clickhouse_library()
        self._data = home / "clickhouse-data"
        self._data.mkdir(exist_ok=True)
        self._proxy = Server("proxy", home / "proxy.log")

    def start(self) -> None:
        main = str(Path(__file__).with_name("clickhouse_main.py"))
        ports = [str(self._inner_port), str(self.http_port)]
        self.spawn(
            [sys.executable, main, str(self._library), str(self._data), *ports], lambda: _listens(self._inner_port)
        )
        proxy = str(Path(__file__).with_name("tcp_proxy.py"))
        self._proxy.spawn([sys.executable, proxy, str(self.port), str(self._inner_port)], lambda: _listens(self.port))

    def stop(self) -> None:
        self._proxy.stop()
        super().stop()
