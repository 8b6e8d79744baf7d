"""What a pipeline is doing while it runs: processes, lag of the consumer group, parts of the server."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import psutil
from kafka import KafkaConsumer, TopicPartition

from clusterctl.bus import topic_of
from clusterctl.config import Config
from clusterctl.schema import Lane
from clusterctl.store import Store

EVENTS = ("InsertedRows", "InsertQuery", "Merge", "MergeSourceParts", "MergedRows", "DelayedInserts")


def cpu_s(process: psutil.Process) -> float:
    """Of the process and those that it started."""
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


class Processes:
    """CPU and memory of named processes."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self.began = self._before = self._now()
        self._since_s = self.began_s = time.monotonic()

    def _now(self) -> dict[str, float]:
        found = {}
        for name, process in self._processes.items():
            try:
                found[name] = cpu_s(process)
            except psutil.NoSuchProcess:
                found[name] = getattr(self, "_before", {}).get(name, 0.0)
        return found

    def since_last(self) -> dict[str, float]:
        """Per cent of a core since this was asked last."""
        now, now_s = self._now(), time.monotonic()
        found = {name: 100 * (now[name] - self._before[name]) / (now_s - self._since_s) for name in now}
        self._before, self._since_s = now, now_s
        return found

    def whole(self) -> dict[str, float]:
        """Seconds of CPU since the beginning."""
        now = self._now()
        return {name: now[name] - self.began[name] for name in now}

    def rss_mib(self) -> dict[str, float]:
        """Resident memory."""
        return {
            name: process.memory_info().rss / 2**20
            for name, process in self._processes.items()
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        }


@dataclass
class Lag:
    """How far the group is behind the topics. Seconds are the age of the end that it has reached."""

    config: Config
    _seen: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=10_000))

    def __post_init__(self) -> None:
        servers = self.config.bus.bootstrap_servers.split(",")
        self._consumer = KafkaConsumer(
            bootstrap_servers=servers, group_id=self.config.bus.group, enable_auto_commit=False
        )
        counts = {Lane.SAMPLES: self.config.bus.samples_partitions, Lane.EVENTS: self.config.bus.events_partitions}
        self._partitions = [
            TopicPartition(topic_of(lane, self.config), number)
            for lane, count in counts.items()
            for number in range(count)
        ]

    def look(self) -> tuple[int, float]:
        """Messages and seconds."""
        ends = self._consumer.end_offsets(self._partitions)
        now_s = time.monotonic()
        done = sum(self._consumer.committed(partition) or 0 for partition in self._partitions)
        end = sum(ends.values())
        self._seen.append((now_s, end))
        reached_s = next((when_s for when_s, there in self._seen if there > done), now_s)
        return end - done, max(0.0, now_s - reached_s)

    def close(self) -> None:
        self._consumer.close(autocommit=False)


class Server:
    """Counts of the store, by its own system tables."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._before = self._events()
        self._since_s = time.monotonic()
        self._rows = self.rows()

    def _events(self) -> dict[str, int]:
        names = ", ".join(f"'{name}'" for name in EVENTS)
        return dict(self._store.query(f"SELECT event, value FROM system.events WHERE event IN ({names})").rows)

    def rows(self) -> dict[str, int]:
        """Rows by table, repeats included."""
        sql = "SELECT table, sum(rows) FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table"
        return dict(self._store.query(sql).rows)

    def parts(self) -> tuple[int, int]:
        """Active parts, and their bytes on disk."""
        sql = "SELECT count(), sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase()"
        count, size = self._store.query(sql).rows[0]
        return int(count), int(size)

    def since_last(self) -> tuple[dict[str, float], dict[str, float]]:
        """Rates a second since this was asked last: of the server's own events, and of rows by table."""
        events, rows, now_s = self._events(), self.rows(), time.monotonic()
        passed_s = now_s - self._since_s
        told = {name: (events.get(name, 0) - self._before.get(name, 0)) / passed_s for name in EVENTS}
        stored = {name: (count - self._rows.get(name, 0)) / passed_s for name, count in rows.items()}
        self._before, self._rows, self._since_s = events, rows, now_s
        return told, stored
