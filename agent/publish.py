"""From the spool to Kafka: at least once, a bounded number in flight, and a producer that is rebuilt when it stops.

An entry leaves the spool when the broker has acknowledged it and all before it. The watchdog is there because a client
that stops without an error has been seen (docs/decisions/004).
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from functools import partial

from clusterctl.agent.parcel import Parcel, parcels
from clusterctl.bus import Consumer, Partition, Position, Producer, open_bus, topic_of
from clusterctl.bus.spool import SpoolBus
from clusterctl.clock import Clock
from clusterctl.config import Config
from clusterctl.errors import BusError, BusUnavailable, RecordTooLarge
from clusterctl.schema import Lane

log = logging.getLogger(__name__)


class Nobody:
    """The spool's partitions never go, so nobody needs to be told."""

    def assigned(self, partitions: Sequence[Partition]) -> None:
        return

    def revoked(self, partitions: Sequence[Partition]) -> None:
        return

    def lost(self, partitions: Sequence[Partition]) -> None:
        return


COMMIT_EVERY_S = 5.0
"""What is not committed is sent again after a crash, which costs nothing but the sending."""
IDLE_S = 0.05
VERDICT_S = 0.25
GATHER_S = 0.1
"""What belongs to one event comes within this: sent together it costs the broker and us one request."""
BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 10.0)


class Window:
    """Entries of one partition that were read and are not settled: the position moves over a settled prefix only."""

    def __init__(self) -> None:
        self._open: deque[int] = deque()
        self._settled: set[int] = set()
        self.position: int | None = None

    def took(self, offset: int) -> None:
        """An entry was read from the spool."""
        self._open.append(offset)

    def settle(self, offset: int) -> None:
        """An entry needs nothing more."""
        self._settled.add(offset)
        while self._open and self._open[0] in self._settled:
            self.position = self._open.popleft()
            self._settled.discard(self.position)
            self.position += 1


class Publisher:
    """Runs on a thread of its own until told to stop."""

    def __init__(
        self,
        spool: Consumer,
        make_producer: Callable[[], Producer],
        clock: Clock,
        *,
        max_in_flight: int,
        stuck_after_s: float,
        news: threading.Event | None = None,
        rest_s: float = IDLE_S,
        packed: Collection[str] = (),
    ) -> None:
        """`news` is set by whoever appends what is urgent. Until then an idle publisher looks every `rest_s`, and sends what
        has come meanwhile in one go, that of the topics `packed` as packs."""
        self._packed = packed
        self._news = news
        self._rest_s = rest_s
        self._spool = spool
        self._make_producer = make_producer
        self._clock = clock
        self._max_in_flight = max_in_flight
        self._stuck_after_s = stuck_after_s
        self._producer: Producer | None = None
        self._in_flight: dict[tuple[Partition, int], Parcel] = {}
        self._waiting: deque[Parcel] = deque()
        self._windows: dict[Partition, Window] = {}
        self._committed: dict[Partition, int] = {}
        self._verdicts: queue.SimpleQueue[tuple[int, tuple[Partition, int], BusError | None]] = queue.SimpleQueue()
        self._generation = 0
        self._progress_s = clock.monotonic_s()
        self._failures = 0
        self._not_before_s = 0.0
        self.sent = 0
        self.refused = 0
        """Entries that the broker will never take: dropped, and counted here."""
        self.rebuilt = 0

    def run(self, stop: threading.Event, last_words_s: float) -> None:
        """Send what the spool holds and what comes, until `stop`; then give the rest `last_words_s` to get out."""
        next_commit_s = 0.0
        while not stop.is_set():
            self.step()
            if self._clock.monotonic_s() >= next_commit_s:
                self.commit()
                next_commit_s = self._clock.monotonic_s() + COMMIT_EVERY_S
        if self._news is not None:
            self._news.set()
        until_s = self._clock.monotonic_s() + last_words_s
        while self._clock.monotonic_s() < until_s and self._failures == 0:
            self.step()
            if not self._waiting and not self._in_flight:
                break
        self.finish()

    def step(self) -> None:
        """Read, send, hear the verdicts, and look whether the producer still lives."""
        if not self._waiting:
            room = self._max_in_flight - len(self._in_flight)
            records = self._spool.poll(0.0) if room > 0 else []
            if not records and not self._in_flight:
                self._rest()
            for record in records:
                self._windows.setdefault(record.partition, Window()).took(record.offset)
            self._waiting.extend(parcels(records, self._packed))
        self._send_waiting()
        self._hear()
        self._watch()

    def _rest(self) -> None:
        """Nothing to send and nothing to hear: wait for news."""
        if self._news is None:
            self._clock.sleep_s(IDLE_S)
        else:
            if self._news.wait(self._rest_s):
                self._clock.sleep_s(GATHER_S)
            self._news.clear()

    def commit(self) -> None:
        """Let the spool forget what is settled."""
        for partition, window in self._windows.items():
            if window.position is None or self._committed.get(partition) == window.position:
                continue
            try:
                self._spool.commit(partition, Position(window.position))
            except BusUnavailable as error:  # a full disk: what is not committed is sent again after a restart
                log.error("the place in the spool cannot be kept: %s", error)
                return
            self._committed[partition] = window.position

    def finish(self) -> None:
        """Commit and let go; what is not acknowledged is sent by the next start."""
        if self._producer is not None:
            self._producer.close(1.0)
            self._hear()
        self.commit()
        self._spool.close()

    def _send_waiting(self) -> None:
        if self._clock.monotonic_s() < self._not_before_s:
            if not self._in_flight:
                self._clock.sleep_s(IDLE_S)
            return
        while self._waiting and len(self._in_flight) < self._max_in_flight:
            producer = self._producer or self._build()
            if producer is None:
                return
            if not self._in_flight:
                self._progress_s = self._clock.monotonic_s()
            parcel = self._waiting.popleft()
            self._in_flight[parcel.place] = parcel
            producer.send(parcel.message, partial(self._verdict, self._generation, parcel.place))

    def _verdict(self, generation: int, place: tuple[Partition, int], error: BusError | None) -> None:
        """Called by the producer, perhaps on its own thread: only kept, and heard by `step`."""
        self._verdicts.put((generation, place, error))

    def _build(self) -> Producer | None:
        try:
            self._producer = self._make_producer()
        except BusUnavailable as error:
            self._back_off(str(error))
            return None
        return self._producer

    def _hear(self) -> None:
        """Take the verdicts that have come; with nothing else to do, wait for one."""
        idle = bool(self._in_flight) and (not self._waiting or len(self._in_flight) >= self._max_in_flight)
        while True:
            try:
                verdict = self._verdicts.get(timeout=VERDICT_S) if idle else self._verdicts.get_nowait()
            except queue.Empty:
                return
            idle = False
            self._judge(*verdict)

    def _judge(self, generation: int, place: tuple[Partition, int], error: BusError | None) -> None:
        parcel = self._in_flight.pop(place, None) if generation == self._generation else None
        if parcel is None:
            return  # of a producer that was given up; its entries were sent again
        if error is None:
            self.sent += len(parcel.records)
            self._failures = 0
            self._progress_s = self._clock.monotonic_s()
            self._settle(parcel)
        elif isinstance(error, RecordTooLarge):
            self._too_large(parcel)
        else:  # time, or an operator, can cure it; the spool is bounded and counts what a long wait costs
            self._waiting = deque(sorted((parcel, *self._waiting), key=lambda p: p.place))
            self._back_off(str(error))

    def _too_large(self, parcel: Parcel) -> None:
        if len(parcel.records) > 1:
            self._waiting.extendleft(reversed(parcel.apart()))
            return
        self.refused += 1
        size = len(parcel.message.value)
        log.error("the broker refuses a batch of %d bytes: dropped (%d so far)", size, self.refused)
        self._settle(parcel)

    def _settle(self, parcel: Parcel) -> None:
        for record in parcel.records:
            self._windows[record.partition].settle(record.offset)

    def _watch(self) -> None:
        if self._in_flight and self._clock.monotonic_s() - self._progress_s > self._stuck_after_s:
            log.error(
                "no acknowledgement for %.0f s with %d due: building a new producer",
                self._stuck_after_s,
                len(self._in_flight),
            )
            self.rebuilt += 1
            self._generation += 1
            self._waiting.extendleft(reversed(list(self._in_flight.values())))
            self._in_flight.clear()
            if self._producer is not None:
                self._producer.close(0.0)
            self._producer = None
            self._progress_s = self._clock.monotonic_s()

    def _back_off(self, reason: str) -> None:
        """Send nothing for a while; failures of one round count once."""
        now_s = self._clock.monotonic_s()
        if now_s < self._not_before_s:
            return
        if self._failures == 0:
            log.warning("the bus does not take batches, they stay in the spool: %s", reason)
        self._not_before_s = now_s + BACKOFF_S[min(self._failures, len(BACKOFF_S) - 1)]
        self._failures += 1


def from_spool(config: Config, spool: SpoolBus, news: threading.Event, clock: Clock) -> Publisher:
    """The publisher of an agent: everything in its spool, to the bus of the configuration."""
    consumer = spool.consumer([topic_of(lane, config) for lane in Lane], "publisher", Nobody())
    return Publisher(
        consumer,
        open_bus(config).producer,
        clock,
        max_in_flight=config.bus.max_in_flight,
        stuck_after_s=config.bus.stuck_after_s,
        news=news,
        rest_s=config.bus.samples_every_s,
        packed=(topic_of(Lane.SAMPLES, config),),
    )
