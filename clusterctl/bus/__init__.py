"""The seam between agent and collector: what every bus promises, and how to open the configured one.

`segments` is a log on disk, `spool` the local bus made of it, `memory` a bus for tests, `kafka` Apache Kafka. All pass
tests/contract/test_bus.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from clusterctl.config import Config
from clusterctl.errors import BusError
from clusterctl.schema import Lane


class Partition(NamedTuple):
    """One ordered log. A tuple, as a record is: there are many, and they are keys."""

    topic: str
    number: int


@dataclass(frozen=True, slots=True)
class Message:
    """What a producer sends. `key` decides the partition: a host's messages stay in order on one."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class Record(NamedTuple):
    """What a consumer gets. `timestamp_ms` is the bus's clock, not the sender's."""

    partition: Partition
    offset: int
    timestamp_ms: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def size_bytes(self) -> int:
        """What it holds in memory, about."""
        return len(self.key) + len(self.value) + sum(len(name) + len(value) for name, value in self.headers)


@dataclass(frozen=True, slots=True)
class Position:
    """A committed offset (the next one to read) with the note committed beside it."""

    offset: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a group stands in a partition, and what is left of its log: offsets [oldest, end)."""

    partition: Partition
    position: Position | None
    oldest: int
    end: int
    oldest_ms: int | None
    """When the bus got the oldest record; None without any."""

    @property
    def start(self) -> int:
        """The next offset that the group can read."""
        return max(self.oldest, self.position.offset if self.position else 0)


class Listener(Protocol):
    """Told, from inside `poll`, which partitions come and go."""

    def assigned(self, partitions: Sequence[Partition]) -> None: ...

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """These, not all of mine, are going; a commit may still be taken, or be refused."""
        ...

    def lost(self, partitions: Sequence[Partition]) -> None:
        """These are gone; nothing may be committed."""
        ...


class Consumer(Protocol):
    """One member of a group. Not thread-safe."""

    def poll(self, timeout_s: float) -> list[Record]:
        """Records in order within each partition; empty while paused. Raises OffsetsLost if some we wanted are gone."""
        ...

    def identity(self, topic: str) -> str:
        """What tells this topic's offsets from those of another bus, or of a topic of the same name made anew."""
        ...

    def committed(self, partition: Partition) -> Position | None:
        """The group's position, None if it never had one."""
        ...

    def commit(self, partition: Partition, position: Position) -> None:
        """Durable when it returns. Raises CommitRefused if the group has moved on, BusUnavailable if nobody answers."""
        ...

    def seek(self, partition: Partition, offset: int | None) -> None:
        """Read an assigned partition from `offset` on, or from its beginning."""
        ...

    def unread(self) -> dict[Partition, int]:
        """Records of our partitions that were not polled yet, as far as that is known without asking."""
        ...

    def pause(self) -> None:
        """Fetch nothing; `poll` goes on keeping membership alive."""
        ...

    def resume(self) -> None: ...

    def close(self) -> None: ...


Done = Callable[["BusError | None"], None]


class Producer(Protocol):
    """Sends messages; every one gets its verdict by `done`, perhaps on another thread."""

    def send(self, message: Message, done: Done) -> None: ...

    def close(self, timeout_s: float) -> None:
        """Give what is under way `timeout_s` to finish; the rest gets no verdict."""
        ...


class Bus(Protocol):
    """A place to send to and to read from."""

    def ensure_topics(self) -> list[str]:
        """Create what is missing; the names created."""
        ...

    def producer(self) -> Producer: ...

    def consumer(self, topics: Sequence[str], group: str, listener: Listener) -> Consumer:
        """A new group begins at the oldest record."""
        ...

    def identity(self, topic: str) -> str:
        """What tells this topic's offsets from those of another bus, or of a topic of the same name made anew."""
        ...

    def standing(self, topic: str, group: str) -> list[Standing]:
        """Every partition of a topic, as a group that need not be running finds it."""
        ...

    def move(self, group: str, partition: Partition, offset: int) -> None:
        """Set the position of a group without members, and clear its note. Raises CommitRefused while it has some."""
        ...


def topic_of(lane: Lane, config: Config) -> str:
    """The topic of a lane."""
    return f"{config.bus.topic_prefix}.{lane.value}.v1"


def dead_letter_topic(config: Config) -> str:
    """Where messages go that cannot become rows."""
    return f"{config.bus.topic_prefix}.deadletter.v1"


def open_bus(config: Config) -> Bus:
    """The configured bus."""
    if config.bus.kind == "kafka":
        from clusterctl.bus.kafka import KafkaBus

        return KafkaBus(config)
    from clusterctl.bus.spool import SpoolBus

    return SpoolBus(spool_dir(config), config.agent.spool_max_bytes)


def spool_dir(config: Config) -> str:
    """Where the agent's spool, which is also the local bus, lives."""
    return str(config.site.data_path() / "spool")
