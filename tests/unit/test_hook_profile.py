"""The profiler schedule in other people's jobs: which steps it takes, what it costs, and that no failure reaches the job.

The profiler here is a fake that fails where it is told to; the real one is met in tests/system/test_profile_torch.py."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterctl import hook, hook_reduce
from clusterctl.hook_profile import Profile, Schedule, Window

FOLDER = Path(hook.__file__).parent
STEPS = st.floats(0.005, 40.0)


class FakeTorch:
    """Writes a trace that names the steps it saw."""

    def __init__(self, fails_at: str = "", error: type[Exception] = RuntimeError) -> None:
        self.fails_at, self.error = fails_at, error
        self.seen: list[tuple[int, str]] = []
        self.open = 0
        self.busy = False
        action = SimpleNamespace(NONE="none", WARMUP="warmup", RECORD="record", RECORD_AND_SAVE="save")
        self.profiler = SimpleNamespace(ProfilerAction=action, profile=self._profile)
        self.own = type("profile", (), {"_prepare_trace": lambda one: None, "__exit__": lambda one, *told: None})
        self.autograd = SimpleNamespace(
            _profiler_enabled=lambda: self.busy or self.open > 0, profiler=SimpleNamespace(profile=self.own)
        )
        self.__version__ = "0.fake"

    def _profile(self, schedule: Any) -> FakeTorch:
        self.schedule, self.step_num = schedule, 0
        return self

    def _do(self, what: str) -> None:
        if what == self.fails_at:
            raise self.error(f"{what} failed")

    def __enter__(self) -> None:
        self._do("enter")
        self.open += 1
        self.seen.append((self.step_num, self.schedule(self.step_num)))

    def step(self) -> None:
        self._do("step")
        self.step_num += 1
        self.seen.append((self.step_num, self.schedule(self.step_num)))

    def export_chrome_trace(self, path: str) -> None:
        Path(path).write_text('{"traceEvents": []}', encoding="utf-8")
        self._do("export")

    def __exit__(self, *told: object) -> None:
        self.open -= 1
        self._do("exit")


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> FakeTorch:
    return use(monkeypatch, FakeTorch())


def use(monkeypatch: pytest.MonkeyPatch, fake: FakeTorch) -> FakeTorch:
    monkeypatch.setitem(sys.modules, "torch", fake)  # type: ignore[arg-type]
    monkeypatch.setattr(hook_reduce, "start", lambda work, into, alone: None)
    return fake


def made(into: Path, **options: Any) -> Profile:
    return Profile(into, **{"every_steps": 32, "max_overhead": 1e9, "job_id": "j/1", "rank": "3", **options})


def run(profile: Profile, first: int, last: int) -> None:
    for number in range(first, last + 1):
        profile.step(number)


def work_of(into: Path) -> Path:
    (found,) = into.glob(".work-*")
    return found


def drained(into: Path) -> list[dict[str, Any]]:
    assert hook_reduce.drain(str(work_of(into)), str(into), hook_reduce.pack, wait_s=0)
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(into.glob("*.comm.json"))]


# -- which steps -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hook.py", "hook_profile.py", "hook_capture.py", "hook_reduce.py"])
def test_each_file_stands_alone(name: str) -> None:
    tree = ast.parse((FOLDER / name).read_text(encoding="utf-8"), feature_version=(3, 8))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {one.split(".")[0] for one in names} <= set(sys.stdlib_module_names) | {"__future__"}


@pytest.mark.parametrize(
    ("step_s", "every"), [(1.0, 2048), (0.5, 4096), (30.0, 64), (2.0, 1024), (0.2, 8192), (600.0, 8)]
)
def test_the_period_is_the_power_of_two_nearest_to_the_time_that_was_asked_for(step_s: float, every: int) -> None:
    schedule = Schedule(1800.0, None, 0.01, 8)
    assert schedule.settle(0.0, step_s)
    assert schedule.every == every


@given(STEPS, st.floats(0.95, 1.05), st.floats(0.0, 200.0), st.floats(0.0, 200.0))
def test_ranks_that_measure_differently_still_profile_the_same_steps(
    step_s: float, wavers: float, cost_s: float, other_cost_s: float
) -> None:
    one, other = Schedule(1800.0, None, 0.01, 8), Schedule(1800.0, None, 0.01, 8)
    if one.settle(cost_s, step_s) and other.settle(other_cost_s, step_s * wavers):
        rarer, often = max(one.every, other.every), min(one.every, other.every)
        assert rarer % often == 0


@given(STEPS, st.lists(st.floats(0.9, 1.1), max_size=20))
def test_the_period_stays_near_the_time_that_was_asked_for(step_s: float, wavers: list[float]) -> None:
    schedule = Schedule(1800.0, None, 0.01, 8)
    for waver in [1.0, *wavers]:
        schedule.settle(0.0, step_s * waver)
        assert schedule.every == 8 or 0.59 <= schedule.every * step_s * waver / 1800.0 <= 1.69


def test_a_dear_window_comes_more_rarely_and_at_last_not_at_all() -> None:
    schedule = Schedule(256.0, None, 0.01, 8)
    assert schedule.settle(5.0, 1.0)
    assert schedule.every == 512, "5 s in 256 steps of 1 s are 2 %, in 512 less than 1 %"
    assert schedule.settle(0.1, 1.0)
    assert schedule.every == 256
    assert not schedule.settle(1000.0, 1.0), "1 % of a day is 864 s"


@given(STEPS, st.floats(0.0, 800.0), st.floats(0.001, 0.5))
def test_a_window_never_costs_more_than_was_allowed(step_s: float, cost_s: float, most: float) -> None:
    schedule = Schedule(1800.0, None, most, 8)
    if schedule.settle(cost_s, step_s):
        assert cost_s <= most * schedule.every * step_s


def test_figures_of_a_window() -> None:
    window = Window(128, [1.0, 1.0, 1.1])
    window.inside_s, window.after_s, window.pause_s = [9.0, 1.2, 1.2, 1.5], [1.0, 1.0], 0.5
    figures = window.figures(1, 3)
    assert (figures["step_inside_s"], figures["step_outside_s"]) == (1.2, 1.0)
    assert figures["overhead_ratio"] == pytest.approx(0.2)
    assert figures["overhead_s"] == pytest.approx(1.3), "four steps of 0.2 s and the pause"


# -- a job -----------------------------------------------------------------------------------------------------------


def test_it_profiles_the_steps_of_the_schedule_under_the_jobs_numbers(torch: FakeTorch, tmp_path: Path) -> None:
    profile = made(tmp_path)
    run(profile, 1001, 1060)
    assert torch.seen == [(1024, "warmup"), (1025, "record"), (1026, "record"), (1027, "save"), (1028, "none")]
    assert torch.open == 0
    assert not profile.off
    assert drained(tmp_path) == [], "only packed: the analysis is not at hand"
    assert [path.name for path in tmp_path.glob("*.gz")] == ["j_1.rank3.step1025.pt.trace.json.gz"]
    assert [path.name for path in work_of(tmp_path).iterdir()] == ["lock"], "the trace is gone"


def test_without_numbers_the_steps_are_counted(torch: FakeTorch, tmp_path: Path) -> None:
    profile = made(tmp_path)
    for _ in range(33):
        profile.step()
    assert torch.seen[0] == (32, "warmup")


def test_no_window_in_the_first_steps(torch: FakeTorch, tmp_path: Path) -> None:
    run(made(tmp_path), 1022, 1055)
    assert torch.seen[0] == (1056, "warmup")


def test_steps_are_marked_whatever_becomes_of_the_profiler(tmp_path: Path) -> None:
    marked: list[int | None] = []
    profile = Profile(tmp_path, steps="x", mark=marked.append)  # type: ignore[arg-type]
    profile.step(7)
    assert profile.off.startswith("ValueError")
    assert marked == [7]


@pytest.mark.parametrize("error", [RuntimeError, UserWarning, MemoryError, KeyError, OSError])
@pytest.mark.parametrize("place", ["enter", "step", "export", "exit"])
def test_no_failure_of_the_profiler_reaches_the_job(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    place: str,
    error: type[Exception],
) -> None:
    fake = use(monkeypatch, FakeTorch(place, error))
    profile = made(tmp_path)
    run(profile, 1001, 1200)
    assert f"{place} failed" in profile.off
    assert profile.counts["failed"] == 1
    assert len(fake.seen) <= 5, "it was tried once"
    (told,) = drained(tmp_path)
    assert told["error"] == profile.off
    assert told["analysis"] is None
    assert not list(tmp_path.glob("*.gz"))
    assert [path.name for path in work_of(tmp_path).iterdir()] == ["lock"]
    assert capfd.readouterr() == ("", "")


def test_an_interrupt_is_the_jobs_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use(monkeypatch, FakeTorch("step", KeyboardInterrupt))  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        run(made(tmp_path), 1001, 1030)


def test_a_job_without_torch_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(hook_reduce, "start", lambda work, into, alone: None)
    profile = made(tmp_path)
    run(profile, 1, 100)
    assert profile.off == "ImportError: PyTorch is not loaded in this process"
    assert "torch" not in sys.modules


def test_a_forked_child_profiles_nothing(torch: FakeTorch, tmp_path: Path) -> None:
    profile = made(tmp_path)
    profile._pid += 1  # as the child sees it
    run(profile, 1, 100)
    profile.cancel()
    profile.close()
    assert torch.seen == []
    assert list(tmp_path.iterdir()) == []


def test_another_profiler_and_a_full_disk_cost_a_window_and_no_more(
    torch: FakeTorch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = made(tmp_path)
    torch.busy = True
    run(profile, 1, 40)
    torch.busy = False
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=3 << 30))
        profile._max_trace_bytes = 2 << 30
        run(profile, 41, 70)
        profile._max_trace_bytes = 1 << 20
    assert torch.seen == []
    run(profile, 71, 110)
    assert torch.seen[0][0] == 96
    assert dict(profile.counts) == {"another profiler ran": 1, "no space for a trace": 1, "profiled": 1}


def test_it_yields_to_a_profiler_of_the_job_and_keeps_away_while_there_is_one(torch: FakeTorch, tmp_path: Path) -> None:
    profile = made(tmp_path)
    run(profile, 1, 33)
    assert torch.open == 1
    others = torch.own()
    others._prepare_trace()
    assert torch.open == 0, "ours has ended before theirs begins"
    run(profile, 34, 80)
    assert torch.seen[-1][0] < 64, "theirs is there, though it does not record yet"
    others.__exit__(None, None, None)
    run(profile, 81, 120)
    assert torch.seen[-1] == (100, "none")
    assert dict(profile.counts) == {"another profiler ran": 2, "profiled": 1}


def test_a_session_that_something_else_ended_is_not_touched(torch: FakeTorch, tmp_path: Path) -> None:
    profile = made(tmp_path)
    run(profile, 1, 33)
    torch.open = 0
    run(profile, 34, 80)
    assert profile.off == "RuntimeError: something else in the process has ended the profiler"
    assert torch.open == 0
    assert torch.seen[-1][0] == 34
    assert not list(work_of(tmp_path).glob("*.pt.trace.json"))


def test_a_rank_has_one_trace_waiting_at_most(torch: FakeTorch, tmp_path: Path) -> None:
    profile = made(tmp_path)
    run(profile, 1, 200)
    assert profile.counts == {"profiled": 1, "the last trace is not read yet": 5}
    assert len(list(work_of(tmp_path).glob("*.pt.trace.json"))) == 1


def test_what_a_dead_process_left_does_not_stop_the_next_one(torch: FakeTorch, tmp_path: Path) -> None:
    run(made(tmp_path), 1, 36)  # ends in the steps after its window
    assert [path.name for path in work_of(tmp_path).iterdir()] == ["j_1.rank3.step33.pt.trace.json"]
    run(made(tmp_path), 1, 80)
    assert {path.name for path in work_of(tmp_path).glob("j_*")} == {
        "j_1.rank3.step33.pt.trace.json", "j_1.rank3.step33.meta.json",
    }  # fmt: skip


def test_a_trace_that_is_too_large_is_the_last(torch: FakeTorch, tmp_path: Path) -> None:
    profile = made(tmp_path, max_trace_bytes=10)
    run(profile, 1, 80)
    assert profile.off == "ValueError: a trace of 19 bytes: more than max_trace_bytes"
    assert not list(work_of(tmp_path).glob("*.pt.trace.json"))


def test_an_evaluation_drops_the_window_that_is_open(torch: FakeTorch, tmp_path: Path) -> None:
    profile = made(tmp_path)
    run(profile, 1, 33)
    profile.cancel()
    assert torch.open == 0
    run(profile, 34, 80)
    assert torch.seen[-1][0] == 68
    assert dict(profile.counts) == {"cancelled": 1, "profiled": 1}


def test_the_end_of_the_job_hands_on_what_was_measured(torch: FakeTorch, tmp_path: Path) -> None:
    with made(tmp_path) as profile:
        run(profile, 1, 38)
    (meta,) = work_of(tmp_path).glob("*.meta.json")
    told = json.loads(meta.read_text(encoding="utf-8"))
    assert (told["first_step"], told["steps"], told["steps_after"], told["error"]) == (33, 3, 3, "")
    assert told["overhead_s"] == pytest.approx(
        4 * (told["step_inside_s"] - told["step_outside_s"]) + told["pause_s"], rel=1e-6
    )


def test_a_dear_profile_is_told_and_made_more_rarely(torch: FakeTorch, tmp_path: Path) -> None:
    torch.export_chrome_trace = lambda path: (time.sleep(0.05), Path(path).write_text("{}"))  # type: ignore[assignment, func-returns-value]
    profile = made(tmp_path, max_overhead=0.01)
    for number in range(1, 50):
        profile.step(number)
        time.sleep(0.001)
    (meta,) = work_of(tmp_path).glob("*.meta.json")
    told = json.loads(meta.read_text(encoding="utf-8"))
    assert told["pause_s"] >= 0.05
    assert profile.every > 32
    assert profile.every % 32 == 0
    assert told["amortised_ratio"] <= 0.01


def test_a_folder_of_someone_else_is_not_written_into(torch: FakeTorch, tmp_path: Path) -> None:
    profile = made(tmp_path)
    Path(profile._work).mkdir(mode=0o755)
    run(profile, 1, 80)
    assert profile.off.startswith("PermissionError")
    assert list(Path(profile._work).iterdir()) == []


def test_where_the_analysis_cannot_be_started_traces_are_packed(
    torch: FakeTorch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(hook_reduce, "start", lambda work, into, alone: asked.append(alone))
    profile = made(tmp_path)
    run(profile, 1, 60)
    with subprocess.Popen([sys.executable, "-c", "raise SystemExit(1)"]) as failed:
        failed.wait()
    profile._children.append(failed)
    run(profile, 61, 70)
    assert asked == [False, True]
    assert profile._children == []
