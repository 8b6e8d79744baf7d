"""One partition's blocks on their way to the store: in order, one at a time, each promised, inserted and settled.

The store is waited for on a writer's thread; everything here runs on the polling thread and never blocks on the store, so
that heartbeats and rebalances go on however long the store is away.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait

from clusterctl.clock import Clock
from clusterctl.collector.backoff import Backoff
from clusterctl.collector.block import Block
from clusterctl.collector.deadletter import DeadLetters
from clusterctl.collector.fate import Fate, fate_of
from clusterctl.collector.journal import Journal
from clusterctl.collector.meters import Meters
from clusterctl.collector.quota import Quota
from clusterctl.collector.sink import Sink
from clusterctl.collector.writers import Writers
from clusterctl.errors import BusError, BusUnavailable, ClusterctlError

log = logging.getLogger(__name__)
BUS_RESTS_S = 1.0


class Delivery:
    """What all courses share."""

    def __init__(
        self, journal: Journal, writers: Writers, letters: DeadLetters, quota: Quota, meters: Meters, clock: Clock
    ) -> None:
        self.journal = journal
        self.writers = writers
        self.letters = letters
        self.quota = quota
        self.meters = meters
        self.clock = clock
        self.finished = threading.Event()
        """Set when a writer has finished something."""
        self.bus_rests_until_s = 0.0
        """The bus did not answer one course: until then no other asks it, which would take as long again."""

    def job(self, block: Block, stored: set[str], *, doubtful: bool) -> Callable[[Sink], None]:
        """What a writer does with a block, and which tables it has `stored`; a repeat of it changes nothing. `doubtful` is
        a block of which nobody knows whether it was stored before."""

        def store(sink: Sink) -> None:
            try:
                sink.insert(block, stored, doubtful=doubtful)
                if block.dead:
                    self.letters.put(block.dead)
            finally:
                self.finished.set()

        return store


class Course:
    """Blocks of one partition. `advance` raises CommitRefused when the partition is no longer ours, and what must stop
    the collector."""

    def __init__(self, delivery: Delivery) -> None:
        self._shared = delivery
        self._todo: deque[Block] = deque()
        self._flight: Future[None] | None = None
        self._stored = False
        self._done_tables: set[str] = set()
        self._backoff = Backoff()
        self._not_before_s = 0.0
        self.held_bytes = 0
        """Messages of all blocks that are not settled."""
        self.waiting_since_s: float | None = None
        """When the block at the head failed for the first time; None while all is well."""

    def add(self, block: Block) -> None:
        """Deliver it after those before it."""
        self._todo.append(block)
        self.held_bytes += block.size_bytes

    @property
    def idle(self) -> bool:
        return not self._todo

    @property
    def flying(self) -> bool:
        """Whether a writer has the block at the head."""
        return self._flight is not None

    def advance(self) -> None:
        """Do what can be done without waiting."""
        while self._todo and self._step(self._todo[0]):
            pass

    def finish(self, timeout_s: float) -> None:
        """Wait for the writer, if one has a block, and settle what it stored."""
        if self._flight is not None:
            wait([self._flight], timeout=timeout_s)
            if self._flight.done():
                self._land(self._todo[0])

    def _step(self, block: Block) -> bool:
        """One step with the block at the head; whether there may be another."""
        if self._flight is not None:
            return self._flight.done() and self._land(block)
        if self._shared.clock.monotonic_s() < max(self._not_before_s, self._shared.bus_rests_until_s):
            return False
        if self._stored:
            return self._settle(block)
        if not self._shared.writers.room():
            return False
        try:
            self._shared.journal.intend(block)
        except ClusterctlError as error:
            return self._failed(block, error)
        self._done_tables = set()
        doubtful = self.waiting_since_s is not None or block.replayed
        self._flight = self._shared.writers.submit(self._shared.job(block, self._done_tables, doubtful=doubtful))
        return True

    def _land(self, block: Block) -> bool:
        flight, self._flight = self._flight, None
        error = flight.exception() if flight is not None else None
        if error is None:
            self._stored = True
            return self._settle(block)
        if not isinstance(error, ClusterctlError):
            raise error
        return self._failed(block, error)

    def _settle(self, block: Block) -> bool:
        try:
            self._shared.journal.settle(block)
        except BusError as error:
            return self._failed(block, error)
        meters = self._shared.meters
        meters.add("blocks")
        meters.add("rows", block.row_count())
        meters.add("dead_letters", len(block.dead))
        self._todo.popleft()
        self.held_bytes -= block.size_bytes
        self._stored, self._backoff, self._not_before_s, self.waiting_since_s = False, Backoff(), 0.0, None
        return True

    def _failed(self, block: Block, error: ClusterctlError) -> bool:
        match fate_of(error):
            case Fate.RETRY:
                self._wait(block, error)
                return False
            case Fate.SPLIT:
                self._split(block, error)
                return True
            case Fate.STOP | _:
                raise error

    def _wait(self, block: Block, error: ClusterctlError) -> None:
        now_s, seconds = self._shared.clock.monotonic_s(), self._backoff.next_s()
        if self.waiting_since_s is None or seconds > 1:
            log.warning(
                "waiting %.1f s to store offsets %d to %d of %s: %s",
                seconds,
                block.begin,
                block.end,
                block.partition,
                error,
            )
        if self.waiting_since_s is None:
            self.waiting_since_s = now_s
        self._not_before_s = now_s + seconds
        if isinstance(error, BusUnavailable):
            self._shared.bus_rests_until_s = now_s + min(seconds, BUS_RESTS_S)
        self._shared.meters.add("retries")
        self._shared.meters.add("retry_ms", int(seconds * 1_000))

    def _split(self, block: Block, error: ClusterctlError) -> None:
        self._shared.meters.add("splits")
        if len(block.items) > 1:
            parts = block.halves(self._done_tables)
        elif block.items:
            self._shared.quota.bad(str(error))
            parts = [block.all_dead(str(error))]
        else:
            raise error  # nothing of ours is left in it: the failure is not about rows
        self._todo.popleft()
        self._todo.extendleft(reversed(parts))
