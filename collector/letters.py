"""Dead letters as they are read again: what each says of itself, which ones are wanted, and what lies there in all."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from clusterctl.bus import Bus, Message, Partition, Position, Record, dead_letter_topic
from clusterctl.clock import Clock
from clusterctl.collector.deadletter import MAX_VALUE, OWN_HEADERS
from clusterctl.config import Config
from clusterctl.errors import BusUnavailable

REPLAYS, FIRST_DEAD = "replays", "dead_ms"
"""Headers of our own: how often a message was put back, and when a letter first lay here."""
POLL_S = 0.2
SILENCE_S = 60.0
"""Letters that lie there and do not come for so long: somebody else holds the partition, or the broker is ill."""
MAX_REASONS = 200
"""Kinds of reasons that are told apart; what comes after them is counted together."""
OTHER_REASONS = "(further reasons)"
_NUMBER = re.compile(r"\d+")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


def replay_group(config: Config) -> str:
    """The group whose position parts letters that were put back from those that were not."""
    return f"{config.bus.group}-replay"


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter."""

    record: Record
    topic: str
    partition: int
    reason: str
    headers: tuple[tuple[str, bytes], ...]
    """Of the original message."""
    truncated: bool
    replays: int
    dead_ms: int

    def again(self) -> Message:
        """The original message, which says how often it was put back."""
        kept = tuple(header for header in self.headers if header[0] != REPLAYS)
        count = str(self.replays + 1).encode()
        return Message(self.topic, self.record.key, self.record.value, (*kept, (REPLAYS, count)))


def kept(record: Record) -> Message:
    """The same letter, for the end of the topic; it keeps the time at which it first lay there."""
    headers = record.headers
    if not headers or headers[-1][0] != FIRST_DEAD:
        headers = (*headers, (FIRST_DEAD, str(record.timestamp_ms).encode()))
    return Message(record.partition.topic, record.key, record.value, headers)


def letter_of(record: Record, topics: Sequence[str]) -> Letter | None:
    """The letter in a record; None if it is not ours, or names a topic that is not: nothing may be sent there."""
    own: dict[str, str] = {}
    headers = list(record.headers)
    while headers and len(own) < len(OWN_HEADERS) and headers[0][0] == OWN_HEADERS[len(own)]:
        name, value = headers.pop(0)
        own[name] = value.decode("utf-8", errors="replace")
    dead_ms = record.timestamp_ms
    try:
        if headers and headers[-1][0] == FIRST_DEAD:
            dead_ms = int(headers.pop()[1])
        replays = int(dict(headers).get(REPLAYS, b"0"))
        partition = int(own["partition"])
        # letters of before this header existed: full to the brim means cut
        size = int(own["bytes"]) if "bytes" in own else len(record.value) + (len(record.value) >= MAX_VALUE)
        topic, reason = own["topic"], own["reason"]
    except (KeyError, ValueError):
        return None
    if topic not in topics:
        return None
    truncated = size != len(record.value)
    return Letter(record, topic, partition, reason, tuple(headers), truncated, replays, dead_ms)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters are meant."""

    reason: str = ""
    since_ms: int = 0
    topic: str = ""
    partition: int | None = None

    def has(self, letter: Letter) -> bool:
        """Reasons by a part of their text, in any case; topics by their whole name."""
        return (
            self.reason.lower() in letter.reason.lower()
            and letter.dead_ms >= self.since_ms
            and self.topic in ("", letter.topic)
            and self.partition in (None, letter.partition)
        )


class LetterReader:
    """Reads the dead-letter topic once: from where the replay group stands to the end that it has now."""

    def __init__(self, bus: Bus, config: Config, clock: Clock, ends: Mapping[Partition, int] | None = None) -> None:
        self._clock = clock
        topic, group = dead_letter_topic(config), replay_group(config)
        standings = bus.standing(topic, group)
        self._next = {standing.partition: standing.start for standing in standings}
        self._ends = {s.partition: s.end if ends is None else ends.get(s.partition, 0) for s in standings}
        self.expired = sum(
            s.oldest - s.position.offset for s in standings if s.position and s.position.offset < s.oldest
        )
        """Letters that retention took before anybody put them back."""
        # a reader that commits nothing has a group of its own, so that it never takes the partition from a replay
        self._consumer = bus.consumer([topic], f"{group}-{uuid.uuid4().hex[:8]}" if ends is None else group, self)

    def batches(self) -> Iterator[list[Record]]:
        """Records of one partition, in order. Raises BusUnavailable when those that lie there do not come."""
        heard_s = self._clock.monotonic_s()
        while any(self._next[partition] < end for partition, end in self._ends.items()):
            fresh: dict[Partition, list[Record]] = {}
            for record in self._consumer.poll(POLL_S):
                if self._next[record.partition] <= record.offset < self._ends[record.partition]:
                    fresh.setdefault(record.partition, []).append(record)
            now_s = self._clock.monotonic_s()
            if not fresh and now_s - heard_s > SILENCE_S:
                raise BusUnavailable(
                    f"no dead letter came for {SILENCE_S:.0f} s", hint="is another replay running, or the broker down?"
                )
            for partition, records in fresh.items():
                heard_s = now_s
                yield records
                self._next[partition] = records[-1].offset + 1

    def passed(self, records: Sequence[Record]) -> None:
        """The group has done with these. Raises CommitRefused if another replay has taken over."""
        last = records[-1]
        self._consumer.commit(last.partition, Position(last.offset + 1))

    def close(self) -> None:
        self._consumer.close()

    def assigned(self, partitions: Sequence[Partition]) -> None:
        """Begin where this reading began, whatever the group has committed."""
        for partition in partitions:
            self._consumer.seek(partition, self._next[partition])

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """What was not committed is read by whoever comes next."""

    def lost(self, partitions: Sequence[Partition]) -> None:
        """As `revoked`."""


@dataclass
class Heap:
    """Letters of one topic that died of the same kind of reason."""

    topic: str
    reason: str
    example: str
    letters: int = 0
    truncated: int = 0
    replayed_before: int = 0
    first_ms: int = 0
    last_ms: int = 0

    def add(self, letter: Letter) -> None:
        self.first_ms = min(self.first_ms or letter.dead_ms, letter.dead_ms)
        self.last_ms = max(self.last_ms, letter.dead_ms)
        self.letters += 1
        self.truncated += letter.truncated
        self.replayed_before += letter.replays > 0


@dataclass
class Tally:
    """What lies in the topic and was not put back yet."""

    heaps: dict[tuple[str, str], Heap] = field(default_factory=dict)
    foreign: int = 0
    """Letters that are not ours."""
    expired: int = 0

    def add(self, letter: Letter | None) -> None:
        """Reasons that differ only in numbers and quoted text are of one kind; a bounded number of kinds is kept."""
        if letter is None:
            self.foreign += 1
            return
        kind = _NUMBER.sub("#", _QUOTED.sub("'…'", letter.reason))[:200]
        if (letter.topic, kind) not in self.heaps and len(self.heaps) >= MAX_REASONS:
            kind = OTHER_REASONS
        self.heaps.setdefault((letter.topic, kind), Heap(letter.topic, kind, letter.reason)).add(letter)


def tally(bus: Bus, config: Config, topics: Sequence[str], wanted: Wanted, clock: Clock) -> Tally:
    """Count the letters that are wanted. Changes nothing and disturbs nobody."""
    reader = LetterReader(bus, config, clock)
    found = Tally(expired=reader.expired)
    try:
        for records in reader.batches():
            for record in records:
                letter = letter_of(record, topics)
                if letter is None or wanted.has(letter):
                    found.add(letter)
    finally:
        reader.close()
    return found
