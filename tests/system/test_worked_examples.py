"""The worked examples of docs/kpi.md, through the command line, on both stores. Tolerance: 1 in the last printed digit."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import clusterctl, ok, report

Env = Mapping[str, str]


@pytest.fixture(params=["embedded", pytest.param("server", marks=pytest.mark.clickhouse)])
def env(request: pytest.FixtureRequest, local_env: dict[str, str]) -> Env:
    if request.param == "embedded":
        return local_env
    both = {**local_env, **request.getfixturevalue("clickhouse_env")}
    ok(both, "migrate")
    return both


def counts(path: Path, *rows: tuple[str, str, int]) -> str:
    path.write_text("cause,class,count\n" + "".join(f"{cause},{kind},{count}\n" for cause, kind, count in rows))
    return str(path)


def imported(env: Env, *arguments: str, cluster: str = "x") -> dict[str, Any]:
    ok(env, "import", "incidents", *arguments, "--cluster", cluster)
    return dict(report(env, "--cluster", cluster)["by_name"][cluster])


def near(value: float, printed: str) -> bool:
    """Equal within 1 in the last printed digit."""
    digits = len(printed.partition(".")[2])
    return abs(value - float(printed)) <= 10**-digits


def assert_rate(rate: Mapping[str, Any], value: str, low: str, high: str) -> None:
    assert near(rate["value"], value), rate
    assert near(rate["low"], low), rate
    assert near(rate["high"], high), rate


def verdict(faults: Mapping[str, Any], target: float) -> dict[str, Any]:
    return dict(next(entry for entry in faults["verdicts"] if entry["target"] == target))


FLEET = ("--gpus", "16384", "--days", "54")


def test_at01_llama3_unexpected(env: Env, tmp_path: Path) -> None:
    cluster = imported(env, counts(tmp_path / "a.csv", ("all", "hardware", 419)), *FLEET)
    faults, stops = cluster["faults"], cluster["interruptions"]
    assert faults["count"] == stops["count"] == 419
    assert faults["gpu_days"] == {"in_service": 884736, "capacity": 884736, "allocated": 884736}
    assert_rate(faults["per_1000_gpu_days"], "0.4736", "0.4293", "0.5212")
    assert faults["per_1000_gpu_days"]["basis"] == "in_service"
    assert near(stops["mtti_hours"], "3.093")
    assert near(stops["per_1000_node_days"]["value"], "3.789")
    assert verdict(faults, 0.48)["verdict"].startswith("not decided")


def test_at02_llama3_with_planned(env: Env, tmp_path: Path) -> None:
    file = counts(tmp_path / "a.csv", ("unexpected", "hardware", 419), ("maintenance window", "planned", 47))
    stops = imported(env, file, *FLEET)["interruptions"]
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


def test_at03_llama3_by_cause_and_its_printing_errors(env: Env, tmp_path: Path) -> None:
    file = published_table(tmp_path / "table5.csv")
    done = clusterctl(env, "import", "incidents", file, "--cluster", "llama3", *FLEET)
    assert done.returncode == 0, done.stderr
    assert "printed 30.1 %, the counts give 35.3 %" in done.stderr
    assert "printed 58.7 %, the counts give 64.0 %" in done.stderr
    assert "sum to 94.9" in done.stderr
    cluster = report(env)["by_name"]["llama3"]
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


def test_at04_no_fault_is_not_a_proof(env: Env, tmp_path: Path) -> None:
    cluster = imported(env, counts(tmp_path / "a.csv"), "--gpus", "1000", "--days", "1")
    faults = cluster["faults"]
    assert faults["count"] == 0
    assert_rate(faults["per_1000_gpu_days"], "0", "0", "3.689")
    against = verdict(faults, 0.16)
    assert against["verdict"].startswith("not decided")
    assert against["gpu_days_total_if_no_more"] == 23_056
    assert against["gpu_days_needed"] == 22_056


def test_at05_five_faults_from_records_and_an_inventory(env: Env, tmp_path: Path) -> None:
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
    ok(env, "import", "exposure", str(inventory), "--cluster", "x")
    cluster = imported(env, str(records))
    faults = cluster["faults"]
    assert faults["count"] == 5
    assert faults["gpu_days"] == {"in_service": 30_000, "capacity": None, "allocated": None}
    assert_rate(faults["per_1000_gpu_days"], "0.1667", "0.0541", "0.3889")
    assert verdict(faults, 0.48)["verdict"] == "below target"
    thin = verdict(faults, 0.16)
    assert thin["verdict"].startswith("not decided")
    assert thin["gpu_days_total_if_no_more"] == 72_928
    assert thin["gpu_days_total_at_observed_rate"] is None, "never, at the observed rate"


def test_importing_again_changes_nothing_and_a_shorter_file_takes_back(env: Env, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    first = imported(env, counts(file, ("a", "hardware", 3), ("b", "network", 4)), *FLEET)
    again = clusterctl(env, "import", "incidents", str(file), "--cluster", "x", *FLEET)
    assert "(0 written)" in again.stdout
    assert report(env)["by_name"]["x"]["faults"]["count"] == first["faults"]["count"] == 7
    assert imported(env, counts(file, ("a", "hardware", 3)), *FLEET)["faults"]["count"] == 3


def test_rows_that_cannot_be_used_are_listed_and_the_rest_go_in(env: Env, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(
        "opened_at,cause,class\n2026-03-01,XID 79,hardware\nyesterday,XID 79,hardware\n2026-03-02,,hardware\n"
        "2026-03-03,\x1b[31mred\x07,alien\n"
    )
    done = clusterctl(env, "import", "incidents", str(file), "--cluster", "x")
    assert done.returncode == 1
    assert "3 rows left out" in done.stderr
    for text in ("line 3: not a time", "line 4: no cause", "line 5: class 'alien'"):
        assert text in done.stderr
    assert "\x1b" not in done.stderr
    assert report(env)["by_name"]["x"]["faults"]["count"] == 1


def test_a_window_never_splits_undated_counts(env: Env, tmp_path: Path) -> None:
    file = counts(tmp_path / "a.csv", ("a", "hardware", 10))
    ok(
        env,
        "import",
        "incidents",
        file,
        "--cluster",
        "x",
        "--gpus",
        "100",
        "--since",
        "2026-03-01",
        "--until",
        "2026-03-31",
    )
    half = report(env, "--since", "2026-03-10", "--until", "2026-04-30")["by_name"]["x"]
    assert half["faults"]["count"] == 0
    assert half["faults"]["gpu_days"]["in_service"] in (None, 0)
    assert half["faults"]["per_1000_gpu_days"]["value"] is None
    assert any("left out" in text for text in half["warnings"])
    whole = report(env, "--since", "2026-02-01", "--until", "2026-04-30")["by_name"]["x"]
    assert whole["faults"]["count"] == 10
    assert whole["faults"]["gpu_days"]["in_service"] == 3000


def test_overlapping_service_is_counted_once(env: Env, tmp_path: Path) -> None:
    file = tmp_path / "gpus.csv"
    file.write_text(
        "gpu,node,in_service_from,in_service_until\n"
        "g1,n,2026-03-01,2026-03-11\ng1,n,2026-03-06,2026-03-16\ng1,n,2026-03-02,2026-03-03\ng2,n,2026-03-01,2026-03-02\n"
    )
    done = clusterctl(env, "import", "exposure", str(file), "--cluster", "x")
    assert "overlaps" in done.stderr
    assert report(env)["by_name"]["x"]["faults"]["gpu_days"]["in_service"] == 16


def test_a_file_of_which_nothing_can_be_used_replaces_nothing(env: Env, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    head = "opened_at,cause,class\n"
    file.write_text(head + "2026-03-02,XID 79,hardware\n")
    when = ("--gpus", "1000", "--since", "2026-03-01", "--days", "30")
    assert imported(env, str(file), *when)["faults"]["count"] == 1
    file.write_text(head + "2.3.2026 10:00,XID 79,hardware\n")
    done = clusterctl(env, "import", "incidents", str(file), "--cluster", "x", *when)
    assert done.returncode == 2
    assert report(env)["by_name"]["x"]["faults"]["count"] == 1
    undated = clusterctl(env, "import", "incidents", str(file), "--cluster", "y", "--gpus", "10", "--days", "30")
    assert (undated.returncode, "dated records need a period with dates" in undated.stderr) == (2, True)


def test_exposure_is_stated_once(env: Env, tmp_path: Path) -> None:
    when = ("--gpus", "1000", "--since", "2026-03-01", "--days", "30")
    for name in ("hw", "net"):
        file = counts(tmp_path / f"{name}.csv", (name, "hardware", 3))
        cluster = imported(env, file, *when)
    assert cluster["faults"]["count"] == 6
    assert cluster["faults"]["gpu_days"]["in_service"] == 30_000
    other = clusterctl(env, "import", "incidents", counts(tmp_path / "c.csv", ("c", "hardware", 1)), "--cluster", "x",
                       "--gpus", "900", "--since", "2026-03-10", "--days", "5")  # fmt: skip
    assert other.returncode == 2
    assert "already states GPUs in service" in other.stderr


def test_the_future_is_no_exposure(env: Env, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("opened_at,cause,class\n2026-03-02,XID 79,hardware\n2090-01-01,XID 79,hardware\n")
    done = clusterctl(env, "import", "incidents", str(file), "--cluster", "x", "--gpus", "1000", "--since", "2026-03-01",
                      "--days", "36500")  # fmt: skip
    assert "in the future" in done.stderr
    days = (time.time() - 1_772_323_200) / 86_400
    assert report(env)["by_name"]["x"]["faults"]["gpu_days"]["in_service"] == pytest.approx(1000 * days, rel=1e-3)


def test_gpus_named_by_their_index_are_told_apart_by_their_node(env: Env, tmp_path: Path) -> None:
    file = tmp_path / "gpus.csv"
    file.write_text(
        "gpu,node,in_service_from,in_service_until\n"
        + "".join(f"{number % 8},n{number // 8},2026-03-01,2026-03-31\n" for number in range(80))
        + "3,,2026-03-01,2026-03-31\n"
    )
    done = clusterctl(env, "import", "exposure", str(file), "--cluster", "x")
    assert "line 82: gpu 3 is an index, and needs its node" in done.stderr
    assert report(env)["by_name"]["x"]["faults"]["gpu_days"]["in_service"] == 80 * 30


def test_faults_count_where_an_exposure_stands_against_them(env: Env, tmp_path: Path) -> None:
    inventory = tmp_path / "gpus.csv"
    inventory.write_text("gpu,node,in_service_from,in_service_until\nGPU-a,gpu-7,2026-02-01,2026-03-31\n")
    ok(env, "import", "exposure", str(inventory), "--cluster", "x")
    log = tmp_path / "dmesg.txt"
    log.write_text(LOG)
    for month in ("01", "03"):
        ok(env, "import", "kmsg", str(log), "--host", "gpu-7", "--cluster", "x", "--source", month,
           "--boot-time", f"2026-{month}-05T00:00:00Z")  # fmt: skip
    faults = report(env)["by_name"]["x"]["faults"]
    assert faults["count"] == 1, "in service in March"
    assert faults["before_exposure"] == 1, "and not in January"
    assert faults["per_1000_gpu_days"]["value"] == pytest.approx(1000 / 58)


def test_a_failure_without_an_xid_cannot_be_passed_over(env: Env, tmp_path: Path) -> None:
    ok(env, "import", "incidents", counts(tmp_path / "a.csv"), "--cluster", "x", "--gpus", "1000", "--since", "2026-03-01",
       "--days", "23.1")  # fmt: skip
    assert verdict(report(env)["by_name"]["x"]["faults"], 0.16)["verdict"] == "below target"
    log = tmp_path / "k.txt"
    log.write_text("2026-03-05T00:00:00Z n1 kernel: Kernel panic - not syncing: Fatal exception\n")
    ok(env, "import", "kmsg", str(log), "--host", "n1", "--cluster", "x")
    faults = report(env)["by_name"]["x"]["faults"]
    assert (faults["count"], faults["unattributed"]) == (0, 1)
    assert verdict(faults, 0.16)["verdict"] == "not decided (unattributed)"


def test_a_quote_that_is_not_closed_costs_its_own_line(env: Env, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    rows = [f"2026-03-{day:02},XID 79,hardware,x" for day in range(1, 21)]
    rows[4] = '2026-03-05,XID 79,hardware,"oops'
    rows[9] = '2026-03-10,XID 79,hardware,"two\nlines\u2028of text"'
    rows[14] = f"2026-03-15,XID 79,hardware,{'x' * 140_000}"
    file.write_text("opened_at,cause,class,note\n" + "\n".join(rows) + "\n")
    done = clusterctl(env, "import", "incidents", str(file), "--cluster", "x")
    assert "line 6: not CSV" in done.stderr
    assert "line 17: " in done.stderr
    assert "2 rows left out" in done.stderr
    assert report(env)["by_name"]["x"]["faults"]["count"] == 18


LOG = """\
[  100.000000] NVRM: Xid (PCI:0000:4e:00): 48, pid=0, An uncorrectable double bit error (DBE) has been detected on GPU
[  101.000000] NVRM: Xid (PCI:0000:4e:00): 63, pid=0, Row Remapper: New row marked for remapping, reset gpu to activate.
[  102.000000] NVRM: Xid (PCI:0000:4e:00): 45, pid=12, name=python, Ch 00000002
[  103.000000] usb 1-1: new high-speed USB device number 2
[  200.000000] NVRM: Xid (PCI:0000:5d:00): 13, pid=77, name=train, Graphics SM Warp Exception on (GPC 2, TPC 6, SM 0): x
"""


def test_a_kernel_log_becomes_incidents_by_the_same_code(env: Env, tmp_path: Path) -> None:
    file = tmp_path / "dmesg.txt"
    file.write_text(LOG)
    ok(env, "import", "kmsg", str(file), "--host", "gpu-7", "--cluster", "x", "--boot-time", "2026-03-01T00:00:00Z")
    cluster = report(env)["by_name"]["x"]
    assert len(cluster["incidents"]) == 1, "one node, one incident while it is open"
    incident = cluster["incidents"][0]
    assert (incident["cause"], incident["class"], incident["node"]) == ("XID 48", "hardware", "gpu-7")
    assert incident["opened_at"] == "2026-03-01T00:01:40.000Z"
    assert (incident["episodes"], incident["signals"]) == (4, 4)
    assert cluster["faults"]["per_1000_gpu_days"]["value"] is None, "no exposure, no rate"
