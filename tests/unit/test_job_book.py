"""Jobs on GPUs: when they come, grow and go."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterctl.agent.jobs import names as names_module
from clusterctl.agent.jobs.book import JobBook
from clusterctl.agent.jobs.owner import JobResolver
from tests.support.clock import HandClock
from tests.support.proc_tree import HERTZ, SLURM, Tree

NOW_MS = 1_700_000_000_000


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOW_MS)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "proc")


# -- jobs on GPUs ----------------------------------------------------------------------------------------------------


@pytest.fixture
def book(tree: Tree, clock: HandClock) -> JobBook:
    return JobBook(clock, JobResolver(tree.root, clock))


def told(rows: list[Any]) -> list[tuple[str, int, int, int | None]]:
    return [(row.job_id, row.ts, row.gpus, row.ended_at) for row in rows]


def test_a_job_comes_grows_and_goes(tree: Tree, clock: HandClock, book: JobBook) -> None:
    tree.process(50, SLURM.format(7), start=200 * HERTZ)
    tree.process(51, SLURM.format(7), start=190 * HERTZ)
    ts = 1_600_000_190_000
    assert told(book.observe({"A": [50, 51], "B": []}, clock.now_ms())) == [("7", ts, 1, None)]
    assert (book.owner_of("A"), book.owner_of("B"), book.gpus_with_processes) == (("7", "slurm"), (None, None), 1)
    clock.sleep_s(1)
    assert told(book.observe({"A": [50], "B": [51]}, clock.now_ms())) == [("7", ts, 2, None)]
    last_ms = clock.now_ms()
    for _ in range(29):
        clock.sleep_s(1)
        assert book.observe({"A": [], "B": []}, clock.now_ms()) == []
    clock.sleep_s(1)
    assert told(book.observe({"A": [], "B": []}, clock.now_ms())) == [("7", ts, 2, last_ms)]
    clock.sleep_s(60)
    assert book.observe({"A": [], "B": []}, clock.now_ms()) == []


def test_a_job_between_two_programs_goes_on(tree: Tree, clock: HandClock, book: JobBook) -> None:
    tree.process(50, SLURM.format(7))
    book.observe({"A": [50]}, clock.now_ms())
    clock.sleep_s(20)
    assert book.observe({"A": []}, clock.now_ms()) == []
    tree.process(60, SLURM.format(7), start=999)
    clock.sleep_s(9)
    assert book.observe({"A": [60]}, clock.now_ms()) == []
    clock.sleep_s(29)
    assert book.observe({"A": []}, clock.now_ms()) == []


def test_an_agent_that_starts_again_gives_the_same_key(tree: Tree, clock: HandClock) -> None:
    tree.process(50, SLURM.format(7), start=200)
    first = JobBook(clock, JobResolver(tree.root, clock)).observe({"A": [50]}, clock.now_ms())
    clock.sleep_s(500)
    second = JobBook(clock, JobResolver(tree.root, clock)).observe({"A": [50]}, clock.now_ms())
    assert first == second


def test_gpus_that_gave_no_answer_end_no_job_while_its_processes_live(
    tree: Tree, clock: HandClock, book: JobBook
) -> None:
    tree.process(50, SLURM.format(7))
    book.observe({"A": [50], "B": []}, clock.now_ms())
    for _ in range(100):
        clock.sleep_s(1)
        assert book.observe({"B": []}, clock.now_ms()) == []
    assert book.owner_of("A") == (None, None), "unknown now"
    tree.end(50)
    last_ms = clock.now_ms()
    rows = []
    for _ in range(31):
        clock.sleep_s(1)
        rows += book.observe({"B": []}, clock.now_ms())
    assert [row[3] for row in told(rows)] == [last_ms]


def test_shared_gpus_and_processes_of_no_scheduler(tree: Tree, clock: HandClock, book: JobBook) -> None:
    tree.process(50, SLURM.format(9))
    tree.process(51, SLURM.format(10))
    tree.process(52)
    rows = book.observe({"A": [50, 51, 52], "B": [52], "C": [99]}, clock.now_ms())
    assert sorted(row[0] for row in told(rows)) == ["10", "9"]
    assert book.owner_of("A") == ("10,9", "slurm")
    assert book.owner_of("B") == ("", "none")
    assert book.owner_of("C") == (None, None), "its process went away before it could be asked"
    assert (book.gpus_with_processes, book.pids_unseen) == (3, 1)


def test_an_owner_whose_name_came_late_is_named_at_the_end(
    tree: Tree, clock: HandClock, book: JobBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.process(50, SLURM.format(7), uid=1234)
    answer = threading.Event()
    monkeypatch.setattr(names_module, "_lookup", lambda _uid: "ann" if answer.wait(30) else "")
    rows: list[Any] = book.observe({"A": [50]}, clock.now_ms())
    answer.set()
    for _ in range(62):
        clock.sleep_s(1)
        time.sleep(0.002)
        rows += book.observe({"A": [50]}, clock.now_ms())
    clock.sleep_s(31)
    rows += book.observe({"A": []}, clock.now_ms())
    assert [row.owner for row in rows] == ["1234", "ann"]


def test_many_jobs_on_one_gpu_keep_the_column_short(tree: Tree, clock: HandClock, book: JobBook) -> None:
    for pid in range(100, 200):
        tree.process(pid, SLURM.format(pid * 10**6))
    book.observe({"A": range(100, 200)}, clock.now_ms())
    job_id, scheduler = book.owner_of("A")
    assert job_id is not None
    assert len(job_id) <= 200
    assert set(job_id.split(",")) <= {str(pid * 10**6) for pid in range(100, 200)}
    assert scheduler == "slurm"


def test_jobs_beyond_the_bound_are_counted(
    tree: Tree, clock: HandClock, book: JobBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clusterctl.agent.jobs.book.MAX_JOBS", 2)
    for pid in range(100, 105):
        tree.process(pid, SLURM.format(pid))
    assert len(book.observe({"A": range(100, 105)}, clock.now_ms())) == 2
    assert book.overflowed == 3


def test_processes_of_one_gpu_are_bounded(
    tree: Tree, clock: HandClock, book: JobBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clusterctl.agent.jobs.book.MAX_PIDS", 2)
    for pid in range(100, 105):
        tree.process(pid, SLURM.format(pid))
    assert len(book.observe({"A": range(100, 105)}, clock.now_ms())) == 2


@settings(max_examples=50)
@given(st.lists(st.lists(st.sampled_from([50, 51, 52, 99]), max_size=4), min_size=1, max_size=50))
def test_every_job_that_comes_goes_once(tmp_path_factory: pytest.TempPathFactory, ticks: list[list[int]]) -> None:
    tree, clock = Tree(tmp_path_factory.mktemp("proc")), HandClock(NOW_MS)
    for pid in (50, 51, 52):
        tree.process(pid, SLURM.format(pid))
    book = JobBook(clock, JobResolver(tree.root, clock))
    rows: list[Any] = []
    for pids in ticks:
        rows += book.observe({"A": pids}, clock.now_ms())
        clock.sleep_s(10)
    for _ in range(4):
        rows += book.observe({"A": []}, clock.now_ms())
        clock.sleep_s(10)
    for pid in (50, 51, 52):
        mine = [row for row in rows if row.job_id == str(pid)]
        assert bool(mine) == any(pid in pids for pids in ticks)
        assert [row.ended_at is None for row in mine] == [True, False] * (len(mine) // 2), "comes and goes by turns"
        assert all(row.ended_at is None or row.ts <= row.ended_at for row in mine)
