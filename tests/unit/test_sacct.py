"""Jobs as Slurm's accounting prints them."""

from __future__ import annotations

import json
from datetime import timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterctl.analytics.imports import jobs_sacct
from clusterctl.analytics.imports.job_run import Run
from clusterctl.errors import InputError
from clusterctl.timetext import parse_time

HEADER = "JobID|User|UID|State|ExitCode|Submit|Eligible|Start|End|NodeList|AllocTRES"
UTC = timezone.utc


def line(**cells: str) -> str:
    base = {
        "jobid": "7", "user": "ann", "uid": "1001", "state": "COMPLETED", "exitcode": "0:0", "submit": "2026-03-01T08:00:00",
        "eligible": "2026-03-01T08:01:00", "start": "2026-03-01T09:00:00", "end": "2026-03-01T10:00:00", "nodelist": "n[1-2]",
        "alloctres": "billing=64,cpu=64,gres/gpu:h100=16,gres/gpu=16,node=2",
    }  # fmt: skip
    return "|".join({**base, **cells}[name.lower()] for name in HEADER.split("|"))


def runs(*lines: str) -> list[Run]:
    jobs = jobs_sacct.from_lines("\n".join([HEADER, *lines]), UTC)
    assert not jobs.rejected, jobs.rejected
    return jobs.runs


def test_a_job_is_a_run_on_each_node() -> None:
    first, second = runs(line(), line(jobid="7.batch"), line(jobid="7.0"))
    assert [first.host, second.host] == ["n1", "n2"]
    assert (first.job_id, first.gpus, first.owner, first.end_state, first.exit_code) == ("7", 8, "ann", "COMPLETED", 0)
    assert (first.start_ms, first.end_ms) == (parse_time("2026-03-01T09:00:00Z"), parse_time("2026-03-01T10:00:00Z"))
    assert (first.submitted_ms, first.eligible_ms) == (
        parse_time("2026-03-01T08:00:00Z"),
        parse_time("2026-03-01T08:01:00Z"),
    )


def test_requeues_are_runs_of_their_own_and_the_last_one_is_open() -> None:
    found = runs(
        line(state="NODE_FAIL", nodelist="n1"),
        line(state="RUNNING", start="2026-03-01T11:00:00", end="Unknown", nodelist="n3"),
    )
    assert [(run.host, run.end_ms is None, run.end_state) for run in found] == [
        ("n1", False, "NODE_FAIL"),
        ("n3", True, ""),
    ]


def test_a_pending_job_holds_nothing() -> None:
    jobs = jobs_sacct.from_lines(
        "\n".join(
            [HEADER, line(state="PENDING", start="Unknown", end="Unknown", nodelist="None assigned", alloctres="")]
        ),
        UTC,
    )
    assert (jobs.runs, jobs.pending) == ([], 1)


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        ("COMPLETED", 1), ("CANCELLED by 1001", 1), ("CANCELLED by 0", 0), ("CANCELLED", None), ("TIMEOUT", None),
        ("FAILED", 0), ("NODE_FAIL", 0), ("PREEMPTED", 0), ("OUT_OF_MEMORY", 0), ("CANCELLED+", None),
    ],
)  # fmt: skip
def test_whether_the_owner_asked_for_the_end(state: str, wanted: int | None) -> None:
    assert runs(line(state=state, nodelist="n1"))[0].wanted_end == wanted


@pytest.mark.parametrize(("code", "exit_code"), [("0:0", 0), ("1:0", 1), ("0:9", 137), ("", None)])
def test_exit_codes(code: str, exit_code: int | None) -> None:
    assert runs(line(exitcode=code, nodelist="n1"))[0].exit_code == exit_code


def test_gpus_that_do_not_divide_and_types_without_a_sum() -> None:
    assert [run.gpus for run in runs(line(alloctres="gres/gpu=9"))] == [5, 4]
    assert [run.gpus for run in runs(line(alloctres="gres/gpu:a100=8,gres/gpu:h100=8"))] == [8, 8]


def test_times_of_another_zone_and_epochs() -> None:
    text = "\n".join([HEADER, line(nodelist="n1"), line(nodelist="n1", start="1772355600", end="1772359200")])
    first, second = jobs_sacct.from_lines(text, ZoneInfo("Asia/Shanghai")).runs
    assert first.start_ms == parse_time("2026-03-01T01:00:00Z")
    assert second.start_ms == parse_time("2026-03-01T09:00:00Z")


def test_faults_have_their_line() -> None:
    jobs = jobs_sacct.from_lines(
        "\n".join([HEADER, line(nodelist="n[1"), "7|ann", line(start="yesterday"), line(end="2026-02-01T00:00:00")]),
        UTC,
    )
    assert [wrong.line for wrong in jobs.rejected] == [2, 3, 4, 5]
    assert "brackets" in jobs.rejected[0].reason
    assert "not a time: 'yesterday'" in jobs.rejected[2].reason


def test_a_file_without_the_columns_says_which_command_gives_them() -> None:
    with pytest.raises(InputError, match="no column nodelist") as wrong:
        jobs_sacct.from_lines("JobID|State|Start|End\n", UTC)
    assert "--format=JobID" in wrong.value.hint


def test_json_of_two_data_parsers() -> None:
    new = {
        "job_id": 7, "array": {"job_id": 5, "task_id": {"set": True, "infinite": False, "number": 3}}, "user": "ann",
        "state": {"current": ["CANCELLED"], "reason": "None"}, "kill_request_user": "root", "nodes": "n[1-2]",
        "exit_code": {"return_code": {"set": True, "infinite": False, "number": 0},
                      "signal": {"id": {"set": True, "number": 15}}},
        "time": {"submission": 100, "eligible": 100, "start": 200, "end": 300}, "steps": [{}],
        "tres": {"allocated": [{"type": "cpu", "count": 4}, {"type": "gres", "name": "gpu", "count": 16}]},
    }  # fmt: skip
    old = {
        "job_id": 8, "association": {"user": "bob"}, "state": {"current": "RUNNING"}, "nodes": "n3",
        "exit_code": {"return_code": 0}, "time": {"submission": 100, "start": 200, "end": 0},
        "tres": {"requested": [{"type": "gres", "name": "gpu:h100", "count": 8}]},
    }  # fmt: skip
    jobs = jobs_sacct.from_json({"jobs": [new, old, {}]})
    first, _, third = jobs.runs
    assert (first.job_id, first.gpus, first.end_state, first.exit_code, first.wanted_end) == (
        "5_3",
        8,
        "CANCELLED",
        143,
        0,
    )
    assert (third.job_id, third.owner, third.gpus, third.end_ms, third.eligible_ms) == ("8", "bob", 8, None, None)
    assert jobs.rejected[0].reason == "job 3: no job_id"


@given(st.lists(st.text(st.sampled_from("7|n[]-,:T=gres/pu \x00é"), max_size=60), max_size=5))
def test_any_lines_are_read_or_refused_by_number(lines: list[str]) -> None:
    jobs = jobs_sacct.from_lines("\n".join([HEADER, line(nodelist="n1"), *lines]), UTC)
    assert jobs.runs[0].host == "n1"
    assert all(wrong.line >= 3 for wrong in jobs.rejected)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from("n[]-,1| \x00é"), max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "job_id",
                    "state",
                    "current",
                    "nodes",
                    "time",
                    "start",
                    "end",
                    "tres",
                    "allocated",
                    "type",
                    "count",
                    "number",
                    "set",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=15,
)


@given(st.lists(JSON, max_size=4))
def test_any_json_is_read_or_refused_by_job(jobs: list[Any]) -> None:
    found = jobs_sacct.from_json(json.loads(json.dumps({"jobs": jobs})))
    assert all(run.gpus > 0 and run.start_ms > 0 for run in found.runs)
