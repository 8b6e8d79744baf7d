"""A bus in memory, for tests: several partitions, groups, notes, and faults on demand."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Sequence

from clusterctl.bus import Done, Listener, Message, Partition, Position, Record
from clusterctl.clock import Clock, SystemClock
from clusterctl.errors import CommitRefused


class MemoryBus:
    """Records and positions of all groups. One consumer a group; a new one takes the partitions from the old."""

    def __init__(self, partitions: int = 4, clock: Clock | None = None) -> None:
        self.partitions = partitions
        self.clock = clock or SystemClock()
        self.logs: dict[Partition, list[Record]] = defaultdict(list)
        self.positions: dict[tuple[str, Partition], Position] = {}
        self.owners: dict[str, MemoryConsumer] = {}

    def ensure_topics(self) -> list[str]:
        return []

    def producer(self) -> MemoryProducer:
        return MemoryProducer(self)

    def consumer(self, topics: Sequence[str], group: str, listener: Listener) -> MemoryConsumer:
        consumer = MemoryConsumer(self, topics, group, listener)
        self.owners[group] = consumer
        return consumer

    def append(self, message: Message) -> None:
        """Keep a message on the partition of its key."""
        partition = Partition(message.topic, zlib.crc32(message.key) % self.partitions)
        log = self.logs[partition]
        log.append(Record(partition, len(log), self.clock.now_ms(), message.key, message.value, message.headers))


class MemoryProducer:
    """Delivers at once."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus

    def send(self, message: Message, done: Done) -> None:
        self._bus.append(message)
        done(None)

    def close(self, timeout_s: float) -> None:
        return


class MemoryConsumer:
    """Owns every partition until another consumer of its group appears."""

    def __init__(self, bus: MemoryBus, topics: Sequence[str], group: str, listener: Listener) -> None:
        self._bus = bus
        self._group = group
        self._listener = listener
        self._partitions = [Partition(topic, number) for topic in topics for number in range(bus.partitions)]
        self._next: dict[Partition, int] = {}
        self._paused = False

    def poll(self, timeout_s: float) -> list[Record]:
        if self._bus.owners[self._group] is not self:
            if self._next:
                self._next.clear()
                self._listener.lost(self._partitions)
            return []
        if not self._next:
            for partition in self._partitions:
                position = self.committed(partition)
                self._next[partition] = position.offset if position else 0
            self._listener.assigned(self._partitions)
        if self._paused:
            return []
        records = []
        for partition, start in self._next.items():
            fresh = self._bus.logs[partition][start:]
            records += fresh
            self._next[partition] = start + len(fresh)
        return records

    def identity(self, topic: str) -> str:
        return "memory"

    def committed(self, partition: Partition) -> Position | None:
        return self._bus.positions.get((self._group, partition))

    def commit(self, partition: Partition, position: Position) -> None:
        if self._bus.owners[self._group] is not self:
            raise CommitRefused(f"{partition}: another consumer owns the group")
        self._bus.positions[self._group, partition] = position

    def seek(self, partition: Partition, offset: int | None) -> None:
        self._next[partition] = offset or 0

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False

    def close(self) -> None:
        self._next.clear()
