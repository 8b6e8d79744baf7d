"""Dead letters: the original bytes with where they came from and why, and a limit beyond which the fault is likely ours."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import clusterctl
from clusterctl.bus import Message, Producer
from clusterctl.clock import Clock
from clusterctl.collector.block import Dead
from clusterctl.errors import BusError, BusUnavailable, QuotaExceeded

ACK_TIMEOUT_S = 30.0
MINUTE_S = 60.0
MAX_VALUE = 900_000
"""A dead letter must fit the topic with its headers; nothing of ours is that large."""


class Quota:
    """Stops the collector when a share of a minute's records, or a run of them, are dead letters."""

    def __init__(self, clock: Clock, share: float, floor: int, in_a_row: int) -> None:
        self._clock = clock
        self._share = share
        self._floor = floor
        self._in_a_row = in_a_row
        self._minute_s = clock.monotonic_s()
        self._records = self._dead = self._run = 0

    def good(self) -> None:
        """A record became rows."""
        self._turn()
        self._records += 1
        self._run = 0

    def bad(self, reason: str) -> None:
        """A record became a dead letter. Raises QuotaExceeded when it is one too many."""
        self._turn()
        self._records += 1
        self._dead += 1
        self._run += 1
        if self._run > self._in_a_row:
            raise QuotaExceeded(f"{self._run} dead letters in a row, the last: {reason}", hint=_HINT)
        if self._dead > max(self._floor, self._share * self._records):
            raise QuotaExceeded(
                f"{self._dead} of {self._records} records of a minute are dead letters, the last: {reason}", hint=_HINT
            )

    def _turn(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._minute_s >= MINUTE_S:
            self._minute_s, self._records, self._dead = now_s, 0, 0


_HINT = "stopping is safer than draining the topic: is this collector older than the agents?"


class DeadLetters:
    """The dead-letter topic."""

    def __init__(self, producer: Producer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    def put(self, letters: Sequence[Dead]) -> None:
        """Deliver them; acknowledged when it returns. Raises BusUnavailable if that takes too long.

        At least once: after a crash a letter may come again, with the same topic, partition and offset in its headers."""
        errors: list[BusError] = []
        left = threading.Semaphore(0)

        def done(error: BusError | None) -> None:
            if error is not None:
                errors.append(error)
            left.release()

        for letter in letters:
            self._producer.send(
                Message(self._topic, letter.record.key, letter.record.value[:MAX_VALUE], _headers(letter)), done
            )
        for _ in letters:
            if not left.acquire(timeout=ACK_TIMEOUT_S):
                raise BusUnavailable(f"{self._topic}: no acknowledgement within {ACK_TIMEOUT_S:.0f} s")
        if errors:
            raise errors[0]


def _headers(letter: Dead) -> tuple[tuple[str, bytes], ...]:
    record = letter.record
    return (
        ("topic", record.partition.topic.encode()),
        ("partition", str(record.partition.number).encode()),
        ("offset", str(record.offset).encode()),
        ("reason", letter.reason[:1_000].encode("utf-8", errors="replace")),
        ("code_version", clusterctl.__version__.encode()),
        *record.headers,
    )
