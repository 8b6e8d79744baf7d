"""A bus in memory, for tests: several partitions, groups, notes, and faults on demand."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Sequence

from clusterctl.bus import Done, Listener, Message, Partition, Position, Record, Standing
from clusterctl.clock import Clock, SystemClock
from clusterctl.errors import CommitRefused, OffsetsLost


class MemoryBus:
    """Records and positions of all groups. One consumer a group; a new one takes the partitions from the old."""

    def __init__(self, partitions: int = 4, clock: Clock | None = None, max_poll_records: int = 5_000) -> None:
        self.partitions = partitions
        self.max_poll_records = max_poll_records
        self.clock = clock or SystemClock()
        self.logs: dict[Partition, list[Record]] = defaultdict(list)
        self.positions: dict[tuple[str, Partition], Position] = {}
        self.owners: dict[str, MemoryConsumer] = {}
        self.oldest: dict[Partition, int] = defaultdict(int)

    def ensure_topics(self) -> list[str]:
        return []

    def producer(self) -> MemoryProducer:
        return MemoryProducer(self)

    def consumer(self, topics: Sequence[str], group: str, listener: Listener) -> MemoryConsumer:
        consumer = MemoryConsumer(self, topics, group, listener)
        self.owners[group] = consumer
        return consumer

    def identity(self, topic: str) -> str:
        return "memory"

    def standing(self, topic: str, group: str) -> list[Standing]:
        found = []
        for number in range(self.partitions):
            partition = Partition(topic, number)
            oldest, log = self.oldest[partition], self.logs[partition]
            oldest_ms = log[oldest].timestamp_ms if oldest < len(log) else None
            found.append(Standing(partition, self.positions.get((group, partition)), oldest, len(log), oldest_ms))
        return found

    def move(self, group: str, partition: Partition, offset: int) -> None:
        self.positions[group, partition] = Position(offset)

    def forget(self, partition: Partition, before: int) -> None:
        """As retention does: records below `before` are gone."""
        self.oldest[partition] = before

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
                self._next[partition] = position.offset if position else self._bus.oldest[partition]
            self._listener.assigned(self._partitions)
        if self._paused:
            return []
        records: list[Record] = []
        for partition, start in self._next.items():
            if start < self._bus.oldest[partition]:
                raise OffsetsLost(f"{partition}: offsets from {start} on are gone")
            room = self._bus.max_poll_records - len(records)
            fresh = self._bus.logs[partition][start : start + room]
            records += fresh
            self._next[partition] = start + len(fresh)
        return records

    def identity(self, topic: str) -> str:
        return self._bus.identity(topic)

    def committed(self, partition: Partition) -> Position | None:
        return self._bus.positions.get((self._group, partition))

    def commit(self, partition: Partition, position: Position) -> None:
        if self._bus.owners[self._group] is not self:
            raise CommitRefused(f"{partition}: another consumer owns the group")
        self._bus.positions[self._group, partition] = position

    def seek(self, partition: Partition, offset: int | None) -> None:
        self._next[partition] = self._bus.oldest[partition] if offset is None else offset

    def unread(self) -> dict[Partition, int]:
        return {partition: len(self._bus.logs[partition]) - start for partition, start in self._next.items()}

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False

    def close(self) -> None:
        self._next.clear()
