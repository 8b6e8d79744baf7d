"""GPU-minutes by state and job are what a count of single minutes gives, raw and rolled up, late rows included."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from clusterctl.analytics import rollup
from clusterctl.analytics.migrate import migrate
from clusterctl.analytics.reports.units import exposure_of
from clusterctl.clock import utc
from clusterctl.config import AnalyticsConfig
from clusterctl.schema import GPU_HOUR, JOB, KPI_DAY, NODE_STATE, PRESENCE, TOLD
from clusterctl.store import Store
from clusterctl.store.embedded import EmbeddedStore
from clusterctl.store.remote import RemoteStore
from tests.support.rolled import DAY_MS, HOUR_MS, MINUTE_MS, T0, insert, standing

CONFIG = AnalyticsConfig()
DAYS = 2
SUMS = ("node_minutes", "in_service", "known", "allocated", "expected", "drained", "planned", "allocation_known")
Days = dict[tuple[str, int], dict[str, int]]


@dataclass
class Fleet:
    """What was stored, by table."""

    presence: list[dict[str, Any]] = field(default_factory=list)
    states: list[dict[str, Any]] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)

    def store(self, store: Store, stored_ms: int) -> None:
        for table, rows in ((PRESENCE, self.presence), (NODE_STATE, self.states), (JOB, self.jobs), (TOLD, self.told)):
            insert(store, table, rows, stored_ms=stored_ms)

    def joined(self, other: Fleet) -> Fleet:
        return Fleet(
            *(ours + theirs for ours, theirs in zip(self.__dict__.values(), other.__dict__.values(), strict=True))
        )


def fleet(chance: random.Random, *, late: bool = False) -> Fleet:
    """Four nodes of eight GPUs, h3 without an agent. Of a late part only some."""
    made = Fleet()
    for host in ("h0", "h1", "h2"):
        for _ in range(1 if late else 4):
            begin = T0 + chance.randrange(DAYS * 1_440) * MINUTE_MS
            for number in range(chance.randrange(30 if late else 900)):
                seen = chance.choice([None, 8, 8, 8, 7])
                if (ts := begin + number * MINUTE_MS) < T0 + DAYS * DAY_MS:
                    made.presence.append(minute(host, ts, seen, chance.choice([None, None, 3])))
    for number in range(3 if late else 14):
        made.states.append(
            {
                "cluster": "c",
                "host": f"h{chance.randrange(4)}",
                "source": chance.choice(["slurm", "operator"]),
                "since": T0 + chance.randrange(-DAY_MS, DAYS * DAY_MS),
                "state": chance.choice(["in_service", "in_service", "drained", "repair", "planned", "unknown"]),
                "retired": int(chance.random() < 0.1),
                "gpus": chance.choice([8, 8, None]),
                "version": 1_000 * late + number + 1,
            }
        )
    for number in range(2 if late else 12):
        start = T0 + chance.randrange(-DAY_MS, DAYS * DAY_MS)
        end = start + chance.randrange(1, DAY_MS)
        made.jobs.append(
            job(
                f"h{chance.randrange(4)}",
                f"{late}{number}",
                start,
                chance.choice([end, end, None]),
                chance.choice([2, 4, 8]),
            )
        )
    for day in range(DAYS):
        if chance.random() < 0.6:
            since = T0 + day * DAY_MS
            span = chance.choice([(0, DAY_MS), (5 * HOUR_MS, DAY_MS), (0, 1_234_567)])
            made.told.append(told("jobs", since, *span, version=1 + late))
        if chance.random() < 0.6:
            made.told.append(told("states", T0 + day * DAY_MS, 0, DAY_MS, version=1 + late))
    return made


def minute(host: str, ts: int, in_service: int | None, allocated: int | None = None) -> dict[str, Any]:
    return {
        "cluster": "c", "host": host, "boot_id": "b", "ts": ts, "gpus_expected": 8, "gpus_seen": in_service,
        "gpus_in_service": in_service, "gpus_allocated": allocated,
    }  # fmt: skip


def job(host: str, name: str, start: int, end: int | None, gpus: int, boot_id: str = "") -> dict[str, Any]:
    same = {"cluster": "c", "job_id": name, "host": host, "gpus": gpus, "scheduler": "slurm", "boot_id": boot_id}
    return {**same, "ts": start, "ended_at": end}


def told(subject: str, day: int, since: int, until: int, *, version: int = 1) -> dict[str, Any]:
    same = {"cluster": "c", "subject": subject, "source": "slurm", "version": version}
    return {**same, "day": day, "since": day + since, "until": day + until}


class Counted:
    """The same by counting minutes one by one."""

    def __init__(self, fleet: Fleet) -> None:
        self.minutes = {(row["host"], row["ts"]): row for row in fleet.presence}
        self.watched = {row["host"] for row in fleet.presence}
        latest: dict[Any, dict[str, Any]] = {}
        for row in fleet.states:
            latest[row["host"], row["source"], row["since"]] = row
        self.states = sorted((row for row in latest.values() if not row["retired"]), key=lambda row: row["since"])
        self.jobs = {(row["job_id"], row["host"], row["ts"]): row for row in fleet.jobs if not row["boot_id"]}.values()
        self.told = {(row["subject"], row["day"]): row for row in fleet.told}

    def days(self, since: int, until: int) -> Days:
        found: Days = {}
        first = -(-since // MINUTE_MS) * MINUTE_MS
        for host in ("h0", "h1", "h2", "h3"):
            for ts in range(first, until, MINUTE_MS):
                counts = self.minute(host, ts)
                if any(counts.values()):
                    found.setdefault((host, ts // DAY_MS * DAY_MS), Counter()).update(counts)  # type: ignore[attr-defined]
        return found

    def minute(self, host: str, ts: int) -> Counter[str]:
        state, gpus = self.state(host, ts)
        held = sum(
            row["gpus"] for row in self.jobs if row["host"] == host and row["ts"] <= ts < (row["ended_at"] or ts + 1)
        )
        jobs_told = self.is_told("jobs", ts)
        row = self.minutes.get((host, ts))
        if row is None:
            return self.silent(host, state, gpus, held, jobs_told, self.is_told("states", ts))
        counts = Counter(node_minutes=1, expected=8)
        away = state in ("drained", "repair", "planned")
        service = None if state == "unknown" else 0 if away else row["gpus_in_service"]
        if service is not None:
            counts.update(known=8, in_service=service)
            taken = 0 if service == 0 else min(held, service) if jobs_told else row["gpus_allocated"]
            if taken is not None:
                counts.update(allocated=taken, allocation_known=8)
        return self.down(counts, state, 8)

    def silent(self, host: str, state: str, gpus: int, held: int, jobs_told: bool, states_told: bool) -> Counter[str]:
        away, agentless = state in ("drained", "repair", "planned"), host not in self.watched
        counts: Counter[str] = Counter()
        if away and (not agentless or states_told):
            counts.update(node_minutes=1, known=gpus, expected=gpus, allocation_known=gpus)
            return self.down(counts, state, gpus)
        if state == "in_service" and states_told:
            counts.update(expected=gpus)
            if agentless:
                counts.update(node_minutes=1, known=gpus, in_service=gpus)
                if jobs_told:
                    counts.update(allocated=min(held, gpus), allocation_known=gpus)
        if state == "" and agentless and held and jobs_told:
            counts.update(node_minutes=1, allocated=held, allocation_known=held)
        return counts

    @staticmethod
    def down(counts: Counter[str], state: str, gpus: int) -> Counter[str]:
        if state in ("drained", "repair"):
            counts.update(drained=gpus)
        if state == "planned":
            counts.update(planned=gpus)
        return counts

    def state(self, host: str, ts: int) -> tuple[str, int]:
        said = [row for row in self.states if row["host"] == host and row["since"] <= ts]
        known = [row["gpus"] for row in said if row["gpus"] is not None]
        return (said[-1]["state"] if said else "", known[-1] if known else 0)

    def is_told(self, subject: str, ts: int) -> bool:
        row = self.told.get((subject, ts // DAY_MS * DAY_MS))
        return row is not None and row["since"] <= ts < row["until"]


def between(store: Store, since: int, until: int) -> Days:
    sums = ", ".join(f"ifNull({name}, 0)" for name in SUMS)
    rows = store.query(
        f"SELECT host, toUnixTimestamp64Milli(day), {sums} FROM node_day_between(cluster = 'c', "
        "since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}) ORDER BY host, day",
        {"since": utc(since), "until": utc(until)},
    ).rows
    found: Days = {}
    for host, day, *values in rows:
        assert (host, day) not in found, "a node-day stands there once"
        found[host, day] = {name: value for name, value in zip(SUMS, values, strict=True) if value}
    return {key: sums_ for key, sums_ in found.items() if sums_}


def plain(days: Days) -> Days:
    return {key: {name: value for name, value in counts.items() if value} for key, counts in days.items()}


def windows(chance: random.Random) -> Iterator[tuple[int, int]]:
    yield T0, T0 + DAYS * DAY_MS
    since, until = sorted(chance.randrange(T0, T0 + DAYS * DAY_MS) for _ in range(2))
    yield since, until


@pytest.mark.parametrize("seed", range(2))
def test_minutes_are_counted_once_and_late_rows_are_taken_in(store: Store, seed: int) -> None:
    if isinstance(store, RemoteStore) or (seed and not isinstance(store, EmbeddedStore)):
        pytest.skip("the engine behind the socket is the embedded one, and of a server one fleet is enough")
    migrate(store)
    chance = random.Random(seed)
    first, second = fleet(chance), fleet(chance, late=True)
    first.store(store, T0)
    counted = Counted(first)
    for since, until in windows(chance):
        assert between(store, since, until) == plain(counted.days(since, until)), "read from what was stored"
    rolled_ms = T0 + DAYS * DAY_MS + HOUR_MS
    rollup.refresh(store, CONFIG, now_ms=rolled_ms)
    second.store(store, rolled_ms + 1_000)
    rollup.refresh(store, CONFIG, now_ms=rolled_ms + HOUR_MS)
    counted = Counted(first.joined(second))
    for since, until in windows(chance):
        assert between(store, since, until) == plain(counted.days(since, until)), "late rows rolled up"
    kept = standing(store, KPI_DAY)
    rollup.refresh(store, CONFIG, now_ms=rolled_ms + 2 * HOUR_MS)
    assert standing(store, KPI_DAY) == kept, "and then nothing is due"


def hours(share: tuple[int, int]) -> list[dict[str, Any]]:
    ticks, of = share
    return [
        {"cluster": "c", "host": "h0", "gpu_uuid": f"g{gpu}", "boot_id": "b", "hour": T0 + hour * HOUR_MS, "ticks": of,
         "job_ticks": ticks, "version": 1}
        for hour in range(24) for gpu in range(8)
    ]  # fmt: skip


def test_without_an_export_the_agents_job_ids_tell_and_where_nobody_tells_it_is_unknown(store: Store) -> None:
    migrate(store)
    insert(
        store,
        PRESENCE,
        [minute(host, T0 + number * MINUTE_MS, 8) for number in range(1_440) for host in ("h0", "h1")],
        stored_ms=T0,
    )
    insert(store, GPU_HOUR, hours((15, 60)), stored_ms=T0)
    insert(store, JOB, [job("h0", "seen by the agent", T0, None, 8, boot_id="b")], stored_ms=T0)
    days = {host: counts for (host, _), counts in between(store, T0, T0 + DAY_MS).items()}
    assert days["h0"]["allocated"] == 8 * 1_440 // 4
    assert days["h0"]["allocation_known"] == 8 * 1_440
    assert "allocated" not in days["h1"]
    assert "allocation_known" not in days["h1"]
    insert(store, TOLD, [told("jobs", T0, 0, DAY_MS)], stored_ms=T0)
    insert(store, JOB, [job("h1", "1", T0, T0 + 12 * HOUR_MS, 8)], stored_ms=T0)
    (seen,) = exposure_of(store, {"cluster": "c", "since": utc(T0), "until": utc(T0 + DAY_MS)})["whole"]
    assert (seen.gpu_days, seen.allocated) == (16, 4), "the scheduler's export counts where there is one"
