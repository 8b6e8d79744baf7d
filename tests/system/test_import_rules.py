"""What an import takes, leaves out, replaces and refuses, through the command line. Each test has a cluster of its own."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.cli import clusterctl, embedded_env, ok
from tests.support.imports import FLEET, KERNEL_LOG, Env, counts, imported, seen, verdict


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Env:
    return embedded_env(tmp_path_factory.mktemp("imports"))


def test_importing_again_changes_nothing_and_a_shorter_file_takes_back(env: Env, cluster: str, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    first = imported(env, cluster, counts(file, ("a", "hardware", 3), ("b", "network", 4)), *FLEET)
    again = clusterctl(env, "import", "incidents", str(file), "--cluster", cluster, *FLEET)
    assert "(0 written)" in again.stdout
    assert seen(env, cluster)["faults"]["count"] == first["faults"]["count"] == 7
    assert imported(env, cluster, counts(file, ("a", "hardware", 3)), *FLEET)["faults"]["count"] == 3


def test_rows_that_cannot_be_used_are_listed_and_the_rest_go_in(env: Env, cluster: str, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(
        "opened_at,cause,class\n2026-03-01,XID 79,hardware\nyesterday,XID 79,hardware\n2026-03-02,,hardware\n"
        "2026-03-03,\x1b[31mred\x07,alien\n"
    )
    done = clusterctl(env, "import", "incidents", str(file), "--cluster", cluster)
    assert done.returncode == 1
    assert "3 rows left out" in done.stderr
    for text in ("line 3: not a time", "line 4: no cause", "line 5: class 'alien'"):
        assert text in done.stderr
    assert "\x1b" not in done.stderr
    assert seen(env, cluster)["faults"]["count"] == 1


def test_a_window_never_splits_undated_counts(env: Env, cluster: str, tmp_path: Path) -> None:
    file = counts(tmp_path / "a.csv", ("a", "hardware", 10))
    ok(
        env,
        "import",
        "incidents",
        file,
        "--cluster",
        cluster,
        "--gpus",
        "100",
        "--since",
        "2026-03-01",
        "--until",
        "2026-03-31",
    )
    half = seen(env, cluster, "--since", "2026-03-10", "--until", "2026-04-30")
    assert half["faults"]["count"] == 0
    assert half["faults"]["gpu_days"]["in_service"] in (None, 0)
    assert half["faults"]["per_1000_gpu_days"]["value"] is None
    assert any("left out" in text for text in half["warnings"])
    whole = seen(env, cluster, "--since", "2026-02-01", "--until", "2026-04-30")
    assert whole["faults"]["count"] == 10
    assert whole["faults"]["gpu_days"]["in_service"] == 3000


def test_overlapping_service_is_counted_once(env: Env, cluster: str, tmp_path: Path) -> None:
    file = tmp_path / "gpus.csv"
    file.write_text(
        "gpu,node,in_service_from,in_service_until\n"
        "g1,n,2026-03-01,2026-03-11\ng1,n,2026-03-06,2026-03-16\ng1,n,2026-03-02,2026-03-03\ng2,n,2026-03-01,2026-03-02\n"
    )
    done = clusterctl(env, "import", "exposure", str(file), "--cluster", cluster)
    assert "overlaps" in done.stderr
    assert seen(env, cluster)["faults"]["gpu_days"]["in_service"] == 16


def test_a_file_of_which_nothing_can_be_used_replaces_nothing(env: Env, cluster: str, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    head = "opened_at,cause,class\n"
    file.write_text(head + "2026-03-02,XID 79,hardware\n")
    when = ("--gpus", "1000", "--since", "2026-03-01", "--days", "30")
    assert imported(env, cluster, str(file), *when)["faults"]["count"] == 1
    file.write_text(head + "2.3.2026 10:00,XID 79,hardware\n")
    done = clusterctl(env, "import", "incidents", str(file), "--cluster", cluster, *when)
    assert done.returncode == 2
    assert seen(env, cluster)["faults"]["count"] == 1
    undated = clusterctl(env, "import", "incidents", str(file), "--cluster", "y", "--gpus", "10", "--days", "30")
    assert (undated.returncode, "dated records need a period with dates" in undated.stderr) == (2, True)


def test_exposure_is_stated_once(env: Env, cluster: str, tmp_path: Path) -> None:
    when = ("--gpus", "1000", "--since", "2026-03-01", "--days", "30")
    for name in ("hw", "net"):
        file = counts(tmp_path / f"{name}.csv", (name, "hardware", 3))
        stated = imported(env, cluster, file, *when)
    assert stated["faults"]["count"] == 6
    assert stated["faults"]["gpu_days"]["in_service"] == 30_000
    other = clusterctl(env, "import", "incidents", counts(tmp_path / "c.csv", ("c", "hardware", 1)), "--cluster", cluster,
                       "--gpus", "900", "--since", "2026-03-10", "--days", "5")  # fmt: skip
    assert other.returncode == 2
    assert "already states GPUs in service" in other.stderr


def test_the_future_is_no_exposure(env: Env, cluster: str, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("opened_at,cause,class\n2026-03-02,XID 79,hardware\n2090-01-01,XID 79,hardware\n")
    done = clusterctl(env, "import", "incidents", str(file), "--cluster", cluster, "--gpus", "1000", "--since", "2026-03-01",
                      "--days", "36500")  # fmt: skip
    assert "in the future" in done.stderr
    days = (time.time() - 1_772_323_200) / 86_400
    assert seen(env, cluster)["faults"]["gpu_days"]["in_service"] == pytest.approx(1000 * days, rel=1e-3)


def test_gpus_named_by_their_index_are_told_apart_by_their_node(env: Env, cluster: str, tmp_path: Path) -> None:
    file = tmp_path / "gpus.csv"
    file.write_text(
        "gpu,node,in_service_from,in_service_until\n"
        + "".join(f"{number % 8},n{number // 8},2026-03-01,2026-03-31\n" for number in range(80))
        + "3,,2026-03-01,2026-03-31\n"
    )
    done = clusterctl(env, "import", "exposure", str(file), "--cluster", cluster)
    assert "line 82: gpu 3 is an index, and needs its node" in done.stderr
    assert seen(env, cluster)["faults"]["gpu_days"]["in_service"] == 80 * 30


def test_faults_count_where_an_exposure_stands_against_them(env: Env, cluster: str, tmp_path: Path) -> None:
    inventory = tmp_path / "gpus.csv"
    inventory.write_text("gpu,node,in_service_from,in_service_until\nGPU-a,gpu-7,2026-02-01,2026-03-31\n")
    ok(env, "import", "exposure", str(inventory), "--cluster", cluster)
    log = tmp_path / "dmesg.txt"
    log.write_text(KERNEL_LOG)
    for month in ("01", "03"):
        ok(env, "import", "kmsg", str(log), "--host", "gpu-7", "--cluster", cluster, "--source", month,
           "--boot-time", f"2026-{month}-05T00:00:00Z")  # fmt: skip
    faults = seen(env, cluster)["faults"]
    assert faults["count"] == 1, "in service in March"
    assert faults["before_exposure"] == 1, "and not in January"
    assert faults["per_1000_gpu_days"]["value"] == pytest.approx(1000 / 58)


def test_a_failure_without_an_xid_cannot_be_passed_over(env: Env, cluster: str, tmp_path: Path) -> None:
    fleet = ("--gpus", "1000", "--since", "2026-03-01", "--days", "23.1")
    ok(env, "import", "incidents", counts(tmp_path / "a.csv"), "--cluster", cluster, *fleet)
    assert verdict(seen(env, cluster)["faults"], 0.16)["verdict"] == "below target"
    log = tmp_path / "k.txt"
    log.write_text("2026-03-05T00:00:00Z n1 kernel: Kernel panic - not syncing: Fatal exception\n")
    ok(env, "import", "kmsg", str(log), "--host", "n1", "--cluster", cluster)
    faults = seen(env, cluster)["faults"]
    assert (faults["count"], faults["unattributed"]) == (0, 1)
    assert verdict(faults, 0.16)["verdict"] == "not decided (unattributed)"


def test_a_quote_that_is_not_closed_costs_its_own_line(env: Env, cluster: str, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    rows = [f"2026-03-{day:02},XID 79,hardware,x" for day in range(1, 21)]
    rows[4] = '2026-03-05,XID 79,hardware,"oops'
    rows[9] = '2026-03-10,XID 79,hardware,"two\nlines\u2028of text"'
    rows[14] = f"2026-03-15,XID 79,hardware,{'x' * 140_000}"
    file.write_text("opened_at,cause,class,note\n" + "\n".join(rows) + "\n")
    done = clusterctl(env, "import", "incidents", str(file), "--cluster", cluster)
    assert "line 6: not CSV" in done.stderr
    assert "line 17: " in done.stderr
    assert "2 rows left out" in done.stderr
    assert seen(env, cluster)["faults"]["count"] == 18
