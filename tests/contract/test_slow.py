"""Slow units found in the samples of a store, written, kept, ended and taken back, on every engine."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from clusterctl.analytics import rollup
from clusterctl.analytics.migrate import migrate
from clusterctl.analytics.reports.slow import slow_of
from clusterctl.analytics.slow.groups import ALONE, FEW, MIG
from clusterctl.analytics.slow.refresh import look, refresh
from clusterctl.clock import utc
from clusterctl.config import AnalyticsConfig
from clusterctl.schema import GPU_HEALTH, GPU_SAMPLE, INVENTORY, JOB, JOB_MARK, NIC_SAMPLE
from clusterctl.store import Store
from clusterctl.store.remote import RemoteStore
from tests.support.rolled import HOUR_MS, MINUTE_MS, T0, Row, insert

HOSTS, GPUS, MINUTES = 3, 2, 180
CONFIG = AnalyticsConfig(slow_window_h=4.0)
NOW = T0 + MINUTES * MINUTE_MS + 90_000
SLOW_SINCE, SLOW_UNTIL = 90, 150


def samples(begin_ms: int = T0, slow_until: int = SLOW_UNTIL) -> list[Row]:
    """Two ticks a minute of six GPUs under job 7. GPU n1-g0 loses a fifth of its clock to heat for an hour."""
    chance = np.random.default_rng(5)
    rows = []
    for minute in range(MINUTES):
        for host in range(HOSTS):
            for index in range(GPUS):
                hot = (host, index) == (1, 0) and SLOW_SINCE <= minute < slow_until
                clock = 1_980 * (0.8 if hot else 1.0) * float(np.exp(chance.normal(0, 0.005)))
                busy = 0.6 / (0.8 if hot else 1.0)
                rows += [
                    {
                        "cluster": "c",
                        "host": f"n{host}",
                        "gpu_uuid": f"n{host}-g{index}",
                        "boot_id": "b",
                        "ts": begin_ms + minute * MINUTE_MS + second * 1_000,
                        "job_id": "7",
                        "sm_clock_mhz": round(clock),
                        "memory_clock_mhz": 2_619,
                        "throttle_mask": 0x44 if hot else 0x4,
                        "util_ratio": 1.0,
                        "sm_active_ratio": busy,
                        "tensor_active_ratio": 0.4 / (0.8 if hot else 1.0),
                        "power_mw": 600_000,
                        "memory_total_bytes": 85_520_809_984,
                    }
                    for second in (10, 40)
                ]
    return rows


def job(host: str, name: str = "7", began: int = T0, ended: int | None = None) -> Row:
    return {"cluster": "c", "host": host, "job_id": name, "ts": began, "gpus": GPUS, "ended_at": ended}


@pytest.fixture
def engine(store: Store) -> Store:
    """The engine in this process, and on a server: behind a socket it is the same, which one test is enough for."""
    if isinstance(store, RemoteStore):
        pytest.skip("the engine behind the socket is the embedded one")
    return store


@pytest.fixture
def trained(engine: Store) -> Store:
    return filled(engine)


def filled(store: Store) -> Store:
    migrate(store)
    insert(store, GPU_SAMPLE, samples(), stored_ms=NOW)
    insert(store, JOB, [job(f"n{host}") for host in range(HOSTS)], stored_ms=NOW)
    return store


def findings(store: Store) -> list[dict[str, Any]]:
    names = (
        "host",
        "subject_kind",
        "subject",
        "metric",
        "onset",
        "until",
        "slow_ratio",
        "confidence_ratio",
        "peers",
        "evidence",
    )
    result = store.query(
        f"SELECT {', '.join(names)} FROM slow_finding FINAL WHERE retired = 0 ORDER BY subject, metric, onset"
    )
    return [dict(zip(names, row, strict=True)) for row in result.rows]


def test_a_hot_gpu_is_found_with_its_times_and_its_reason(store: Store) -> None:
    trained = filled(store)
    (outcome,) = look(trained, CONFIG, NOW)
    work, clock = findings(trained)
    assert (clock["host"], clock["subject_kind"], clock["subject"], clock["metric"]) == (
        "n1",
        "gpu",
        "n1-g0",
        "sm_clock_mhz",
    )
    assert (clock["onset"], clock["until"]) == (utc(T0 + SLOW_SINCE * MINUTE_MS), utc(T0 + SLOW_UNTIL * MINUTE_MS))
    assert clock["slow_ratio"] == pytest.approx(0.2, abs=0.01)
    assert clock["confidence_ratio"] > 0.99
    assert clock["peers"] == 5
    said = json.loads(clock["evidence"])
    assert said["held_back"]["hw_thermal"] == 1.0
    assert said["value"] == pytest.approx(1_584, rel=0.02)
    assert said["peers_value"] == pytest.approx(1_980, rel=0.02)
    assert (work["metric"], work["slow_ratio"]) == ("sm_active_per_work", pytest.approx(0.25, abs=0.02))
    assert outcome.changed == 2
    assert outcome.compared == HOSTS * GPUS


def test_a_second_pass_changes_nothing_and_a_later_one_ends_or_takes_back(trained: Store) -> None:
    assert refresh(trained, CONFIG, NOW) == 2
    first = findings(trained)
    assert refresh(trained, CONFIG, NOW + 1_000) == 0, "the last pass is a second ago"
    assert [one.changed for one in look(trained, CONFIG, NOW + 2_000)] == [0]
    trained.execute("ALTER TABLE gpu_sample DELETE WHERE gpu_uuid = 'n1-g0' SETTINGS mutations_sync = 2")
    assert [one.changed for one in look(trained, CONFIG, NOW + 3_000)] == [2]
    assert findings(trained) == [], "what the window holds and shows no more is taken back"
    assert len(first) == 2


def test_a_job_that_slows_down_says_what_it_cost(trained: Store) -> None:
    """Steps of a second that take 1.25 s while the GPU is hot; the loss is the GPU's, once."""
    marks = []
    for minute in range(MINUTES):
        hot = SLOW_SINCE <= minute < SLOW_UNTIL
        marks.append(
            {
                "cluster": "c",
                "host": "n0",
                "boot_id": "b",
                "ts": T0 + minute * MINUTE_MS,
                "last_ts": T0 + minute * MINUTE_MS + (50_000 if hot else 40_000),
                "job_id": "7",
                "mark": "step",
                "rank": 0,
                "count": 41,
            }
        )
    insert(trained, JOB_MARK, marks, stored_ms=NOW)
    look(trained, CONFIG, NOW)
    assert [one["metric"] for one in findings(trained)] == ["step_time_us", "sm_active_per_work", "sm_clock_mhz"]
    window = {"cluster": "c", "since": utc(T0), "until": utc(NOW), "top": 5}
    told = slow_of(trained, window)
    # an hour of six GPUs, a fifth of it lost
    assert (told[0].name, told[0].gpu_hours_lost) == ("n1-g0", pytest.approx(1.2))
    assert [one.gpu_hours_lost for one in told[1:]] == [None, None]
    assert (told[0].onset, told[0].until) == (
        utc(T0 + SLOW_SINCE * MINUTE_MS).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        utc(T0 + SLOW_UNTIL * MINUTE_MS).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    )


def test_what_cannot_be_compared_is_counted_and_never_found(engine: Store) -> None:
    """The same GPUs under one job each node, divided, shared by two jobs, or idle."""
    migrate(engine)
    changes: dict[str, dict[str, Any]] = {
        "lone": {},
        "divided": {},
        "shared": {"job_id": "7,8"},
        "idle": {"util_ratio": 0.0},
        "mixed": {},
    }
    for cluster, change in changes.items():
        rows = [{**row, "cluster": cluster, **change} for row in samples()]
        insert(engine, GPU_SAMPLE, rows, stored_ms=NOW)
        names = {f"n{host}": f"j{host}" if cluster == "lone" else "7" for host in range(HOSTS)}
        insert(engine, JOB, [{**job(host, name), "cluster": cluster} for host, name in names.items()], stored_ms=NOW)
    units = [(f"n{host}", f"n{host}-g{index}") for host in range(HOSTS) for index in range(GPUS)]
    health = [
        {"cluster": "divided", "host": h, "gpu_uuid": g, "boot_id": "b", "ts": T0, "mig_mode": 1} for h, g in units
    ]
    insert(engine, GPU_HEALTH, health, stored_ms=NOW)
    facts = [
        {"cluster": "mixed", "host": h, "subject_kind": "gpu", "subject": g, "boot_id": "b", "ts": T0, "model": g[1]}
        for h, g in units
    ]
    insert(engine, INVENTORY, facts, stored_ms=NOW)
    told = {one.cluster: one for one in look(engine, CONFIG, NOW)}
    assert findings(engine) == []
    assert told["lone"].untold == {ALONE: HOSTS * GPUS}
    assert told["divided"].untold == {MIG: HOSTS * GPUS}
    assert told["mixed"].untold == {FEW: HOSTS * GPUS}
    assert (told["shared"].compared, told["idle"].compared) == (0, 0)


def test_ports_of_a_rail(engine: Store) -> None:
    """Five nodes; the link of one runs at half its rate, another carries half as much since the second hour."""
    migrate(engine)
    rows = []
    for host in range(5):
        for minute in range(MINUTES):
            for second in (5, 55):
                at_s = minute * 60 + second
                late_s = max(0, at_s - 120 * 60) if host == 3 else 0
                rows.append(
                    {
                        "cluster": "c",
                        "host": f"n{host}",
                        "port": "mlx5_0/1",
                        "pci": "0000:17:00.0",
                        "boot_id": "b",
                        "ts": T0 + at_s * 1_000,
                        "rate_mbps": 200_000 if host == 1 else 400_000,
                        "rx_bytes": (2 * at_s - late_s) * 10**9,
                        "tx_bytes": (2 * at_s - late_s) * 10**9,
                    }
                )
    insert(engine, NIC_SAMPLE, rows, stored_ms=NOW)
    insert(engine, JOB, [job(f"n{host}") for host in range(5)], stored_ms=NOW)
    look(engine, CONFIG, NOW)
    told = {(one["host"], one["metric"]): one for one in findings(engine)}
    assert set(told) == {("n1", "rate_mbps"), ("n3", "bytes_per_s")}
    assert told["n1", "rate_mbps"]["slow_ratio"] == pytest.approx(0.5)
    carried = told["n3", "bytes_per_s"]
    assert carried["slow_ratio"] == pytest.approx(0.5)
    assert (carried["onset"], carried["until"]) == (utc(T0 + 120 * MINUTE_MS), None)


@pytest.fixture
def whole(trained: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A cluster that is too large for all of its minutes to be read."""
    monkeypatch.setattr("clusterctl.analytics.slow.refresh.WHOLE_NODES", 2)
    return trained


def test_hours_pick_the_suspects_of_a_large_cluster(whole: Store) -> None:
    insert(whole, JOB, [job("n0", "9"), job("n1", "9")], stored_ms=NOW)
    for rolled in (False, True):
        (outcome,) = look(whole, CONFIG, NOW + 1_000 * rolled)
        assert {(one["host"], one["metric"]) for one in findings(whole)} == {
            ("n1", "sm_clock_mhz"),
            ("n1", "sm_active_per_work"),
        }
        assert outcome.compared == HOSTS * GPUS
        rollup.refresh(whole, CONFIG, now_ms=NOW + HOUR_MS)
