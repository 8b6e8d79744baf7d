"""The collector: consume, decode, block, promise, insert, settle. One thread; nothing is lost and nothing counted twice.

docs/delivery.md has the protocol and what each failure leads to.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from clusterctl.bus import Bus, Partition, Record, dead_letter_topic, topic_of
from clusterctl.clock import Clock, SystemClock
from clusterctl.collector.backoff import Backoff
from clusterctl.collector.block import Block, BlockBuilder, Dead, Limits
from clusterctl.collector.deadletter import DeadLetters, Quota
from clusterctl.collector.decode import Item, TimeBounds, decode
from clusterctl.collector.fate import Fate, fate_of
from clusterctl.collector.journal import Journal, Pending
from clusterctl.collector.meters import Meters
from clusterctl.collector.sink import Sink
from clusterctl.config import Config
from clusterctl.errors import BusUnavailable, ClusterctlError, CommitRefused, DecodeError
from clusterctl.schema import Lane
from clusterctl.store import Store

log = logging.getLogger(__name__)
POLL_S = 0.1
LOOK_EVERY_S = 0.1
LAST_LOOK_S = 2.0


class Collector:
    """One member of the collectors' group. Not thread-safe; `stop` may be set from anywhere."""

    def __init__(
        self, config: Config, bus: Bus, store: Store, stop: threading.Event, clock: Clock | None = None
    ) -> None:
        self.meters = Meters()
        self._config = config.collector
        self._clock = clock or SystemClock()
        self._stop = stop
        self._sink = Sink(store)
        self._builders: dict[Partition, BlockBuilder] = {}
        self._refused: set[Partition] = set()
        self._identities: dict[str, str] = {}
        self._bounds = TimeBounds(int(self._config.late_bound_h * 3_600_000), int(self._config.ahead_bound_s * 1_000))
        self._limits = {
            topic_of(Lane.SAMPLES, config): self._limits_of(self._config.samples_age_s),
            topic_of(Lane.EVENTS, config): self._limits_of(self._config.events_age_s),
        }
        self._quota = Quota(self._clock, self._config.dead_share, self._config.dead_floor, self._config.dead_in_a_row)
        self._producer = bus.producer()
        self._dead_letters = DeadLetters(self._producer, dead_letter_topic(config))
        self._consumer = bus.consumer(list(self._limits), config.bus.group, self)
        self._journal = Journal(self._consumer)

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
            self._consumer.close()
            self._producer.close(5.0)
            log.info("collector stopped: %s", self.meters.line())

    def _last_look(self) -> None:
        """Take what lies ready, such as the last words of an agent that has just stopped; not for long."""
        until_s = self._clock.monotonic_s() + LAST_LOOK_S
        while self._clock.monotonic_s() < until_s:
            try:
                records = self._consumer.poll(POLL_S)
            except BusUnavailable:
                return  # what lies there is read by the next start
            if not records:
                return
            for record in records:
                self._take(record)

    def step(self) -> None:
        """Poll once, and deliver the blocks that are due."""
        try:
            for partition in list(self._refused):
                self._restart(partition)
            records = self._consumer.poll(POLL_S)
        except BusUnavailable as error:
            log.warning("the bus does not answer: %s", error)
            self._clock.sleep_s(1.0)
            return
        for record in records:
            self._take(record)
        now_s = self._clock.monotonic_s()
        for partition in list(self._builders):
            builder = self._builders.get(partition)
            if builder is not None and partition not in self._refused and builder.due(now_s):
                self._deliver(builder.cut())

    def _restart(self, partition: Partition) -> None:
        """Read a partition again from where the journal stands."""
        pending = self._journal.pending(partition)
        self._consumer.seek(partition, pending.offset)
        self._begin(partition, pending)
        self._refused.discard(partition)

    def _take(self, record: Record) -> None:
        builder = self._builders.get(record.partition)
        if builder is None or record.partition in self._refused or builder.stale(record):
            return
        if builder.closes_before(record):
            self._deliver(builder.cut())
        now_s = self._clock.monotonic_s()
        builder.add(record, *self._decoded(record), now_s)
        self.meters.add("records")
        if builder.due(now_s):
            self._deliver(builder.cut())

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

    # -- delivery ------------------------------------------------------------------------------------------------------

    def _deliver(self, block: Block) -> None:
        """Store the block, whatever it takes, unless its partition moves on."""
        todo = [block]
        try:
            while todo:
                todo = self._deliver_one(todo[0]) + todo[1:]
        except CommitRefused as error:
            # whoever owns the partition next finds the note and does this block; in the middle of a cooperative
            # rebalance that may be us again
            self.meters.add("abandoned")
            log.info("abandoned offsets %d to %d of %s: %s", block.begin, block.end, block.partition, error)
            if block.partition in self._builders:
                self._refused.add(block.partition)

    def _deliver_one(self, block: Block) -> list[Block]:
        """Promise, insert, settle; what comes back is still to be delivered."""
        backoff = Backoff()
        while True:
            try:
                self._journal.intend(block)
                self._sink.insert(block)
                if block.dead:
                    self._dead_letters.put(block.dead)
                self._journal.settle(block)
            except CommitRefused:
                raise
            except ClusterctlError as error:
                match fate_of(error):
                    case Fate.RETRY:
                        self._wait(block, error, backoff.next_s())
                    case Fate.SPLIT:
                        return self._split(block, error)
                    case Fate.STOP:
                        raise
            else:
                self._count(block)
                return []

    def _split(self, block: Block, error: ClusterctlError) -> list[Block]:
        self.meters.add("splits")
        if len(block.items) > 1:
            return block.halves()
        if not block.items:
            raise error  # nothing of ours is left in it: the failure is not about rows
        self._quota.bad(str(error))
        return [block.all_dead(str(error))]

    def _count(self, block: Block) -> None:
        self.meters.add("blocks")
        self.meters.add("rows", block.row_count())
        self.meters.add("dead_letters", len(block.dead))

    def _wait(self, block: Block, error: ClusterctlError, seconds: float) -> None:
        """Wait with the partitions paused, and keep polling: heartbeats and rebalances go on. Raises CommitRefused when
        the partition is taken away, or when we are told to stop: the note stays, the next owner does the block."""
        if self.meters.get("retries") == 0 or seconds > 1:
            log.warning(
                "waiting %.1f s to store offsets %d to %d of %s: %s",
                seconds,
                block.begin,
                block.end,
                block.partition,
                error,
            )
        self.meters.add("retries")
        self.meters.add("retry_ms", int(seconds * 1_000))
        self._consumer.pause()
        until_s = self._clock.monotonic_s() + seconds
        try:
            while (left_s := until_s - self._clock.monotonic_s()) > 0:
                self._heartbeat()
                if self._stop.is_set() or block.partition not in self._builders:
                    raise CommitRefused("stopped while waiting" if self._stop.is_set() else "partition moved on")
                self._clock.sleep_s(min(LOOK_EVERY_S, left_s))
        finally:
            self._consumer.resume()

    def _heartbeat(self) -> None:
        try:
            self._consumer.poll(0.0)
        except BusUnavailable:
            return  # the wait itself is the answer to that

    def _flush(self) -> None:
        for builder in list(self._builders.values()):
            if not builder.empty() and builder.forced_end is None and builder.partition not in self._refused:
                self._deliver(builder.cut())

    # -- partitions come and go ----------------------------------------------------------------------------------------

    def assigned(self, partitions: Sequence[Partition]) -> None:
        """Go on where the last owner stopped; a promised block is rebuilt first."""
        for partition in partitions:
            pending = self._journal.pending(partition)
            self._begin(partition, pending)

    def _begin(self, partition: Partition, pending: Pending) -> None:
        if pending.end is not None:
            self.meters.add("replayed")
        bus = self._identities.get(partition.topic)
        if bus is None:
            bus = self._identities[partition.topic] = self._consumer.identity(partition.topic)
        self._builders[partition] = BlockBuilder(
            partition, self._limits[partition.topic], pending.offset, pending.end, bus
        )

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """Nothing is under way while the bus calls this, so what is collected is left to the next owner."""
        self.lost(partitions)

    def lost(self, partitions: Sequence[Partition]) -> None:
        for partition in partitions:
            self._builders.pop(partition, None)
            self._refused.discard(partition)
