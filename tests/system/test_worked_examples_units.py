"""Worked examples about when and where faults happened, through `import` and `report`, on both stores."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import clusterctl, ok, report

Env = Mapping[str, str]
DAY_0 = datetime(2026, 3, 1, tzinfo=timezone.utc)


@pytest.fixture(params=["embedded", pytest.param("server", marks=pytest.mark.clickhouse)])
def env(request: pytest.FixtureRequest, local_env: dict[str, str]) -> Env:
    if request.param == "embedded":
        return local_env
    both = {**local_env, **request.getfixturevalue("clickhouse_env")}
    ok(both, "migrate")
    return both


def table(path: Path, *rows: Iterable[object]) -> str:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return str(path)


def told(env: Env, *arguments: str) -> dict[str, Any]:
    return dict(report(env, "--cluster", "x", *arguments)["by_name"]["x"])


def at(day: float) -> str:
    return f"{DAY_0 + timedelta(days=day):%Y-%m-%dT%H:%M:%SZ}"


def test_at18_signals_become_episodes_and_one_incident(env: Env, tmp_path: Path) -> None:
    for node, step in (("a", 3), ("b", 6)):
        lines = [
            {"ts": f"2026-03-01T10:{second // 60:02d}:{second % 60:02d}Z", "node": node, "device": "GPU-1", "kind": "xid",
             "code": "79", "severity": "fail"}
            for second in range(0, 61, step)
        ]  # fmt: skip
        path = tmp_path / f"{node}.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        ok(env, "import", "events", str(path), "--cluster", "x", "--source", node)
    done = clusterctl(env, "incidents", "list", "--all", "--cluster", "x", "--format", "json")
    found = {i["node"]: (i["signals"], i["episodes"]) for i in json.loads(done.stdout)["incidents"]}
    assert found == {"a": (21, 1), "b": (11, 11)}


def test_at19_one_gpu_that_holds_almost_all(env: Env, tmp_path: Path) -> None:
    rows: list[Iterable[object]] = [("cause", "class", "count", "gpu"), ("XID 95", "hardware", 38_516, "GPU-0")]
    rows += [("XID 95", "hardware", 1, f"GPU-{number}") for number in range(1, 390)]
    file = table(tmp_path / "a.csv", *rows)
    ok(env, "import", "incidents", file, "--cluster", "x", "--gpus", "448", "--days", "895")
    faults = told(env)["faults"]
    assert faults["count"] == 38_905
    assert faults["per_1000_gpu_days"]["value"] == pytest.approx(97.03, abs=0.01)
    (gpu,) = [worst for worst in faults["concentration"]["worst"] if worst["kind"] == "gpu"]
    assert (gpu["name"], gpu["count"]) == ("GPU-0", 38_516)
    assert gpu["rate"]["value"] == pytest.approx(0.972, abs=0.001)
    assert gpu["rate"]["gpu_days"] == pytest.approx(400_065)
    assert gpu["falls_by_factor"] == pytest.approx(99.8, abs=0.1)
    assert faults["concentration"]["single_unit_dominated"] is True
    assert told(env)["trend"]["points"] == [], "a count over a period has no days, and none of them had zero faults"


def test_x04_faults_in_clusters_bind_the_wider_interval(env: Env, tmp_path: Path) -> None:
    daily = [0, 0, 1, 0, 0, 0, 6, 0, 0, 1, 0, 0, 0, 0, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 1, 0, 0]
    rows: list[Iterable[object]] = [("opened_at", "cause", "class", "node")]
    for day, count in enumerate(daily):
        rows += [(at(day + 0.1 + 0.01 * number), "XID 79", "hardware", f"n{day}-{number}") for number in range(count)]
    file = table(tmp_path / "a.csv", *rows)
    window = ("--since", at(0), "--until", at(30))
    ok(env, "import", "incidents", file, "--cluster", "x", "--gpus", "4096", *window)
    env = {**env, "CLUSTERCTL_ANALYTICS_TARGETS": "[0.30]"}
    faults = told(env, *window)["faults"]
    assert faults["count"] == 22
    spread = faults["dispersion"]
    assert spread["phi"] == pytest.approx(4.602, abs=0.001)
    assert spread["p_value"] == pytest.approx(2.4e-15, rel=0.05)
    rate = faults["per_1000_gpu_days"]
    assert rate["value"] == pytest.approx(0.1790, abs=1e-4)
    assert (rate["low"], rate["high"]) == pytest.approx((0.0563, 0.4254), abs=1e-4)
    assert faults["verdicts"][0]["verdict"] == "not decided (exposure)", "the plain interval would say below"


def test_x07_a_lemon_stands_out_and_three_faults_do_not(env: Env, tmp_path: Path) -> None:
    gpus = [
        (f"GPU-{node}-{number}", f"n{node:03d}", at(0), at(28)) for node in range(500) for number in range(8)
    ]  # fmt: skip
    names = ("gpu", "node", "in_service_from", "in_service_until")
    ok(env, "import", "exposure", table(tmp_path / "e.csv", names, *gpus), "--cluster", "x")
    for on_lemon, p_value, significant in ((4, 6.0e-6, True), (3, 2.2e-4, False)):
        rows: list[Iterable[object]] = [("opened_at", "cause", "class", "node")]
        rows += [(at(1 + number), "XID 79", "hardware", "n499") for number in range(on_lemon)]
        rows += [(at(0.5 + 0.4 * number), "XID 79", "hardware", f"n{number:03d}") for number in range(56)]
        ok(env, "import", "incidents", table(tmp_path / "i.csv", *rows), "--cluster", "x")
        cluster = told(env, "--since", at(0), "--until", at(28))
        nodes = next(part for part in cluster["lemons"] if part["listed"] and part["listed"][0]["kind"] == "node")
        lemon = nodes["listed"][0]
        assert (lemon["name"], lemon["count"], lemon["significant"]) == ("n499", on_lemon, significant)
        assert lemon["p_value"] == pytest.approx(p_value, rel=0.05)
        if on_lemon == 4:
            assert lemon["expected"] == pytest.approx(0.1122, abs=1e-4)
