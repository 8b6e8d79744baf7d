"""Worked examples of incidents through the command line, on both stores: X01, X03, and the life of an incident."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import clusterctl, ok

Env = Mapping[str, str]
DAY = f"{datetime.now(timezone.utc) - timedelta(days=3):%Y-%m-%d}"
"""Of late: what is out of service for two months is given up."""
SACCT = "JobID|User|State|ExitCode|Submit|Eligible|Start|End|NodeList|AllocTRES"


@pytest.fixture(params=["embedded", pytest.param("server", marks=pytest.mark.clickhouse)])
def env(request: pytest.FixtureRequest, local_env: dict[str, str]) -> Env:
    if request.param == "embedded":
        return local_env
    both = {**local_env, **request.getfixturevalue("clickhouse_env")}
    ok(both, "migrate")
    return both


def events(env: Env, path: Path, *rows: dict[str, Any]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    ok(env, "import", "events", str(path), "--cluster", "x")


def jobs(env: Env, path: Path, *rows: str) -> None:
    path.write_text("\n".join([SACCT, *rows]) + "\n")
    ok(env, "import", "jobs", str(path), "--cluster", "x")


def exposed(env: Env, path: Path, nodes: Sequence[str]) -> None:
    """Eight GPUs of each node, in service all day."""
    rows = [f"{gpu},{node},{DAY}T00:00Z,{DAY}T23:59Z" for node in nodes for gpu in range(8)]
    path.write_text("\n".join(["gpu,node,in_service_from,in_service_until", *rows]) + "\n")
    ok(env, "import", "exposure", str(path), "--cluster", "x")


def state(env: Env, node: str, word: str, at: str, reason: str = "") -> None:
    ok(env, "node", "set-state", node, word, "--at", f"{DAY}T{at}Z", "--cluster", "x", "--reason", reason)


def listed(env: Env, *arguments: str) -> list[dict[str, Any]]:
    done = clusterctl(env, "incidents", "list", "--all", "--cluster", "x", "--format", "json", *arguments)
    assert done.returncode in (0, 1), done.stderr
    return list(reversed(json.loads(done.stdout)["incidents"]))


def xid(node: str, at: str, code: str, device: str = "GPU-1") -> dict[str, Any]:
    text = f"Xid {code}"
    return {
        "ts": f"{DAY}T{at}Z",
        "node": node,
        "device": device,
        "kind": "xid",
        "code": code,
        "severity": "fail",
        "text": text,
    }


def test_x01_one_job_three_nodes_and_a_repair(env: Env, tmp_path: Path) -> None:
    timeouts = [
        {"ts": f"{DAY}T10:03:50Z", "node": node, "kind": "collective_timeout", "severity": "fail", "text": "timeout"}
        for node in "BC"
    ]
    hardware = [xid("A", at, "79") for at in ("10:00:00", "12:00:00", "16:00:00")]
    events(env, tmp_path / "e.jsonl", *hardware, *timeouts)
    tres = "billing=24,cpu=96,gres/gpu=24,node=3"
    jobs(
        env, tmp_path / "jobs.txt",
        f"1|ann|NODE_FAIL|1:0|{DAY}T08:00:00|{DAY}T08:00:00|{DAY}T08:00:00|{DAY}T10:04:00|A,B,C|{tres}",
        f"2|bob|FAILED|1:0|{DAY}T08:00:00|{DAY}T08:00:00|{DAY}T08:00:00|{DAY}T18:00:00|D,E|gres/gpu=16,node=2",
    )  # fmt: skip
    for word, at in (
        ("in_service", "00:00:00"),
        ("drained", "10:06:00"),
        ("in_service", "14:00:00"),
        ("drained", "16:01:00"),
    ):
        state(env, "A", word, at)
    found = listed(env)
    assert [(i["node"], i["opened_at"][11:16], i["class"], i["jobs"]) for i in found] == [
        ("A", "10:00", "hardware", ["1"]), ("A", "16:00", "hardware", []), ("", "18:00", "unknown", ["2"])]  # fmt: skip
    first, second, third = found
    assert first["closed_at"][11:16] == "14:00"
    assert first["closed_by"] == "back_in_service"
    assert first["nodes_affected"] == 3
    assert second["repeat_of"] == first["id"]
    assert second["closed_at"] is None or second["closed_by"] == "given_up"
    assert sum(i["episodes"] for i in found) == 5
    assert third["reason"] == "an outcome label alone is no cause"
    exposed(env, tmp_path / "exposure.csv", "ABCDE")
    report = json.loads(clusterctl(env, "report", "--cluster", "x", "--format", "json").stdout)["clusters"][0]
    assert report["faults"]["count"] == 2
    assert report["faults"]["unattributed"] == 1
    assert report["faults"]["unattributed_share"] == pytest.approx(1 / 3)


def test_x03_a_switch_is_one_fault_however_many_nodes(env: Env, tmp_path: Path) -> None:
    links = [
        {
            "ts": f"{DAY}T10:00:0{number % 2}.{number:03d}Z", "node": f"n{number:02d}", "device": "mlx5_0", "kind": "ib_link",
            "code": "link_down", "severity": "fail", "element": "S1", "text": "link down"}
        for number in range(32)
    ]  # fmt: skip
    events(env, tmp_path / "e.jsonl", *links)
    jobs(
        env, tmp_path / "jobs.txt",
        *(
            f"{number}|u|NODE_FAIL|1:0|{DAY}T08:00:00|{DAY}T08:00:00|{DAY}T08:00:00|{DAY}T10:01:00"
            f"|n[{8 * number:02d}-{8 * number + 7:02d}]|gres/gpu=64,node=8"
            for number in range(4)
        ),
    )  # fmt: skip
    (found,) = listed(env)
    assert (found["element"], found["nodes_affected"], found["episodes"], found["jobs_ended"]) == ("S1", 32, 32, 4)
    assert (found["class"], found["impact"]) == ("network", "fault")
    exposed(env, tmp_path / "exposure.csv", [f"n{number:02d}" for number in range(32)])
    report = json.loads(clusterctl(env, "report", "--cluster", "x", "--format", "json").stdout)["clusters"][0]
    assert (report["faults"]["count"], report["faults"]["nodes_affected"]) == (1, 32)
    assert report["interruptions"]["count"] == 4


def test_a_person_acknowledges_closes_and_the_next_reads_what_was_tried(env: Env, tmp_path: Path) -> None:
    events(env, tmp_path / "e.jsonl", xid("A", "10:00:00", "48"))
    state(env, "A", "in_service", "00:00:00")
    state(env, "A", "drained", "10:10:00")
    (found,) = listed(env)
    assert found["state"] == "in repair"
    done = clusterctl(env, "incidents", "ack", found["id"][:8], "--by", "kim", "-m", "looking")
    assert "ack noted; it is acknowledged" in done.stderr
    assert listed(env)[0]["state"] == "acknowledged"
    ok(env, "incidents", "note", found["id"][:8], "reseated \x1b[31mriser", "--by", "kim")
    shown = clusterctl(env, "incidents", "show", found["id"][:8])
    assert "reseated" in shown.stdout
    assert "\x1b[31m" not in shown.stdout
    done = clusterctl(env, "incidents", "close", found["id"][:8], "--by", "kim")
    assert "close noted; it is closed" in done.stderr
    closed = listed(env)[0]
    assert (closed["state"], closed["closed_by"]) == ("closed", "operator")
    ok(env, "incidents", "reopen", found["id"][:8], "--by", "kim")
    assert listed(env)[0]["state"] == "reopened"
    state(env, "A", "in_service", "12:00:00")
    assert listed(env)[0]["closed_by"] == "back_in_service"
    again = tmp_path / "again.jsonl"
    events(env, again, xid("A", "20:00:00", "48"))
    second = listed(env)[-1]
    assert second["repeat_of"] == found["id"]
    told = json.loads(clusterctl(env, "incidents", "show", second["id"], "--format", "json").stdout)
    assert [action["action"] for action in told["tried_before"]] == [], "actions came after this one began"
    done = clusterctl(env, "incidents", "ack", "zzzz")
    assert done.returncode == 2
    assert "begins with" in done.stderr


def test_a_users_code_on_eight_gpus_is_one_and_on_one_gpu_of_two_owners_is_hardware(env: Env, tmp_path: Path) -> None:
    eight = [xid("U", "09:00:00", "31", f"GPU-u{number}") for number in range(8)]
    two = [xid("H", "09:00:00", "31", "GPU-h1"), xid("H", "15:00:00", "31", "GPU-h1")]
    events(env, tmp_path / "e.jsonl", *eight, *two)
    rest = "gres/gpu=8,node=1"
    times = f"{DAY}T08:00:00|{DAY}T08:00:00|{DAY}T08:00:00"
    later = f"{DAY}T12:00:00|{DAY}T12:00:00|{DAY}T12:00:00"
    jobs(
        env, tmp_path / "jobs.txt",
        f"1|ann|FAILED|1:0|{times}|{DAY}T09:01:00|U|{rest}",
        f"2|bob|FAILED|1:0|{times}|{DAY}T09:01:00|H|{rest}",
        f"3|eve|FAILED|1:0|{later}|{DAY}T15:01:00|H|{rest}",
    )  # fmt: skip
    found = {(i["node"], i["opened_at"][11:13]): i for i in listed(env)}
    assert found["U", "09"]["class"] == "user"
    assert found["U", "09"]["episodes"] == 8
    assert {found[key]["class"] for key in found if key[0] == "H"} == {"hardware"}


def test_a_list_says_whether_anything_is_open_beyond_what_it_shows(local_env: dict[str, str], tmp_path: Path) -> None:
    assert clusterctl(local_env, "incidents", "list").returncode == 2, "an empty store is no proof"
    events(local_env, tmp_path / "e.json", xid("n1", "10:00:00", "79"), xid("n2", "12:00:00", "79"))
    state(local_env, "n1", "drained", "10:05")
    shown = clusterctl(local_env, "incidents", "list", "--all", "--top", "1", "--cluster", "x", "--format", "json")
    assert [row["node"] for row in json.loads(shown.stdout)["incidents"]] == ["n2"]
    assert shown.returncode == 1, "n1 is open, and on the next page"
    assert clusterctl(local_env, "incidents", "list", "--cluster", "typo").returncode == 2
    planned = ("node", "set-state", "n3", "planned", "--announced", "--at", f"{DAY}T11:00Z", "--cluster", "x")
    ok(local_env, *planned)
    assert clusterctl(local_env, "incidents", "list", "--node", "n3").returncode == 0, "planned work needs nobody"
