"""What the doctor concludes from facts of the store, of hosts and of this node: worked examples, no engine needed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from clusterctl.analytics import doctor as asked
from clusterctl.config import Config
from clusterctl.doctor import clocks, freshness, local_bus, node, parts, server
from clusterctl.doctor.finding import Finding
from clusterctl.errors import ServerError, StoreUnavailable
from clusterctl.schema import TABLES
from clusterctl.schema.verdict import State

CONFIG = Config()
SERVER = replace(CONFIG, store=replace(CONFIG.store, kind="clickhouse"))
NOW = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
NOW_MS = 1_800_000_000_000
ENGINE = (
    "ReplacingMergeTree PARTITION BY toDate(ts) ORDER BY (host, ts) SETTINGS non_replicated_deduplication_window = 10000, "
    "replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, index_granularity = 8192"
)


def states(findings: Any) -> list[State]:
    return [finding.state for finding in findings]


def only(findings: Any) -> Finding:
    found = list(findings)
    assert len(found) == 1, found
    return found[0]


# -- the server --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        (
            asked.ServerRow("26.7.2.1", "default", 7_200, NOW, 0),
            State.OK,
            "ClickHouse 26.7.2.1, up 2.0 h, as user default",
        ),
        (asked.ServerRow("24.8.1", "default", 60, NOW, 0), State.WARN, "older"),
        (StoreUnavailable("ClickHouse does not answer: refused", hint="is it up?"), State.FAIL, "refused"),
        (ServerError(516, "Authentication failed"), State.FAIL, "wrong password"),
        (ServerError(81, "Database q does not exist"), State.FAIL, "no database clusterctl"),
        (ServerError(159, "too slow"), State.FAIL, "too slow"),
    ],
)
def test_the_store(found: Any, state: State, words: str) -> None:
    finding = only(server.server(found, SERVER))
    assert finding.state is state
    assert words in finding.seen
    assert finding.do or state is State.OK


@pytest.mark.parametrize(
    ("readonly", "granted", "state"),
    [
        (0, True, State.OK),
        (0, False, State.FAIL),
        (0, None, State.UNKNOWN),
        (1, True, State.FAIL),
        (2, True, State.FAIL),
    ],
)
def test_rights(readonly: int, granted: bool | None, state: State) -> None:
    assert only(server.rights(server.RightsSeen(readonly, granted), SERVER)).state is state


def test_the_schema() -> None:
    right = server.SchemaSeen((), (), 0, ())
    assert only(server.schema(right, SERVER)).state is State.OK
    behind = only(server.schema(replace(right, missing=("0002_x.sql",), drift=("a.b: not declared",)), SERVER))
    assert (behind.state, behind.do) == (State.FAIL, "run: clusterctl migrate"), (
        "a missing migration explains the drift"
    )
    drifted = only(server.schema(replace(right, drift=tuple(f"t.c{n}: not declared" for n in range(5))), SERVER))
    assert drifted.state is State.FAIL
    assert "5 columns differ" in drifted.seen
    assert "and 2 more" in drifted.seen
    assert only(server.schema(replace(right, rewritten=("0001.sql",)), SERVER)).state is State.FAIL
    assert only(server.schema(replace(right, newer=1), SERVER)).state is State.WARN


def test_deduplication_windows_are_read_back() -> None:
    engines = {table.name: ENGINE for table in TABLES}
    settings = {"async_insert": "1"}
    assert states(server.deduplication(server.SettingsSeen(settings, engines), SERVER)) == [State.OK, State.OK]
    engines["gpu_sample"] = ENGINE.replace("non_replicated_deduplication_window = 10000, ", "")
    engines["event"] = ENGINE.replace(
        "non_replicated_deduplication_window = 10000", "non_replicated_deduplication_window = 5"
    )
    found = [f for f in server.deduplication(server.SettingsSeen(settings, engines), SERVER) if f.state is State.FAIL]
    assert {f.subject: f.seen for f in found} == {
        "gpu_sample": "non_replicated_deduplication_window is the default",
        "event": "non_replicated_deduplication_window is 5",
    }
    assert found[0].do.startswith("ALTER TABLE gpu_sample MODIFY SETTING non_replicated_deduplication_window = 10000")


def test_a_replicated_table_is_judged_by_its_own_windows() -> None:
    engine = ENGINE.replace("ReplacingMergeTree", "ReplicatedReplacingMergeTree('/x', '{replica}')", 1)
    short = engine.replace("window_seconds = 604800", "window_seconds = 3600").replace("non_replicated", "non_x")
    found = list(server.deduplication(server.SettingsSeen({}, {"event": short}), SERVER))
    assert [(f.state, f.subject) for f in found] == [(State.FAIL, "event"), (State.UNKNOWN, "async_insert")]
    assert found[0].seen == "replicated_deduplication_window_seconds is 3600"


# -- parts and work ----------------------------------------------------------------------------------------------------

LIMITS = {"parts_to_delay_insert": 1_000, "parts_to_throw_insert": 3_000}


@pytest.mark.parametrize(
    ("count", "state"), [(300, State.OK), (301, State.WARN), (999, State.WARN), (1_000, State.FAIL)]
)
def test_parts_against_the_servers_limits(count: int, state: State) -> None:
    row = asked.PartsRow("gpu_sample", "2026-11-24", count, 1, 1)
    assert only(parts.parts(parts.PartsSeen((row,), LIMITS), SERVER)).state is state


def test_parts_without_limits_are_unknown_and_without_parts_ok() -> None:
    assert only(parts.parts(parts.PartsSeen((), {}), SERVER)).state is State.UNKNOWN
    assert only(parts.parts(parts.PartsSeen((), LIMITS), SERVER)).state is State.OK


def test_background_work() -> None:
    quiet = parts.WorkSeen((), asked.MergesRow(2, 59.0), ())
    assert only(parts.work(quiet, SERVER)).seen == "2 merges and 0 mutations under way, no broken part"
    young, old = asked.MutationRow("t", "m1", 3_600, 4, ""), asked.MutationRow("t", "m2", 3_601, 4, "")
    failed = asked.MutationRow("t", "m3", 5, 4, "Cannot \x07 parse")
    found = list(parts.work(replace(quiet, mutations=(young, old, failed)), SERVER))
    assert states(found) == [State.WARN, State.WARN]
    assert "m2" in found[0].do
    assert "Cannot   parse" in found[1].seen
    assert only(parts.work(replace(quiet, merges=asked.MergesRow(1, 3_601.0)), SERVER)).state is State.WARN
    broken = asked.DetachedRow("t", "broken-on-start", 2, NOW)
    dropped = asked.DetachedRow("t", "", 9, NOW)
    assert (
        "2 detached parts (broken-on-start)"
        in only(parts.work(replace(quiet, detached=(broken, dropped)), SERVER)).seen
    )
    covered = asked.DetachedRow("t", "covered-by-broken", 1, NOW)
    assert only(parts.work(replace(quiet, detached=(covered,)), SERVER)).state is State.OK


def test_replicas() -> None:
    good = asked.ReplicaRow("t", 0, 0, 0, 2, 2)
    assert only(parts.replicas((good,), SERVER)).state is State.OK
    assert only(parts.replicas((), SERVER)).seen == "a single server: no replicas"
    found = parts.replicas((replace(good, read_only=1), replace(good, active=1), replace(good, delay_s=3_601)), SERVER)
    assert states(found) == [State.FAIL, State.WARN, State.WARN]


@pytest.mark.parametrize(("days", "state"), [(32, State.OK), (33, State.WARN)])
def test_retention_has_two_days_of_grace(days: int, state: State) -> None:
    rows = (asked.OldestRow("gpu_sample", days), asked.OldestRow("exposure", 4_000))
    assert only(parts.retention(parts.RetentionSeen(rows, {"gpu_sample": 30}), SERVER)).state is state


def test_how_long_a_table_keeps_its_rows_is_read_from_its_engine() -> None:
    order = "MergeTree ORDER BY ts TTL toDateTime(ts) + "
    assert parts.kept_days(f"{order}toIntervalDay(30) SETTINGS index_granularity = 8192") == 30
    assert parts.kept_days(f"{order}toIntervalDay(7) TO VOLUME 'cold', toDateTime(ts) + toIntervalDay(90)") == 90
    assert parts.kept_days("MergeTree ORDER BY ts SETTINGS index_granularity = 8192") == 0


GIB = 1 << 30


@pytest.mark.parametrize(
    ("free", "read_only", "broken", "state"),
    [
        (20 * GIB, 0, 0, State.OK),
        (19 * GIB, 0, 0, State.WARN),
        (5 * GIB, 0, 0, State.WARN),
        (4 * GIB, 0, 0, State.FAIL),
        (50 * GIB, 1, 0, State.FAIL),
        (50 * GIB, 0, 1, State.FAIL),
    ],
)
def test_disks(free: int, read_only: int, broken: int, state: State) -> None:
    found = only(parts.disks((asked.DiskRow("default", "/d", free, 100 * GIB, read_only, broken),), SERVER))
    assert found.state is state


def test_a_disk_of_unknown_size_is_unknown_and_a_small_one_fails_below_a_gibibyte() -> None:
    assert only(parts.disks((asked.DiskRow("s3", "/d", 0, 0, 0, 0),), SERVER)).state is State.UNKNOWN
    assert only(parts.disks((asked.DiskRow("d", "/d", GIB - 1, 2 * GIB, 0, 0),), SERVER)).state is State.FAIL


@pytest.mark.parametrize(
    ("used", "limit", "state"),
    [
        (80, 100, State.OK),
        (81, 100, State.WARN),
        (1, 0, State.WARN),
        (None, 100, State.UNKNOWN),
        (1, None, State.UNKNOWN),
    ],
)
def test_memory(used: int | None, limit: int | None, state: State) -> None:
    assert only(parts.memory(asked.MemoryRow(used, limit), SERVER)).state is state


# -- end to end --------------------------------------------------------------------------------------------------------


def seen(table: str, stored_s: float, ts_s: float, rows: int = 1) -> freshness.TableSeen:
    newest = asked.NewestRow(rows, NOW - timedelta(seconds=ts_s), NOW - timedelta(seconds=stored_s), NOW)
    return freshness.TableSeen(table, "samples", newest)


@pytest.mark.parametrize(
    ("stored_s", "ts_s", "state"),
    [(5, 120, State.OK), (5, 121, State.WARN), (121, 10, State.WARN), (901, 901, State.FAIL), (0, -2, State.OK)],
)
def test_freshness_of_what_every_agent_writes(stored_s: float, ts_s: float, state: State) -> None:
    assert only(freshness.freshness((seen("host_sample", stored_s, ts_s),), SERVER)).state is state


def test_a_table_that_may_be_silent_is_not_judged_and_an_empty_one_is_if_it_may_not() -> None:
    others = only(freshness.freshness((seen("nic_sample", 9_999, 9_998), seen("gpu_sample", 0, 0, 0)), SERVER))
    assert (others.state, others.subject) == (State.OK, "other tables of samples")
    assert others.seen == "nic_sample stored 2.8 h ago, of 2.8 h ago; gpu_sample has no rows"
    assert only(freshness.freshness((seen("presence", 0, 0, 0),), SERVER)).state is State.FAIL


def test_hosts_that_fell_silent_and_coverage() -> None:
    good = list(freshness.hosts(asked.HostsRow(100, 100, [], 5_700, 6_000), SERVER))
    assert states(good) == [State.OK, State.OK]
    assert good[1].seen == "5,700 of 6,000 node-minutes of the last hour were seen (95.0%)"
    some = list(freshness.hosts(asked.HostsRow(100, 92, ["h1", "h2", "h3", "h4", "h5"], 5_699, 6_000), SERVER))
    assert states(some) == [State.WARN, State.WARN]
    assert "8 of 100 hosts have said nothing for 4 min: h1, h2, h3, h4, h5 and 3 more" in some[0].seen
    assert states(freshness.hosts(asked.HostsRow(1, 0, ["h1"], 0, 0), SERVER)) == [State.FAIL, State.UNKNOWN]
    assert states(freshness.hosts(asked.HostsRow(0, 0, [], 0, 0), SERVER)) == [State.FAIL]


@pytest.mark.parametrize(
    ("lost", "arrived", "state"),
    [(0, 0, State.UNKNOWN), (0, 9, State.OK), (1, 999, State.OK), (2, 998, State.WARN), (11, 989, State.FAIL)],
)
def test_batches_lost(lost: int, arrived: int, state: State) -> None:
    assert only(freshness.batches(asked.BatchesRow(3, arrived, lost, ["h1"]), SERVER)).state is state


@pytest.mark.parametrize(
    ("row", "state"),
    [
        (asked.AgentClockRow("h", -6_000, 0, 1, 200, 9), State.OK),
        (asked.AgentClockRow("h", 1_001, 0, 1, 200, 9), State.WARN),
        (asked.AgentClockRow("h", 60_001, 0, 1, 200, 9), State.FAIL),
        (asked.AgentClockRow("h", -90_000, 60_001, 1, 200, 9), State.WARN),
        (asked.AgentClockRow("h", -6_000, 0, 0, 200, 9), State.WARN),
        (asked.AgentClockRow("h", -6_000, 0, None, None, 9), State.OK),
        (asked.AgentClockRow("h", -6_000, 0, 1, -1_000_001, 9), State.WARN),
    ],
)
def test_clocks_of_agents(row: asked.AgentClockRow, state: State) -> None:
    assert only(clocks.agent_clocks((row,), SERVER)).state is state


def test_clocks_of_no_agents_are_unknown() -> None:
    assert only(clocks.agent_clocks((), SERVER)).state is State.UNKNOWN


# -- this node ---------------------------------------------------------------------------------------------------------


def answer(**changed: Any) -> node.AgentSeen:
    said: dict[str, Any] = {
        "host": "h",
        "last_tick_ms": NOW_MS - 1_000,
        "blind": [],
        "checks": [],
        "counters": {"spool_lost_batches": 0, "batches": 7},
    }
    return node.AgentSeen("/control.sock", {**said, **changed}, "", NOW_MS)


def test_the_agent_here() -> None:
    assert only(node.agent(answer(), CONFIG)).state is State.OK
    assert only(node.agent(node.AgentSeen("/c", None, "refused", NOW_MS), CONFIG)).state is State.FAIL
    assert only(node.agent(answer(last_tick_ms=NOW_MS - 6_001), CONFIG)).state is State.FAIL
    lost = {"spool_lost_batches": 3, "batches": 7}
    assert "3 batches lost" in only(node.agent(answer(counters=lost), CONFIG)).seen
    both = list(node.agent(answer(counters=lost, blind=["nvml:driver"]), CONFIG))
    assert states(both) == [State.FAIL, State.WARN]
    assert "nvml:driver" in both[1].seen


@pytest.mark.parametrize(("used", "state"), [(50, State.OK), (51, State.WARN), (90, State.WARN), (91, State.FAIL)])
def test_the_spool(used: int, state: State) -> None:
    assert only(node.spool((node.SpoolSeen("t", used, 100, True),), CONFIG)).state is state


def test_a_spool_that_cannot_be_written_fails_and_none_is_unknown() -> None:
    assert only(node.spool((node.SpoolSeen("t", 1, 100, False),), CONFIG)).state is State.FAIL
    assert only(node.spool((), CONFIG)).state is State.UNKNOWN


def test_the_local_bus() -> None:
    assert only(local_bus.local_lag((local_bus.Local("t", None, 5),), CONFIG)).state is State.OK
    assert only(local_bus.local_lag((local_bus.Local("t", 61.0, 5, True),), CONFIG)).seen.endswith("that was promised")
    assert only(local_bus.local_lag((local_bus.Local("t", 601.0, 5),), CONFIG)).state is State.FAIL
    assert only(local_bus.local_lag((local_bus.Local("t", None, None),), CONFIG)).state is State.FAIL
    assert only(local_bus.local_lag((), CONFIG)).state is State.UNKNOWN
