"""Rows on their way out: encoded as batches and appended to the spool, whose offsets are the batches' numbers.

The spool survives crashes and restarts, so a number missing downstream is a batch that was lost, and nothing else.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

import msgspec

from clusterctl import wire
from clusterctl.bus import topic_of
from clusterctl.bus.segments import SegmentWriter
from clusterctl.bus.spool import SpoolBus
from clusterctl.clock import Clock
from clusterctl.config import Config
from clusterctl.schema import Lane, Table

log = logging.getLogger(__name__)
TARGET_BYTES = 400_000
"""A batch above this is halved; Kafka's default limit is a million."""


class Outbox:
    """One writer a lane. Threads take turns."""

    def __init__(self, config: Config, bus: SpoolBus, boot_id: str, clock: Clock) -> None:
        self._cluster = config.site.cluster
        self._host = config.site.host_name()
        self._boot_id = boot_id
        self._clock = clock
        self._turn = threading.Lock()
        self._unwritten = 0
        self.urgent = threading.Event()
        """Set when there is an event to send; samples can wait to be sent together."""
        self.batches = 0
        self._writers: dict[Lane, SegmentWriter] = {lane: bus.writer(topic_of(lane, config)) for lane in Lane}

    def put(self, table: Table, rows: Sequence[msgspec.Struct]) -> None:
        """Append rows of one table as one batch, or as several when they are large."""
        if not rows or table.lane is None:
            return
        with self._turn:
            self._append(table, rows, self._writers[table.lane])

    def _append(self, table: Table, rows: Sequence[msgspec.Struct], writer: SegmentWriter) -> None:
        now_ms = self._clock.now_ms()
        data = wire.encode(
            table,
            rows,
            cluster=self._cluster,
            host=self._host,
            boot_id=self._boot_id,
            seq=writer.next_offset,
            sent_ms=now_ms,
        )
        if len(data) > TARGET_BYTES and len(rows) > 1:
            middle = len(rows) // 2
            self._append(table, rows[:middle], writer)
            self._append(table, rows[middle:], writer)
            return
        try:
            writer.append(self._host.encode(), data, (("v", str(wire.VERSION).encode()),), now_ms)
        except OSError as error:  # a full disk passes; until then batches are lost, and counted
            if self._unwritten == 0:
                log.error("the spool cannot be written, batches are lost: %s", error)
            self._unwritten += 1
        else:
            self.batches += 1
            if table.lane is Lane.EVENTS:
                self.urgent.set()

    @property
    def size_bytes(self) -> int:
        """Bytes of the spool on disk."""
        return sum(writer.size_bytes for writer in self._writers.values())

    @property
    def lost(self) -> int:
        """Batches that the bound of the spool, or a full disk, cost since this process began."""
        return self._unwritten + sum(writer.lost for writer in self._writers.values())

    def close(self) -> None:
        """Everything to the disk."""
        with self._turn:
            for writer in self._writers.values():
                writer.close()
