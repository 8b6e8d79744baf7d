"""The worked examples of docs/kpi.md, through the command line, on both stores. Tolerance: 1 in the last printed digit.

Each has a cluster of its own in a store that they share."""

from __future__ import annotations

import csv
from importlib import resources
from pathlib import Path

import pytest

from tests.support.cli import clusterctl, embedded_env, ok, server_env, unique_name
from tests.support.imports import FLEET, KERNEL_LOG, Env, assert_rate, counts, imported, near, seen, verdict


@pytest.fixture(scope="module", params=["embedded", pytest.param("server", marks=pytest.mark.clickhouse)])
def env(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Env:
    own = embedded_env(tmp_path_factory.mktemp("examples"))
    if request.param == "server":
        own |= server_env(request.getfixturevalue("clickhouse_address"), unique_name())
        ok(own, "migrate")
    return own


def test_at01_llama3_unexpected(env: Env, cluster: str, tmp_path: Path) -> None:
    cluster = imported(env, cluster, counts(tmp_path / "a.csv", ("all", "hardware", 419)), *FLEET)
    faults, stops = cluster["faults"], cluster["interruptions"]
    assert faults["count"] == stops["count"] == 419
    assert faults["gpu_days"] == {"in_service": 884736, "capacity": 884736, "allocated": 884736}
    assert_rate(faults["per_1000_gpu_days"], "0.4736", "0.4293", "0.5212")
    assert faults["per_1000_gpu_days"]["basis"] == "in_service"
    assert near(stops["mtti_hours"], "3.093")
    assert near(stops["per_1000_node_days"]["value"], "3.789")
    assert verdict(faults, 0.48)["verdict"].startswith("not decided")


def test_at02_llama3_with_planned(env: Env, cluster: str, tmp_path: Path) -> None:
    file = counts(tmp_path / "a.csv", ("unexpected", "hardware", 419), ("maintenance window", "planned", 47))
    stops = imported(env, cluster, file, *FLEET)["interruptions"]
    assert stops["count"] == 419
    assert stops["including_planned"]["count"] == 466
    assert_rate(stops["including_planned"]["per_1000_gpu_days"], "0.5267", "0.4800", "0.5768")
    assert near(stops["mtti_hours_including_planned"], "2.781")


def published_table(path: Path) -> str:
    """The table as the paper prints it: component, category, count, printed percentage."""
    with resources.as_file(resources.files("clusterctl.analytics") / "data" / "llama3_interruptions.csv") as source:
        rows = list(csv.DictReader(source.read_text(encoding="utf-8").splitlines()))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["component", "category", "count", "printed_pct"])
        writer.writerows([row["cause"], row["category"], row["count"], row["printed_pct"]] for row in rows)
    return str(path)


def test_at03_llama3_by_cause_and_its_printing_errors(env: Env, cluster: str, tmp_path: Path) -> None:
    file = published_table(tmp_path / "table5.csv")
    done = clusterctl(env, "import", "incidents", file, "--cluster", cluster, *FLEET)
    assert done.returncode == 0, done.stderr
    assert "printed 30.1 %, the counts give 35.3 %" in done.stderr
    assert "printed 58.7 %, the counts give 64.0 %" in done.stderr
    assert "sum to 94.9" in done.stderr
    cluster = seen(env, cluster)
    stops, faults = cluster["interruptions"], cluster["faults"]
    assert stops["count"] == 419
    assert_rate(stops["per_1000_gpu_days"], "0.474", "0.429", "0.521")
    gpu = next(group for group in stops["by_category"] if group["category"] == "GPU")
    assert gpu["count"] == 268
    assert near(100 * gpu["share"], "64.0")
    faulty = next(cause for cause in stops["by_cause"] if cause["cause"] == "Faulty GPU")
    assert faulty["count"] == 148
    assert near(100 * faulty["share"], "35.3")
    assert faults["count"] == 356
    assert_rate(faults["per_1000_gpu_days"], "0.402", "0.362", "0.446")
    assert sum(cause["count"] for cause in faults["by_cause"]) == 356
    assert verdict(cluster["interruptions"], 0.48)["verdict"] == "not decided (exposure)"


def test_at04_no_fault_is_not_a_proof(env: Env, cluster: str, tmp_path: Path) -> None:
    cluster = imported(env, cluster, counts(tmp_path / "a.csv"), "--gpus", "1000", "--days", "1")
    faults = cluster["faults"]
    assert faults["count"] == 0
    assert_rate(faults["per_1000_gpu_days"], "0", "0", "3.689")
    against = verdict(faults, 0.16)
    assert against["verdict"].startswith("not decided")
    assert against["gpu_days_total_if_no_more"] == 23_056
    assert against["gpu_days_needed"] == 22_056


def test_at05_five_faults_from_records_and_an_inventory(env: Env, cluster: str, tmp_path: Path) -> None:
    records = tmp_path / "records.csv"
    records.write_text(
        "opened_at,closed_at,node,gpu,cause,class,note\n"
        + "".join(f"2026-03-{day:02}T04:05:06Z,,n{day},,XID 79,hardware,\n" for day in (2, 9, 11, 20, 29))
    )
    inventory = tmp_path / "gpus.csv"
    inventory.write_text(
        "gpu,node,in_service_from,in_service_until\n"
        + "".join(f"GPU-{number},n{number // 8},2026-03-01,2026-03-31\n" for number in range(1000))
    )
    ok(env, "import", "exposure", str(inventory), "--cluster", cluster)
    cluster = imported(env, cluster, str(records))
    faults = cluster["faults"]
    assert faults["count"] == 5
    assert faults["gpu_days"] == {"in_service": 30_000, "capacity": None, "allocated": None}
    assert_rate(faults["per_1000_gpu_days"], "0.1667", "0.0541", "0.3889")
    assert verdict(faults, 0.48)["verdict"] == "below target"
    thin = verdict(faults, 0.16)
    assert thin["verdict"].startswith("not decided")
    assert thin["gpu_days_total_if_no_more"] == 72_928
    assert thin["gpu_days_total_at_observed_rate"] is None, "never, at the observed rate"


def test_a_kernel_log_becomes_incidents_by_the_same_code(env: Env, cluster: str, tmp_path: Path) -> None:
    file = tmp_path / "dmesg.txt"
    file.write_text(KERNEL_LOG)
    ok(env, "import", "kmsg", str(file), "--host", "gpu-7", "--cluster", cluster, "--boot-time", "2026-03-01T00:00:00Z")
    cluster = seen(env, cluster)
    assert len(cluster["incidents"]) == 1, "one node, one incident while it is open"
    incident = cluster["incidents"][0]
    assert (incident["cause"], incident["class"], incident["node"]) == ("XID 48", "hardware", "gpu-7")
    assert incident["opened_at"] == "2026-03-01T00:01:40.000Z"
    assert (incident["episodes"], incident["signals"]) == (4, 4)
    assert cluster["faults"]["per_1000_gpu_days"]["value"] is None, "no exposure, no rate"
