"""From stored telemetry and imported traces to what `collective` says of a job, on every store; the truth is simulated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clusterctl.analytics.communication.refresh import look, refresh
from clusterctl.analytics.imports.traces import import_traces
from clusterctl.analytics.migrate import migrate
from clusterctl.analytics.reports.communication import communication_of
from clusterctl.analytics.reports.times import Told
from clusterctl.clock import utc
from clusterctl.communication.analyze import Options, analyze
from clusterctl.communication.collected import Origin, rows_of
from clusterctl.config import AnalyticsConfig
from clusterctl.simulate.training.plan import JobPlan, Layout
from clusterctl.simulate.training.rows import MODEL, Job
from clusterctl.simulate.training.stored import blocks_of
from clusterctl.simulate.training.trace import write_trace
from clusterctl.store import Param, Store
from tests.support.wirehelp import now_ms

HOUR_MS = 3_600_000
START_MS = (now_ms() // HOUR_MS - 24) * HOUR_MS + 40 * 60_000
"""Twenty minutes before the end of an hour of yesterday: older samples vanish by their TTL."""
COLUMNS = (
    "grade, reason, ranks, world_size, step_us, exposed_ratio, exposed_low_ratio, exposed_high_ratio, total_mark, layout, "
    "gpu_model, late, fields"
)


def job(name: str, layout: Layout, minutes: float = 20.0, nodes: int = 2, exposed: float = 0.12) -> Job:
    plan = JobPlan(layout, 2.0, exposed, seed=5, window_s=minutes * 60)
    return Job(name, plan, tuple(f"{name}-n{number}" for number in range(nodes)), 2, START_MS)


def insert(store: Store, one: Job, cluster: str) -> None:
    for table, columns in blocks_of(one, cluster):
        store.insert(table, columns)


def truth(one: Job, begin_ms: int, end_ms: int) -> float:
    """Mean over ranks of the exposed share of that time."""
    window = ((begin_ms - one.start_ms) / 1_000, (end_ms - one.start_ms) / 1_000)
    shares = [rank.course.exposed(*window) for node in range(len(one.nodes)) for rank in one.ranks(node)]
    return sum(shares) / len(shares)


def telemetry(store: Store) -> list[dict[str, object]]:
    result = store.query(f"SELECT {COLUMNS} FROM collective FINAL WHERE source = 'telemetry' ORDER BY job_id, ts", {})
    return [dict(zip(result.names, row, strict=True)) for row in result.rows]


@pytest.fixture
def looked(store: Store) -> Store:
    if type(store).__name__ == "RemoteStore":
        pytest.skip("the engine behind the socket is the embedded one")
    migrate(store)
    return store


def test_a_burst_has_a_value_and_slices_have_bounds(looked: Store) -> None:
    tail, fine = job("tail", Layout.TAIL), job("fine", Layout.FINE, nodes=1)
    for one in (tail, fine):
        insert(looked, one, "c")
    until_ms = START_MS + 30 * 60_000
    outcome = look(looked, "c", AnalyticsConfig(), START_MS, until_ms)
    assert outcome.estimated == 2
    of_fine, of_tail = telemetry(looked)
    assert (of_fine["grade"], of_fine["exposed_ratio"]) == ("D", None), of_fine["reason"]
    assert of_tail["grade"] == "B"
    assert (of_tail["ranks"], of_tail["world_size"], of_tail["gpu_model"]) == (4, 4, MODEL)
    assert of_tail["step_us"] == pytest.approx(2e6, rel=0.02)
    for row, one in ((of_fine, fine), (of_tail, tail)):
        true = truth(one, START_MS + 10 * 60_000, START_MS + 20 * 60_000)
        assert row["exposed_low_ratio"] <= true <= row["exposed_high_ratio"]  # type: ignore[operator]
        assert json.loads(str(row["fields"]))["label"] == "model, not validated on hardware"
        assert row["total_mark"] == "at least"
    assert look(looked, "c", AnalyticsConfig(), START_MS, until_ms).estimated == 0, "each window once"


def age_s(store: Store) -> float | None:
    """Of the job's calibration, as a report tells it."""
    window: dict[str, Param] = {"cluster": "c", "since": utc(START_MS), "until": utc(START_MS + 30 * 60_000)}
    return communication_of(store, window, [], Told(window, [], [], []))[0].jobs[0].calibration_age_s


def test_a_short_profile_of_all_ranks_makes_grade_a_of_slices(looked: Store, tmp_path: Path) -> None:
    fine = job("fine", Layout.FINE)
    insert(looked, fine, "c")
    middle = 300
    for node in range(2):
        for rank in fine.ranks(node):
            path = tmp_path / f"rank{rank.plan.rank}.pt.trace.json.gz"
            write_trace(path, rank, fine.world_size, fine.start_ms, range(middle, middle + 5))
    found = analyze([tmp_path], Options(), lambda _path, _count: None)
    rows = rows_of(found, Origin("fine", "tp4", "/import:p"))
    told = import_traces(looked, rows, found.notes, "c", "p")
    assert told.rows == 5
    outcome = look(looked, "c", AnalyticsConfig(), START_MS, START_MS + 30 * 60_000)
    assert (outcome.calibrated, outcome.not_calibrated) == (1, {})
    [row] = telemetry(looked)
    true = truth(fine, START_MS + 10 * 60_000, START_MS + 20 * 60_000)
    assert (row["grade"], row["layout"]) == ("A", "tp4")
    assert age_s(looked) == pytest.approx(600, abs=15), "profiled ten minutes before the window ended"
    assert row["exposed_ratio"] == pytest.approx(true, abs=0.02)
    assert row["exposed_low_ratio"] <= true <= row["exposed_high_ratio"]  # type: ignore[operator]
    exact = looked.query(
        "SELECT exposed_ratio, ranks, ts_source FROM collective FINAL WHERE scope = 'job' AND grade = 'exact'"
    ).rows
    assert exact == [(pytest.approx(found.over_ranks["exposed_ratio"].mean, abs=1e-12), 4, "trace")]
    kept = looked.query("SELECT job_id, layout, world_size FROM comm_calibration FINAL").rows
    assert kept == [("fine", "tp4", 4)]
    again = import_traces(looked, rows, found.notes, "c", "p")
    assert looked.query("SELECT count() FROM collective FINAL WHERE grade = 'exact'").rows == [(again.rows,)]


def test_a_pass_waits_for_its_time_and_refuses_what_it_cannot_know(looked: Store) -> None:
    idle = job("short", Layout.TAIL, minutes=1.2, nodes=1)
    insert(looked, idle, "c")
    later_ms = START_MS + HOUR_MS
    assert refresh(looked, AnalyticsConfig(), later_ms) == 1
    assert refresh(looked, AnalyticsConfig(), later_ms + 1_000) == 0
    [row] = telemetry(looked)
    if row["grade"] == "none":
        assert (row["exposed_low_ratio"], row["exposed_ratio"]) == (None, None)
        assert row["reason"]
