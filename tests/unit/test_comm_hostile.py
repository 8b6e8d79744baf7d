"""Files made to break the reader: numbers that add up to nonsense, texts that grow in memory, pipes that nobody fills."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import time
import tracemalloc
from pathlib import Path
from typing import Any

import msgspec
import pytest

from clusterctl.communication import flight, kineto, kineto_call
from clusterctl.communication.analyze import Options, analyze
from clusterctl.communication.collected import Origin, rows_of
from clusterctl.communication.families import shipped
from clusterctl.communication.model import Analysis
from clusterctl.communication.reading import read
from clusterctl.errors import InputError
from tests.support.commlogs import inspector_line
from tests.support.traces import NCCL

HUGE = 10**400
LONG = "4000000000000000"
"""127 years in microseconds, the longest time that is read."""


def analyzed(path: Path, data: bytes | str) -> Analysis:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return analyze([path], Options(jobs=1), lambda _path, _count: None)


def event(ts: str, dur: str, name: str = NCCL, cat: str = "kernel", args: str = '{"device": 0}') -> str:
    return f'{{"ph": "X", "cat": "{cat}", "name": "{name}", "ts": {ts}, "dur": {dur}, "args": {args}}}'


def trace(*events: str, members: str = "") -> str:
    return f'{{"schemaVersion": 1, {members} "traceEvents": [{", ".join(events)}]}}'


def dump(**changed: Any) -> dict[str, Any]:
    entry = {
        "process_group": ["0", "default"], "profiling_name": "nccl:all_reduce", "input_sizes": [[8]],
        "input_dtypes": ["BFloat16"], "state": "completed", "duration_ms": 1.5,
    }  # fmt: skip
    return {"version": "2.5", "pg_config": {}, "entries": [{**entry, **changed}]}


@pytest.mark.parametrize(
    "events",
    [
        [event(f"-{LONG}", LONG), event("0", LONG), event(LONG, LONG)],
        [event("0", LONG, name=f"k{n}") for n in range(3)],
        [event(ts, LONG, f"ProfilerStep#{n}", "user_annotation") for n, ts in enumerate((f"-{LONG}", "0", LONG))],
    ],
    ids=["one after the other", "at the same time", "steps"],
)
def test_times_that_cannot_be_added_up_are_refused_and_never_negative(events: list[str], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"rank0.json: .*more than 127 years of events"):
        analyzed(tmp_path / "rank0.json", trace(*events, event("0", "1")))


def test_nor_those_of_all_ranks_together(tmp_path: Path) -> None:
    for rank in range(3):
        (tmp_path / f"rank{rank}.json").write_text(trace(event("0", LONG)))
    with pytest.raises(InputError, match="more than 127 years of events"):
        analyze([tmp_path], Options(jobs=1), lambda _path, _count: None)


def test_a_rank_that_no_column_holds_is_none(tmp_path: Path) -> None:
    text = trace(event("0", "1"), members=f'"distributedInfo": {{"rank": {1 << 40}, "world_size": {1 << 80}}},')
    found = analyzed(tmp_path / "rank7.json", text)
    assert (found.ranks[0].rank, found.details[0].world_size) == (7, None)


def test_events_that_are_there_twice_are_not_added(tmp_path: Path) -> None:
    text = trace(event("0", "1"))[:-1] + f', "traceEvents": [{event("5", "1")}]}}'
    with pytest.raises(InputError, match=r"rank0.json: byte \d+: a second traceEvents"):
        analyzed(tmp_path / "rank0.json", text)


@pytest.mark.parametrize(
    "lines",
    [
        [inspector_line(number, "AllReduce", 1 << 20, int(LONG)) for number in (0, 1 << 61)],
        [inspector_line(number, "AllReduce", 1 << 61, 10) for number in range(4)],
    ],
    ids=["time", "bytes"],
)
def test_a_log_of_more_than_the_store_can_hold_is_refused(lines: list[str], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"log.json: more time, calls or bytes than any job has"):
        analyzed(tmp_path / "log.json", "\n".join(lines) + "\n")


def test_a_bandwidth_of_400_digits_is_another_bandwidth(tmp_path: Path) -> None:
    found = analyzed(tmp_path / "log.json", inspector_line(1, "AllReduce", 1 << 20, 10, busbw=HUGE) + "\n")
    assert "1 calls tell another bus bandwidth than their size and time give" in found.logs[0].notes


@pytest.mark.parametrize("pickled", [True, False])
def test_a_duration_of_400_digits_is_none(pickled: bool, tmp_path: Path) -> None:
    made = dump(duration_ms=HUGE)
    with pytest.raises(InputError, match="entry 0: duration_ms is no duration"):
        analyzed(tmp_path / "dump.json", pickle.dumps(made) if pickled else json.dumps(made))


@pytest.mark.parametrize("protocol", [2, 5])
def test_half_a_character_in_a_pickle_reaches_every_output(protocol: int, tmp_path: Path) -> None:
    made = dump(state="\ud800", profiling_name="\ud800x", process_group=["\udcff"])
    found = analyzed(tmp_path / "dump.pkl", pickle.dumps(made, protocol))
    assert msgspec.json.decode(msgspec.json.encode(found))["logs"][0]["calls"] == 1
    assert len(rows_of(found, Origin("job"))) == 1


def test_a_dump_that_names_the_same_thousand_tensors_for_ever_is_refused(tmp_path: Path) -> None:
    sizes, dtypes = [[1] * 64] * 10_000, ["BFloat16"] * 10_000
    entries = [{"input_sizes": sizes, "input_dtypes": dtypes} for _ in range(100)]
    with pytest.raises(InputError, match=r"entry \d+: more tensors than a dump has"):
        analyzed(tmp_path / "dump.pkl", pickle.dumps({"entries": entries}))


@pytest.mark.parametrize(("head", "piece"), [(b"\x80\x04", b"}"), (b'{"entries": [', b"{},")], ids=["pickle", "json"])
def test_a_small_archive_of_empty_values_does_not_fill_the_memory(
    head: bytes, piece: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clusterctl.communication.unpickle.MAX_VALUES", 100_000)
    monkeypatch.setattr(flight, "MAX_VALUES", 100_000)
    monkeypatch.setattr(flight, "MAX_BYTES", 4 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"100,000 values|without end"):
            analyzed(tmp_path / "dump.gz", gzip.compress(head + piece * 500_000, 1))
        assert tracemalloc.get_traced_memory()[1] < 24 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "text",
    [
        trace(event("0", "1", args='{"device": 0, "Process Group Ranks": [' + "{}," * 100_000 + "1]}")),
        trace(event("0", "1"), members='"distributedInfo": {"rank": [' + "{}," * 100_000 + "1]},"),
        trace(event("0", "1"), members='"deviceProperties": [{"id": [' + "{}," * 100_000 + "1]}],"),
    ],
    ids=["of an event", "of the job", "of GPUs"],
)
def test_what_is_told_beside_events_stays_as_large_as_its_text(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kineto, "MAX_PROPERTIES_BYTES", 1_000)
    monkeypatch.setattr(kineto_call, "MAX_ARGS_BYTES", 1_000)
    analyzed(tmp_path / "warm.json", trace(event("0", "1")))
    tracemalloc.start()
    try:
        assert analyzed(tmp_path / "rank0.json", text).ranks[0].comm_ns == 1_000
        assert tracemalloc.get_traced_memory()[1] < 6 << 20
    finally:
        tracemalloc.stop()


def test_of_a_name_without_end_no_more_is_kept_than_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "rank0.json"
    path.write_text(trace(*(event(str(n), "1", name=f"k{n}" + "x" * 20_000) for n in range(9))))
    made = read(path, shipped())
    assert isinstance(made, list)
    assert [len(name) for name in made[0].name_list] == [2_000] * 9


def test_members_without_number_end_at_once(tmp_path: Path) -> None:
    began_s = time.process_time()
    with pytest.raises(InputError, match="more than 1,000 members"):
        analyzed(tmp_path / "rank0.json", trace(members='"a": 1, ' * 500_000))
    assert time.process_time() - began_s < 15, "it took minutes"


def test_a_pipe_that_nobody_fills_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rank0.json")
    with pytest.raises(InputError, match=r"rank0.json: not a regular file"):
        analyze([tmp_path], Options(jobs=1), lambda _path, _count: None)


def test_a_folder_that_cannot_be_read_is_not_left_out_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rank0.json").write_text(trace(event("0", "1")))
    (tmp_path / "closed").mkdir()
    scan = os.scandir

    def scandir(path: str) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(InputError, match="closed: Permission denied"):
        analyze([tmp_path], Options(jobs=1), lambda _path, _count: None)
