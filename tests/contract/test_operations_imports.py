"""What schedulers and people say becomes rows once: changes of snapshots, runs of jobs, events, hardware."""

from __future__ import annotations

import json
from datetime import timezone
from pathlib import Path
from typing import Any

import pytest

from clusterctl.analytics.imports.events import import_events
from clusterctl.analytics.imports.inventory import import_inventory
from clusterctl.analytics.imports.jobs import import_jobs
from clusterctl.analytics.imports.operator import say_state
from clusterctl.analytics.imports.states import import_history, import_snapshot
from clusterctl.analytics.imports.table import Outcome
from clusterctl.analytics.migrate import migrate
from clusterctl.errors import InputError
from clusterctl.store import Store
from clusterctl.store.remote import RemoteStore
from clusterctl.timetext import parse_time
from tests.support.rolled import DAY_MS, HOUR_MS, MINUTE_MS, T0

FILE = Path("snapshot")


@pytest.fixture(autouse=True)
def _migrated(store: Store) -> None:
    if isinstance(store, RemoteStore):
        pytest.skip("the engine behind the socket is the embedded one")
    migrate(store)


def slurm(store: Store, at_ms: int, **states: str) -> Outcome:
    entries = [{"name": name, "state": words.split("+"), "gres": "gpu:8"} for name, words in states.items()]
    content = json.dumps({"nodes": entries}).encode()
    return import_snapshot(store, FILE, content, "c", format_of="auto", at_ms=at_ms, planned="maint", version=at_ms)


def kubernetes(store: Store, at_ms: int, **ready: str) -> Outcome:
    items = [
        {"metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": word}]}}
        for name, word in ready.items()
    ]
    content = json.dumps({"items": items}).encode()
    return import_snapshot(store, FILE, content, "c", format_of="auto", at_ms=at_ms, planned="", version=at_ms)


def states(store: Store, host: str) -> list[tuple[Any, ...]]:
    rows = store.query(
        "SELECT toUnixTimestamp64Milli(since), source, state, gpus FROM node_state FINAL"
        " WHERE host = {host:String} AND retired = 0 ORDER BY since, source",
        {"host": host},
    ).rows
    return [(round((since - T0) / MINUTE_MS), *rest) for since, *rest in rows]


def test_a_snapshot_writes_only_what_changed_and_who_left_is_unknown(store: Store) -> None:
    assert slurm(store, T0, a="IDLE", b="IDLE").written == 2
    assert slurm(store, T0 + 5 * MINUTE_MS, a="IDLE", b="IDLE").written == 0
    assert slurm(store, T0 + 10 * MINUTE_MS, a="IDLE+DRAIN", b="ALLOCATED").written == 2
    left = slurm(store, T0 + 15 * MINUTE_MS, a="IDLE+DRAIN")
    assert (left.written, left.warnings) == (1, ["1 nodes left the listing and are unknown now: b"])
    assert slurm(store, T0 + 20 * MINUTE_MS, a="IDLE+DRAIN").written == 0, "it leaves once"
    assert slurm(store, T0 + 25 * MINUTE_MS, a="IDLE", b="IDLE").written == 2
    assert states(store, "a") == [
        (0, "slurm", "in_service", 8),
        (10, "slurm", "drained", 8),
        (25, "slurm", "in_service", 8),
    ]
    assert [(minute, state) for minute, _, state, _ in states(store, "b")] == [
        (0, "in_service"), (10, "in_service"), (15, "unknown"), (25, "in_service"),
    ]  # fmt: skip
    told = store.query("SELECT since, until FROM told FINAL").rows
    assert [(since.timestamp() * 1_000 - T0, until.timestamp() * 1_000 - T0) for since, until in told] == [
        (0, 25 * MINUTE_MS)
    ]


def test_what_was_announced_stays_planned_and_what_was_broken_before_does_not_become_it(store: Store) -> None:
    slurm(store, T0, a="IDLE", b="DOWN")
    say = {"reason": "firmware", "said_by": "ops", "version": T0}
    say_state(store, "c", ["a"], "planned", at_ms=T0 + 10 * MINUTE_MS, until_ms=T0 + 60 * MINUTE_MS, **say)  # type: ignore[arg-type]
    slurm(store, T0 + 15 * MINUTE_MS, a="DOWN", b="DOWN+MAINT")
    slurm(store, T0 + 65 * MINUTE_MS, a="DOWN+DRAIN", b="DOWN+MAINT")
    slurm(store, T0 + 70 * MINUTE_MS, a="IDLE", b="IDLE")
    assert [(minute, state) for minute, _, state, _ in states(store, "a")] == [
        (0, "in_service"), (10, "planned"), (15, "planned"), (60, "in_service"), (65, "repair"), (70, "in_service"),
    ]  # fmt: skip
    assert [state for _, _, state, _ in states(store, "b")] == ["repair", "repair", "in_service"]


def test_one_scheduler_says_again_what_the_other_made_unknown_and_no_more(store: Store) -> None:
    slurm(store, T0, a="IDLE", b="IDLE")
    kubernetes(store, T0 + MINUTE_MS, a="True", b="True")
    slurm(store, T0 + 2 * MINUTE_MS, b="IDLE")
    assert kubernetes(store, T0 + 3 * MINUTE_MS, a="True", b="True").written == 1, "a is known after all"
    assert slurm(store, T0 + 4 * MINUTE_MS, b="IDLE").written == 0
    assert kubernetes(store, T0 + 5 * MINUTE_MS, a="True", b="True").written == 0
    assert states(store, "a")[-1] == (3, "kubernetes", "in_service", None)


def test_a_file_without_a_node_takes_nothing_back(store: Store) -> None:
    slurm(store, T0, a="IDLE")
    with pytest.raises(InputError, match="lists no node: line 1: entry 1: names no node"):
        import_snapshot(store, FILE, b'{"nodes": [{}]}', "c", format_of="auto", at_ms=T0 + 1, planned="", version=T0)
    assert len(states(store, "a")) == 1


def test_a_history_is_what_stands_under_its_name(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "h.csv"
    file.write_text(
        f"ts,node,state,gpus\n{iso(T0)},a,in_service,8\n{iso(T0 + HOUR_MS)},a,DRAIN,\n{iso(T0)},b c,idle,\n"
    )
    done = import_history(store, file, "c", "h", T0 + DAY_MS, T0)
    assert (done.rows, done.written, [wrong.line for wrong in done.rejected]) == (2, 2, [4])
    assert import_history(store, file, "c", "h", T0 + DAY_MS, T0 + 1).written == 0
    file.write_text(f"ts,node,state\n{iso(T0)},a,repair\n")
    again = import_history(store, file, "c", "h", T0 + DAY_MS, T0 + 2)
    assert (again.written, again.retired) == (1, 1)
    assert [state for _, _, state, _ in states(store, "a")] == ["repair"]


def iso(ms: int) -> str:
    from clusterctl.clock import utc

    return utc(ms).isoformat()


def sacct(store: Store, at_ms: int, *rows: str, since_ms: int | None = None) -> Outcome:
    header = "JobID|State|Start|End|NodeList|AllocTRES"
    content = "\n".join([header, *rows]).encode()
    return import_jobs(store, FILE, content, "c", zone=timezone.utc, since_ms=since_ms, until_ms=at_ms, version=at_ms)


def test_a_job_is_written_when_it_comes_and_when_it_ends(store: Store) -> None:
    start, end = (T0 + ms for ms in (HOUR_MS, 3 * HOUR_MS))
    running = f"7|RUNNING|{start // 1_000}|Unknown|n[1-2]|gres/gpu=16"
    assert sacct(store, start + MINUTE_MS, running, since_ms=T0).written == 2
    assert sacct(store, start + 6 * MINUTE_MS, running).written == 0
    done = f"7|FAILED|{start // 1_000}|{end // 1_000}|n[1-2]|gres/gpu=16"
    assert sacct(store, end - MINUTE_MS, done).written == 0, "it had not ended at that moment"
    assert sacct(store, end + MINUTE_MS, done).written == 2
    rows = store.query("SELECT job_id, host, gpus, end_state, wanted_end, ended_at FROM job FINAL ORDER BY host").rows
    assert [row[:5] for row in rows] == [("7", "n1", 8, "FAILED", 0), ("7", "n2", 8, "FAILED", 0)]
    assert rows[0][5].timestamp() * 1_000 == end


def test_a_pod_that_is_not_listed_any_more_ended_when_it_was_last_seen(store: Store) -> None:
    def pods(at_ms: int, *uids: str) -> Outcome:
        items = [
            {
                "metadata": {"uid": uid, "namespace": "t"},
                "spec": {"nodeName": "n1", "containers": [{"resources": {"limits": {"nvidia.com/gpu": "4"}}}]},
                "status": {"phase": "Running", "startTime": iso(T0)},
            }
            for uid in uids
        ]
        content = json.dumps({"items": items}).encode()
        return import_jobs(store, FILE, content, "c", zone=timezone.utc, since_ms=None, until_ms=at_ms, version=at_ms)

    pods(T0 + 10 * MINUTE_MS, "a", "b")
    pods(T0 + 15 * MINUTE_MS, "a", "b")
    assert pods(T0 + 20 * MINUTE_MS, "a").written == 1
    assert pods(T0 + 25 * MINUTE_MS, "a").written == 0
    rows = store.query("SELECT job_id, end_state, ended_at FROM job FINAL ORDER BY job_id").rows
    assert rows[0] == ("a", "", None)
    assert rows[1][:2] == ("b", "GONE")
    assert rows[1][2].timestamp() * 1_000 == T0 + 15 * MINUTE_MS


def test_events_of_csv_and_of_json_lines_are_the_same_and_come_once(store: Store, tmp_path: Path) -> None:
    table, lines = tmp_path / "e.csv", tmp_path / "e.jsonl"
    table.write_text(
        "ts,node,device,kind,code,severity,element,job_id,text\n"
        "2026-03-01T10:00:00Z,n1,,collective_timeout,,,S1,77,no answer in 600 s\n"
        "2026-03-01T10:00:00Z,n1,GPU-1,xid,79,fail,,,\nyesterday,n1,,xid,79,,,,\n"
    )
    lines.write_text(
        '{"ts": "2026-03-01T10:00:00Z", "node": "n1", "kind": "xid", "code": 79, "device": "GPU-1"}\n[1]\n{"node": "n1"}\n'
    )
    done = import_events(store, table, "c", "e", T0)
    assert (done.rows, [wrong.line for wrong in done.rejected]) == (2, [4])
    import_events(store, table, "c", "e", T0)
    rows = store.query(
        "SELECT kind, code, severity, gpu_uuid, fields, job_id, source FROM event FINAL ORDER BY kind"
    ).rows
    assert rows == [
        ("collective_timeout", "", "fail", "", '{"element": "S1"}', "77", "import:e"),
        ("xid", "79", "fail", "GPU-1", "{}", None, "import:e"),
    ]
    more = import_events(store, lines, "c", "j", T0)
    assert (more.rows, [wrong.line for wrong in more.rejected]) == (1, [2, 3])


def test_hardware_with_what_the_table_has_no_column_for(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "i.csv"
    file.write_text(
        "node,gpu,serial,rack,batch,pdu,powered_on_at,accepted_at,accepted_first\n"
        "n1,,S1,r1,2026-02,P1,2026-03-01,2026-03-02,no\nn1,0,G0,,,,,,\nn1,GPU-1,G1,,,,,,maybe\n"
    )
    done = import_inventory(store, file, "c", "i", T0)
    assert (done.rows, [wrong.reason for wrong in done.rejected]) == (
        2,
        ["accepted_first is neither yes nor no: 'maybe'"],
    )
    import_inventory(store, file, "c", "i", T0)
    rows = store.query(
        "SELECT subject_kind, subject, serial, rack, ts, fields FROM inventory FINAL ORDER BY subject"
    ).rows
    assert [row[:4] for row in rows] == [("node", "n1", "S1", "r1"), ("gpu", "n1/0", "G0", "")]
    assert rows[0][4].timestamp() * 1_000 == parse_time("2026-03-02")
    assert json.loads(rows[0][5]) == {
        "batch": "2026-02", "pdu": "P1", "accepted_first": False, "source": "import:i",
        "powered_on_at": "2026-03-01T00:00:00.000Z", "accepted_at": "2026-03-02T00:00:00.000Z",
    }  # fmt: skip
