"""The profiler schedule in a real PyTorch job: two ranks with gloo on the CPU. Needs an environment with PyTorch."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from clusterctl.communication.analyze import Options, analyze
from tests.support.fetch import Missing, torch_python, unavailable
from tests.support.torch_run import ROOT, run_job

pytestmark = pytest.mark.slow
STEPS, EVERY = 200, 64
OWN_PROFILERS = """
import sys
import torch
from clusterctl import hook

profile = hook.profile(sys.argv[1], every_steps=16, max_overhead=1e9)
number = 0

def train(steps, other=None):
    global number
    for _ in range(steps):
        torch.ones(50, 50) @ torch.ones(50, 50)
        number += 1
        profile.step(number)
        if other is not None:
            other.step()

def seen(other):
    assert other.key_averages(), "the job's own profiler has seen its steps"

train(17)  # ours is open, and theirs begins and ends in it
assert torch.autograd._profiler_enabled()
with torch.profiler.profile() as other:
    train(1)
seen(other)
train(12)
schedule = torch.profiler.schedule(wait=0, warmup=12, active=3, repeat=1)  # theirs warms up when ours is due
with torch.profiler.profile(schedule=schedule, on_trace_ready=seen) as other:
    train(25, other)
with torch.autograd.profiler.profile() as other:
    train(30)
seen(other)
train(40)
print(profile.off, profile.counts["another profiler ran"], profile.counts["profiled"])
"""
"""Two of PyTorch's profilers at once end the process with a signal."""
WINDOWS = [1025, 1089, 1153]
"""The job's steps are 1000 to 1199: windows begin with a step to warm up at multiples of 64."""


@pytest.fixture(scope="module")
def python() -> Path:
    try:
        return torch_python()
    except Missing as missing:
        unavailable("torch", str(missing))
        raise


@pytest.fixture(scope="module")
def job(python: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], str, Path]:
    into = tmp_path_factory.mktemp("comm")
    ranks, errors = run_job(python, into, steps=STEPS, every=EVERY, wait=True)
    return ranks, errors, into


def summaries(into: Path) -> list[dict[str, Any]]:
    found = [json.loads(path.read_text(encoding="utf-8")) for path in into.glob("*.comm.json")]
    return sorted(found, key=lambda one: int(one["first_step"]))


def settled(into: Path, pattern: str, count: int) -> list[Path]:
    """What the process beside the job has left; it may end later than the job."""
    until_s = time.monotonic() + 60
    while time.monotonic() < until_s:
        waiting = [path for path in into.glob(".work-*/*") if path.name != "lock"]
        if len(list(into.glob(pattern))) >= count and not waiting:
            break
        time.sleep(0.1)
    return sorted(into.glob(pattern))


def test_training_went_on_undisturbed(job: tuple[list[dict[str, Any]], str, Path]) -> None:
    ranks, errors, _ = job
    assert [(one["rank"], one["off"], one["finite"]) for one in ranks] == [(0, "", True), (1, "", True)]
    assert [one["counts"] for one in ranks] == [{"profiled": 3}] * 2
    assert "hook" not in errors
    assert "Traceback" not in errors


def test_both_ranks_profiled_the_same_steps(job: tuple[list[dict[str, Any]], str, Path]) -> None:
    settled(job[2], "*.comm.json", len(WINDOWS))
    found = summaries(job[2])
    assert [one["first_step"] for one in found] == WINDOWS
    for one in found:
        assert sorted(told["rank"] for told in one["profiles"]) == [0, 1]
        steps = {rank: [row["step"] for row in one["analysis"]["steps"] if row["rank"] == rank] for rank in (0, 1)}
        first = one["first_step"]
        assert steps == {rank: [first, first + 1, first + 2] for rank in (0, 1)}


def test_communication_on_the_cpu_is_measured_within_the_steps(job: tuple[list[dict[str, Any]], str, Path]) -> None:
    for one in summaries(job[2]):
        assert one["error"] == ""
        for detail in one["analysis"]["details"]:
            assert detail["rank_from"] == "trace"
            assert 0 < detail["cpu_comm_ns"] < detail["window_ns"]


def test_the_overhead_is_stated(job: tuple[list[dict[str, Any]], str, Path]) -> None:
    for one in summaries(job[2]):
        for told, row in zip(
            one["profiles"], sorted(one["analysis"]["ranks"], key=lambda row: row["rank"]), strict=True
        ):
            inside, outside = told["step_inside_s"], told["step_outside_s"]
            assert told["overhead_ratio"] == pytest.approx(inside / outside - 1)
            assert told["steps_after"] == 8
            assert 0 < told["pause_s"] < 30
            assert told["amortised_ratio"] == pytest.approx(told["overhead_s"] / told["period_s"])
            assert inside == pytest.approx(row["window_ns"] / row["steps"] / 1e9, rel=0.75), "the trace's own steps"


def test_only_the_summaries_stay(job: tuple[list[dict[str, Any]], str, Path]) -> None:
    settled(job[2], "*.comm.json", len(WINDOWS))
    assert {path.name for path in job[2].rglob("*") if path.is_file()} == {
        "lock", *(f"j_1.{one['host']}.rank0.step{one['first_step']}.comm.json" for one in summaries(job[2])),
    }  # fmt: skip


def test_the_jobs_own_profilers_go_first(python: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [str(python), "-c", OWN_PROFILERS, str(tmp_path)], capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "KINETO_LOG_LEVEL": "99"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    off, others, profiled = done.stdout.rstrip("\n").split(" ")
    assert (off, others) == ("", "4")
    assert int(profiled) >= 1


def test_without_clusterctl_the_traces_are_left_and_a_job_may_end_within_a_window(python: Path, tmp_path: Path) -> None:
    into, folder = tmp_path / "comm", tmp_path / "job"
    into.mkdir()
    folder.mkdir()
    ranks, errors = run_job(python, into, steps=90, every=EVERY, wait=True, copied_to=folder)
    assert "Traceback" not in errors
    assert [one["off"] for one in ranks] == ["", ""]
    traces = settled(into, "*.pt.trace.json.gz", 2)
    assert [path.name for path in traces] == [f"j_1.rank{rank}.step1025.pt.trace.json.gz" for rank in (0, 1)]
    found = analyze(traces, Options(jobs=1), lambda path, count: None)
    assert [detail.rank for detail in found.details] == [0, 1]
    assert all(detail.cpu_comm_ns > 0 for detail in found.details)
    assert [path.name for path in into.glob(".work-*/*")] == ["lock"]
