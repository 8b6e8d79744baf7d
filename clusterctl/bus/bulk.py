"""Record batches that are made already, on their way to Kafka: bounded in flight, each with its verdict.

What `Producer` promises, for whole batches, and in the caller's own thread: a thread of its own would only take turns with
it. Order is not kept over a retry; samples need none.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from clusterctl.bus import Done
from clusterctl.errors import BusError, BusUnavailable

MAX_REQUESTS = 64
"""Requests without an answer; more are not taken."""
PATIENCE_S = 120.0
RETRY_S = 0.1
Answered = Callable[[Mapping[int, BusError | None]], None]


class Line(Protocol):
    """Connections to the brokers."""

    def partition_of(self, topic: str, key: bytes) -> int: ...

    def leader_of(self, topic: str, partition: int) -> int | None:
        """The broker to send to; None while nobody leads the partition, or nobody knows."""
        ...

    def post(self, leader: int, topic: str, batches: Mapping[int, bytes], answered: Answered) -> None:
        """One request with a batch a partition. `answered` has a verdict for each of them, from inside `poll`."""
        ...

    def poll(self, timeout_s: float) -> None:
        """Write and read, and wait for something to read for at most this long."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Request:
    topic: str
    batches: Mapping[int, bytes]
    done: Done
    until_s: float


class Bulk:
    """Not thread-safe."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._waiting: deque[_Request] = deque()
        self._in_flight = 0
        self._not_before_s = 0.0
        self.retries = 0
        """Batches that had to be sent again."""

    def partition_of(self, topic: str, key: bytes) -> int:
        """Where the producers of agents put this key."""
        return self._line.partition_of(topic, key)

    @property
    def due(self) -> int:
        """Requests without a verdict."""
        return self._in_flight + len(self._waiting)

    def send(self, topic: str, batches: Mapping[int, bytes], done: Done) -> None:
        """A batch for each of several partitions, which Kafka takes in one request; `done` is told the verdict of each.
        Waits for verdicts of earlier ones when too many are due."""
        while self.due >= MAX_REQUESTS:
            self.poll(RETRY_S)
        self._waiting.append(_Request(topic, batches, done, time.monotonic() + PATIENCE_S))
        self._go()

    def poll(self, timeout_s: float) -> None:
        """Hear verdicts, and wait for them for at most this long."""
        self._go()
        self._line.poll(timeout_s)

    def close(self, timeout_s: float) -> None:
        """Give what is under way `timeout_s` to finish; the rest gets no verdict."""
        until_s = time.monotonic() + timeout_s
        while self.due and time.monotonic() < until_s:
            self.poll(RETRY_S)
        self._line.close()

    def _go(self) -> None:
        if time.monotonic() < self._not_before_s:
            return
        for _ in range(len(self._waiting)):
            self._post(self._waiting.popleft())

    def _post(self, request: _Request) -> None:
        """To each broker that leads some of the partitions."""
        by_leader: dict[int | None, dict[int, bytes]] = {}
        for partition, batch in request.batches.items():
            by_leader.setdefault(self._line.leader_of(request.topic, partition), {})[partition] = batch
        for leader, batches in by_leader.items():
            part = _Request(request.topic, batches, request.done, request.until_s)
            if leader is None:
                self._judge(part, dict.fromkeys(batches, BusUnavailable("a partition has no leader")))
                continue
            self._in_flight += 1
            self._line.post(leader, request.topic, batches, partial(self._answered, part))

    def _answered(self, request: _Request, verdicts: Mapping[int, BusError | None]) -> None:
        self._in_flight -= 1
        self._judge(request, verdicts)

    def _judge(self, request: _Request, verdicts: Mapping[int, BusError | None]) -> None:
        """What time can cure is sent again while there is time."""
        again = {}
        for partition, error in verdicts.items():
            if isinstance(error, BusUnavailable) and time.monotonic() < request.until_s:
                again[partition] = request.batches[partition]
            else:
                request.done(error)
        if again:
            self.retries += len(again)
            self._not_before_s = time.monotonic() + RETRY_S
            self._waiting.append(_Request(request.topic, again, request.done, request.until_s))
