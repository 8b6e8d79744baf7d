"""Incidents computed step by step, in any order of arrival, are those computed from everything at once; on each store."""

from __future__ import annotations

import os
import random
import time
from typing import Any

import pytest

from clusterctl.analytics.incidents.lifecycle import act, listed
from clusterctl.analytics.incidents.refresh import LAST_RUN, refresh
from clusterctl.analytics.migrate import migrate
from clusterctl.analytics.rollup import NOW
from clusterctl.analytics.write import current_rows, insert_rows
from clusterctl.config import AnalyticsConfig
from clusterctl.schema import EVENT, INCIDENT, INCIDENT_RUN, JOB, NODE_STATE, PRESENCE, Table
from clusterctl.store import Store
from clusterctl.store.remote import RemoteStore

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
START = 1_780_000_000_000
END = START + 40 * DAY
NODES = [f"n{number}" for number in range(8)]
CODES = [
    ("xid", "79"),
    ("xid", "48"),
    ("xid", "31"),
    ("xid", "45"),
    ("xid", "63"),
    ("xid", "119"),
    ("mce", "uncorrected"),
]
SEED = int(os.environ.get("CLUSTERCTL_SEED", "0"))
Stored = tuple[Table, dict[str, Any]]


def envelope(cluster: str) -> dict[str, Any]:
    return {"cluster": cluster, "boot_id": "", "seq": 0, "schema_version": 3, "bus_partition": 0, "bus_offset": 0}


def event(cluster: str, node: str, at: int, kind: str, code: str, element: str = "") -> Stored:
    fields = f'{{"element": "{element}"}}' if element else "{}"
    return EVENT, {
        **envelope(cluster), "host": node, "ts": at, "last_ts": at, "count": 1, "kind": kind, "code": code,
        "severity": "fail", "source": "import:x", "source_seq": at, "pci": "0000:4e:00.0", "gpu_uuid": "", "process": "",
        "driver_version": "580.95.05", "ts_source": "wall", "text": f"{kind} {code}", "fields": fields}  # fmt: skip


def state(cluster: str, node: str, at: int, word: str) -> Stored:
    return NODE_STATE, {
        "cluster": cluster, "host": node, "source": "slurm", "since": at, "state": word, "raw_state": word.upper(),
        "reason": "", "said_by": "", "retired": 0, "version": 1}  # fmt: skip


def job(cluster: str, name: str, owner: str, nodes: list[str], since: int, until: int, end: str) -> list[Stored]:
    row = {
        **envelope(cluster), "ts": since, "job_id": name, "owner": owner, "scheduler": "slurm", "gpus": 8,
        "end_state": end, "ended_at": until, "exit_code": 1, "wanted_end": None}  # fmt: skip
    return [(JOB, {**row, "host": node}) for node in nodes]


def drawn(cluster: str, chance: random.Random) -> list[Stored]:
    """Forty days of a small fleet in which everything happens close to everything else."""
    rows: list[Stored] = []
    for number in range(12):
        at = START + chance.randrange(40 * DAY)
        nodes = chance.sample(NODES, chance.randint(1, 4))
        end = chance.choice(["FAILED", "NODE_FAIL", "COMPLETED"])
        rows += job(cluster, f"j{number}", chance.choice("abc"), nodes, at - DAY, at, end)
        for node in nodes:
            if chance.random() < 0.7:
                kind, code = chance.choice([*CODES, ("collective_timeout", "")])
                rows.append(event(cluster, node, at + chance.randint(-12, 7) * MINUTE, kind, code))
    for _ in range(25):
        kind, code = chance.choice(CODES)
        rows.append(event(cluster, chance.choice(NODES), START + chance.randrange(40 * DAY), kind, code))
    for _ in range(4):
        at = START + chance.randrange(40 * DAY)
        for node in chance.sample(NODES, 3):
            rows.append(event(cluster, node, at + chance.randrange(2_000), "ib_link", "link_down", "S1"))
    for node in NODES:
        times = sorted(chance.randrange(START, END) for _ in range(6))
        for place, at in enumerate(times):
            rows.append(state(cluster, node, at, ["in_service", "drained", "in_service", "planned"][place % 4]))
    return rows


def put(store: Store, rows: list[Stored]) -> None:
    for table in (EVENT, NODE_STATE, JOB):
        insert_rows(store, table, [row for where, row in rows if where is table])


def settle(store: Store, cluster: str, rules: str = "") -> None:
    """As if nothing stored so far could still be on its way: the next pass looks at later rows alone."""
    time.sleep(1.1)  # rows are stamped with whole seconds
    now_ms = NOW.one(store).now_ms
    name = rules or LAST_RUN.one(store, cluster=cluster).rules
    settled = now_ms // 1_000 * 1_000
    insert_rows(
        store, INCIDENT_RUN, [{"cluster": cluster, "rules": name, "settled_at": settled, "version": now_ms + 1}]
    )
    time.sleep(0.01)


def told(store: Store, cluster: str) -> dict[str, dict[str, Any]]:
    rows = current_rows(store, INCIDENT, cluster, "events")
    return {row["incident_id"]: {**row, "version": 0, "cluster": ""} for row in rows}


@pytest.mark.parametrize("seed", range(int(os.environ.get("CLUSTERCTL_SEEDS", "2"))))
def test_step_by_step_is_the_same_as_all_at_once(store: Store, seed: int) -> None:
    if isinstance(store, RemoteStore):
        pytest.skip("the engine behind the socket is the embedded one")
    migrate(store)
    chance = random.Random(seed + SEED)
    cluster = f"steps{seed}"
    rows = drawn(cluster, chance)
    by_time = sorted(rows, key=lambda row: row[1].get("ts", row[1].get("since", 0)))
    late = [by_time.pop(chance.randrange(len(by_time))) for _ in range(8)]
    config = AnalyticsConfig()
    size = len(by_time) // 4 + 1
    as_of_ms = 0
    for number, first in enumerate(range(0, len(by_time), size)):
        part = by_time[first : first + size] + late[number * 2 : number * 2 + 2]
        chance.shuffle(part)
        put(store, part)
        as_of_ms = max(as_of_ms, *(row[1].get("ts", row[1].get("since", 0)) for row in part))
        refresh(store, cluster, config, as_of_ms)
        settle(store, cluster)
    refresh(store, cluster, config, END + 30 * DAY)
    stepped = told(store, cluster)
    settle(store, cluster, rules="others")
    changed = refresh(store, cluster, config, END + 30 * DAY)
    whole = told(store, cluster)
    assert len(whole) > 20
    differing = {
        name: {
            key: (stepped.get(name, {}).get(key), value)
            for key, value in row.items()
            if stepped.get(name, {}).get(key) != value
        }
        for name, row in whole.items()
        if name in stepped and stepped[name] != row
    }
    assert not differing, differing
    assert stepped.keys() == whole.keys()
    assert changed == 0


def presence(cluster: str, node: str, minutes: range) -> list[dict[str, Any]]:
    row = {
        **envelope(cluster), "host": node, "gpus_expected": 8, "ticks_expected": 60, "ticks_done": 60,
        "log_records_lost": 0, "node_state": "unknown", "blind": "", "gpus_seen": 8}  # fmt: skip
    return [{**row, "ts": START + minute * MINUTE} for minute in minutes]


def the_only(store: Store, cluster: str) -> dict[str, Any]:
    (row,) = told(store, cluster).values()
    return row


def test_a_close_is_taken_back_however_long_after(store: Store) -> None:
    migrate(store)
    cluster, now_ms = "takenback", START + 5 * DAY
    put(store, [event(cluster, "n0", START, "xid", "79"), state(cluster, "n0", START + HOUR, "drained")])
    refresh(store, cluster, AnalyticsConfig(), now_ms)
    for action, at_ms, closed_by in (("close", START + DAY, "operator"), ("reopen", START + 4 * DAY, None)):
        settle(store, cluster)
        (open_,) = listed(store, cluster)
        act(store, open_, action, "night shift", "", at_ms)
        refresh(store, cluster, AnalyticsConfig(), now_ms)
        assert the_only(store, cluster)["closed_by"] == closed_by


def test_minutes_that_come_late_fill_a_silence_that_was_closed_already(store: Store) -> None:
    migrate(store)
    cluster, now_ms = "latefill", START + 4 * DAY
    insert_rows(store, PRESENCE, presence(cluster, "n0", range(0, 60)))
    insert_rows(store, PRESENCE, presence(cluster, "n0", range(3_000, 5_760)))
    refresh(store, cluster, AnalyticsConfig(), now_ms)
    assert (the_only(store, cluster)["impact"], the_only(store, cluster)["closed_by"]) == ("gap", "quiet")
    settle(store, cluster)
    insert_rows(store, PRESENCE, presence(cluster, "n0", range(60, 3_000)))
    refresh(store, cluster, AnalyticsConfig(), now_ms)
    assert told(store, cluster) == {}


def test_another_owner_days_later_makes_the_first_program_innocent_too(store: Store) -> None:
    migrate(store)
    cluster, now_ms = "innocent", START + 10 * DAY
    for number, owner in enumerate("ab"):
        at = START + number * 5 * DAY
        put(store, job(cluster, f"j{number}", owner, ["n0"], at - HOUR, at + MINUTE, "FAILED"))
        put(store, [event(cluster, "n0", at, "xid", "31")])
        refresh(store, cluster, AnalyticsConfig(), now_ms)
        classes = {row["class"] for row in told(store, cluster).values()}
        assert (len(told(store, cluster)), classes) == (number + 1, {["user", "hardware"][number]})
        settle(store, cluster)


def test_what_is_announced_or_misdated_is_no_incident_before_its_time(store: Store) -> None:
    migrate(store)
    cluster, ahead = "ahead", NOW.one(store).now_ms + DAY
    rows = [event(cluster, "n0", ahead, "xid", "79"), state(cluster, "n1", ahead, "drained")]
    put(store, rows)
    refresh(store, cluster, AnalyticsConfig(), ahead - HOUR)
    assert told(store, cluster) == {}
    settle(store, cluster)
    refresh(store, cluster, AnalyticsConfig(), ahead + HOUR)
    assert sorted(row["node"] for row in told(store, cluster).values()) == ["n0", "n1"]
