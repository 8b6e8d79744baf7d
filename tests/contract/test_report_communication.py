"""Communication in a report, from rows to every format: worked examples, and what may never be shown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from clusterctl.analytics.migrate import migrate
from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.build import Asked, build
from clusterctl.analytics.reports.communication import NOT_MEASURED, communication_of
from clusterctl.analytics.reports.model_comm import CommJob, Communication, Traced
from clusterctl.analytics.reports.render import FORMATS, text_of
from clusterctl.analytics.reports.sheet import show
from clusterctl.analytics.reports.times import Told
from clusterctl.analytics.reports.times.trained import goodput_of
from clusterctl.analytics.reports.words import LANGUAGES
from clusterctl.analytics.times.job import Job, Run
from clusterctl.analytics.times.observed import HOUR_MS
from clusterctl.analytics.times.steps import Piece, Stretch
from clusterctl.analytics.write import insert_rows
from clusterctl.clock import iso_text, to_ms, utc
from clusterctl.config import AnalyticsConfig
from clusterctl.schema import COLLECTIVE, COMM_CALIBRATION, JOB, NIC_HOUR
from clusterctl.store import Param, Store
from clusterctl.store.embedded import EmbeddedStore
from tests.support.comm_fixture import BEGIN, HOUR, LABEL, collective_rows, row
from tests.support.report_fixture import EVIL, bare
from tests.support.report_fixture import report as made

NOW_MS = to_ms(BEGIN + timedelta(days=2))
POINT = ("0.0777", "7.77", "7.8 %", "0.0915", "9.15", "9.2 %")
"""The point that a row of grade C carries, and the middle of its interval."""


def asked(store: Store, cluster: str) -> Communication:
    """Without the rest of a report, which takes its time."""
    window: dict[str, Param] = {"cluster": cluster, "since": BEGIN, "until": utc(NOW_MS)}
    return communication_of(store, window, [], Told(window, [], [], []))[0]


def jobs_of(told: Communication) -> dict[str, CommJob]:
    return {job.job_id: job for job in told.jobs}


ENGINES = ["embedded", pytest.param("server", marks=pytest.mark.clickhouse)]


@pytest.mark.parametrize("store", ENGINES, indirect=True)
def test_worked_examples(store: Store) -> None:
    """One database, a cluster an example."""
    migrate(store)
    for example in (
        whole_report,
        communication_takes_from_goodput,
        nodes_of_one_capture,
        what_a_trace_names,
        grades_before_parts,
        ports_that_erred,
        bounded_and_broken,
        more_than_listed,
    ):
        example(store)


def held(store: Store, cluster: str, job: str, nodes: int, hours: float) -> None:
    """Told by a scheduler: eight GPUs a node."""
    blank = {field.name: None for field in JOB.columns if field.nullable}
    texts = {field.name: "" for field in JOB.columns if not field.nullable and field.type.python is str}
    numbers = {name: 0 for name in ("seq", "schema_version", "bus_partition", "bus_offset")}
    given = {"cluster": cluster, "job_id": job, "ts": to_ms(BEGIN), "ended_at": to_ms(BEGIN + hours * HOUR), "gpus": 8}
    insert_rows(store, JOB, [{**blank, **texts, **numbers, **given, "host": f"n{node}"} for node in range(nodes)])


def whole_report(store: Store) -> None:
    """64 nodes for 12 h at 8 GPUs: 6144 GPU-hours at 11 % (exact). Halved, a step is 1 - 0.89/0.945 = 5.82 % shorter."""
    rows = list(collective_rows("c"))
    insert_rows(store, COLLECTIVE, rows + rows[:5])  # delivered twice, counted once
    held(store, "c", "both", 64, 12.0)
    calibration = {"cluster": "c", "job_id": "both", "layout": "", "world_size": 512, "at": to_ms(BEGIN), "ranks": 4}
    insert_rows(store, COMM_CALIBRATION, [{**calibration, "calibration": "{}", "version": 1}])
    insert_rows(store, COLLECTIVE, [row("traced", "j", BEGIN, 1, "kineto", "exact", exposed_ratio=0.1)])
    report = build(store, AnalyticsConfig(), Asked(), NOW_MS)
    clusters = {cluster.name: cluster.communication for cluster in report.clusters}
    assert clusters["traced"].jobs, "traces alone make a cluster"
    assert asked(store, "nowhere").status == NOT_MEASURED
    told = clusters["c"]
    jobs = jobs_of(told)
    assert told.status == ""
    assert list(jobs) == ["both", "bounds", "refused"]

    both = jobs["both"]
    assert (both.gpus, both.gpu_hours, both.gpu_hours_from) == (512, 6144.0, "scheduler")
    exposed = both.exposed
    assert (exposed.grade, exposed.source, exposed.value, exposed.low, exposed.high) == (
        "exact",
        "kineto",
        0.11,
        0.11,
        0.11,
    )
    assert (exposed.steps, exposed.windows, exposed.ranks, exposed.ranks_of_job) == (3, 1, 512, 512)
    assert exposed.wait == pytest.approx(0.11 / 3)
    assert exposed.transfer == pytest.approx(0.11 * 2 / 3)
    assert (exposed.overlap, exposed.idle, exposed.fused) == pytest.approx((570 / 900, 0.08, 0.01))
    (telemetry,) = both.others
    assert (telemetry.grade, telemetry.windows, telemetry.label) == ("B", 12, "model, not validated on hardware")
    assert (telemetry.value, telemetry.low, telemetry.high) == pytest.approx((0.10, 0.08, 0.12))
    assert [(one.target, one.verdict) for one in both.verdicts] == [(0.06, "above"), (0.12, "below")]
    assert both.halving is not None
    assert both.halving.step_shorter_low == both.halving.step_shorter_high == pytest.approx(1 - 0.89 / 0.945)
    assert both.halving.gpu_hours_high == pytest.approx(6144 * (1 - 0.89 / 0.945))
    assert both.spread is not None
    assert (both.spread.median, both.spread.low, both.spread.high, both.spread.ranks) == (0.13, 0.05, 0.14, 4)
    assert [(segment.source, segment.grade, len(segment.points)) for segment in both.trend] == [
        ("telemetry", "B", 12),
        ("kineto", "exact", 1),
    ]
    assert (both.hint.cause, both.hint.grade) == ("unknown", "B"), "transfer grew, and no port was read"
    assert both.hint.missing == ["counters of the ports of its nodes"]
    assert [(slow.rank, slow.host, slow.points, slow.of_points) for slow in both.slow_ranks] == [
        ("gpu-9/GPU-x", "gpu-9", 6, 12)
    ]

    bounds, refused = jobs["bounds"], jobs["refused"]
    assert (bounds.exposed.value, bounds.exposed.low, bounds.exposed.high) == pytest.approx((None, 0.03, 0.153))
    assert {one.verdict for one in bounds.verdicts} == {"not decided"}, "0.03 to 0.153, and never from grade C"
    assert (refused.exposed.low, refused.exposed.grade, refused.halving) == (None, "none", None)
    assert (refused.gpu_hours, refused.gpu_hours_from) == (pytest.approx(16 * 2.0), "windows")

    groups = {(group.dimension, group.name): group for group in told.groups}
    whole = groups["all", "all jobs"]
    hours = 6144 + 64 * 2.0 + 16 * 2.0
    assert (whole.jobs, whole.gpu_hours, whole.value) == (3, pytest.approx(hours), None), "one job has bounds only"
    assert whole.low == pytest.approx((6144 * 0.11 + 128 * 0.03) / 6272)
    assert (whole.below_share, whole.between_share) == pytest.approx((0.0, 6144 / hours))
    assert (whole.undecided_share, whole.unavailable_share) == pytest.approx((128 / hours, 32 / hours))
    assert groups["job_size", "256 to 1,023"].value == pytest.approx(0.11)
    assert groups["gpu_model", "unknown"].unavailable_share == 1.0
    at = {round(100 * share.at_most): share for share in told.distribution}
    assert (at[2].possibly, at[3].possibly, at[11].possibly) == pytest.approx((0.0, 128 / 6272, 1.0))
    assert (at[10].surely, at[11].surely, at[16].surely) == pytest.approx((0.0, 6144 / 6272, 1.0))


def communication_takes_from_goodput(store: Store) -> None:
    """Two jobs trained 2 h on 8 GPUs; exposed is known of one: 11 % of 16 GPU-hours, in half of the useful time."""
    begin = to_ms(BEGIN)
    jobs = [
        Job(
            name, "u", [Run(begin, begin + 2 * HOUR_MS, 8)], [Stretch((Piece(begin, begin + 2 * HOUR_MS, 0, 100),))], {}
        )
        for name in ("both", "bounds")
    ]
    window: dict[str, Param] = {"cluster": "c", "since": BEGIN, "until": utc(NOW_MS)}
    _told, taken = communication_of(store, window, [], Told(window, jobs, [], []))
    assert taken.gpu_hours == pytest.approx(0.11 * 16)
    goodput = goodput_of(store, window, Told(window, jobs, [], []), taken.gpu_hours, taken.remark)
    assert {item.name: item.gpu_hours for item in goodput.items}["exposed_communication"] == pytest.approx(1.76)
    assert goodput.remark.endswith("exposed communication measured in 50.0 % of useful time: the rest counts as good")
    insert_rows(store, COLLECTIVE, [row("only", "both", BEGIN, 10, "telemetry", "B", ranks=8, world_size=8, exposed_ratio=0.1,
                                        exposed_low_ratio=0.08, exposed_high_ratio=0.13)])  # fmt: skip
    _told, taken = communication_of(store, {**window, "cluster": "only"}, [], Told(window, jobs[:1], [], []))
    assert taken.gpu_hours == pytest.approx(1.6)
    assert (
        taken.remark == "exposed communication: 1.28 to 2.08 GPU-hours by 90 % intervals, of grade B at worst; " + LABEL
    )
    _told, nothing = communication_of(store, window, [], Told(window, jobs[1:], [], []))
    assert nothing.gpu_hours is None, "bounds are no measurement"


def nodes_of_one_capture(store: Store) -> None:
    """Four nodes of 8 ranks hand over 5, 7, 9 and 11 %, seconds apart: 8 % over 32 ranks. A minute later only two do."""
    rows = []
    for node, share in enumerate((0.05, 0.07, 0.09, 0.11)):
        for at in (BEGIN, BEGIN + timedelta(minutes=1)) if node < 2 else (BEGIN,):
            begin = at + timedelta(seconds=node)
            rows.append(row("nodes", "j", begin, 0.1, "kineto", "exact", host=f"n{node}", ranks=8, world_size=32, steps=5,
                            exposed_ratio=share, window_ns=1000, idle_ns=100 * node, late=str(8 * node)))  # fmt: skip
            rows += [
                row(
                    "nodes",
                    "j",
                    begin,
                    0.1,
                    "kineto",
                    "exact",
                    host=f"n{node}",
                    scope="rank",
                    rank=8 * node + n,
                    exposed_ratio=share,
                )
                for n in range(8)
            ]
    fields = json.dumps({"exposed_over_ranks": {"min": 0.02, "median": 0.05, "max": 0.3}})
    shares = {"exposed_low_ratio": 0.04, "exposed_high_ratio": 0.055, "ranks": 64, "world_size": 64, "fields": fields}
    rows.append(row("nodes", "b", BEGIN, 10, "telemetry", "B", exposed_ratio=0.05, **shares))
    rows.append(row("nodes", "c", BEGIN, 10, "telemetry", "C", **shares))
    insert_rows(store, COLLECTIVE, rows)
    jobs = jobs_of(asked(store, "nodes"))
    exposed = jobs["j"].exposed
    assert (exposed.value, exposed.idle, exposed.steps, exposed.ranks) == (
        pytest.approx(0.08),
        pytest.approx(0.15),
        5,
        32,
    )
    assert [(one.value, one.ranks) for one in jobs["j"].others] == [(pytest.approx(0.06), 16)], (
        "a capture of some stands apart"
    )
    assert [one.verdict for one in jobs["j"].verdicts] == ["above", "below"]
    assert jobs["b"].spread is not None
    assert (jobs["b"].spread.median, jobs["b"].spread.low, jobs["b"].spread.high) == (0.05, 0.02, 0.3)
    assert jobs["c"].spread is None, "the middles of bounds are values that nobody has"


def named(families: Mapping[str, int], unplaced: list[str], rank: int | None, share: float | None, table: str) -> str:
    told = {"families": families, "unplaced": unplaced, "waited_for": rank, "waited_for_share": share}
    return json.dumps({**told, "kernel_table": table})


def what_a_trace_names(store: Store) -> None:
    """Of two captures only the newer counts, over both its nodes: NCCL 5 + 4, DeepEP 7; the second waited longer."""
    newer, ranks = BEGIN + HOUR, {"ranks": 8, "world_size": 16}
    old = {"host": "n1", "wait_ns": 999, "fields": named({"RCCL": 99}, ["old"], 7, 1.0, "t1")}
    here = {"host": "n1", "wait_ns": 10, "fields": named({"NCCL": 5}, ["b", "a"], 1, 0.9, "t2")}
    there = {"host": "n2", "wait_ns": 100, "fields": named({"NCCL": 4, "DeepEP and kin": 7}, ["b"], 9, 0.6, "t2")}
    rows = [
        row("t", "j", at, 1, "kineto", "exact", exposed_ratio=0.1, **ranks, **told)
        for at, told in ((BEGIN, old), (newer, here), (newer, there))
    ]
    for job, fields in (("silent", "{"), ("clean", named({}, [], None, None, ""))):
        rows.append(row("t", job, newer, 1, "kineto", "exact", exposed_ratio=0.0, ranks=1, world_size=1, fields=fields))
    rows.append(row("t", "watched", newer, 1, "telemetry", "B", **ranks, exposed_low_ratio=0.1, exposed_high_ratio=0.2))
    insert_rows(store, COLLECTIVE, rows)
    found = {name: job.traced for name, job in jobs_of(asked(store, "t")).items()}
    at = iso_text(newer + timedelta(minutes=1))
    assert found == {
        "j": Traced("kineto", at, ["NCCL", "DeepEP and kin"], ["b", "a"], 9, 0.6, ["t2"]),
        "silent": Traced("kineto", at, None, None, None, None, []),
        "clean": Traced("kineto", at, [], [], None, None, []),
        "watched": None,
    }, "unknown is not none"


def grades_before_parts(store: Store) -> None:
    shares = {"exposed_ratio": 0.05, "exposed_low_ratio": 0.04, "exposed_high_ratio": 0.055}
    insert_rows(
        store, COLLECTIVE,
        [row("grades", "j", BEGIN, 10, "telemetry", "B", ranks=64, world_size=64, **shares),
         row("grades", "j", BEGIN, 1, "kineto", "exact", ranks=8, world_size=64, exposed_ratio=0.2),
         row("grades", "part", BEGIN, 10, "telemetry", "B", ranks=63, world_size=64, **shares)],
    )  # fmt: skip
    jobs = jobs_of(asked(store, "grades"))
    assert (jobs["j"].exposed.grade, [other.grade for other in jobs["j"].others]) == ("B", ["exact"])
    assert [one.verdict for one in jobs["j"].verdicts] == ["below", "below"]
    assert [one.why for one in jobs["part"].verdicts] == ["63 of 64 ranks seen"] * 2
    (whole,) = [group for group in asked(store, "grades").groups if group.dimension == "all"]
    assert (whole.below_share, whole.undecided_share) == pytest.approx((0.5, 0.5), abs=0.01)


def ports_that_erred(store: Store) -> None:
    """Transfer from 4 to 9 %, and symbol errors on a port of one node from 0 to 500 in the later hours."""
    rows = []
    for hour in range(8):
        shares = {"exposed_ratio": 0.1, "exposed_low_ratio": 0.08, "exposed_high_ratio": 0.12}
        moved = 0.04 if hour < 4 else 0.09
        rows.append(row("ports", "j", BEGIN + hour * HOUR, 10, "telemetry", "B", ranks=16, world_size=16, silent_ratio=0.01,
                        moving_ratio=moved, **shares))  # fmt: skip
    insert_rows(store, COLLECTIVE, rows)
    held(store, "ports", "j", 2, 8.0)
    insert_rows(store, NIC_HOUR, [port("n1", hour, 0 if hour < 4 else 125) for hour in range(8)])
    hint = jobs_of(asked(store, "ports"))["j"].hint
    assert (hint.cause, hint.grade, hint.missing) == ("network", "B", [])
    assert hint.because == "transfer grew from 4.0 % to 9.0 % of the step; more errors on ports of its nodes"


def port(host: str, hour: int, errors: int) -> Mapping[str, Any]:
    blank = {f.name: None if f.nullable else "" if f.type.python is str else 0 for f in NIC_HOUR.columns}
    at = to_ms(BEGIN + hour * HOUR)
    given = {
        "cluster": "ports",
        "host": host,
        "port": "mlx5_0/1",
        "hour": at,
        "first_ts": at,
        "last_ts": at,
        "version": 1,
    }
    return {**blank, **given, "symbol_error_increase": errors}


def bounded_and_broken(store: Store) -> None:
    """1000 windows of one job are at most 100 points; where the ranks change and where the grade changes it breaks."""
    rows = []
    for at in range(1000):
        grade, world = ("B", 64) if at < 400 else ("B", 128) if at < 700 else ("D", 128)
        shares = {"exposed_ratio": 0.1 if grade == "B" else None, "exposed_low_ratio": 0.08, "exposed_high_ratio": 0.12}
        rows.append(
            row(
                "trend",
                "long",
                BEGIN + at * timedelta(minutes=2),
                1,
                "telemetry",
                grade,
                ranks=world,
                world_size=world,
                **shares,
            )
        )
    insert_rows(store, COLLECTIVE, rows)
    job = jobs_of(asked(store, "trend"))["long"]
    assert [(one.began, one.grade, one.ranks_of_job) for one in job.trend] == [
        ("start", "B", 64), ("configuration", "B", 128), ("grade", "D", 128),
    ]  # fmt: skip
    points = [point for segment in job.trend for point in segment.points]
    assert len(points) == 100
    assert sum(point.windows for point in points) == 1000
    assert all((point.value is None) == (segment.grade == "D") for segment in job.trend for point in segment.points)
    assert job.configurations == 2


def more_than_listed(store: Store) -> None:
    shares = {"exposed_ratio": 0.02, "exposed_low_ratio": 0.01, "exposed_high_ratio": 0.03}
    rows = [
        row("many", f"j{n:03d}", BEGIN, 60, "telemetry", "B", ranks=n, world_size=n, **shares) for n in range(1, 51)
    ]
    insert_rows(store, COLLECTIVE, rows)
    told = asked(store, "many")
    assert [job.gpus for job in told.jobs] == list(range(50, 30, -1))
    assert (told.more_jobs, told.more_gpu_hours) == (30, pytest.approx(sum(range(1, 31))))
    assert told.groups[0].jobs == 50
    assert told.groups[0].below_share == pytest.approx(1.0)


@pytest.mark.parametrize("format_", [*FORMATS, "table"])
def test_bounds_never_show_a_point(
    told: Mapping[str, model.Report], format_: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    report = told["bounds"]
    texts = []
    for lang in LANGUAGES if format_ not in ("json", "csv") else LANGUAGES[:1]:
        if format_ == "table":
            monkeypatch.setenv("COLUMNS", "200")
            show(report, lang)
            texts.append(capsys.readouterr().out)
        else:
            texts.append(text_of(report, format_, lang))
    for text in texts:
        assert ("15.3 %" if format_ not in ("json", "csv") else "0.153") in text
        for point in POINT:
            assert point not in text, point
    if format_ == "csv":
        lines = [
            one
            for one in csv.DictReader(io.StringIO(texts[0]))
            if one["path"].startswith("communication.jobs.exposed.")
        ]
        numbers = {line["path"].rpartition(".")[2]: line for line in lines if line["value"]}
        assert "value" not in numbers
        assert "90 % interval 0.03 to 0.153; grade C; telemetry" in numbers["low"]["text"]
    if format_ == "json":
        job = json.loads(texts[0])["clusters"][0]["communication"]["jobs"][0]
        assert job["exposed"]["value"] is None
        assert all(point["value"] is None for segment in job["trend"] for point in segment["points"])


@pytest.mark.parametrize("format_", FORMATS)
def test_hostile_names_are_text(told: Mapping[str, model.Report], format_: str) -> None:
    text = text_of(told["evil"], format_)
    assert "\x1b" not in text
    if format_ in ("html", "md"):
        assert "<script>" not in text
        assert "\u202e" not in text


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, model.Report]:
    """Two reports for what is about formats: of a job that has bounds only, and of one with the worst names."""
    store = EmbeddedStore(tmp_path_factory.mktemp("comm") / "store")
    migrate(store)
    insert_rows(store, COLLECTIVE, [one for one in collective_rows("bounds") if one["job_id"] == "bounds"])
    evil = {name: EVIL for name in ("reason", "layout", "gpu_model", "total_mark", "late")}
    shares = {"exposed_ratio": 0.1, "exposed_low_ratio": 0.08, "exposed_high_ratio": 0.12, "ranks": 8, "world_size": 8}
    rows = [row("evil", EVIL, BEGIN + n * HOUR, 10, "telemetry", "B", **evil, **shares) for n in range(4)]
    fields = named({EVIL: 1}, [EVIL], 0, 1.0, EVIL)
    rows.append(row("evil", EVIL, BEGIN, 1, EVIL, "exact", **evil, **shares, fields=fields))
    insert_rows(store, COLLECTIVE, rows)
    nothing = model.GpuDays(None, None, None)
    clusters = {name: replace(bare(name, nothing), communication=asked(store, name)) for name in ("bounds", "evil")}
    store.close()
    return {name: made(cluster) for name, cluster in clusters.items()}
