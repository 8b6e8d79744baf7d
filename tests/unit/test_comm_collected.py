"""An analysis as rows of `collective`: the numbers, whose they are, and what could not be known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clusterctl import wire
from clusterctl.communication.analyze import Options, analyze
from clusterctl.communication.collected import FILE, NO_COMPUTE, TRACE, Origin, rows_of
from clusterctl.schema import COLLECTIVE
from tests.support.traces import GEMM, collective, kineto, work, write

BASE_MS = 1_700_000_000_000
"""What the fixture's traces count from."""


def rows(folder: Path) -> list[dict[str, object]]:
    return rows_of(analyze([folder], Options(), lambda _path, _count: None), Origin("j", "dp2", "/import:x"))


def two_ranks(folder: Path) -> None:
    """E2 of the definitions in small: rank 0 waits 300 us for rank 1."""
    first = [work(GEMM, 0, 400_000), collective(500_000, 900_000, sequence=1)]
    second = [work(GEMM, 0, 700_000), collective(800_000, 900_000, sequence=1)]
    write(folder, [first, second], steps=[(1, 0, 1_000_000)])


def test_a_row_a_rank_and_one_of_the_job(tmp_path: Path) -> None:
    two_ranks(tmp_path)
    first, second, job = rows(tmp_path)
    assert [row["scope"] for row in (first, second, job)] == ["rank", "rank", "job"]
    assert [row["rank"] for row in (first, second, job)] == [0, 1, 0]
    assert (first["exposed_ns"], second["exposed_ns"], job["exposed_ns"]) == (400_000, 100_000, 250_000)
    assert (first["wait_ns"], second["wait_ns"], job["wait_ns"]) == (300_000, 0, 150_000)
    assert (first["exposed_ratio"], job["exposed_ratio"]) == (0.4, 0.25)
    assert job["exposed_low_ratio"] == job["exposed_high_ratio"] == 0.25
    assert (job["ranks"], job["world_size"], job["steps"], job["step_us"]) == (2, 2, 1, 1_000)
    assert (job["source"], job["grade"], job["window"], job["layout"]) == ("kineto/import:x", "exact", "steps", "dp2")
    assert (first["ts"], first["until"], first["ts_source"]) == (BASE_MS, BASE_MS + 1, TRACE)
    assert job["gpu_model"] == "H100"
    facts = json.loads(str(job["fields"]))
    assert facts["exposed_over_ranks"] == {"min": 0.1, "median": 0.25, "max": 0.4}
    assert facts["waited_for"] == 1


def test_every_row_is_one_that_the_wire_takes(tmp_path: Path) -> None:
    two_ranks(tmp_path)
    assert wire.carries(COLLECTIVE, [COLLECTIVE.row(**row) for row in rows(tmp_path)])


def test_a_trace_without_a_date_has_the_time_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "rank0.pt.trace.json"
    text = kineto([work(GEMM, 0, 1_000)], steps=[(1, 0, 2_000)])
    path.write_text(text.replace('"baseTimeNanoseconds": 1700000000000000000,', ""), encoding="utf-8")
    [first, _] = rows(tmp_path)
    assert first["ts_source"] == FILE
    assert first["until"] == path.stat().st_mtime_ns // 1_000_000


def test_how_wide_communicating_kernels_are(tmp_path: Path) -> None:
    events = [collective(0, 300), collective(400, 500)]
    text = kineto([work(GEMM, 0, 500), *_with_grids(events, (33, 66))], steps=[(1, 0, 500)])
    text = text.replace('"name": "H100"}', '"name": "H100", "numSms": 132}')
    (tmp_path / "rank0.json").write_text(text, encoding="utf-8")
    [first, _] = rows(tmp_path)
    assert first["comm_sm_ratio"] == pytest.approx((0.25 * 300 + 0.5 * 100) / 400)


def _with_grids(events: list, blocks: tuple[int, ...]) -> list:  # type: ignore[type-arg]
    return [
        work(one.name, one.start, one.end, stream=20, args={**one.args, "grid": [count, 1, 1]})
        for one, count in zip(events, blocks, strict=True)
    ]


def test_a_log_has_no_exposed_time(tmp_path: Path) -> None:
    line = {
        "header": {"id": "0x1", "rank": 3, "n_ranks": 8, "nnodes": 1},
        "metadata": {"inspector_output_format_version": "v4.0", "dump_timestamp_us": 1_700_000_000_000_000,
                     "hostname": "h", "pid": 1},
        "coll_perf": {"coll": "AllReduce", "coll_sn": 1, "coll_msg_size_bytes": 17_179_869_184,
                      "coll_exec_time_us": 61_974, "coll_timing_source": "kernel_gpu", "coll_algobw_gbs": 277.210914,
                      "coll_busbw_gbs": 485.119099},
    }  # fmt: skip
    (tmp_path / "inspector.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    [row] = rows(tmp_path)
    assert (row["grade"], row["reason"], row["rank"], row["world_size"]) == ("none", NO_COMPUTE, 3, 8)
    assert row.get("exposed_ratio") is None
    assert row["busbw_gbs"] == pytest.approx(485.119, abs=0.01)
