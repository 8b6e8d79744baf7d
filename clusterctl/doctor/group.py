"""The collectors as the broker sees them: who is there, how far they have read, what they promised."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clusterctl.bus import Partition
from clusterctl.bus.facts import GroupFacts, Standing
from clusterctl.clock import MS_PER_S
from clusterctl.config import Config
from clusterctl.doctor.finding import Finding, fail, graded, ok, span, unknown, warn
from clusterctl.doctor.patient import Patient
from clusterctl.doctor.registry import Needs, check, on_kafka
from clusterctl.schema.verdict import State

WATCH_S = 3.0
"""A note that stands through this is not one of a collector at work, which settles several blocks a minute."""
START = "start a collector: clusterctl collect (or systemctl start clusterctl-collector)"
MAX_LISTED = 8


@dataclass(frozen=True, slots=True)
class GroupSeen:
    """The group, and the partitions that someone should own."""

    group: GroupFacts
    partitions: tuple[Partition, ...]


def _group(patient: Patient) -> GroupSeen:
    with patient.broker() as admin:
        topics = admin.topics(list(patient.lanes.values()))
        partitions = tuple(Partition(topic.name, part.number) for topic in topics for part in topic.partitions)
        return GroupSeen(admin.group(patient.config.bus.group), partitions)


@check("collectors", read=_group, needs=Needs.BROKER, left_out=on_kafka)
def collectors(seen: GroupSeen, config: Config) -> Iterator[Finding]:
    """The group has members, and every partition an owner. A collector with bus.instance_id that died keeps its place for
    bus.session_timeout_s."""
    members, owned = seen.group.members, {part for member in seen.group.members for part in member.partitions}
    subject = f"group {seen.group.name}"
    orphans = [part for part in seen.partitions if part not in owned]
    if not members:
        yield fail(subject, f"no collector is running (group state {seen.group.state}); records wait in Kafka", START)
    elif "rebalance" in seen.group.state.lower():
        yield warn(
            subject,
            f"{len(members)} collectors are sharing out partitions ({seen.group.state})",
            "look again in a minute; if it goes on, a collector joins and leaves: see its log",
        )
    elif orphans:
        yield fail(
            subject,
            f"{len(orphans)} of {len(seen.partitions)} partitions have no owner: {_listed(orphans)}",
            "restart the collectors; if one was replaced, check that bus.instance_id is unique",
        )
    elif not seen.partitions:
        yield unknown(subject, "there are no topics to own", "run: clusterctl topics apply")
    else:
        names = ", ".join(
            f"{member.name} at {member.host}: {len(member.partitions)}" for member in members[:MAX_LISTED]
        )
        yield ok(subject, f"{len(members)} collectors own all {len(seen.partitions)} partitions ({names})")


def _listed(partitions: Sequence[Partition]) -> str:
    shown = ", ".join(f"{part.topic}/{part.number}" for part in partitions[:MAX_LISTED])
    return shown + (f" and {len(partitions) - MAX_LISTED} more" if len(partitions) > MAX_LISTED else "")


@dataclass(frozen=True, slots=True)
class Reading:
    """How far a topic has been read. `oldest_ms` is the broker's time of the oldest unread record of all partitions, None
    when all is read; `unseen` counts partitions whose oldest record could not be had, `offline` those without a leader."""

    topic: str
    standings: tuple[Standing, ...]
    oldest_ms: int | None
    unseen: int = 0
    offline: int = 0


@dataclass(frozen=True, slots=True)
class LagSeen:
    """All topics, at one moment of this machine's clock."""

    readings: tuple[Reading, ...]
    now_ms: int


def _lag(patient: Patient) -> LagSeen:
    with patient.broker() as admin:
        topics = admin.topics(list(patient.lanes.values()))
        standings = admin.standings(topics, patient.config.bus.group)
        behind = {s.partition: max(s.next_offset, s.begin) for s in standings if s.unread}
        stamps = {record.partition: record.timestamp_ms for record in admin.records(behind)}
    readings = []
    for topic in topics:
        own = tuple(s for s in standings if s.partition.topic == topic.name)
        found = [stamps[s.partition] for s in own if s.partition in stamps]
        unseen = sum(s.unread > 0 and s.partition not in stamps for s in own)
        offline = sum(part.leader is None for part in topic.partitions)
        readings.append(Reading(topic.name, own, min(found, default=None), unseen, offline))
    return LagSeen(tuple(readings), patient.clock.now_ms())


@check(
    "lag",
    read=_lag,
    needs=Needs.BROKER,
    left_out=on_kafka,
    knobs=("doctor.lag_warn_s", "doctor.lag_fail_s"),
)
def lag(seen: LagSeen, config: Config) -> Iterator[Finding]:
    """How far the collectors are behind the end of each topic, in records and in the age of the oldest unread one; and
    records that retention removed before they were read, or a position beyond the end."""
    for reading in seen.readings:
        yield from _read_so_far(reading, seen.now_ms, config)


def _read_so_far(reading: Reading, now_ms: int, config: Config) -> Iterator[Finding]:
    if not reading.standings and not reading.offline:
        yield unknown(reading.topic, "there is no such topic", "run: clusterctl topics apply")
        return
    wrong = [*_out_of_range(reading)]
    if reading.offline:
        seen = f"{reading.offline} partitions have no leader: how far they are read cannot be told"
        wrong.append(unknown(reading.topic, seen, "see the findings on the replicas of topics"))
    yield from wrong
    unread = sum(s.unread for s in reading.standings)
    if unread:
        yield _behind(reading, unread, now_ms, config)
    elif not wrong:
        yield ok(reading.topic, f"all of {sum(s.end - s.begin for s in reading.standings):,} records are read")


def _out_of_range(reading: Reading) -> Iterator[Finding]:
    lost = {s.partition: s.lost for s in reading.standings if s.lost}
    if lost:
        yield fail(
            reading.topic,
            f"{sum(lost.values()):,} records were removed before they were read, on {_listed(list(lost))}",
            "stop the collectors, then: clusterctl collect accept-loss; give the topic a longer retention (bus.retention_h)",
        )
    beyond = [s.partition for s in reading.standings if s.beyond]
    if beyond:
        yield fail(
            reading.topic,
            f"the group stands beyond the end of {_listed(beyond)}: the topic was made anew, or lost its last records",
            "stop the collectors, then: clusterctl collect accept-loss",
        )


def _behind(reading: Reading, unread: int, now_ms: int, config: Config) -> Finding:
    if reading.oldest_ms is None:
        seen = f"{unread:,} records are unread; the oldest could not be read in time"
        return unknown(reading.topic, seen, "raise doctor.deadline_s")
    age_s = max(0.0, (now_ms - reading.oldest_ms) / MS_PER_S)
    most = max(reading.standings, key=lambda s: s.unread)
    where = f"most on {_listed([most.partition])}: {most.unread:,}"
    seen = f"{unread:,} records are unread, the oldest is {span(age_s)} old; {where}"
    do = f"{START}, or another one; see what the running ones wait for: their log and /metrics"
    found = graded(reading.topic, seen, do, age_s, config.doctor.lag_warn_s, config.doctor.lag_fail_s)
    if reading.unseen and found.state is State.OK:
        blind = f"{seen}; of {reading.unseen} partitions it could not be read in time"
        return unknown(reading.topic, blind, "raise doctor.deadline_s")
    return found


@dataclass(frozen=True, slots=True)
class Promise:
    """A note in the journal: a block that was promised and is not settled. `age_s` is that of its oldest record;
    `stood_s` how long we watched the note without its moving, None if it moved."""

    partition: Partition
    begin: int
    end: int | None
    age_s: float | None
    stood_s: float | None


def _promises(patient: Patient) -> tuple[Promise, ...] | None:
    """Looked at twice if one may stand still: a note says nothing of when it was written."""
    limit_s = patient.config.doctor.note_warn_s
    with patient.broker() as admin:
        topics = admin.topics(list(patient.lanes.values()))
        standings = admin.standings(topics, patient.config.bus.group)
        noted = {s.partition: s for s in standings if s.note and not _left_over(s.note)}
        if not noted:
            return () if standings else None
        firsts = {part: max(s.next_offset, s.begin) for part, s in noted.items() if s.unread}
        stamps = {record.partition: record.timestamp_ms for record in admin.records(firsts)}
        now_ms = patient.clock.now_ms()
        ages = {part: (now_ms - stamp) / MS_PER_S for part, stamp in stamps.items()}
        still: set[Partition] = set()
        if any(ages.get(part, limit_s + 1) > limit_s for part in noted):
            patient.clock.sleep_s(WATCH_S)
            after = {s.partition: s for s in admin.standings(topics, patient.config.bus.group)}
            still = {
                part for part, s in noted.items() if (after[part].committed, after[part].note) == (s.committed, s.note)
            }
    return tuple(
        Promise(part, s.next_offset, _end(s.note), ages.get(part), WATCH_S if part in still else None)
        for part, s in noted.items()
    )


def _left_over(note: str) -> bool:
    """A note that promises no block, and only says which tables of a halved one are stored."""
    try:
        found = json.loads(note)
    except ValueError:
        return False
    return isinstance(found, dict) and "stored" in found and "end" not in found


def _end(note: str) -> int | None:
    """The promised end; None when the note is not ours."""
    try:
        return int(json.loads(note)["end"])
    except (ValueError, KeyError, TypeError):
        return None


@check("promised blocks", read=_promises, needs=Needs.BROKER, left_out=on_kafka, knobs=("doctor.note_warn_s",))
def promised(found: tuple[Promise, ...] | None, config: Config) -> Iterator[Finding]:
    """Blocks that a collector promised and did not settle: one that stands still waits for the store, or for its owner."""
    if found is None:
        yield unknown("journal", "there are no topics", "run: clusterctl topics apply")
        return
    wrong = 0
    for promise in found:
        subject = f"{promise.partition.topic}/{promise.partition.number}"
        if promise.end is None:
            wrong += 1
            yield fail(
                subject,
                "the group's note is not ours: another program commits in this group",
                "give the collectors a group of their own (bus.group)",
            )
        elif promise.stood_s is not None and (promise.age_s is None or promise.age_s > config.doctor.note_warn_s):
            wrong += 1
            age = "of unknown age" if promise.age_s is None else f"{span(promise.age_s)} old"
            yield warn(
                subject,
                f"offsets {promise.begin:,} to {promise.end:,} are promised and not stored; the oldest record is {age}",
                "see what the collector waits for (its log; retry_wait_s on /metrics); if none runs, "
                "start one: it does this block first",
            )
    if not wrong:
        yield ok("journal", f"{len(found)} blocks are under way, none stands still")
