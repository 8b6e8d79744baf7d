"""A real Apache Kafka broker and a real ClickHouse server on free loopback ports, each a child of the test run."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.support.fetch import clickhouse_library, kafka_jars

START_S = 60.0
CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qg"
PR_SET_PDEATHSIG = 1
PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=CONTROLLER://127.0.0.1:{controller},{listeners}
advertised.listeners={advertised}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,{protocols}
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"""


LOWEST_PORT, HIGHEST_PORT = 20_000, 32_000
"""Below the ports that the kernel gives to clients: a server that is started again finds its own still free."""


def free_port() -> int:
    """A loopback port that nobody listens on."""
    while True:
        port = random.SystemRandom().randint(LOWEST_PORT, HIGHEST_PORT)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _listeners(ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items())


class Server:
    """A child process that can be killed, held and let go."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self._log = log
        self.process: subprocess.Popen[bytes] | None = None

    def spawn(self, command: list[str], ready: Callable[[], bool], *, wait: bool = True) -> None:
        """Start the child and wait until it is ready."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=_die_with_parent)
        if not wait:
            return
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
    """One broker, KRaft. `doors` are more listeners, each with the port that its clients are sent to: a proxy's, whose
    target is in `doors` of the server."""

    def __init__(
        self,
        home: Path,
        java: Sequence[str] = ("-Xmx512m", "-XX:TieredStopAtLevel=1"),
        *,
        doors: Mapping[str, int] | None = None,
        data: Path | None = None,
    ) -> None:
        super().__init__("Kafka", home / "kafka.log")
        self._java = java
        self.port, controller = free_port(), free_port()
        self.doors = {name: free_port() for name in doors or {}}
        self._jars = str(kafka_jars() / "*")
        self._properties = home / "server.properties"
        sent_to = {"PLAINTEXT": self.port, **(doors or {})}
        self._properties.write_text(
            PROPERTIES.format(
                listeners=_listeners({"PLAINTEXT": self.port, **self.doors}),
                advertised=_listeners(sent_to),
                protocols=",".join(f"{name}:PLAINTEXT" for name in sent_to),
                controller=controller,
                data=data or home / "kafka-data",
            ),
            encoding="utf-8",
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

    def answers(self) -> bool:
        """Whether it answers."""
        return listens(self.port)

    def start(self, *, wait: bool = True) -> None:
        """Ready when it returns, unless one does not want to wait."""
        command = ["java", "-Xms128m", *self._java, "-cp", self._jars, "kafka.Kafka", str(self._properties)]
        self.spawn(command, self.answers, wait=wait)


class ClickHouseServer(Server):
    """The engine listening on the native protocol, behind a proxy that ends connections politely."""

    def __init__(self, home: Path, *options: str) -> None:
        super().__init__("ClickHouse", home / "clickhouse.log")
        self._options = options
        self.port, self.inner_port, self.http_port = free_port(), free_port(), free_port()
        self._library = clickhouse_library()
        self._data = home / "clickhouse-data"
        self._data.mkdir(exist_ok=True)
        self._proxy = Server("proxy", home / "proxy.log")

    def answers(self) -> bool:
        """Whether the engine and the proxy answer."""
        return listens(self.inner_port) and listens(self.port)

    def start(self, *, wait: bool = True) -> None:
        """Ready when it returns, unless one does not want to wait."""
        main = str(Path(__file__).with_name("clickhouse_main.py"))
        arguments = [str(self._library), str(self._data), str(self.inner_port), str(self.http_port), *self._options]
        self.spawn([sys.executable, main, *arguments], lambda: listens(self.inner_port), wait=wait)
        proxy = str(Path(__file__).with_name("tcp_proxy.py"))
        command = [sys.executable, proxy, str(self.port), str(self.inner_port)]
        self._proxy.spawn(command, lambda: listens(self.port), wait=wait)

    def stop(self) -> None:
        self._proxy.stop()
        super().stop()
