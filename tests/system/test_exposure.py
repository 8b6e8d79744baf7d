"""Exposure on the three bases from what schedulers and people say, through the command line: X02 of docs/kpi.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import ok, report
from tests.support.imports import near

Env = Mapping[str, str]
NODES = [f"n{number:02}" for number in range(16)]


@pytest.fixture(params=["embedded", pytest.param("server", marks=pytest.mark.clickhouse)])
def env(request: pytest.FixtureRequest, local_env: dict[str, str]) -> Env:
    if request.param == "embedded":
        return local_env
    both = {**local_env, **request.getfixturevalue("clickhouse_env")}
    ok(both, "migrate")
    return both


def states(path: Path) -> str:
    """16 nodes of 8 GPUs for ten days: one drained on days 2 and 3, all in planned maintenance for half of day 6."""
    rows = [f"2026-03-01,{node},in_service,,8" for node in NODES]
    rows += ["2026-03-03,n05,drained,XID 79,8", "2026-03-05,n05,in_service,,8"]
    rows += [f"2026-03-07T00:00,{node},planned,firmware,8" for node in NODES]
    rows += [f"2026-03-07T12:00,{node},in_service,,8" for node in NODES]
    path.write_text("ts,node,state,reason,gpus\n" + "\n".join(rows) + "\n")
    return str(path)


def jobs(path: Path) -> str:
    """996 GPU-days: 15 nodes for 8 days and 4 hours, in two runs around the maintenance, and a node whose job the fault
    ended after two days; and what holds nothing."""
    hours = [("2026-03-01T00:00:00", "2026-03-06T00:00:00"), ("2026-03-07T12:00:00", "2026-03-10T16:00:00")]
    lines = ["JobID|User|State|ExitCode|Submit|Eligible|Start|End|NodeList|AllocTRES"]
    for number, (start, end) in enumerate(hours):
        lines += [
            f"{number}|ann|COMPLETED|0:0|{start}|{start}|{start}|{end}|n[00-04,06-15]|cpu=8,gres/gpu=120,node=15",
            f"{number}.0||COMPLETED|0:0|{start}|{start}|{start}|{end}|n[00-04,06-15]|cpu=8,gres/gpu=120,node=15",
        ]
    first, failed = "2026-03-01T00:00:00", "2026-03-03T00:00:00"
    lines.append(f"8|eve|NODE_FAIL|0:0|{first}|{first}|{first}|{failed}|n05|cpu=8,gres/gpu=8,node=1")
    lines.append("9|bob|PENDING|0:0|2026-03-10T00:00:00|Unknown|Unknown|Unknown|None assigned|")
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_x02_three_bases(env: Env, tmp_path: Path) -> None:
    window = ("--since", "2026-03-01", "--until", "2026-03-11")
    ok(env, "import", "states", states(tmp_path / "states.csv"), "--until", "2026-03-11", "--cluster", "x")
    ok(
        env,
        "import",
        "jobs",
        jobs(tmp_path / "sacct.txt"),
        "--since",
        "2026-03-01",
        "--at",
        "2026-03-11",
        "--cluster",
        "x",
    )
    before: Any = None
    for _ in ("read from what was stored", "read from rollups"):
        faults = report(env, *window)["by_name"]["x"]["faults"]
        assert faults["gpu_days"] == {"in_service": 1200, "capacity": 1280, "allocated": 996}
        rates = {rate["basis"]: rate["value"] for rate in faults["by_basis"]}
        assert faults["count"] == 1
        assert near(rates["capacity"], "0.78125")
        assert near(rates["in_service"], "0.83333")
        assert near(rates["allocated"], "1.00402")
        assert before in (None, faults)
        before = faults
        ok(env, "rollup")
    ok(env, "node", "set-state", "n[05-06]", "repair", "--at", "2026-03-08", "--until", "2026-03-09", "--cluster", "x")
    corrected = report(env, *window)["by_name"]["x"]["faults"]["gpu_days"]
    # n05 had no job; the eight GPUs of n06 held one all day
    assert corrected == {"in_service": 1184, "capacity": 1280, "allocated": 988}, "a late word is in the next report"
