"""Damaged, hostile and odd files: one line with file and byte, exit code 2, in bounded memory and time."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clusterctl.communication import source
from clusterctl.communication.damage import Damaged
from clusterctl.errors import InputError
from tests.support.cli import clusterctl
from tests.support.traces import GEMM, NCCL, Work, kineto, work
from tests.unit.test_comm_measure import measured

ROOT = Path(__file__).parents[2]
EVENT = {"ph": "X", "cat": "kernel", "name": NCCL, "ts": 1.5, "dur": 2, "args": {"device": 0}}


def trace(*events: dict[str, Any] | str) -> str:
    rows = [one if isinstance(one, str) else json.dumps(one) for one in events]
    return '{"schemaVersion": 1, "traceEvents": [' + ", ".join(rows) + "]}"


def changed(**members: str) -> str:
    """An event with members of the given JSON."""
    made = {name: json.dumps(value) for name, value in EVENT.items()} | members
    return "{" + ", ".join(f'"{name}": {value}' for name, value in made.items()) + "}"


WRONG = {
    "a missing comma": (trace(EVENT, changed(ts='1 "x": 2')), "not JSON"),
    "a bare word": (trace(EVENT, changed(ts="tru")), "not JSON"),
    "NaN": (trace(EVENT, changed(dur="NaN")), "not JSON"),
    "Infinity": (trace(EVENT, changed(dur="-Infinity")), "not JSON"),
    "a huge number": (trace(EVENT, changed(ts="1e400")), "1e400 is no time in microseconds"),
    "a number of many digits": (trace(EVENT, changed(ts="9" * 400)), "is no time in microseconds"),
    "a number beyond 64 bits": (trace(EVENT, changed(ts="99999999999999999.000")), "is no time in microseconds"),
    "a number beyond 127 years": (trace(EVENT, changed(ts="9000000000000000.000")), "is no time in microseconds"),
    "an endless exponent": (trace(EVENT, changed(ts="1e999999999")), "is no time in microseconds"),
    "text for a number": (trace(EVENT, changed(ts='"soon"')), "is no time in microseconds"),
    "a negative duration": (trace(EVENT, changed(dur="-5.000")), "a duration below zero: -5.000"),
    "deep nesting": (trace(EVENT, changed(args="[" * 5_000 + "]" * 5_000)), "nested more than 100 deep"),
    "deep nesting that does not end": (trace(EVENT)[:-2] + ', {"args":' + "[" * 200_000, "nested more than 100 deep"),
    "a trailing comma": (trace(EVENT)[:-2] + ", ]}", "comma"),
    "a brace too many": (trace(EVENT)[:-2] + "}]}", ""),
    "more text behind": (trace(EVENT) + "{}", "more text after the end"),
    "no traceEvents": ('{"schemaVersion": 1}', "no traceEvents"),
    "an empty object": ("{}", "no traceEvents"),
    "a broken string": (trace(EVENT, '{"name": "a\nb"}'), "not JSON"),
    "a broken member outside": ('{"schemaVersion": nul, "traceEvents": []}', "not JSON"),
    "a lone surrogate": (trace(EVENT, changed(name='"\\ud800"')), "not JSON"),
    "no colon": ('{"schemaVersion" 1, "traceEvents": []}', "expected : here"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_trace_is_named_with_the_byte_at_which_it_is_wrong(what: str, tmp_path: Path) -> None:
    text, message = WRONG[what]
    path = tmp_path / "t.json"
    path.write_text(text)
    with pytest.raises(Damaged, match=f"^{re.escape(str(path))}: byte \\d+: .*{re.escape(message)}") as caught:
        measured(path)
    assert 0 <= caught.value.position <= len(text)


def test_the_byte_is_that_of_the_event(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    bad = changed(dur="-5.000")
    events = [json.dumps(EVENT)] * 20_000
    text = trace(*events, "null", *events, bad, *events)
    path.write_text(text)
    with pytest.raises(Damaged) as caught:
        measured(path)
    assert caught.value.position == text.index(bad)


def test_a_trailing_comma_is_found_across_two_reads(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    head, tail = '{"traceEvents": [', json.dumps(EVENT) + ","
    path.write_text(head + " " * (source.CHUNK_BYTES - len(head) - len(tail)) + tail + "]}")
    with pytest.raises(Damaged, match="a comma before the closing bracket") as caught:
        measured(path)
    assert caught.value.position == source.CHUNK_BYTES


@pytest.mark.parametrize("place", ["name", "args", "category"])
def test_bytes_that_are_no_text_are_found_wherever_they_are(place: str, tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    member = {"name": {"name": '"@"'}, "args": {"args": '{"a": "@"}'}, "category": {"cat": '"@"'}}[place]
    data = trace(EVENT, changed(**member), EVENT).encode().replace(b"@", b"\xff")
    path.write_bytes(data)
    with pytest.raises(Damaged, match="not UTF-8") as caught:
        measured(path)
    assert caught.value.position == data.index(b"\xff")


@pytest.mark.parametrize("packed", [False, True])
def test_a_trace_that_is_cut_off_anywhere_is_refused_or_salvaged(packed: bool, tmp_path: Path) -> None:
    events = [work(NCCL, 100 * n, 100 * n + 50) for n in range(40)]
    whole = kineto(events).encode()
    for cut in range(1, len(whole) - 3, 211):
        path = tmp_path / f"{cut}.json"
        path.write_bytes(gzip.compress(whole, mtime=0)[: -len(whole[cut:]) // 8 - 9] if packed else whole[:cut])
        with pytest.raises(InputError, match=r"byte \d+: "):
            measured(path)
        rows = measured(path, salvage=True).ranks if b"traceEvents" in whole[:cut] and not packed else []
        assert all(row.comm_ns % 50 == 0 and row.comm_ns <= 2_000 for row in rows)


def test_an_archive_that_is_cut_off_is_salvaged_as_far_as_it_unpacks(tmp_path: Path) -> None:
    path = tmp_path / "t.json.gz"
    whole = kineto([work(NCCL, 100 * n, 100 * n + 50) for n in range(20_000)]).encode()
    path.write_bytes(gzip.compress(whole)[:-200_000])
    with pytest.raises(Damaged, match="the compressed file is cut off"):
        measured(path)
    found = measured(path, salvage=True)
    assert 50 * 2_000 < found.ranks[0].comm_ns < 50 * 20_000
    assert "the compressed file is cut off" in found.notes[0]


def test_what_is_salvaged_is_all_but_the_cut_event(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    whole = kineto([work(NCCL, 100 * n, 100 * n + 50) for n in range(40)])
    path.write_text(whole[: whole.rindex('"cat": "kernel"')])
    found = measured(path, salvage=True)
    assert found.ranks[0].comm_ns == 39 * 50
    assert "damaged at byte" in found.notes[0]


def test_salvage_leaves_out_what_is_impossible_and_counts_it(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(
        trace(EVENT, changed(dur="-5"), changed(dur="0"), changed(ts="null"), '{"ph": 3}', "null", "[{}, {}]")
    )
    found = measured(path, salvage=True)
    assert found.ranks[0].comm_ns == 2_000
    assert found.details[0].events == 1
    assert found.details[0].left_out == {
        "events with a duration below zero": 1, "events without length": 1, "events without start or duration": 1,
        "rows that are no events": 3,
    }  # fmt: skip


def test_a_missing_duration_or_a_strange_row_alone_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    no_length = {name: value for name, value in EVENT.items() if name != "dur"}
    path.write_text(trace(no_length, "7", EVENT, {"ph": "X", "cat": "unheard of", "ts": "x"}, changed(args="null")))
    assert measured(path).ranks[0].comm_ns == 2_000


def test_arrays_of_objects_and_strings_with_braces_do_not_mislead_the_cut(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    nested = changed(args='{"device": 0, "list": [{"a": 1}, {"b": "}, {"}, {"c": [{}, {}]}]}')
    quoted = {"ph": "X", "cat": "cpu_op", "name": 'a "}, {" b', "ts": 1, "dur": 1}
    path.write_text(trace(*[EVENT, quoted, nested] * 30_000).replace("]}, {", "]},\n{"))
    assert measured(path).details[0].events == 60_000


def test_a_zip_bomb_is_refused_before_it_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "RATIO_FROM_BYTES", 8 << 20)
    path = tmp_path / "t.json.gz"
    path.write_bytes(gzip.compress(b'{"traceEvents": [' + b" " * (64 << 20) + b"]}"))
    with pytest.raises(Damaged, match="unpacks to more than 200 times its size") as caught:
        measured(path)
    assert caught.value.position < 32 << 20


def test_not_a_valid_archive(tmp_path: Path) -> None:
    path = tmp_path / "t.json.gz"
    path.write_bytes(b"\x1f\x8b" + b"\x00" * 50)
    with pytest.raises(Damaged, match="not a valid gzip file"):
        measured(path)
    path.write_bytes(gzip.compress(trace(EVENT).encode())[:-6])
    with pytest.raises(Damaged, match="the compressed file is cut off"):
        measured(path)


def test_memory_follows_the_gpu_events_and_not_the_length(tmp_path: Path) -> None:
    """A trace of 130 MB with ten GPU events: a few chunks are held at a time."""
    path = tmp_path / "t.json"
    filler = (json.dumps({"ph": "X", "cat": "python_function", "name": "f" * 400, "ts": 1, "dur": 1}) + ",\n") * 10_000
    with path.open("w") as file:
        file.write('{"schemaVersion": 1, "traceEvents": [\n')
        for _ in range(28):
            file.write(filler)
        file.write(",".join([json.dumps(EVENT)] * 10) + "]}")
    assert path.stat().st_size > 130_000_000
    code = (
        "import pathlib, sys; from clusterctl.communication.analyze import Options, analyze\n"
        "found = analyze([pathlib.Path(sys.argv[1])], Options(), lambda path, count: None)\n"
        "status = dict(line.split(':', 1) for line in pathlib.Path('/proc/self/status').read_text().splitlines())\n"
        "print(found.details[0].events, int(status['VmHWM'].split()[0]) // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True, cwd=ROOT)
    events, peak_mib = map(int, done.stdout.split())
    assert events == 10
    assert peak_mib < 120, "less than the file; most of it is NumPy"


def test_a_single_file_of_which_nothing_can_be_salvaged_is_named_once(tmp_path: Path) -> None:
    path = tmp_path / "dump.pkl"
    path.write_bytes(pickle.dumps({"entries": [], "version": "2.10"}, protocol=4)[:30])
    with pytest.raises(InputError, match="a broken pickle") as refused:
        measured(path, salvage=True)
    assert str(refused.value).count(str(path)) == 1


def test_the_command_ends_with_2_and_one_line_and_a_hint(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_bytes(kineto([work(GEMM, 0, 5)]).encode()[:-40])
    done = clusterctl({}, "comm", "analyze", str(path))
    lines = [line for line in done.stderr.splitlines() if not line.startswith("[")]
    assert done.returncode == 2
    assert done.stdout == ""
    assert lines[0].startswith(f"clusterctl: {path}: byte ")
    assert "cut off" in lines[0]
    assert "--salvage" in lines[1]
    assert "Traceback" not in done.stderr


def test_the_command_in_both_formats(tmp_path: Path) -> None:
    path = tmp_path / "rank0.json"
    hostile = Work("evil\x1b[31m\u202ekernel", 60, 40)
    path.write_text(kineto([work(NCCL, 0, 50), work(GEMM, 25, 50), hostile], steps=[(3, 0, 100)]))
    done = clusterctl({}, "comm", "analyze", str(path))
    assert done.returncode == 0, done.stderr
    assert "Exposed communication 25.00%" in done.stdout
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    done = clusterctl({}, "comm", "analyze", str(path), "--format", "json", "--at-most", "0.2")
    assert done.returncode == 1, "above what is asked for"
    (rank,) = json.loads(done.stdout)["ranks"]
    assert list(rank) == [
        "rank", "path", "steps", "window_ns", "compute_ns", "comm_ns", "exposed_ns", "overlap_ns", "memory_ns", "idle_ns",
        "exposed_ratio", "total_ratio", "overlap_ratio", "wait_ns", "unplaced_kernels",
    ]  # fmt: skip
    assert rank["unplaced_kernels"] == ["evil\x1b[31m\u202ekernel"]


@pytest.mark.parametrize("text", [b"", b"hello\n", b"\x00" * 100, b"PK\x03\x04"])
def test_what_is_no_trace_is_said(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_bytes(text)
    with pytest.raises(InputError, match="byte 0: no trace or log of a kind that is known"):
        measured(path)


def test_a_path_that_is_not_there_and_a_folder_without_traces(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        measured(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no traces or logs in it"):
        measured(tmp_path)


def test_names_of_files_that_are_no_text(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"traces-\xff")
    folder.mkdir()
    (folder / "a.json").write_text(kineto([]))
    (folder / "b.json").write_text("{}")
    (folder / "c.log").write_text("nothing")
    done = clusterctl({}, "comm", "analyze", str(folder), "--format", "json", "--salvage")
    assert done.returncode == 2, "no GPU work, so nothing is known"
    found = json.loads(done.stdout)
    assert [len(found[name]) for name in ("ranks", "left_out", "notes")] == [1, 2, 1]


def test_where_only_the_agent_is_installed_it_says_what_is_missing(tmp_path: Path) -> None:
    code = "import sys; sys.modules['numpy'] = None; from clusterctl.cli import main; main()"
    command = [sys.executable, "-c", code, "comm", "analyze", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stdout) == (2, "")
    assert "clusterctl[collector]" in done.stderr
    assert "Traceback" not in done.stderr
