"""What the broker holds: is anything arriving, and what could not become rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from clusterctl.bus import Record
from clusterctl.clock import MS_PER_S
from clusterctl.config import Config
from clusterctl.doctor.finding import Finding, fail, graded, ok, span, unknown, warn
from clusterctl.doctor.patient import Patient
from clusterctl.doctor.registry import Needs, check, on_kafka
from clusterctl.terminal import clean

MS_PER_H = 3_600_000
NEWEST_READ = 500
"""Dead letters that are opened for their reasons; all of them are counted."""
TOP_REASONS = 3
MAX_REASON = 80


@dataclass(frozen=True, slots=True)
class ArrivalSeen:
    """The broker's time of the newest record of each topic, None where there is none yet."""

    newest_ms: dict[str, int | None]
    now_ms: int


def _arrival(patient: Patient) -> ArrivalSeen:
    with patient.broker() as admin:
        topics = [topic for topic in admin.topics(list(patient.lanes.values())) if topic.exists]
        stamps = admin.newest_ms(topics)
    newest = {
        topic.name: max((stamp for part, stamp in stamps.items() if part.topic == topic.name), default=None)
        for topic in topics
    }
    return ArrivalSeen(newest, patient.clock.now_ms())


@check(
    "arrival",
    read=_arrival,
    needs=Needs.BROKER,
    left_out=on_kafka,
    knobs=("doctor.fresh_warn_s", "doctor.fresh_fail_s"),
)
def arrival(seen: ArrivalSeen, config: Config) -> Iterator[Finding]:
    """Agents are sending: the age of the newest record of each stream. Every agent sends samples each second and a presence
    event each minute."""
    if not seen.newest_ms:
        yield unknown("streams", "there are no topics", "run: clusterctl topics apply")
    for topic, newest_ms in seen.newest_ms.items():
        if newest_ms is None:
            yield fail(
                topic,
                "nothing has ever arrived, or retention has removed it",
                "start agents with bus.kind = kafka; on a node: clusterctl agent status",
            )
            continue
        age_s = max(0.0, (seen.now_ms - newest_ms) / MS_PER_S)
        yield graded(
            topic,
            f"the newest record is {span(age_s)} old",
            "no agent gets through: on a node, clusterctl agent status (spool_bytes, publish_refused)",
            age_s,
            config.doctor.fresh_warn_s,
            config.doctor.fresh_fail_s,
        )


@dataclass(frozen=True, slots=True)
class DeadSeen:
    """Dead letters: how many lie in the topic and how many came of late, with the reasons of the newest of them."""

    there: bool
    total: int = 0
    hour: int = 0
    day: int = 0
    newest_ms: int | None = None
    reasons: tuple[tuple[str, int], ...] = ()
    opened: int = 0
    now_ms: int = 0


def _dead(patient: Patient) -> DeadSeen:
    now_ms = patient.clock.now_ms()
    with patient.broker() as admin:
        topics = admin.topics([patient.dead_topic])
        if not topics[0].exists:
            return DeadSeen(False)
        standings = admin.standings(topics, patient.config.bus.group)
        hour = admin.counted_since(topics, now_ms - MS_PER_H)
        day = admin.counted_since(topics, now_ms - 24 * MS_PER_H)
        latest = {s.partition: max(s.begin, s.end - NEWEST_READ) for s in standings if s.end > s.begin}
        records = admin.records(latest, NEWEST_READ)
    newest_ms = max((s.newest_ms for s in standings if s.newest_ms is not None), default=None)
    reasons = Counter(_reason(record) for record in records).most_common(TOP_REASONS)
    total = sum(s.end - s.begin for s in standings)
    return DeadSeen(True, total, hour, day, newest_ms, tuple(reasons), len(records), now_ms)


def _reason(record: Record) -> str:
    return dict(record.headers).get("reason", b"no reason given").decode("utf-8", errors="replace")


@check(
    "dead letters",
    read=_dead,
    needs=Needs.BROKER,
    left_out=on_kafka,
    knobs=("doctor.dead_warn_per_h", "doctor.dead_fail_per_h"),
)
def dead_letters(seen: DeadSeen, config: Config) -> Iterator[Finding]:
    """Messages that could not become rows: how many in the last hour and day, the newest, and the commonest reasons."""
    if not seen.there:
        yield fail(
            "dead letters",
            "there is no topic for them: a bad message stops the collector",
            "run: clusterctl topics apply",
        )
        return
    if not seen.total:
        yield ok("dead letters", "none")
        return
    age = "of unknown age" if seen.newest_ms is None else f"{span((seen.now_ms - seen.newest_ms) / MS_PER_S)} old"
    told = "; ".join(f"{count} x {clean(reason, MAX_REASON)}" for reason, count in seen.reasons)
    text = (
        f"{seen.hour:,} in the last hour, {seen.day:,} in a day, {seen.total:,} kept; the newest is {age}. "
        f"Of the newest {seen.opened:,}: {told or 'no reasons could be read'}"
    )
    do = "cure the cause (an agent of another version, a wrong clock), then: clusterctl collect replay-dead"
    if seen.hour >= config.doctor.dead_fail_per_h:
        yield fail("dead letters", text, do)
    elif seen.hour >= config.doctor.dead_warn_per_h:
        yield warn("dead letters", text, do)
    else:
        yield ok("dead letters", text)
