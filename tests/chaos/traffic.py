"""The harness's own producer: many messages a second through all faults, each sent until it is acknowledged, and a ledger."""

from __future__ import annotations

import threading
import time
from collections import deque

from clusterctl.bus import Message, Producer, open_bus, topic_of
from clusterctl.config import Config
from clusterctl.errors import BusError, BusUnavailable
from tests.chaos.messages import Author, Sent

MAX_IN_FLIGHT = 200
STUCK_S = 4.0
TICK_S = 0.02


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Traffic:
    """One thread. `ledger` has every message by its number, `acknowledged` those that the broker has taken."""

    def __init__(self, config: Config, seed: int, per_s: float) -> None:
        self._config = config
        self._author = Author(seed, now_ms())
        self._per_s = per_s
        self._waiting: deque[Sent] = deque()
        self._in_flight: dict[int, Sent] = {}
        self._turn = threading.Lock()
        self._end = threading.Event()
        self._orders: deque[str] = deque()
        self._given_up: list[Producer] = []
        self._progress_s = time.monotonic()
        self.ledger: dict[int, Sent] = {}
        self.acknowledged: set[int] = set()
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def order(self, kind: str, count: int) -> None:
        """Mix in so many messages of a kind: poison or skewed."""
        self._orders.extend([kind] * count)

    def finish(self) -> None:
        """Write nothing new; what waits is still sent."""
        self._end.set()

    def left(self) -> int:
        """How many are not acknowledged; 0 when its thread has ended too."""
        return len(self.ledger) - len(self.acknowledged) + self._thread.is_alive()

    def _run(self) -> None:
        producer: Producer | None = None
        due = 0.0
        while not self._end.is_set() or self._waiting or self._in_flight:
            producer = self._send(producer)
            time.sleep(TICK_S)
            if not self._end.is_set():
                due += self._per_s * TICK_S
                while due >= 1.0:
                    due -= 1.0
                    self._write()
        for each in (*self._given_up, *([producer] if producer else [])):
            each.close(5.0)

    def _write(self) -> None:
        kind = self._orders.popleft() if self._orders else "good"
        make = {"good": self._author.good, "poison": self._author.poison, "skewed": self._author.skewed}[kind]
        sent = make(now_ms())
        self.ledger[sent.number] = sent
        self._waiting.append(sent)

    def _send(self, producer: Producer | None) -> Producer | None:
        """What fits; a producer that is stuck is replaced, and what it had is sent again."""
        if self._in_flight and time.monotonic() - self._progress_s > STUCK_S and producer is not None:
            self._given_up.append(producer)
            producer = None
            with self._turn:
                self._waiting.extendleft(reversed(list(self._in_flight.values())))
                self._in_flight.clear()
        while self._waiting and len(self._in_flight) < MAX_IN_FLIGHT:
            try:
                producer = producer or open_bus(self._config).producer()
            except BusUnavailable:
                return None
            sent = self._waiting.popleft()
            if not self._in_flight:
                self._progress_s = time.monotonic()
            with self._turn:
                self._in_flight[sent.number] = sent
            headers = (("n", str(sent.number).encode()),)
            message = Message(topic_of(sent.lane, self._config), sent.key, sent.value, headers)
            producer.send(message, lambda error, sent=sent: self._done(sent, error))  # type: ignore[misc]
        return producer

    def _done(self, sent: Sent, error: BusError | None) -> None:
        with self._turn:
            if error is None:
                self.acknowledged.add(sent.number)
                self._progress_s = time.monotonic()
                self._in_flight.pop(sent.number, None)
            elif self._in_flight.pop(sent.number, None) is not None:
                self._waiting.append(sent)
