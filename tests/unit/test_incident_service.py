"""Incidents and service: planned work ends jobs by plan, and a node that is silent stays open until it speaks."""

from __future__ import annotations

from clusterctl.analytics.incidents import Evidence, Gap, JobRun, NodeState, Rules, compute
from clusterctl.analytics.incidents.rows import rows_of

MINUTE, HOUR = 60_000, 3_600_000
DAY = 24 * HOUR


def test_a_job_that_planned_work_ends_is_no_interruption() -> None:
    states = (
        NodeState("A", 0, "in_service"),
        NodeState("A", 10 * HOUR, "planned"),
        NodeState("A", 12 * HOUR, "in_service"),
    )
    by_plan = JobRun("1", "u", ("A", "B"), 16, 0, 10 * HOUR + 2 * MINUTE, "NODE_FAIL")
    later = JobRun("2", "u", ("A", "B"), 16, 13 * HOUR, 20 * HOUR, "NODE_FAIL")
    found = compute(Evidence("c", (), states, (by_plan, later)), Rules())
    assert [(i.incident_class, [job.job_id for job in i.jobs]) for i in found] == [("planned", []), ("unknown", ["2"])]


def test_a_silent_node_is_open_until_it_speaks() -> None:
    silent = Gap("A", HOUR, 60 * HOUR, ended=False)
    (found,) = compute(Evidence("c", gaps=(silent,)), Rules())
    (row,) = rows_of("c", [found], Rules(), 60 * HOUR, {})
    assert (row["impact"], row["closed_at"]) == ("gap", None)
    spoke = Gap("A", HOUR, 60 * HOUR)
    (found,) = compute(Evidence("c", gaps=(spoke,)), Rules())
    (row,) = rows_of("c", [found], Rules(), 90 * HOUR, {})
    assert row["closed_at"] == 61 * HOUR, "an hour after it spoke"
