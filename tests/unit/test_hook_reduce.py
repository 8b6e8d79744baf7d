"""What jobs' profilers leave becomes small files: once each, whole, bounded, whatever kills the process that makes them."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from clusterctl import hook_reduce
from clusterctl.communication.model import Analysis
from clusterctl.hook_reduce import Claim, drain, make_room, pack, place, start, summary
from tests.support.traces import GEMM, collective, kineto, work

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    folder = tmp_path / ".work"
    folder.mkdir()
    return folder


def leave(folder: Path, rank: int, trace: str | None = '{"traceEvents": []}', **more: Any) -> None:
    """As a rank hands its window on."""
    stem = folder / f"j.rank{rank}.step65"
    if trace is not None:
        Path(f"{stem}.pt.trace.json").write_text(trace, encoding="utf-8")
    about = {
        "job_id": "j",
        "rank": rank,
        "host": "n1",
        "local_ranks": 2,
        "first_step": 65,
        "steps": 1,
        "error": "",
        **more,
    }
    Path(f"{stem}.meta.json").write_text(json.dumps(about), encoding="utf-8")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def test_ranks_of_one_window_become_one_summary_with_waiting_told_from_transfer(jobs: Path, tmp_path: Path) -> None:
    """Rank 1 comes 600 ns late to a collective that takes 200: rank 0 waits for 600, of which it computes in none."""
    calls = (
        [work(GEMM, 0, 200), collective(200, 1000, sequence=1)],
        [work(GEMM, 0, 800), collective(800, 1000, sequence=1)],
    )
    for rank, events in enumerate(calls):
        leave(jobs, rank, kineto(events, rank=rank, world=2, steps=[(65, 0, 1000)]), step_inside_s=1.0 + rank)
    command = [sys.executable, "-m", "clusterctl.cli", "comm", "summarize", str(jobs), "--into", str(tmp_path)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert names(jobs) == ["lock"]
    assert names(tmp_path) == ["j.n1.rank0.step65.comm.json"]
    told = read(tmp_path / "j.n1.rank0.step65.comm.json")
    assert msgspec.convert(told["analysis"], Analysis).grade == "exact", "whole, for who reads summaries"
    rows = told["analysis"]["ranks"]
    assert [(row["rank"], row["exposed_ratio"], row["wait_ns"]) for row in rows] == [(0, 0.8, 600), (1, 0.2, 0)]
    assert [one["step_inside_s"] for one in told["profiles"]] == [1.0, 2.0]
    assert (told["version"], told["job_id"], told["first_step"], told["error"]) == (1, "j", 65, "")


def test_a_damaged_trace_is_told_and_tried_once(jobs: Path, tmp_path: Path) -> None:
    leave(jobs, 0, "no trace", local_ranks=1)
    command = [sys.executable, "-m", "clusterctl.cli", "comm", "summarize", str(jobs), "--into", str(tmp_path)]
    subprocess.run(command, capture_output=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    told = read(tmp_path / "j.n1.rank0.step65.comm.json")
    assert told["analysis"] is None
    assert "rank0" in told["error"]
    assert names(jobs) == ["lock"]


def test_without_the_analysis_traces_are_packed_with_the_jobs_words_in_them(jobs: Path, tmp_path: Path) -> None:
    trace = kineto([work(GEMM, 0, 200)], steps=[(65, 0, 1000)])
    leave(jobs, 0, trace, step_inside_s=2.5, local_ranks=1)
    made = start(str(jobs), str(tmp_path), alone=True)
    assert made is not None
    assert made.wait(30) == 0
    assert (names(jobs), names(tmp_path)) == (["lock"], ["j.rank0.step65.pt.trace.json.gz"])
    with gzip.open(tmp_path / "j.rank0.step65.pt.trace.json.gz", "rt", encoding="utf-8") as file:
        packed = json.load(file)
    assert packed.pop("clusterctl")["step_inside_s"] == 2.5
    assert packed == json.loads(trace)


def test_other_ranks_are_waited_for_and_not_for_ever(jobs: Path, tmp_path: Path) -> None:
    taken: list[int] = []
    leave(jobs, 0)
    began_s = time.monotonic()
    assert drain(str(jobs), str(tmp_path), lambda into, group: taken.append(len(group)), wait_s=0.3)
    assert taken == [1]
    assert 0.3 <= time.monotonic() - began_s < 5
    leave(jobs, 0)
    leave(jobs, 1)
    assert drain(str(jobs), str(tmp_path), lambda into, group: taken.append(len(group)), wait_s=100)
    assert taken == [1, 2]


def test_there_are_never_two_and_nothing_is_left_behind(jobs: Path, tmp_path: Path) -> None:
    """What comes while the last of the other process's work is under way, whose job saw that it was, is taken by that one."""
    taken: list[int] = []

    def put(into: str, group: list[Claim]) -> None:
        taken.append(group[0].about["rank"])
        if len(taken) == 1:
            leave(jobs, 1, local_ranks=1)
            assert start(str(jobs), str(tmp_path), alone=True) is None
            assert not drain(str(jobs), str(tmp_path), put)

    leave(jobs, 0, local_ranks=1)
    assert drain(str(jobs), str(tmp_path), put)
    assert taken == [0, 1]


def test_what_comes_after_the_last_look_and_before_the_lock_is_free_is_taken(
    jobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, look = [0], hook_reduce._waiting

    def waiting(work: str) -> list[Claim]:
        found = look(work)
        looks[0] += 1
        if looks[0] == 2:  # the last look under the lock has found nothing: now something comes
            leave(jobs, 1, local_ranks=1)
        return found

    monkeypatch.setattr(hook_reduce, "_waiting", waiting)
    leave(jobs, 0, local_ranks=1)
    taken: list[int] = []
    assert drain(str(jobs), str(tmp_path), lambda into, group: taken.append(group[0].about["rank"]))
    assert taken == [0, 1]


def test_a_trace_that_kills_its_reader_is_told_and_not_tried_again(jobs: Path, tmp_path: Path) -> None:
    leave(jobs, 0, local_ranks=1)
    code = (
        "import os, sys; from clusterctl.hook_reduce import drain\n"
        "drain(sys.argv[1], sys.argv[2], lambda into, group: os.kill(os.getpid(), 9))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(jobs), str(tmp_path)], check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == -9
    assert drain(str(jobs), str(tmp_path), pack)
    assert read(tmp_path / "j.n1.rank0.step65.comm.json")["error"] == "the process that read the trace was killed"
    assert names(jobs) == ["lock"]


def test_what_a_job_says_that_cannot_be_read_is_not_looked_at_for_ever(jobs: Path, tmp_path: Path) -> None:
    for number, text in enumerate(["", "[]", "{", '{"first_step": []}', "\x00"]):
        (jobs / f"x{number}.meta.json").write_text(text, encoding="utf-8")
    assert drain(str(jobs), str(tmp_path), pack, wait_s=0)
    assert names(jobs) == ["lock"]


def test_traces_that_were_never_handed_on_go_after_a_day(jobs: Path, tmp_path: Path) -> None:
    for name, age_s in (("old.pt.trace.json", 90_000), ("new.pt.trace.json", 80_000)):
        (jobs / name).touch()
        os.utime(jobs / name, (time.time() - age_s,) * 2)
    assert drain(str(jobs), str(tmp_path), pack)
    assert names(jobs) == ["lock", "new.pt.trace.json"]


@pytest.mark.parametrize(
    ("coming", "max_files", "max_bytes", "kept"),
    [(1, 6, 100, 5), (1, 5, 100, 4), (1, 2, 100, 1), (50, 6, 100, 5), (51, 6, 100, 4), (1000, 6, 100, 0)],
)
def test_the_oldest_results_make_room(tmp_path: Path, coming: int, max_files: int, max_bytes: int, kept: int) -> None:
    for number in range(5):
        path = tmp_path / f"{4 - number}.{'comm.json' if number % 2 else 'pt.trace.json.gz'}"
        path.write_bytes(b"x" * 10)
        os.utime(path, (1000 + number,) * 2)
    (tmp_path / "other.json").write_bytes(b"x" * 1000)
    assert make_room(str(tmp_path), coming, max_files, max_bytes) == 5 - kept
    assert names(tmp_path) == [
        *sorted(f"{4 - n}.{'comm.json' if n % 2 else 'pt.trace.json.gz'}" for n in range(5 - kept, 5)),
        "other.json",
    ]


def test_a_reader_of_the_folder_never_sees_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (seen.extend(names(tmp_path)), replace(a, b)))
    about = {"job_id": "../j", "host": "n/1", "rank": 0, "first_step": 1}
    place(str(tmp_path), summary([Claim(str(tmp_path / "x.meta.json"), about)], None, "why"))
    assert seen == [".._j.n_1.rank0.step1.comm.json.tmp"]
    assert names(tmp_path) == [".._j.n_1.rank0.step1.comm.json"]


def test_a_second_command_says_that_there_is_one(jobs: Path, tmp_path: Path) -> None:
    with (jobs / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert not drain(str(jobs), str(tmp_path), pack)


@pytest.mark.parametrize("words", [{"first_step": float("inf")}, {"rank": "none"}, {"local_ranks": float("inf")}])
@pytest.mark.parametrize("claimed", [False, True])
def test_numbers_that_are_none_do_not_stop_what_comes_after_them(
    words: dict[str, Any], claimed: bool, jobs: Path, tmp_path: Path
) -> None:
    leave(jobs, 0, None)
    path = jobs / "j.rank0.step65.meta.json"
    path.write_text(json.dumps({**read(path), **words}), encoding="utf-8")
    if claimed:
        path.rename(f"{path}.claimed")
    leave(jobs, 1, local_ranks=1)
    taken: list[int] = []
    assert drain(str(jobs), str(tmp_path), lambda into, group: taken.append(group[0].about["rank"]), wait_s=0)
    assert (taken, names(jobs)) == ([1], ["lock"])


@pytest.mark.parametrize("trace", [None, '{"traceEvents": []}'])
def test_a_link_in_the_place_of_a_result_is_not_written_through(trace: str | None, jobs: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("mine", encoding="utf-8")
    into = tmp_path / "into"
    into.mkdir()
    name = "j.n1.rank0.step65.comm.json" if trace is None else "j.rank0.step65.pt.trace.json.gz"
    (into / f"{name}.tmp").symlink_to(mine)
    leave(jobs, 0, trace, local_ranks=1)
    assert drain(str(jobs), str(into), pack)
    assert (mine.read_text(encoding="utf-8"), names(into)) == ("mine", [name])
