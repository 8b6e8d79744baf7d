"""Dead letters: the original bytes with where they came from and why."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import clusterctl
from clusterctl.bus import Message, Producer
from clusterctl.collector.block import Dead
from clusterctl.errors import BusError, BusUnavailable

ACK_TIMEOUT_S = 30.0
MAX_VALUE = 900_000
MAX_KEY, MAX_HEADERS, MAX_HEADER = 1_024, 16, 1_024
"""Agents send a host's name and one short header; what a stranger put beside them is cut."""
"""A dead letter must fit the topic with its headers; nothing of ours is that large. A longer one is cut, and says so."""
OWN_HEADERS = ("topic", "partition", "offset", "reason", "code_version", "bytes")
"""What a letter says of itself, before the headers of the original."""


class DeadLetters:
    """The dead-letter topic."""

    def __init__(self, producer: Producer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    def put(self, letters: Sequence[Dead]) -> None:
        """Deliver them; acknowledged when it returns. Raises BusUnavailable if that takes too long.

        At least once: after a crash a letter may come again, with the same topic, partition and offset in its headers."""
        deliver(
            self._producer,
            [
                Message(self._topic, letter.record.key[:MAX_KEY], letter.record.value[:MAX_VALUE], _headers(letter))
                for letter in letters
            ],
        )


def deliver(producer: Producer, messages: Sequence[Message]) -> None:
    """Send them; acknowledged when it returns. Raises BusUnavailable if that takes too long, else the first refusal."""
    errors: list[BusError] = []
    left = threading.Semaphore(0)

    def done(error: BusError | None) -> None:
        if error is not None:
            errors.append(error)
        left.release()

    for message in messages:
        producer.send(message, done)
    for _ in messages:
        if not left.acquire(timeout=ACK_TIMEOUT_S):
            raise BusUnavailable(f"{messages[0].topic}: no acknowledgement within {ACK_TIMEOUT_S:.0f} s")
    if errors:
        raise errors[0]


def _headers(letter: Dead) -> tuple[tuple[str, bytes], ...]:
    record = letter.record
    own = (
        record.partition.topic,
        str(record.partition.number),
        str(record.offset),
        letter.reason[:1_000],
        clusterctl.__version__,
        str(len(record.value)),
    )
    named = zip(OWN_HEADERS, (value.encode("utf-8", errors="replace") for value in own), strict=True)
    kept = ((name[:MAX_HEADER], value[:MAX_HEADER]) for name, value in record.headers[:MAX_HEADERS])
    return (*named, *kept)
