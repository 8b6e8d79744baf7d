"""X08 of docs/kpi.md through the command line, on both stores: the parts of a repair, what it cost, what the time was."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from clusterctl.analytics.migrate import migrate
from clusterctl.clock import utc
from clusterctl.config import load
from clusterctl.store import open_store
from clusterctl.store.driver import create_database
from tests.support.cli import clusterctl, report, server_env, unique_name
from tests.support.marked import MarkedJob, store_jobs
from tests.support.rolled import T0

MINUTE, HOUR = 60_000, 3_600_000
MIDNIGHT = T0 + 24 * HOUR


@pytest.fixture(params=["embedded", pytest.param("server", marks=pytest.mark.clickhouse)])
def env(request: pytest.FixtureRequest, local_env: dict[str, str]) -> Mapping[str, str]:
    if request.param == "embedded":
        return local_env
    both = {**local_env, **server_env(request.getfixturevalue("clickhouse_address"), unique_name())}
    create_database(load(None, both).store)
    return both


def fill(env: Mapping[str, str]) -> None:
    """16 GPUs; the fault at midnight, at step 720; back from the checkpoint of step 648 on other nodes."""
    job = MarkedJob("J")
    job.run(MIDNIGHT - 2 * HOUR, MIDNIGHT + 4 * MINUTE, hosts=2)
    job.run(MIDNIGHT + 12 * MINUTE, MIDNIGHT + HOUR, hosts=2, eligible_ms=MIDNIGHT + 4 * MINUTE)
    job.train(1, 720, MIDNIGHT - 2 * HOUR + 10_000, 10_000)
    job.mark("restore_end", MIDNIGHT + 17 * MINUTE, 648)
    job.train(649, 906, MIDNIGHT + 17 * MINUTE + 10_000, 10_000)
    store = open_store(load(None, env))
    migrate(store)
    store_jobs(store, [job])
    store.close()


def test_x08_repair_of_a_job(env: Mapping[str, str], tmp_path: Path) -> None:
    fill(env)
    file = tmp_path / "incidents.csv"
    signal, drained = (utc(MIDNIGHT + minutes * MINUTE).isoformat() for minutes in (1, 9))
    file.write_text(
        "opened_at,cause,class,node,jobs,service_lost_at,gpu_hours_lost\n"
        f"{signal},XID 79,hardware,n1,J,{drained},\n{signal},PSU,facility,n2,,{drained},2.5\n{signal},x,user,n3,,,-1\n"
    )
    done = clusterctl(env, "import", "incidents", str(file), "--cluster", "c", "--gpus", "16", "--since",
                      utc(T0).isoformat(), "--until", utc(T0 + 48 * HOUR).isoformat())  # fmt: skip
    assert done.returncode == 1
    assert "gpu_hours_lost is not a number of 0 or more" in done.stderr
    cluster = report(env)["by_name"]["c"]
    _is_x08(cluster["times"]["mttr"])
    costs = {cost["cause"]: cost for cost in cluster["costs"]}
    assert costs["XID 79"]["gpu_hours_lost"] == pytest.approx(16 * 29 / 60)
    assert (costs["PSU"]["gpu_hours_lost"], costs["PSU"]["counted_in_cost"]) == (2.5, 1)
    goodput = cluster["times"]["goodput"]
    assert goodput["gpu_hours"] == pytest.approx(16 * 3)
    seconds = {item["name"]: item["gpu_hours"] * 3600 / 16 for item in goodput["items"]}
    assert {name: round(value) for name, value in seconds.items()} == {
        "queue": 480, "init": 320, "data_load": 0, "checkpoint": 0, "lost_progress": 720, "other": 240,
    }  # fmt: skip
    assert goodput["share"] == pytest.approx((6470 + 2570) / 10_800)
    assert sum(item["share"] for item in goodput["items"]) == pytest.approx(1 - goodput["share"])
    ettr = cluster["times"]["ettr"]
    assert ettr["cumulative"] == pytest.approx(goodput["share"])
    # from 23:48, when the last step that was kept had ended, an hour holds 12 min lost and 17 min 10 s until steps came again
    assert ettr["worst_hour"] == pytest.approx((60 - 12 - 17 - 1 / 6) / 60)
    assert ettr["worst_hour_at"] == utc(MIDNIGHT - 42 * MINUTE).isoformat()[:16] + "Z", (
        "the first minute from which it does"
    )


def _is_x08(mttr: Mapping[str, Any]) -> None:
    minutes = {part["name"]: part["spread"]["median_s"] / 60 for part in mttr["parts"]}
    assert minutes == {"detect": 1, "locate": 8, "replace": 3, "reload": 5, "recompute": 12}
    assert mttr["total"]["mean_s"] == 29 * 60
