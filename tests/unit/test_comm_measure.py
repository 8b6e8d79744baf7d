"""Traces with known intervals: what comes out is exact to the nanosecond."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterctl.communication.analyze import Options, analyze
from clusterctl.communication.intervals import Cover
from clusterctl.communication.model import Analysis
from clusterctl.errors import InputError
from tests.support.traces import (
    COPY,
    FUSED,
    GEMM,
    KINDS,
    NCCL,
    PEER,
    Work,
    collective,
    expected,
    kineto,
    mark,
    work,
    write,
)  # fmt: skip

US = 1_000
EPOCH = 1_727_743_122_000_000_000


def measured(*paths: Path, **options: Any) -> Analysis:
    return analyze(paths, Options(**options), lambda _path, _count: None)


def headline(found: Analysis, rank: int = 0) -> dict[str, Any]:
    row = found.ranks[rank]
    return {
        name: getattr(row, name)
        for name in row.__struct_fields__
        if name not in ("rank", "path", "steps", "unplaced_kernels")
    }


def example() -> list[Work]:
    """The worked example of docs/communication.md, in microseconds."""
    spans = [
        (GEMM, 0, 400), (GEMM, 380, 600), (GEMM, 700, 820), (FUSED, 820, 860),
        (NCCL, 350, 520), (NCCL, 500, 650), (NCCL, 650, 700), (NCCL, 900, 960), (COPY, 940, 990),
    ]  # fmt: skip
    return [work(name, start * US, end * US) for name, start, end in spans]


def test_the_worked_example(tmp_path: Path) -> None:
    (path,) = write(tmp_path, [example()], steps=[(1, 0, 1000 * US)])
    found = measured(path)
    assert headline(found) == {
        "window_ns": 1000 * US, "compute_ns": 760 * US, "comm_ns": 410 * US, "exposed_ns": 160 * US,
        "overlap_ns": 250 * US, "memory_ns": 50 * US, "idle_ns": 50 * US, "exposed_ratio": 0.16, "total_ratio": 0.41,
        "overlap_ratio": 250 / 410, "wait_ns": None,
    }  # fmt: skip
    detail = found.details[0]
    assert (detail.fused_ns, detail.exposed_memory_ns) == (40 * US, 30 * US)
    assert 760 + 160 + 30 + 50 == 1000, "compute, exposed communication, exposed copies and idle are the window"


def test_waiting_is_told_from_transfer(tmp_path: Path) -> None:
    lengths = [(900, 200), (300, 210), (120, 205)]
    ranks = [
        [work(NCCL, 100 * US, (100 + a) * US), work(NCCL, 2000 * US, (2000 + b) * US)]
        + ([work(GEMM, 100 * US, 700 * US)] if rank == 0 else [])
        for rank, (a, b) in enumerate(lengths)
    ]
    found = measured(*write(tmp_path, ranks))
    assert [row.wait_ns for row in found.ranks] == [780 * US, 190 * US, 5 * US]
    assert [one.transfer_ns for one in found.details] == [320 * US, 320 * US, 320 * US]
    first = found.details[0]
    assert (first.exposed_wait_ns, first.exposed_transfer_ns) == (180 * US, (120 + 200) * US)
    assert found.waiting.dominates
    assert found.waiting.slow_rank == 2, "the others wait for the rank that comes last"
    assert found.waiting.slow_rank_share == pytest.approx(960 / 975)


def random_work(random_: random.Random, limit: int = 240) -> list[Work]:
    made = []
    for _ in range(random_.randint(0, 24)):
        start = random_.randint(0, limit)
        made.append(work(random_.choice(list(KINDS)), start, start + random_.randint(1, 60)))
    return made


def random_steps(random_: random.Random) -> list[tuple[int, int, int]]:
    at, steps = random_.randint(0, 60), []
    for number in range(random_.randint(0, 4)):
        length = random_.randint(1, 80)
        steps.append((number + 5, at, at + length))
        at += length + random_.choice((0, 0, 7))
    return steps


def moved(events: Sequence[Work], by: int) -> list[Work]:
    return [Work(one.name, one.start + by, one.length, one.cat) for one in events]


@pytest.mark.parametrize("seed", range(10))
def test_a_thousand_random_traces_agree_with_counting_nanoseconds(seed: int, tmp_path: Path) -> None:
    random_ = random.Random(seed)
    for number in range(100):
        path = tmp_path / f"{number}.json"
        events, steps = random_work(random_), random_steps(random_)
        shift = random_.choice((0, 1, 999, EPOCH))
        path.write_text(kineto(moved(events, shift), steps=[(n, a + shift, b + shift) for n, a, b in steps]))
        found = measured(path)
        windows = [set(range(start, end)) for _, start, end in steps]
        busy = {t for one in events for t in range(one.start, one.end)}
        span = set(range(min(busy), max(busy) + 1)) if busy else set()
        want = expected(events, set().union(*windows) if windows else span)
        want["wait_ns"] = 0 if not any(KINDS[one.name] == "comm" for one in events) else None
        if not events:
            want["exposed_ratio"] = want["total_ratio"] = None
        assert headline(found) == want, f"seed {seed}, trace {number}"
        assert [row.step for row in found.steps] == [number for number, _, _ in steps]
        for row, window in zip(found.steps, windows, strict=True):
            want = expected(events, window)
            for name in ("comm_ns", "exposed_ns", "overlap_ns", "overlap_ratio", "compute_ns", "idle_ns", "memory_ns"):
                assert getattr(row, name) == want[name], f"seed {seed}, trace {number}, step {row.step}: {name}"


@pytest.mark.parametrize("seed", range(4))
def test_random_ranks_agree_with_the_shortest_duration(seed: int, tmp_path: Path) -> None:
    random_ = random.Random(seed)
    for case in range(25):
        ranks, sequences = random_.randint(2, 4), list(range(random_.randint(1, 5)))
        spans = [[(start := 100 * number + random_.randint(0, 30), start + random_.randint(1, 60)) for number in sequences]
                 for _ in range(ranks)]  # fmt: skip
        shortest = [min(spans[rank][n][1] - spans[rank][n][0] for rank in range(ranks)) for n in sequences]
        events = [
            [collective(start, end, sequence=n, size=ranks) for n, (start, end) in enumerate(spans[rank])]
            + [one for one in random_work(random_, 400) if KINDS[one.name] not in ("comm",)]
            for rank in range(ranks)
        ]
        for rank in range(ranks):
            random_.shuffle(events[rank])
        (folder := tmp_path / str(case)).mkdir()
        found = measured(*write(folder, events), window="span")
        for rank in range(ranks):
            busy = {t for one in events[rank] for t in range(one.start, one.end)}
            waits = [(start, end - shortest[n]) for n, (start, end) in enumerate(spans[rank])]
            want = expected(events[rank], set(range(min(busy), max(busy) + 1)), waits)
            assert headline(found, rank) == want


@given(
    st.lists(st.tuples(st.integers(0, 80), st.integers(1, 30)), max_size=12),
    st.lists(st.tuples(st.integers(0, 80), st.integers(1, 30)), max_size=12),
    st.lists(st.tuples(st.integers(-5, 120), st.integers(0, 60)), min_size=1, max_size=5),
)
def test_covers_are_sets_of_nanoseconds(
    a: list[tuple[int, int]], b: list[tuple[int, int]], windows: list[tuple[int, int]]
) -> None:
    def cover(spans: list[tuple[int, int]]) -> Cover:
        return Cover.of(
            np.array([s for s, _ in spans], dtype=np.int64), np.array([s + n for s, n in spans], dtype=np.int64)
        )

    def moments(spans: list[tuple[int, int]]) -> set[int]:
        return {t for start, length in spans for t in range(start, start + length)}

    both = cover(a).and_(cover(b))
    assert both.length == len(moments(a) & moments(b)) == cover(a).shared(cover(b))
    assert (both.starts[1:] > both.ends[:-1]).all(), "disjoint and in order"
    starts, ends = (np.array(part, dtype=np.int64) for part in zip(*((s, s + n) for s, n in windows), strict=True))
    assert cover(a).within(starts, ends).tolist() == [len(moments(a) & set(range(s, s + n))) for s, n in windows]


def test_no_step_is_dropped_unless_asked(tmp_path: Path) -> None:
    steps = [(1, 0, 100), (2, 100, 250)]
    (path,) = write(tmp_path, [[work(NCCL, 0, 250)]], steps=steps)
    assert (measured(path).ranks[0].steps, measured(path).ranks[0].window_ns) == (2, 250)
    dropped = measured(path, drop_last_step=True).ranks[0]
    assert (dropped.steps, dropped.window_ns) == (1, 100)


def test_the_span_is_asked_for_or_all_there_is(tmp_path: Path) -> None:
    (path,) = write(tmp_path, [[work(NCCL, 40, 60), work(GEMM, 100, 140)]], steps=[(1, 0, 200)])
    assert measured(path, window="span").ranks[0].window_ns == 100
    assert measured(path, window="span").details[0].window == "gpu_span"
    detail = measured(path).details[0]
    assert (detail.window, detail.window_ns, detail.span_ns, detail.span_exposed_ns) == ("steps", 200, 100, 20)
    (bare,) = write(tmp_path, [[work(NCCL, 40, 60)]])
    assert measured(bare).details[0].window == "gpu_span"
    with pytest.raises(InputError, match="no marks of steps"):
        measured(bare, window="steps")


def test_work_outside_of_the_steps_is_said(tmp_path: Path) -> None:
    (path,) = write(tmp_path, [[work(GEMM, 0, 100), work(GEMM, 200, 300)]], steps=[(1, 0, 150)])
    found = measured(path)
    assert found.details[0].spill_ratio == 0.5
    assert any("lies in no step" in note for note in found.notes)


def test_the_hosts_marks_count_and_not_their_copy_on_the_gpu(tmp_path: Path) -> None:
    rows = [work(NCCL, 0, 50), mark(3, 0, 200), mark(3, 10, 60, cat="gpu_user_annotation")]
    path = tmp_path / "t.json"
    path.write_text(kineto(rows))
    row = measured(path).ranks[0]
    assert (row.window_ns, row.compute_ns, measured(path).details[0].events) == (200, 0, 1)
    path.write_text(kineto([rows[0], rows[2]]))
    found = measured(path)
    assert found.ranks[0].window_ns == 50
    assert any("GPU's copy" in note for note in found.notes)


def test_without_communication_it_is_zero(tmp_path: Path) -> None:
    (path,) = write(tmp_path, [[work(GEMM, 0, 50), work("warp_drive_kernel", 60, 100)]])
    row = measured(path).ranks[0]
    assert (row.comm_ns, row.exposed_ratio, row.total_ratio, row.overlap_ratio, row.wait_ns) == (0, 0.0, 0.0, None, 0)
    assert row.unplaced_kernels == ["warp_drive_kernel"], "and what could not be placed is named"


def test_only_what_ran_in_the_window_is_named(tmp_path: Path) -> None:
    (path,) = write(tmp_path, [[work("warm_up_9", 0, 50), work(NCCL, 100, 120)]], steps=[(1, 100, 200)])
    assert measured(path).ranks[0].unplaced_kernels == []
    assert measured(path, window="span").ranks[0].unplaced_kernels == ["warm_up_9"]


def test_without_gpu_work_nothing_is_known(tmp_path: Path) -> None:
    (path,) = write(tmp_path, [[]], steps=[(1, 0, 100)])
    found = measured(path)
    assert (found.ranks[0].exposed_ratio, found.grade) == (None, "none")
    assert any("no GPU work" in note for note in found.notes)


def test_a_copy_does_not_hide_communication_and_one_between_gpus_is_some(tmp_path: Path) -> None:
    (path,) = write(tmp_path, [[work(COPY, 0, 100), work(PEER, 50, 150)]])
    row = measured(path).ranks[0]
    assert (row.exposed_ns, row.comm_ns, row.memory_ns) == (100, 100, 100)


@pytest.mark.parametrize("form", ["gzip", "list", "integers", "exponents", "fractions"])
def test_every_way_of_writing_the_same_trace(form: str, tmp_path: Path) -> None:
    events = [work(NCCL, 5_000_000, 5_400_000), work(GEMM, 5_100_000, 5_250_000)]
    rows = [{"ph": "X", "cat": "Kernel" if form == "list" else "kernel", "name": one.name, "args": {"device": 0},
             "ts": one.start // 1000, "dur": one.length // 1000} for one in events]  # fmt: skip
    text = kineto(events) if form == "gzip" else json.dumps(rows if form == "list" else {"traceEvents": rows})
    if form == "exponents":
        text = text.replace('"ts": 5000', '"ts": 5E3').replace('"dur": 400', '"dur": 4000.0e-1')
    if form == "fractions":
        text = text.replace('"dur": 400', '"dur": 399.9999999999')
    path = tmp_path / "t"
    path.write_bytes(gzip.compress(text.encode()) if form == "gzip" else text.encode())
    row = measured(path).ranks[0]
    assert (row.comm_ns, row.exposed_ns, row.compute_ns) == (400_000, 250_000, 150_000)
