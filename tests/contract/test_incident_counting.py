"""What rates, rankings and lists count of incidents: each numerator is that of its denominator. On each store."""

from __future__ import annotations

from typing import Any

import pytest

from clusterctl.analytics.incidents.lifecycle import act, listed, named, state_now
from clusterctl.analytics.incidents.refresh import refresh
from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.build import Asked, build
from clusterctl.analytics.reports.units import evidence_of
from clusterctl.analytics.rollup import NOW
from clusterctl.clock import utc
from clusterctl.config import AnalyticsConfig
from clusterctl.errors import InputError
from clusterctl.schema import (
    EVENT,
    INCIDENT,
    INCIDENT_ACTION,
    INCIDENT_JUDGED,
    INCIDENT_RUN,
    INVENTORY,
    JOB,
    NODE_STATE,
    TOLD,
)
from clusterctl.store import Param, Store
from tests.contract.test_incident_refresh import settle
from tests.contract.test_incident_refresh import told as told_of
from tests.support.rolled import DAY_MS, HOUR_MS, T0, insert

CONFIG = AnalyticsConfig()
TABLES = (EVENT, INCIDENT, INCIDENT_ACTION, INCIDENT_JUDGED, INCIDENT_RUN, INVENTORY, JOB, NODE_STATE, TOLD)
END = T0 + 2 * DAY_MS
WINDOW: dict[str, Param] = {"cluster": "c", "since": utc(T0), "until": utc(END)}


@pytest.fixture
def empty(engine: Store) -> Store:
    """The database, empty again."""
    for table in TABLES:
        engine.execute(f"TRUNCATE TABLE {table.name}")
    return engine


def put(store: Store, table: Any, *rows: dict[str, Any]) -> None:
    insert(store, table, [{"cluster": "c", **row} for row in rows], stored_ms=NOW.one(store).now_ms)


def state(host: str, at: int, word: str, reason: str = "", **more: Any) -> dict[str, Any]:
    return {
        "host": host, "source": "operator", "since": at, "state": word, "raw_state": word.upper(), "reason": reason,
        "gpus": 8, "version": 1, **more,
    }  # fmt: skip


def xid(host: str, at: int, code: str = "79", **more: Any) -> dict[str, Any]:
    return {
        "host": host, "ts": at, "last_ts": at, "count": 1, "kind": "xid", "code": code, "severity": "fail",
        "source": "import:x", "source_seq": at, "pci": "0000:4e:00.0", "text": f"Xid {code}", "fields": "{}", **more,
    }  # fmt: skip


def told(store: Store, subject: str) -> None:
    same = {"subject": subject, "source": "slurm", "version": 1}
    put(store, TOLD, *({**same, "day": day, "since": day, "until": day + DAY_MS} for day in (T0, T0 + DAY_MS)))


def report(store: Store) -> model.ClusterReport:
    refresh(store, "c", CONFIG, END)
    (made,) = build(store, CONFIG, Asked(T0, END, "c"), END).clusters
    return made


def counts(cluster: model.ClusterReport) -> dict[str, float | None]:
    return {rate.basis: rate.count for rate in cluster.faults.by_basis}


def test_each_rate_counts_the_faults_of_its_own_gpu_time(empty: Store) -> None:
    """A node in planned work, an idle one and one with a job show Xid 79: installed 3, in service 2, held by jobs 1."""
    told(empty, "states")
    put(empty, NODE_STATE, *(state(host, T0, "in_service") for host in ("away", "idle", "busy")))
    put(empty, NODE_STATE, state("away", T0 + 4 * HOUR_MS, "planned"), state("away", T0 + 10 * HOUR_MS, "in_service"))
    put(empty, EVENT, *(xid(host, T0 + 6 * HOUR_MS) for host in ("away", "idle", "busy")))
    cluster = report(empty)
    assert counts(cluster) == {"in_service": 2, "capacity": 3, "allocated": 2}, "nobody told of jobs"
    told(empty, "jobs")
    put(empty, JOB, {"host": "busy", "job_id": "1", "owner": "ann", "ts": T0, "gpus": 8, "scheduler": "slurm"})
    cluster = report(empty)
    assert counts(cluster) == {"in_service": 2, "capacity": 3, "allocated": 1}
    assert cluster.faults.gpu_days == model.GpuDays(in_service=48 - 2, capacity=48, allocated=16)
    assert (cluster.faults.count, cluster.faults.out_of_service, cluster.faults.before_exposure) == (2, 1, 0)
    assert any("only the rate over installed GPUs" in warning for warning in cluster.warnings)


def test_planned_work_on_any_number_of_nodes_is_one_piece_and_marks_them_all(empty: Store) -> None:
    """600 nodes, of which a row names 512: told in parts, with a fault on the last one, and its way back alone."""
    began = T0 + 4 * HOUR_MS
    names = [f"n{number:03d}" for number in range(600)]
    steps: list[list[dict[str, Any]]] = [
        [state(name, began + number * 1_000, "planned", "firmware") for number, name in enumerate(names[:550])],
        [state(name, began + number * 1_000, "planned", "firmware") for number, name in enumerate(names[550:])],
        [state("n599", began + 2 * HOUR_MS, "in_service")],
    ]
    for number, rows in enumerate(steps):
        put(empty, NODE_STATE, *rows)
        if number == 1:
            put(empty, EVENT, xid("n599", began + HOUR_MS))
        refresh(empty, "c", CONFIG, END)
        settle(empty, "c")
    stepped = told_of(empty, "c")
    settle(empty, "c", rules="others")
    assert refresh(empty, "c", CONFIG, END) == 0, "a pass over everything finds nothing else"
    assert stepped == told_of(empty, "c")
    work = [row for row in stepped.values() if row["class"] == "planned"]
    assert [(row["nodes_affected"], row["closed_at"]) for row in work] == [(600, None)]
    (row,) = [row for row in listed(empty, "c", node="n598")]
    assert (row.cls, row.nodes_affected) == ("planned", 600), "found by a node that the row does not name"
    assert {row.cls for row in listed(empty, "c", node="n599")} == {"planned", "hardware"}
    assert listed(empty, "c", node="n600") == []


def incident(name: str, opened_ms: int, gpu: str, **more: Any) -> dict[str, Any]:
    return {
        "incident_id": name, "source": "import:x", "class": "hardware", "cause": "XID 79", "impact": "fault", "count": 1,
        "opened_at": opened_ms, "dated": 1, "node": "n1", "gpu": gpu, "nodes_affected": 1, "episodes": 1, "signals": 1,
        "evidence": "[]", "version": 1, **more,
    }  # fmt: skip


def test_a_gpu_known_by_its_address_is_the_one_that_was_there(empty: Store) -> None:
    """G1 was at 4e until day two, when G2 took its place; 5e is in no inventory, and another node's 4e is another GPU."""
    slot = {"subject_kind": "gpu", "pci": "0000:4e:00.0", "fields": "{}"}
    put(empty, INVENTORY, {"host": "n1", "ts": T0, "subject": "GPU-1", **slot})
    put(empty, INVENTORY, {"host": "n1", "ts": T0 + DAY_MS, "subject": "GPU-2", **slot})
    hours = {"a": ("GPU-1", 2), "b": ("0000:4E:00.0", 6), "c": ("0000:4e:00.0", 30), "d": ("0000:5e:00.0", 31)}
    put(empty, INCIDENT, *(incident(name, T0 + hour * HOUR_MS, gpu) for name, (gpu, hour) in hours.items()))
    put(empty, INCIDENT, incident("e", T0 + 7 * HOUR_MS, "0000:4e:00.0", node="n2"))
    units = evidence_of(empty, WINDOW, utc(END)).by_gpu
    assert dict(zip(units.names, units.counts, strict=True)) == {
        "GPU-1": 2, "GPU-2": 1, "n1 0000:5e:00.0": 1, "n2 0000:4e:00.0": 1,
    }  # fmt: skip


def test_worst_nodes_count_what_the_rate_counts(empty: Store) -> None:
    """A fault before anybody watched its node, and one while it was away, are incidents of it and no faults of the rate."""
    told(empty, "states")
    put(empty, NODE_STATE, state("n1", T0 + 4 * HOUR_MS, "in_service"))
    put(empty, INCIDENT, *(
        incident(name, T0 + hour * HOUR_MS, "", source="events", **more)
        for name, hour, more in (("a", 2, {}), ("b", 6, {}), ("c", 7, {"in_service_before": 0}))
    ))  # fmt: skip
    refreshed = build(empty, CONFIG, Asked(T0, END, "c"), END).clusters[0]
    (worst,) = refreshed.worst_nodes
    assert (worst.faults, worst.incidents) == (1, 3)
    assert refreshed.faults.count == worst.faults


def test_only_what_needs_somebody_presses(empty: Store) -> None:
    kinds = {
        "planned": {"class": "planned"}, "user": {"class": "user"},
        "remap": {"impact": "degradation"}, "nothing": {"impact": "none"},
        "over": {"closed_at": T0 + HOUR_MS}, "fault": {}, "bug": {"class": "software"}, "riddle": {"class": "unknown"},
        "silent": {"class": "unknown", "impact": "gap"},
    }  # fmt: skip
    put(empty, INCIDENT, *(incident(name, T0, "", **more) for name, more in kinds.items()))
    assert {row.incident_id for row in listed(empty, "c", pressing_only=True)} == {"fault", "bug", "riddle", "silent"}
    assert {row.incident_id for row in listed(empty, "c", open_only=True)} == {*kinds} - {"over"}


HOSTILE = ["import:slurm/1", "'; DROP TABLE incident --", "a\nb\t\\0\x1b[31m", "{name:String}", "事件 7", "%_%_", "x"]


def test_an_incident_is_named_by_whatever_the_store_holds(empty: Store) -> None:
    put(empty, INCIDENT, *(incident(name, T0, "") for name in [*HOSTILE, "import:slurm/12", "import:slurm/13"]))
    for name in HOSTILE:
        assert named(empty, "c", name).incident_id == name, "itself, though others begin so"
    assert named(empty, "", "'; DROP TAB").incident_id == HOSTILE[1]
    for wrong, why in (
        ("import:slurm", "several"),
        ("", "no incident id"),
        ("imp", "no incident id"),
        ("%%%%", "none"),
        ("\udcffabc", "no text"),
    ):
        with pytest.raises(InputError, match=why):
            named(empty, "c", wrong)
    put(empty, INCIDENT, {**incident("x", T0, ""), "cluster": "d"})
    with pytest.raises(InputError, match="id"):
        named(empty, "", "x")
    assert named(empty, "d", "x").cluster == "d"


def test_what_was_done_is_read_back(empty: Store) -> None:
    put(empty, INCIDENT, incident("made by events", T0, "", source="events"))
    found = named(empty, "c", "made by events")
    assert state_now(empty, found) == "open"
    act(empty, found, "ack", "kim", "", END)
    act(empty, found, "note", "kim", "looked", END + 1)
    assert state_now(empty, found) == "acknowledged", "a note changes nothing"
    put(empty, INCIDENT, incident("made by events", T0, "", source="events", retired=1, version=2))
    assert state_now(empty, found) == "", "the evidence says something else by now"
    with pytest.raises(InputError, match="no text"):
        act(empty, found, "note", "kim", "\udcff", END + 2)
