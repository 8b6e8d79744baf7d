"""Time in reports, from rows to numbers, on every store."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from clusterctl.analytics.reports.times import costs_of, steps, times_of, told_of
from clusterctl.analytics.stats import rate_of
from clusterctl.analytics.times.job import Job
from clusterctl.analytics.times.steps import stretches_of
from clusterctl.analytics.write import insert_rows
from clusterctl.clock import utc
from clusterctl.config import AnalyticsConfig
from clusterctl.schema import INCIDENT, INVENTORY, JOB, JOB_MARK, NODE_STATE, SLOW_FINDING
from clusterctl.store import Param, Store
from tests.support.marked import MarkedJob, store_jobs
from tests.support.rolled import T0, insert

MINUTE, HOUR = 60_000, 3_600_000
WINDOW: dict[str, Param] = {"cluster": "c", "since": utc(T0), "until": utc(T0 + 24 * HOUR)}


TABLES = (INCIDENT, INVENTORY, NODE_STATE, SLOW_FINDING, JOB, JOB_MARK)


@pytest.fixture
def store(engine: Store) -> Store:
    """The database, empty again."""
    for table in TABLES:
        engine.execute(f"TRUNCATE TABLE {table.name}")
    return engine


def incident(name: str, opened_ms: int, *jobs: str, **more: Any) -> dict[str, Any]:
    return {
        "cluster": "c", "incident_id": name, "source": "import:x", "class": "hardware", "cause": "xid 79", "category": "",
        "impact": "fault", "count": 1, "opened_at": opened_ms, "dated": 1, "node": "n1", "gpu": "", "repeat_of": "",
        "nodes_affected": 1, "episodes": 1, "signals": 1, "evidence": "[]", "catalog_version": "", "note": "", "retired": 0,
        "version": 1, "jobs": json.dumps(jobs), **more,
    }  # fmt: skip


def scenario() -> MarkedJob:
    """X08 after a night of training: 16 GPUs, a step in ten seconds, a save that blocks for 30 s at step 648."""
    job = MarkedJob("J")
    job.run(T0 + 2 * HOUR, T0 + 4 * HOUR + 4 * MINUTE, hosts=2, eligible_ms=T0 + 110 * MINUTE)
    job.run(T0 + 4 * HOUR + 12 * MINUTE, T0 + 5 * HOUR, hosts=2, eligible_ms=T0 + 4 * HOUR + 4 * MINUTE)
    saved_ms = job.train(4, 648, T0 + 2 * HOUR + 10_000, 10_000)
    job.mark("checkpoint_begin", saved_ms, 648)
    job.mark("checkpoint_end", saved_ms + 30_000, 648, 3 * 10**12)
    job.mark("checkpoint_durable", saved_ms + 60_000, 648)
    assert job.train(649, 720, saved_ms + 40_000, 10_000) == T0 + 4 * HOUR
    job.mark("restore_begin", T0 + 4 * HOUR + 13 * MINUTE, 648)
    job.mark("restore_end", T0 + 4 * HOUR + 17 * MINUTE, 648)
    assert job.train(649, 906, T0 + 4 * HOUR + 17 * MINUTE + 10_000, 10_000) == T0 + 5 * HOUR
    return job


def test_a_night_of_training_with_one_fault(store: Store) -> None:
    store_jobs(store, [scenario()])
    lost = {"service_lost_at": T0 + 4 * HOUR + 9 * MINUTE, "service_back_at": T0 + 10 * HOUR}
    insert_rows(store, INCIDENT, [incident("i1", T0 + 4 * HOUR + MINUTE, "J", **lost)])
    headline = rate_of(1, 16.0, "in_service")
    times = times_of(store, AnalyticsConfig(), WINDOW, 1, headline, 16.0)
    _repairs_are_x08(times, store)
    _time_went_where_it_went(times)
    checkpoints = times.checkpoints
    assert (checkpoints.saves, checkpoints.failed, checkpoints.bytes_median) == (1, 0, 3 * 10**12)
    assert (checkpoints.blocked.median_s, checkpoints.durable.median_s, checkpoints.restore.median_s) == (30, 60, 240)
    assert checkpoints.bytes_per_s_median == 3e12 / 60
    assert checkpoints.blocked_share == pytest.approx(0.5 / 190)
    (plan,) = checkpoints.plan
    assert (plan.gpus, plan.blocked_s, plan.failures_per_day) == (16, 30, 1.0)
    assert plan.best_interval_s == pytest.approx((2 * 30 * 86_400) ** 0.5)
    assert "projected" in checkpoints.at_10000_gpus
    (band,) = times.job_sizes
    assert (band.name, band.jobs, band.interruptions) == ("8 to 63", 1, 1)
    assert band.mttf_measured_h.value == pytest.approx(172 / 60)
    assert band.mttf_model_h == pytest.approx(24.0), "one a day on 16 GPUs: a model"
    assert times.mtbf_gpu_hours.value == 384.0


def _repairs_are_x08(times: Any, store: Store) -> None:
    parts = {part.name: part.spread.mean_s for part in times.mttr.parts}
    assert parts == {"detect": 60, "locate": 480, "replace": 180, "reload": 300, "recompute": 720}
    assert times.mttr.total.mean_s == 29 * 60
    assert times.mttr.nodes.mean_s == 6 * 3600 - 9 * 60
    (cost,) = costs_of(store, WINDOW)
    assert cost.gpu_hours_lost == pytest.approx(16 * 29 / 60)
    assert (cost.count, cost.counted_in_cost, cost.share_of_cost) == (1, 1, 1.0)


def _time_went_where_it_went(times: Any) -> None:
    """190 minutes: 10 and 8 in the queue, 172 on the nodes."""
    minutes = {item.name: item.gpu_hours * 60 / 16 for item in times.goodput.items}
    assert minutes["queue"] == pytest.approx(18)
    assert minutes["checkpoint"] == pytest.approx(0.5)
    assert minutes["lost_progress"] == pytest.approx(12)
    assert minutes["other"] == pytest.approx(4)
    assert minutes["init"] == pytest.approx((10 + 310) / 60)
    assert times.goodput.share * 190 == pytest.approx(190 - 18 - 0.5 - 12 - 4 - 320 / 60)
    assert sum(item.share for item in times.goodput.items) == pytest.approx(1 - times.goodput.share)
    assert times.ettr.cumulative == times.goodput.share, "nothing slow was found"
    assert "fail slow and exposed communication not measured" in times.goodput.remark


def test_without_marks_nothing_is_made_up(store: Store) -> None:
    times = times_of(store, AnalyticsConfig(), WINDOW, 0, rate_of(0, 1000.0, "in_service"), 1000.0)
    assert (times.ettr.cumulative, times.goodput.share, times.checkpoints.blocked_share) == (None, None, None)
    assert "job-hook.md" in times.ettr.remark
    assert (times.mtbf_gpu_hours.value, times.mtbf_gpu_hours.high) == (None, None)
    assert times.mtbf_gpu_hours.low == pytest.approx(24_000 / 3.6889, rel=1e-4)
    assert (times.availability.planned_is_down, times.job_sizes, times.rack_to_train) == (None, [], [])
    assert costs_of(store, WINDOW) == []


def test_quarters_of_an_hour_give_what_the_rows_give(store: Store) -> None:
    """Jobs that restart at any time, with and without losing steps, marked and unmarked, on another node or not."""
    chance = random.Random(11)
    jobs = [_eventful(chance, f"job-{number}") for number in range(6)]
    # another rank of the same job says the same; nobody may count it twice
    echo = MarkedJob("job-0", host="n9", rank=5, steps=[{**row, "host": "n9", "rank": 5} for row in jobs[0].steps])
    store_jobs(store, [*jobs, echo])
    told = {job.job_id: job for job in told_of(store, WINDOW).jobs}
    assert len(told) == 6
    for job in jobs:
        starts = sorted({*(row["ts"] for row in job.others), *(row["ts"] for row in job.runs)})
        expected = stretches_of(job.pieces(), starts)
        found = told[job.job_id]
        limits = [(s.since_ms, s.until_ms, s.first, s.last) for s in expected]
        assert [(s.since_ms, s.until_ms, s.first, s.last) for s in found.stretches] == limits
        exact = Job(job.job_id, "ann", found.runs, expected, found.marks)
        assert found.parts == exact.parts, "to the millisecond"


def test_where_too_much_happens_the_report_says_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store_jobs(store, [_eventful(random.Random(11), "busy")])
    monkeypatch.setattr(steps, "MAX_QUARTERS", 2)
    times = times_of(store, AnalyticsConfig(), WINDOW, 0, rate_of(0, 1.0, "in_service"), 1.0)
    assert "right to the quarter" in times.ettr.remark
    assert sum(item.share for item in times.goodput.items) == pytest.approx(1 - times.goodput.share)


def _eventful(chance: random.Random, name: str) -> MarkedJob:
    job = MarkedJob(name, host=f"h-{name}")
    at = T0 + chance.randrange(2 * HOUR)
    job.run(at, T0 + 20 * HOUR, hosts=2)
    reached, every = 0, chance.choice([1, 1, 10])
    while at < T0 + 15 * HOUR:
        job.host = chance.choice([job.host, f"{job.host}x"])
        at += chance.choice([0, 5_000, 90_000, 400_000, 900_000])
        first = max(0, reached + 1 - chance.choice([0, 0, 3, 40, 400]))
        if first > reached or chance.random() < 0.5:
            job.mark("run_begin", at)
        reached = first + chance.randrange(2, 2_000)
        at = job.train(first, reached, at + 1_500, chance.choice([700, 3_000, 14_000]), every) + 1_000
    return job


def test_rows_that_come_twice_count_once_and_another_cluster_is_another(store: Store) -> None:
    job = scenario()
    store_jobs(store, [job])
    before = times_of(store, AnalyticsConfig(), WINDOW, 0, rate_of(0, 1.0, "in_service"), 1.0)
    store_jobs(store, [job])
    again = times_of(store, AnalyticsConfig(), WINDOW, 0, rate_of(0, 1.0, "in_service"), 1.0)
    assert again == before
    other = {**WINDOW, "cluster": "it's another"}
    assert told_of(store, other).jobs == []


def test_availability_and_slow_jobs_and_what_nobody_says(store: Store) -> None:
    job = scenario()
    store_jobs(store, [job])
    states = [("n1", 0, "in_service"), ("n1", 6, "drained"), ("n1", 12, "in_service"), ("n1-1", 0, "in_service"),
              ("n1-1", 18, "planned"), ("n1-1", 21, "in_service"), ("nobody-knows-its-gpus", 0, "drained")]  # fmt: skip
    insert_rows(store, NODE_STATE, [
        {"cluster": "c", "host": host, "source": "slurm", "since": T0 + hour * HOUR, "state": state, "raw_state": state,
         "reason": "", "said_by": "", "retired": 0, "version": 1} for host, hour, state in states
    ])  # fmt: skip
    insert_rows(store, SLOW_FINDING, [
        {"cluster": "c", "host": "n1", "subject_kind": "node", "subject": "n1", "metric": "step", "onset": T0 + 3 * HOUR,
         "job_id": "J", "slow_ratio": 0.2, "confidence_ratio": 0.99, "peers": 7, "retired": 0, "evidence": "{}",
         "until": None, "gpu_hours_lost": 1.6, "version": 1}
    ])  # fmt: skip
    times = times_of(store, AnalyticsConfig(), WINDOW, 0, rate_of(0, 1.0, "in_service"), 1.0)
    assert times.availability.planned_left_out == pytest.approx((18 + 21) / (18 + 21 + 6))
    assert times.availability.planned_is_down == pytest.approx((18 + 21) / 48)
    assert times.mttr.nodes.mean_s == 6 * 3600
    slow = next(item for item in times.goodput.items if item.name == "fail_slow")
    assert slow.gpu_hours == pytest.approx(1.6)
    assert times.goodput.share == pytest.approx(times.ettr.cumulative - slow.share)
    exposed = times_of(store, AnalyticsConfig(), WINDOW, 0, rate_of(0, 1.0, "x"), 1.0, exposed_gpu_hours=3.2).goodput
    assert exposed.share * exposed.gpu_hours == pytest.approx(times.goodput.share * exposed.gpu_hours - 3.2)
    assert sum(item.share for item in exposed.items) == pytest.approx(1 - exposed.share)
    assert exposed.remark == ""
    assert sum(item.share for item in times.goodput.items) == pytest.approx(1 - times.goodput.share)


def test_from_rack_to_train(store: Store) -> None:
    job = scenario()
    store_jobs(store, [job])
    facts = {"powered_on_at": "", "accepted_at": "", "accepted_first": True, "build": "hall 1", "target_gpus": 16}
    nodes = [("n1", -30, -6, True), ("n1-1", -22, -2, False), ("spare", -26, None, False)]
    insert(store, INVENTORY, [
        {"cluster": "c", "host": host, "ts": T0 - 40 * HOUR, "subject_kind": "node", "subject": host,
         "fields": json.dumps({**facts, "accepted_first": first, "powered_on_at": utc(T0 + on * HOUR).isoformat(),
                               "accepted_at": utc(T0 + done * HOUR).isoformat() if done else None})}
        for host, on, done, first in nodes
    ], stored_ms=T0)  # fmt: skip
    insert(store, INVENTORY, [
        {"cluster": "c", "host": "odd", "ts": T0, "subject_kind": "node", "subject": "odd",
         "fields": '{"powered_on_at": "yesterday evening"}'}
    ], stored_ms=T0)  # fmt: skip
    (rack,) = times_of(store, AnalyticsConfig(), WINDOW, 0, rate_of(0, 1.0, "in_service"), 1.0).rack_to_train
    first_step_h = job.steps[0]["ts"] / HOUR - T0 / HOUR
    assert (rack.name, rack.target_gpus, rack.nodes) == ("hall 1", 16, 3)
    assert (rack.nodes_accepted_first, rack.nodes_accepted) == (1, 2)
    assert rack.hours == pytest.approx(22 + first_step_h)
    assert sum(rack.stages.values()) == pytest.approx(rack.hours)
    assert rack.stages == {"acceptance": 20.0, "job_start": pytest.approx(4.0), "init": pytest.approx(first_step_h - 2)}
