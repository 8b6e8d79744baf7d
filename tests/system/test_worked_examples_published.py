"""Published tables through the command line, on both stores: what their own counts give. Tolerance: 1 in the last digit."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import embedded_env, ok, report, server_env, unique_name
from tests.support.imports import near

DATA = resources.files("clusterctl.analytics") / "data"


def assert_rate(rate: Mapping[str, Any], value: str, low: str, high: str) -> None:
    assert near(rate["value"], value), rate
    assert near(rate["low"], low), rate
    assert near(rate["high"], high), rate


def delta_memory_errors(path: Path) -> str:
    """Rows of the table that are uncorrectable memory errors of the H100 nodes."""
    with resources.as_file(DATA / "delta_xid.csv") as source:
        rows = list(csv.DictReader(source.read_text(encoding="utf-8").splitlines()))
    wanted = [row for row in rows if row["error"] in ("Double-bit ECC", "Consecutive SBE")]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "class"])
        writer.writeheader()
        writer.writerows({**row, "class": "hardware"} for row in wanted)
    return str(path)


@pytest.fixture(scope="module", params=["embedded", pytest.param("server", marks=pytest.mark.clickhouse)])
def clusters(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All tables imported, each as a cluster of its own, and one report of them."""
    folder = tmp_path_factory.mktemp("published")
    env = embedded_env(folder)
    if request.param == "server":
        env |= server_env(request.getfixturevalue("clickhouse_address"), unique_name())
        ok(env, "migrate")
    written = folder / "byterobust_dense.csv"
    written.write_text("cause,class,count\nexplicit evict-and-restart,hardware,128\nhang eviction,hardware,15\n")
    b200 = folder / "b200.csv"
    b200.write_text("cause,class,count\nall,hardware,21\n")
    for name, file, *options in (
        ("delta", delta_memory_errors(folder / "delta.csv"), "--count-column", "h100_count", "--gpus", "608",
         "--days", "146"),
        ("byterobust", str(DATA / "byterobust_incidents.csv"), "--days", "90"),
        ("byterobust_dense", str(written), "--gpus", "9600", "--days", "90"),
        ("acme", str(DATA / "acme_failures.csv"), "--days", "180"),
        ("fthsdp", str(DATA / "fthsdp_interruptions.csv"), "--gpus", "32768", "--days", "71.97"),
        ("b200", str(b200), "--gpus", "504", "--days", "55"),
    ):  # fmt: skip
        ok(env, "import", "incidents", file, "--cluster", name, *options)
    return dict(report(env)["by_name"])


def test_at09_delta_memory_errors(clusters: dict[str, Any]) -> None:
    cluster = clusters["delta"]
    assert {cause["cause"]: cause["count"] for cause in cluster["faults"]["by_cause"]} == {
        "Double-bit ECC": 17,
        "Consecutive SBE": 7,
    }
    assert near(cluster["times"]["mtbf_gpu_hours"]["value"], "88768.0")
    capacity = next(rate for rate in cluster["faults"]["by_basis"] if rate["basis"] == "capacity")
    assert_rate(capacity, "0.2704", "0.1732", "0.4023")


def test_at13_byterobust_by_category(clusters: dict[str, Any]) -> None:
    stops = clusters["byterobust"]["interruptions"]
    assert stops["count"] == 55_365
    counts = {group["category"]: group["count"] for group in stops["by_category"]}
    assert counts == {"Explicit": 39_687, "Implicit": 6_096, "Manual": 9_582}


def test_at14_byterobust_dense(clusters: dict[str, Any]) -> None:
    faults = clusters["byterobust_dense"]["faults"]
    assert faults["count"] == 143
    assert faults["gpu_days"]["in_service"] == 864_000
    assert_rate(faults["per_1000_gpu_days"], "0.1655", "0.1395", "0.1950")


def test_at15_acme_by_count_and_by_cost(clusters: dict[str, Any]) -> None:
    """A tenth of the failures took four fifths of the GPU time."""
    cluster = clusters["acme"]
    assert cluster["interruptions"]["count"] == 2_575
    assert cluster["faults"]["count"] == 281
    costs = cluster["costs"]
    by_category: dict[str, list[dict[str, Any]]] = {}
    for cost in costs:
        by_category.setdefault(cost["category"], []).append(cost)
    counts = {name: sum(cost["count"] for cost in members) for name, members in by_category.items()}
    assert counts == {"Infrastructure": 281, "Framework": 404, "Script": 1_890}
    shares = {name: 100 * sum(cost["share_of_cost"] for cost in members) for name, members in by_category.items()}
    assert near(shares["Infrastructure"], "82.06")
    assert near(shares["Framework"], "14.71")
    assert near(shares["Script"], "3.22")
    assert near(100 * sum(cost["share_of_count"] for cost in by_category["Infrastructure"]), "10.9")
    assert (costs[0]["cause"], max(costs, key=lambda cost: cost["count"])["cause"]) == ("NVLinkError", "TypeError")
    assert all(cost["gpu_hours_lost"] is None for cost in costs), "shares are published, hours are not"


def test_at16_ft_hsdp(clusters: dict[str, Any]) -> None:
    stops = clusters["fthsdp"]["interruptions"]
    assert stops["count"] == 678
    assert near(stops["per_1000_node_days"]["value"], "2.30")
    assert near(stops["mtti_hours"], "2.55")


def test_at17_b200(clusters: dict[str, Any]) -> None:
    assert_rate(clusters["b200"]["faults"]["per_1000_gpu_days"], "0.7576", "0.4690", "1.1580")
