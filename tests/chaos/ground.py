"""What a worker keeps over many seeds: a broker, a server, and the doors in front of them."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.door import Door, DoorKeeper, Mode
from tests.chaos.machine import build_clock
from tests.support.servers import ClickHouseServer, KafkaServer, free_port

AGENTS = ("a1", "a2")
COLLECTORS = ("c1", "c2", "c3")
"""c3 only comes for a visit."""


class Ground:
    """Each process has doors of its own: `broker[name]`, and for collectors `server[name]`."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.clock_library = build_clock(home)
        ports = {name: free_port() for name in (*AGENTS, *COLLECTORS)}
        self.kafka = KafkaServer(home, doors={name.upper(): port for name, port in ports.items()})
        self.clickhouse = ClickHouseServer(home)
        self.kafka.start()
        self.clickhouse.start()
        self._coming: dict[str, KafkaServer | ClickHouseServer] = {}
        self.keeper = DoorKeeper()
        self.broker = {
            name: Door(self.keeper, f"{name}-broker", port, self.kafka.doors[name.upper()])
            for name, port in ports.items()
        }
        self.server = {
            name: Door(self.keeper, f"{name}-server", free_port(), self.clickhouse.port) for name in COLLECTORS
        }

    def stop_broker(self) -> None:
        """SIGKILL."""
        self.kafka.stop()
        self._follow(self.broker, False)

    def start_broker(self) -> None:
        """It is there a few seconds later."""
        self.kafka.start(wait=False)
        self._coming["broker"] = self.kafka

    def stop_server(self) -> None:
        """SIGKILL."""
        self.clickhouse.stop()
        self._follow(self.server, False)

    def start_server(self) -> None:
        """It is there a moment later."""
        self.clickhouse.start(wait=False)
        self._coming["server"] = self.clickhouse

    def ready(self) -> bool:
        """Whether both answer; their doors open as soon as they do."""
        for name in [name for name, server in self._coming.items() if server.answers()]:
            self._follow(self.broker if name == "broker" else self.server, True)
            del self._coming[name]
        return not self._coming

    @staticmethod
    def _follow(doors: dict[str, Door], up: bool) -> None:
        for door in doors.values():
            door.follow(up)

    def open_all(self) -> None:
        """As at the beginning."""
        for door in (*self.broker.values(), *self.server.values()):
            door.set(Mode.OPEN)

    def close(self) -> None:
        self.keeper.close()
        self.kafka.stop()
        self.clickhouse.stop()
