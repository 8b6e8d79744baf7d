"""Put dead letters back where they came from, once what killed them is mended.

The replay group's position parts what was dealt with from what was not. It moves over a letter only after the message that
was sent for it is acknowledged: a crash repeats, and never loses. A letter that is passed over and not meant is put at the
end of the topic first, so that the position can move past it. docs/delivery.md says why not otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from clusterctl.bus import Bus, Message, Partition, Record, topic_of
from clusterctl.clock import Clock
from clusterctl.collector.deadletter import deliver
from clusterctl.collector.letters import LetterReader, Wanted, kept, letter_of
from clusterctl.config import Config
from clusterctl.schema import Lane

CLOSE_S = 5.0


@dataclass
class Plan:
    """What a replay would do, and up to where in each partition it would go."""

    replay: int = 0
    truncated: int = 0
    """Wanted, but cut when they died: their bytes are not what was sent."""
    other: int = 0
    """Not wanted."""
    foreign: int = 0
    """Not ours."""
    expired: int = 0
    """Gone by retention."""
    ends: dict[Partition, int] = field(default_factory=dict)


@dataclass
class Done:
    """What a replay did."""

    replayed: int = 0
    kept: int = 0


def origins(config: Config) -> list[str]:
    """The topics that a letter may go back to."""
    return [topic_of(lane, config) for lane in Lane]


def plan(bus: Bus, config: Config, wanted: Wanted, limit: int | None, clock: Clock) -> Plan:
    """Read all letters and change nothing. Not more than `limit` are to be replayed, None for all."""
    topics = origins(config)
    reader = LetterReader(bus, config, clock)
    made = Plan(expired=reader.expired)
    try:
        for records in reader.batches():
            for record in records:
                _judge(made, record, topics, wanted, limit)
    finally:
        reader.close()
    return made


def _judge(made: Plan, record: Record, topics: Sequence[str], wanted: Wanted, limit: int | None) -> None:
    letter = letter_of(record, topics)
    if letter is None:
        made.foreign += 1
    elif not wanted.has(letter):
        made.other += 1
    elif letter.truncated:
        made.truncated += 1
    elif limit is None or made.replay < limit:
        made.replay += 1
        made.ends[record.partition] = record.offset + 1


def replay(bus: Bus, config: Config, wanted: Wanted, planned: Plan, clock: Clock) -> Done:
    """Do what was planned. Raises BusError if a message is not taken; what was acknowledged until then stays done."""
    done = Done()
    if not planned.ends:
        return done
    topics = origins(config)
    producer = bus.producer()
    reader = LetterReader(bus, config, clock, planned.ends)
    try:
        for records in reader.batches():
            messages = [_message(record, topics, wanted) for record in records]
            deliver(producer, messages)
            reader.passed(records)
            back = sum(message.topic in topics for message in messages)
            done.replayed += back
            done.kept += len(messages) - back
    finally:
        reader.close()
        producer.close(CLOSE_S)
    return done


def _message(record: Record, topics: Sequence[str], wanted: Wanted) -> Message:
    """To where it came from, or to the end of the dead letters."""
    letter = letter_of(record, topics)
    if letter is None or letter.truncated or not wanted.has(letter):
        return kept(record)
    return letter.again()
