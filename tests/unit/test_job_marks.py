"""What is gathered from marks, and a running job from end to end."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterctl.agent.jobs import steps as steps_module
from clusterctl.agent.jobs.datagram import Claim
from clusterctl.agent.jobs.marks import Mark, MarkSocket
from clusterctl.agent.jobs.owner import Job
from clusterctl.agent.jobs.steps import MarkBook
from clusterctl.clock import SystemClock
from tests.support.clock import HandClock

HOOK = Path(__file__).resolve().parents[2] / "clusterctl" / "hook.py"
NOW_MS = 1_700_000_000_000


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOW_MS)


# -- gathering -------------------------------------------------------------------------------------------------------


def mark(
    step: int | None, at_s: float, *, kind: str = "step", rank: int = 0, pid: int = 10, job: str = "j",
    received_s: float | None = None, uid: int = 1000,
) -> Mark:  # fmt: skip
    wall_ns, monotonic_ns = NOW_MS * 10**6 + int(at_s * 1e9), 10**12 + int(at_s * 1e9)
    received_ms = NOW_MS + int((at_s if received_s is None else received_s) * 1000)
    return Mark(Claim(kind, wall_ns, monotonic_ns, 0, rank, step, None, job), pid, uid, received_ms)


def test_steps_become_a_row_in_ten_seconds(clock: HandClock) -> None:
    book = MarkBook(clock)
    book.take([mark(100, 0), mark(101, 1), mark(102, 4.5), mark(103, 5)])
    assert book.flush(NOW_MS + 9_999) == []
    (row,) = book.flush(NOW_MS + 10_000)
    assert (row.ts, row.last_ts, row.count) == (NOW_MS, NOW_MS + 5_000, 4)  # type: ignore[attr-defined]
    assert (row.step, row.last_step, row.step_max_us) == (100, 103, 3_500_000)  # type: ignore[attr-defined]
    assert (row.job_id, row.rank, row.mark) == ("j", 0, "step")  # type: ignore[attr-defined]
    assert book.flush(NOW_MS + 20_000) == [], "no steps, no row"


def test_a_stall_between_two_rows_is_in_the_second(clock: HandClock) -> None:
    book = MarkBook(clock)
    book.take([mark(1, 0)])
    (first,) = book.flush(NOW_MS + 10_000)
    assert first.step_max_us is None, "one step has no time between two"  # type: ignore[attr-defined]
    book.take([mark(2, 60)])
    (second,) = book.flush()
    assert second.step_max_us == 60_000_000  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (mark(20, 30), 3_000_000),  # every tenth step is marked, or nine marks were dropped: their mean
        (mark(11, 30, pid=11), 30_000_000),  # a shell script: every mark is a process of its own
        (mark(3, 30), None),  # went back to a checkpoint: these two are not neighbours
        (mark(None, 30), 30_000_000),
        (mark(None, 30, pid=11), None),
        (mark(11, -1), None),
        (mark(11, 10**6), None),
    ],
)
def test_time_between_two_steps(clock: HandClock, second: Mark, expected: int | None) -> None:
    book = MarkBook(clock)
    book.take([mark(10, 0), second])
    (row,) = book.flush()
    assert row.step_max_us == expected  # type: ignore[attr-defined]


def test_ranks_and_jobs_are_kept_apart(clock: HandClock) -> None:
    book = MarkBook(clock)
    book.take([mark(1, 0, rank=0), mark(1, 0, rank=1), mark(1, 0, job="k"), mark(2, 1, rank=1)])
    rows = {(row.job_id, row.rank): row.count for row in book.flush()}  # type: ignore[attr-defined]
    assert rows == {("j", 0): 1, ("j", 1): 2, ("k", 0): 1}


@pytest.mark.parametrize("kind", ["first_step", "checkpoint_begin", "checkpoint_end"])
def test_the_rest_goes_out_at_once(clock: HandClock, kind: str) -> None:
    book = MarkBook(clock)
    book.take([mark(7, 0, kind=kind)])
    (row,) = book.flush(NOW_MS)
    assert (row.mark, row.ts, row.count, row.step, row.last_ts) == (kind, NOW_MS, 1, 7, None)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("said_s", "used_s"), [(0, 0), (10, 10), (-10, -10), (10.001, 0), (-10.001, 0), (10**8, 0)])
def test_a_wrong_clock_is_not_believed(clock: HandClock, said_s: float, used_s: float) -> None:
    book = MarkBook(clock)
    book.take([mark(7, said_s, kind="first_step", received_s=0)])
    assert book.flush()[0].ts == NOW_MS + used_s * 1000  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (None, "j"),
        (Job("", "none", "root", None, ""), "j"),
        (Job("j", "slurm", "ann", None, ""), "j"),
        (Job("4711", "slurm", "ann", None, ""), "4711"),
    ],
)
def test_a_job_cannot_speak_for_another(clock: HandClock, known: Job | None, expected: str) -> None:
    book = MarkBook(clock, {10: known}.get)
    book.take([mark(1, 0)])
    assert book.flush()[0].job_id == expected  # type: ignore[attr-defined]


def test_a_process_that_is_gone_may_not_speak_for_another_users_job(clock: HandClock) -> None:
    book = MarkBook(clock, {10: Job("4711", "slurm", "ann", None, "")}.get)
    book.take([mark(1, 0), mark(2, 1, pid=11, job="4711"), mark(3, 2, pid=12, job="4711", uid=1001)])
    (row,) = book.flush()
    assert (row.job_id, row.count, row.last_step, book.disputed) == ("4711", 2, 2, 1)  # type: ignore[attr-defined]


def test_endless_ranks_cost_bounded_memory_and_lose_no_row(clock: HandClock) -> None:
    book = MarkBook(clock)
    rows = 0
    for second in range(60):  # a thousand marks a second, all of ranks never seen before
        book.take([mark(1, second, rank=second * 1000 + n) for n in range(1000)])
        rows += len(book.flush(NOW_MS + second * 1000))
        assert book.ranks <= steps_module.MAX_RANKS
    assert rows + len(book.flush()) == 60_000
    assert book.overflowed == 0


def test_the_rank_that_was_silent_longest_is_forgotten(clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps_module, "MAX_RANKS", 2)
    book = MarkBook(clock)
    book.take([mark(1, 0, rank=0), mark(1, 0, rank=1), mark(2, 1, rank=0), mark(1, 1, rank=2)])
    (row,) = book.flush(NOW_MS + 1_000)
    assert row.rank == 1  # type: ignore[attr-defined]


def test_endless_jobs_cost_bounded_memory(clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps_module, "MAX_RANKS", 2)
    book = MarkBook(clock, lambda pid: Job(str(pid), "slurm", "ann", None, ""))
    book.take(mark(1, 0, pid=pid) for pid in range(1, 10))
    assert list(book._user_of) == ["8", "9"]


def test_rows_that_nobody_fetches_are_bounded_and_counted(clock: HandClock) -> None:
    book = MarkBook(clock)
    book.take(mark(n, 0, kind="first_step") for n in range(steps_module.MAX_READY + 5))
    assert (len(book.flush()), book.overflowed) == (steps_module.MAX_READY, 5)


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(-100, 100), st.integers(0, 3)), min_size=1, max_size=60))
def test_every_step_is_in_exactly_one_row(steps: list[tuple[int, float, int]]) -> None:
    book = MarkBook(HandClock(NOW_MS))
    rows: list[Any] = []
    for number, (step, at_s, rank) in enumerate(steps):
        book.take([mark(step, at_s, rank=rank)])
        rows += book.flush(NOW_MS + number * 1_000)
    rows += book.flush()
    assert sum(row.count for row in rows) == len(steps)
    assert all(row.last_ts >= row.ts for row in rows)


def test_a_running_job_end_to_end(tmp_path: Path) -> None:
    """A process with nothing but a copy of the file marks through a real socket; rows come out under its own job."""
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "hook.py").write_bytes(HOOK.read_bytes())
    path = tmp_path / "hook.sock"
    listener = MarkSocket(path)
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); import hook\n"
        "hook.first_step(0)\n"
        "for n in range(300): hook.step(n); time.sleep(0.001)\n"
        "with hook.checkpoint(299, 5): pass\n"
        "print(next(iter(hook._senders.values())).dropped)\n"
    )
    book = MarkBook(SystemClock(), {}.get)
    child = subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", "-c", code, str(tmp_path / "alone")],
        env={"CLUSTERCTL_HOOK_SOCKET": str(path), "SLURM_JOB_ID": "77", "SLURM_PROCID": "3"}, stdout=subprocess.PIPE,
    )  # fmt: skip
    marks: list[Mark] = []
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and (child.poll() is None or listener.wait(0)):
        if listener.wait(0.1):
            marks += listener.receive(100)
    output, _ = child.communicate(timeout=10)
    assert child.returncode == 0
    book.take(marks)
    rows: list[Any] = book.flush()
    listener.close()
    assert {(row.job_id, row.rank) for row in rows} == {("77", 3)}
    assert {row.mark for row in rows} >= {"first_step", "step"}
    assert sum(row.count for row in rows) + listener.limited + int(output) == 303, "every mark is told, or counted"
    assert {mark.pid for mark in marks} == {child.pid}
    assert abs(rows[0].ts - time.time() * 1000) < 60_000
