"""The collector: consume, decode, block, promise, insert, settle. Nothing is lost and nothing counted twice.

One thread polls, decodes and keeps the journal; writers store. docs/delivery.md has the protocol and what each failure leads
to.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from clusterctl.bus import Bus, Partition, Record, dead_letter_topic, topic_of
from clusterctl.clock import Clock, SystemClock
from clusterctl.collector.block import BlockBuilder, Dead, Limits
from clusterctl.collector.course import Course, Delivery
from clusterctl.collector.deadletter import DeadLetters
from clusterctl.collector.decode import Item, TimeBounds, decode
from clusterctl.collector.journal import Journal, Pending
from clusterctl.collector.meters import Meters
from clusterctl.collector.quota import Quota, quota_file
from clusterctl.collector.writers import Writers
from clusterctl.config import Config
from clusterctl.errors import BusError, BusUnavailable, CommitRefused, DecodeError
from clusterctl.schema import Lane

log = logging.getLogger(__name__)
POLL_S = 0.1
BUSY_POLL_S = 0.005
LAST_LOOK_S = 2.0
TELL_EVERY_S = 1.0
REFUSED_S = 1.0
"""How long a partition rests whose commit was refused: in the middle of a rebalance it would be refused again."""
REVOKE_S, STOPPING_REVOKE_S = 15.0, 3.0
"""How long a partition that goes is held to settle the block that a writer has."""
STOP_S = 15.0
"""With the last look, the goodbye to the group and the producer's this stays under 25 s."""


class Stream:
    """One partition that is ours: what is being collected, and what is on its way."""

    def __init__(self, builder: BlockBuilder, course: Course) -> None:
        self.builder = builder
        self.course = course

    def cut(self) -> None:
        """What has been collected becomes a block on its way."""
        self.course.add(self.builder.cut())

    @property
    def held_bytes(self) -> int:
        return self.builder.held_bytes + self.course.held_bytes


class Collector:
    """One member of the collectors' group. Not thread-safe; `stop` may be set from anywhere."""

    def __init__(
        self, config: Config, bus: Bus, writers: Writers, stop: threading.Event, clock: Clock | None = None
    ) -> None:
        self.meters = Meters()
        self._config = config.collector
        self._clock = clock or SystemClock()
        self._stop = stop
        self._writers = writers
        self._streams: dict[Partition, Stream] = {}
        self._refused: dict[Partition, float] = {}
        """Partitions whose commit was refused, and when to look at them again."""
        self._holes: dict[Partition, tuple[int, int]] = {}
        """Offsets that did not come, as (expected, came): a hole is looked at twice before it is believed."""
        self._first = 0
        self._identities: dict[str, str] = {}
        self._paused = False
        self._told_s = 0.0
        self._bounds = TimeBounds(int(self._config.late_bound_h * 3_600_000), int(self._config.ahead_bound_s * 1_000))
        self._limits = {
            topic_of(Lane.SAMPLES, config): self._limits_of(self._config.samples_age_s),
            topic_of(Lane.EVENTS, config): self._limits_of(self._config.events_age_s),
        }
        limits = self._config.dead_share, self._config.dead_floor, self._config.dead_in_a_row
        self._quota = Quota(self._clock, *limits, quota_file(config))
        self._producer = bus.producer()
        letters = DeadLetters(self._producer, dead_letter_topic(config))
        self._consumer = bus.consumer(list(self._limits), config.bus.group, self)
        self._journal = Journal(self._consumer)
        self._delivery = Delivery(self._journal, writers, letters, self._quota, self.meters, self._clock)

    def _limits_of(self, age_s: float) -> Limits:
        return Limits(self._config.block_rows, self._config.block_bytes, age_s)

    def run(self) -> None:
        """Until stopped; then what has been collected is stored, if the store takes it at once.

        Raises ClusterctlError when going on would hide a fault of ours."""
        try:
            while not self._stop.is_set():
                self.step()
            self._last_look()
            self._flush()
        finally:
            self._writers.close()
            self._consumer.close()
            self._producer.close(2.0)
            log.info("collector stopped: %s", self.meters.line())

    def _last_look(self) -> None:
        """Take what lies ready, such as the last words of an agent that has just stopped; not for long."""
        until_s = self._clock.monotonic_s() + LAST_LOOK_S
        while self._clock.monotonic_s() < until_s and not self._paused:
            try:
                records = self._consumer.poll(POLL_S)
            except BusUnavailable:
                return  # what lies there is read by the next start
            if not records:
                return
            for record in records:
                self._take(record, self._clock.monotonic_s())

    def step(self) -> None:
        """Poll once, and move the blocks that can move."""
        try:
            self._restart_refused()
            self._press_back()
            records = self._consumer.poll(self._patience_s())
        except BusUnavailable as error:
            log.warning("the bus does not answer: %s", error)
            self._clock.sleep_s(1.0)
            return
        now_s = self._clock.monotonic_s()
        for record in records:
            self._take(record, now_s)
        self._advance(now_s)
        if now_s - self._told_s >= TELL_EVERY_S:
            self._told_s = now_s
            self._tell(now_s)

    def _tell(self, now_s: float) -> None:
        """What holds now, for /metrics."""
        streams = self._streams.values()
        waits = [now_s - s.course.waiting_since_s for s in streams if s.course.waiting_since_s is not None]
        self.meters.set("retry_wait_s", max(waits, default=0.0))
        self.meters.set("blocks_in_flight", sum(stream.course.flying for stream in streams))
        self.meters.set("bytes_held", sum(stream.held_bytes for stream in streams))
        self.meters.set("partitions", len(streams))
        self.meters.set_lags(self._consumer.unread())

    def _patience_s(self) -> float:
        """How long a poll may wait for records; not for long while a writer is about to finish."""
        return BUSY_POLL_S if any(stream.course.flying for stream in self._streams.values()) else POLL_S

    def _press_back(self) -> None:
        """Fetch nothing more while too much is held; polling goes on, for heartbeats and rebalances. Only while blocks wait:
        what is held for the rest of a promised block needs that rest."""
        held = sum(stream.held_bytes for stream in self._streams.values())
        blocks_wait = any(not stream.course.idle for stream in self._streams.values())
        if not self._paused and blocks_wait and held >= self._config.hold_bytes:
            self._consumer.pause()
            self._paused = True
            self.meters.add("pauses")
        elif self._paused and (held <= self._config.hold_bytes // 2 or not blocks_wait):
            self._consumer.resume()
            self._paused = False

    def _restart_refused(self) -> None:
        """Read partitions again from where the journal stands; not at once, since a rebalance takes its time."""
        now_s = self._clock.monotonic_s()
        for partition in [partition for partition, at_s in self._refused.items() if now_s >= at_s]:
            try:
                pending = self._journal.pending(partition)
                self._consumer.seek(partition, pending.offset)
            except CommitRefused:  # its news is on the way
                self._refused.pop(partition)
                self._streams.pop(partition, None)
                continue
            self._begin(partition, pending)
            self._refused.pop(partition, None)

    def _take(self, record: Record, now_s: float) -> None:
        stream = self._streams.get(record.partition)
        if stream is None or record.partition in self._refused or stream.builder.stale(record):
            return
        expected = stream.builder.expected()
        if expected is not None and record.offset > expected and not self._believed(record, expected):
            return
        if stream.builder.closes_before(record):
            stream.cut()
        stream.builder.add(record, *self._decoded(record), now_s)
        self.meters.add("records")
        if stream.builder.full():
            stream.cut()

    def _believed(self, record: Record, expected: int) -> bool:
        """Our topics have no holes, so one is rather a fetch that got lost on its way: the partition is read again from
        where the journal stands, and what is missing then too is not there."""
        hole = (expected, record.offset)
        if self._holes.pop(record.partition, None) == hole:
            log.warning("%s has no offsets from %d to %d", record.partition, expected, record.offset - 1)
            return True
        self._holes[record.partition] = hole
        self._refused[record.partition] = self._clock.monotonic_s()
        return False

    def _decoded(self, record: Record) -> tuple[Item | None, Dead | None]:
        """The record's rows, and its dead letter: one of them, or both when some rows had to be left out."""
        try:
            item, reason = decode(record, self._bounds)
        except DecodeError as error:
            self._quota.bad(str(error))
            return None, Dead(record, str(error))
        if reason:
            self._quota.bad(reason)
            return item, Dead(record, reason)
        self._quota.good()
        return item, None

    def _advance(self, now_s: float) -> None:
        """Cut what is old enough, unless blocks before it wait already, and let every course do what it can."""
        turns = list(self._streams.items())
        self._first = (self._first + 1) % max(1, len(turns))  # so that no partition is always the last to find a writer
        for partition, stream in turns[self._first :] + turns[: self._first]:
            if partition in self._refused:
                continue
            if stream.course.idle and stream.builder.due(now_s):
                stream.cut()
            self._move(partition, stream)

    def _move(self, partition: Partition, stream: Stream) -> None:
        try:
            stream.course.advance()
        except CommitRefused as error:
            # whoever owns the partition next finds the note and does this block; in the middle of a cooperative
            # rebalance that may be us again
            self.meters.add("abandoned")
            log.info("%s has moved on: %s", partition, error)
            if partition in self._streams:
                self._refused[partition] = self._clock.monotonic_s() + REFUSED_S

    def _flush(self) -> None:
        """Store what is collected; a block that must wait is left to the next owner, who finds its note."""
        until_s = self._clock.monotonic_s() + STOP_S
        for stream in self._streams.values():
            if not stream.builder.empty() and stream.builder.forced_end is None:
                stream.cut()
        while self._clock.monotonic_s() < until_s:
            self._advance(self._clock.monotonic_s())
            going = [
                stream.course
                for partition, stream in self._streams.items()
                if partition not in self._refused and not stream.course.idle and stream.course.waiting_since_s is None
            ]
            if not going or self._delivery.bus_rests_until_s > self._clock.monotonic_s():
                return
            self._delivery.finished.wait(BUSY_POLL_S)
            self._delivery.finished.clear()

    # -- partitions come and go ----------------------------------------------------------------------------------------

    def assigned(self, partitions: Sequence[Partition]) -> None:
        """Go on where the last owner stopped; a promised block is rebuilt first."""
        for partition in partitions:
            pending = self._journal.pending(partition)
            if pending.offset is not None:
                self._consumer.seek(partition, pending.offset)
            self._begin(partition, pending)

    def _begin(self, partition: Partition, pending: Pending) -> None:
        if pending.end is not None:
            self.meters.add("replayed")
        bus = self._identities.get(partition.topic)
        if bus is None:
            bus = self._identities[partition.topic] = self._consumer.identity(partition.topic)
        limits = self._limits[partition.topic]
        builder = BlockBuilder(partition, limits, pending.offset, pending.end, bus, pending.stored)
        self._streams[partition] = Stream(builder, Course(self._delivery))

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """Settle what the writers have, within the time that a group grants; the rest is left to the next owner."""
        until_s = self._clock.monotonic_s() + (STOPPING_REVOKE_S if self._stop.is_set() else REVOKE_S)
        for partition in partitions:
            stream = self._streams.get(partition)
            if stream is None or partition in self._refused:
                continue
            try:
                stream.course.finish(max(0.0, until_s - self._clock.monotonic_s()))
            except BusError as error:  # the next owner finds the note, and the store knows the block by its token
                log.info("%s went before its block was settled: %s", partition, error)
        self.lost(partitions)

    def lost(self, partitions: Sequence[Partition]) -> None:
        for partition in partitions:
            self._streams.pop(partition, None)
            self._refused.pop(partition, None)
