"""The local bus: the agent's own spool directory, one segment log a topic, read by a collector on the same machine.

With Kafka the same directory is the agent's outbox, and the publisher is its only reader. A consumer's position lies in
`cursor-GROUP.json` beside the segments; replacing that file is the commit.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from clusterctl.bus import Done, Listener, Message, Partition, Position, Record, Standing
from clusterctl.bus.segments import Entry, SegmentReader, SegmentWriter, scan, segments
from clusterctl.clock import SystemClock
from clusterctl.errors import BusError, BusUnavailable

POLL_PAUSE_S = 0.02
MAX_POLL_RECORDS = 5_000


def _cursors(directory: Path) -> list[Path]:
    return sorted(directory.glob("cursor-*.json"))


def _cursor_name(group: str) -> str:
    return f"cursor-{group}.json"


def _read_cursor(path: Path) -> Position | None:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Position(int(raw["offset"]), str(raw["note"]))


def _write_cursor(path: Path, position: Position) -> None:
    """Durable when it returns. Raises BusUnavailable when the disk takes it not."""
    temporary = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with temporary.open("w", encoding="utf-8") as file:
            json.dump({"offset": position.offset, "note": position.note}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise BusUnavailable(f"{path}: {error.strerror}") from error


def _highest_promise(directory: Path) -> int:
    """The highest offset that a reader has passed or promised in a note."""
    highest = 0
    for path in _cursors(directory):
        position = _read_cursor(path)
        if position is None:
            continue
        highest = max(highest, position.offset)
        if position.note:
            highest = max(highest, int(json.loads(position.note).get("end", 0)))
    return highest


class SpoolBus:
    """Topics as directories below `root`, each with one partition."""

    def __init__(self, root: str, max_bytes: int) -> None:
        self.root = Path(root)
        self.max_bytes = max_bytes

    def ensure_topics(self) -> list[str]:
        """Directories appear with their first record; there is nothing to create."""
        return []

    def writer(self, topic: str) -> SegmentWriter:
        """The log of a topic, for its one writer. Segments that every consumer has passed are removed."""
        directory = self.root / topic

        def consumed() -> int:
            positions = [position.offset for path in _cursors(directory) if (position := _read_cursor(path))]
            return min(positions, default=0)

        return SegmentWriter(directory, self.max_bytes, consumed, floor=_highest_promise(directory))

    def identity(self, topic: str) -> str:
        """A random name kept beside the segments: offsets of another spool are other offsets."""
        path = self.root / "bus-id"
        try:
            return path.read_text(encoding="ascii")
        except FileNotFoundError:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            made = uuid.uuid4().hex
            temporary = path.with_suffix(f".{os.getpid()}")
            temporary.write_text(made, encoding="ascii")
            try:
                os.link(temporary, path)  # of two that make one, the first wins
            except FileExistsError:
                made = path.read_text(encoding="ascii")
            finally:
                temporary.unlink()
            return made

    def standing(self, topic: str, group: str) -> list[Standing]:
        """The one partition. Records beyond the spool's bound are gone, and are counted by their writer."""
        directory = self.root / topic
        position = _read_cursor(directory / _cursor_name(group))
        oldest, oldest_ms, end = 0, None, 0
        for first, path in segments(directory):
            for entry, _ in scan(path, first):
                if oldest_ms is None:
                    oldest, oldest_ms = entry.offset, entry.timestamp_ms
                end = entry.offset + 1
        return [Standing(Partition(topic, 0), position, oldest, end, oldest_ms)]

    def move(self, group: str, partition: Partition, offset: int) -> None:
        """The group's reader must not run meanwhile."""
        _write_cursor(self.root / partition.topic / _cursor_name(group), Position(offset))

    def oldest_unread(self, topic: str, group: str) -> tuple[Entry | None, Position | None]:
        """The first record that the group has not settled, and where the group stands; None if it has read everything, or
        was never there. Raises OSError and ValueError when the cursor cannot be read."""
        position = _read_cursor(self.root / topic / f"cursor-{group}.json")
        reader = SegmentReader(self.root / topic, position.offset if position else 0)
        first = reader.first_offset()
        if first > reader.offset:
            reader = SegmentReader(reader.directory, first)
        return next(iter(reader.read(1)), None), position

    def producer(self) -> SpoolProducer:
        return SpoolProducer(self)

    def consumer(self, topics: Sequence[str], group: str, listener: Listener) -> SpoolConsumer:
        return SpoolConsumer(self, topics, group, listener)


class SpoolProducer:
    """Appends; a record is delivered when the kernel has it."""

    def __init__(self, bus: SpoolBus) -> None:
        self._bus = bus
        self._writers: dict[str, SegmentWriter] = {}
        self._clock = SystemClock()

    def send(self, message: Message, done: Done) -> None:
        """Calls `done` before it returns."""
        writer = self._writers.get(message.topic)
        if writer is None:
            writer = self._writers[message.topic] = self._bus.writer(message.topic)
        try:
            writer.append(message.key, message.value, message.headers, self._clock.now_ms())
        except OSError as error:
            done(BusUnavailable(f"{writer.directory}: {error.strerror}"))
        except BusError as error:
            done(error)
        else:
            done(None)

    def close(self, timeout_s: float) -> None:
        """Everything is on its way already."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()


class SpoolConsumer:
    """The only member of its group: partitions are assigned on the first poll and never go."""

    def __init__(self, bus: SpoolBus, topics: Sequence[str], group: str, listener: Listener) -> None:
        self._bus = bus
        self._root = bus.root
        self._group = group
        self._listener = listener
        self._readers: dict[Partition, SegmentReader] = {}
        self._partitions = [Partition(topic, 0) for topic in topics]
        self._paused = False
        self.skipped = 0
        """Records that the bounded spool dropped before we read them; the writer counts them too."""

    def poll(self, timeout_s: float) -> list[Record]:
        self._assign()
        deadline = time.monotonic() + timeout_s
        while True:
            records = [] if self._paused else self._read()
            left_s = deadline - time.monotonic()
            if records or left_s <= 0:
                return records
            time.sleep(min(POLL_PAUSE_S, left_s))

    def identity(self, topic: str) -> str:
        return self._bus.identity(topic)

    def committed(self, partition: Partition) -> Position | None:
        return _read_cursor(self._cursor(partition))

    def commit(self, partition: Partition, position: Position) -> None:
        _write_cursor(self._cursor(partition), position)

    def seek(self, partition: Partition, offset: int | None) -> None:
        self._readers[partition] = SegmentReader(self._root / partition.topic, offset or 0)

    def unread(self) -> dict[Partition, int]:
        return {}  # counting them is reading them

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False

    def close(self) -> None:
        self._readers.clear()

    def _assign(self) -> None:
        if self._readers:
            return
        for partition in self._partitions:
            position = self.committed(partition)
            reader = SegmentReader(self._root / partition.topic, position.offset if position else 0)
            self._readers[partition] = reader
        self._listener.assigned(self._partitions)

    def _read(self) -> list[Record]:
        records = []
        for partition, reader in self._readers.items():
            first = reader.first_offset()
            if first > reader.offset:
                self.skipped += first - reader.offset
                reader = self._readers[partition] = SegmentReader(reader.directory, first)
            records += [
                Record(partition, entry.offset, entry.timestamp_ms, entry.key, entry.value, entry.headers)
                for entry in reader.read(MAX_POLL_RECORDS)
            ]
        return records

    def _cursor(self, partition: Partition) -> Path:
        return self._root / partition.topic / _cursor_name(self._group)
