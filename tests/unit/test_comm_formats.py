"""Every format that is read: what comes out, and what is said of what cannot come out."""

from __future__ import annotations

import gzip
import json
import pickle
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from clusterctl.communication.model import LogRow
from clusterctl.errors import InputError
from tests.support.commlogs import DEBUG_LOG, flight_dump, inspector_line, nsight, plugin_trace
from tests.support.fuzz_comm import check
from tests.support.traces import COPY, GEMM, NCCL, PEER, Work, kineto, work
from tests.unit.test_comm_measure import example, headline, measured

MS = 1_000_000


def log(path: Path, **options: bool) -> LogRow:
    (row,) = measured(path, **options).logs
    return row


def calls(row: LogRow) -> list[tuple[str, int, int]]:
    return [(one.collective, one.calls, one.message_bytes) for one in row.by_call]


def test_nsight_and_kineto_tell_the_same(tmp_path: Path) -> None:
    events = [*example(), work(PEER, 992_000, 995_000)]
    export = nsight(tmp_path / "a.sqlite", events, [("ProfilerStep#1", 0, 1_000_000), ("step 9", 0, 5)])
    trace = tmp_path / "a.json"
    trace.write_text(kineto(events, steps=[(1, 0, 1_000_000)]))
    assert headline(measured(export)) == headline(measured(trace))
    assert measured(export).details[0].source == "nsight"


@pytest.mark.parametrize("pids", [True, False])
def test_nsight_is_one_rank_a_gpu_and_its_steps(pids: bool, tmp_path: Path) -> None:
    events = [work(NCCL, 100, 400, device=0), work(NCCL, 200, 300, device=1), work(GEMM, 50, 60, device=1)]
    found = measured(nsight(tmp_path / "a.sqlite", events, [("iteration 7", 100, 400)], pids=pids))
    assert [(row.rank, row.comm_ns) for row in found.ranks] == [(0, 300), (1, 100)]
    assert [row.steps for row in found.ranks] == ([1, 0] if pids else [1, 1]), "a process marks its own GPU's steps"
    assert found.ranks[0].wait_ns == 200


def test_marks_of_a_process_without_a_gpu_are_for_all(tmp_path: Path) -> None:
    found = measured(nsight(tmp_path / "a.sqlite", [work(NCCL, 0, 50, device=5)], [("step 3", 0, 100)]))
    assert [(row.rank, row.steps, row.window_ns) for row in found.ranks] == [(0, 1, 100)]
    assert found.details[0].device == 5


def test_nsight_uses_the_long_names(tmp_path: Path) -> None:
    found = measured(nsight(tmp_path / "a.sqlite", [work("void deep_ep::intranode::dispatch<8>(int)", 0, 10)]))
    assert found.details[0].families == {"DeepEP and kin": 10}


def test_nsight_without_gpu_activity_or_with_a_view_in_its_place_is_refused(tmp_path: Path) -> None:
    empty, view, early = tmp_path / "e.sqlite", tmp_path / "v.sqlite", tmp_path / "n.sqlite"
    with closing(sqlite3.connect(empty)) as database:
        database.execute("CREATE TABLE StringIds (id INTEGER, value TEXT)")
    with closing(sqlite3.connect(view)) as database:
        database.execute(
            "CREATE VIEW CUPTI_ACTIVITY_KIND_KERNEL AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n)"
            ' SELECT i AS start, i AS "end", 0 AS deviceId, 1 AS demangledName FROM n'
        )
    for path in (empty, view):
        with pytest.raises(InputError, match="no GPU activity"):
            measured(path)
    nsight(early, [Work(NCCL, 10, -5)])
    with pytest.raises(InputError, match="KERNEL, row 1: it ends before it starts"):
        measured(early)
    assert measured(early, salvage=True).details[0].left_out == {"events without length or below zero": 1}


def test_a_damaged_database_is_measured_or_refused(tmp_path: Path) -> None:
    data = nsight(tmp_path / "a.sqlite", example(), [("step 1", 0, 1_000_000)]).read_bytes()
    random_ = random.Random(5)
    refused = measured_whole = 0
    for number in range(200):
        broken = bytearray(data)
        for _ in range(random_.choice((1, 5, 50))):
            broken[random_.randrange(100, len(broken))] = random_.randrange(256)
        path = tmp_path / f"{number}.sqlite"
        path.write_bytes(broken[: random_.randrange(200, len(broken))] if number % 4 == 0 else broken)
        try:
            check(measured(path))
        except InputError as error:
            refused += str(path) in str(error)
            continue
        measured_whole += 1
    assert refused + measured_whole == 200, "every refusal names the file"
    assert min(refused, measured_whole) > 20


@pytest.mark.parametrize(
    ("coll", "size", "n", "exec_us", "busbw"),
    [
        ("AllReduce", 17_179_869_184, 8, 61_974, 485.119099),
        ("ReduceScatter", 2_147_483_648, 8, 41_057, 366.134533),
        ("ReduceScatter", 65_536, 32, 110, 18.469236),
        ("AllReduce", 2_360_832, 3, 5_663.0, 0.555850),
    ],
)
def test_inspectors_bandwidth_is_ours(
    coll: str, size: int, n: int, exec_us: float, busbw: float, tmp_path: Path
) -> None:
    path = tmp_path / "n-pid1.log"
    path.write_text(inspector_line(7, coll, size, exec_us, n=n, busbw=busbw) + "\n")
    row = log(path)
    assert row.by_call[0].busbw_gbs == pytest.approx(busbw, rel=1e-6)
    assert not any("another bus bandwidth" in note for note in row.notes)


def test_inspector_2_28_is_a_sample(tmp_path: Path) -> None:
    path = tmp_path / "n-pid1.log"
    lines = [inspector_line(number, "AllReduce", 1 << 20, 100.0, dump=number * 1000) for number in (10, 20, 30)]
    path.write_text("\n".join(lines))
    row = log(path)
    assert (row.mark, row.records, row.calls, row.comm_ns) == ("sampled", 3, 21, 21 * 100_000)
    assert any("2.28 and 2.29" in note for note in row.notes)


def test_inspector_2_30_is_a_log_and_its_holes_are_told(tmp_path: Path) -> None:
    path = tmp_path / "n-pid1.log"
    lines = [inspector_line(number, "AllGather", 1 << 20, 50.0, dump=number // 4) for number in range(8)]
    path.write_text("\n".join(lines))
    row = log(path)
    assert (row.mark, row.calls, row.comm_ns) == ("upper bound", 8, 400_000)
    path.write_text("\n".join(lines[:3] + lines[5:]))
    row = log(path)
    assert (row.mark, row.calls, row.records) == ("sampled", 8, 6)
    assert any("2.30" in note and "2 calls are missing" in note for note in row.notes)


def test_inspector_counts_each_kind_of_collective_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "n-pid1.log"
    lines = [
        inspector_line(number, name, 1 << 20, 50.0) for number in range(4) for name in ("AllGather", "ReduceScatter")
    ]
    path.write_text("\n".join(lines))
    assert (log(path).mark, log(path).calls) == ("upper bound", 8)
    path.write_text("\n".join(inspector_line(n, ("AllGather", "AllReduce")[n % 2], 9, 50.0) for n in range(8)))
    assert (log(path).mark, log(path).calls) == ("upper bound", 8), "or all kinds together: both are complete"


def test_verbose_inspector_is_exact(tmp_path: Path) -> None:
    path = tmp_path / "n-pid1.log.gz"
    lines = [
        inspector_line(1, "AllReduce", 1 << 20, 60.0, kernels=[(1000, 1050), (1010, 1060)]),
        inspector_line(2, "AllReduce", 1 << 20, 30.0, kernels=[(1055, 1085), (1100, 1110)]),
    ]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    row = log(path)
    assert (row.mark, row.comm_ns, row.window_ns) == ("exact", 95_000, 110_000), "channels and calls overlap: merged"


def test_inspector_says_when_the_time_is_beyond_any_link(tmp_path: Path) -> None:
    path = tmp_path / "n-pid1.log"
    path.write_text(inspector_line(1, "AllReduce", 1 << 30, 10.0, busbw=1.0))
    notes = " ".join(log(path).notes)
    assert "faster than any link" in notes
    assert "another bus bandwidth" in notes


def test_the_plugins_trace_is_repaired_and_merged(tmp_path: Path) -> None:
    path = tmp_path / "nccl_plugin.json"
    path.write_text(plugin_trace([("10.0", "30.0", 5000, 9000), ("11.0", "31.0", 6000, 12_000)]))
    row = log(path)
    assert (row.source, row.mark, row.comm_ns, row.window_ns, row.rank) == ("nccl_profiler", "exact", 7000, 7000, 3)
    assert calls(row) == [("all_reduce", 1, 4096)]
    assert any("1 values without quotes" in note for note in row.notes)


def test_the_plugins_trace_without_gpu_clocks_is_what_the_cpu_saw(tmp_path: Path) -> None:
    path = tmp_path / "nccl_plugin.json"
    path.write_text(plugin_trace([("10.0", "30.5", 5000, 0), ("20.0", "31.0", 6000, 0), ("0.000000", "40.0", 0, 0)]))
    row = log(path)
    assert (row.mark, row.comm_ns) == ("upper bound", 21_000)
    assert any("1 kernels have no such time" in note for note in row.notes)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5, "json"])
def test_flight_recorder(protocol: int | str, tmp_path: Path) -> None:
    path = tmp_path / "nccl_trace_rank_3"
    dump = flight_dump([1.5, 2.25, None])
    path.write_bytes(json.dumps(dump).encode() if protocol == "json" else pickle.dumps(dump, protocol=int(protocol)))
    row = log(tmp_path)
    assert (row.source, row.rank, row.group, row.mark) == ("flight_recorder", 3, "default_pg", "at least")
    assert (row.comm_ns, row.records) == (3_750_000, 3)
    assert calls(row) == [("all_reduce", 3, 3 * 24)]


def test_a_dump_of_a_hang_has_no_time_and_says_what_it_is_good_for(tmp_path: Path) -> None:
    path = tmp_path / "dump_0.pkl"
    path.write_bytes(pickle.dumps(flight_dump([None, None], state="scheduled")))
    row = log(path)
    assert (row.comm_ns, row.mark) == (None, "none")
    assert "good for finding who hangs" in " ".join(row.notes)


class Malicious:
    """Would run a command, were it built."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (__import__("os").system, ("touch /tmp/clusterctl-was-here",))


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_that_wants_more_than_values_is_refused_with_its_byte(protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "dump.pkl"
    path.write_bytes(pickle.dumps({"entries": [Malicious()]}, protocol=protocol))
    with pytest.raises(InputError, match=r"byte \d+: not a plain pickle: it asks to (global|stack global)"):
        measured(path)


def test_a_pickle_of_keys_that_never_hash_ends_at_once(tmp_path: Path) -> None:
    path = tmp_path / "dump.pkl"
    path.write_bytes(b"\x80\x02}(" + b"K\x01\x85" + b"q\x00h\x00\x86" * 60 + b"K\x01u.")
    with pytest.raises(InputError, match="a key that is neither"):
        measured(path)


def test_nccl_debug_has_bytes_and_calls_and_never_a_time(tmp_path: Path) -> None:
    path = tmp_path / "nccl.log"
    path.write_text(DEBUG_LOG)
    rows = measured(path).logs
    assert [(row.group, row.ranks_of_group, row.comm_ns, row.mark) for row in rows] == [
        ("node1 100 0x55a", 8, None, "none"),
        ("node1 100 0x66", 2, None, "none"),
    ]
    assert calls(rows[0]) == [("all_gather", 1, 8192), ("all_reduce", 1, 4096)]
    assert calls(rows[1]) == [("send", 1, 10)]


def test_a_folder_takes_what_it_knows_and_names_the_rest(tmp_path: Path) -> None:
    (tmp_path / "rank0.json").write_text(kineto([work(NCCL, 0, 10)], rank=None))
    (tmp_path / "rank1.json").write_text(kineto([work(NCCL, 0, 10)], rank=None))
    (tmp_path / "notes.txt").write_text("nothing of interest\n")
    (tmp_path / "config.json").write_text('{"layers": 96}')
    (tmp_path / "losses.json").write_text("[1.5, 1.25]")
    found = measured(tmp_path)
    assert [row.rank for row in found.ranks] == [0, 1]
    assert found.details[0].rank_from == "file name"
    assert [reason.partition(": ")[2] for reason in found.left_out] == [
        "no trace or log of a kind that is known here"
    ] * 3
    with pytest.raises(InputError, match="no traceEvents in it"):
        measured(tmp_path / "config.json")


def test_copies_are_memory(tmp_path: Path) -> None:
    path = nsight(tmp_path / "a.sqlite", [work(COPY, 0, 10), work(GEMM, 20, 40)])
    assert measured(path).ranks[0].memory_ns == 10
