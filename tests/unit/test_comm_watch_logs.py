"""Watching a folder: logs that grow, summaries of jobs, and the process that reads."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from clusterctl.communication.analyze import Options, analyze
from clusterctl.communication.watch import children, watcher
from clusterctl.communication.watch.errand import Answer, Errand, Wanted
from clusterctl.communication.watch.looking import File, Rest
from clusterctl.communication.watch.reader import Reader
from clusterctl.communication.watch.watcher import LOG_EVERY_S
from tests.support.clock import HandClock
from tests.support.commlogs import inspector_line
from tests.support.watched import KEY, MS, Site, trace


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(tmp_path, monkeypatch)


def calls(rows: Sequence[Mapping[str, Any]]) -> int:
    return sum(one["calls"] for row in rows for one in json.loads(row["fields"])["calls"])


def lines(first: int, last: int) -> str:
    return "".join(inspector_line(number, "AllReduce", 1 << 20, 100.0) + "\n" for number in range(first, last))


def test_a_log_that_grows_is_read_on_and_nothing_counts_twice(site: Site) -> None:
    path = site.write("job7/inspector.log", lines(0, 10))
    written = 10
    looks = int(2.5 * LOG_EVERY_S / 15)
    for number in range(looks):  # every 15 s another call: it never rests
        with path.open("a", encoding="utf-8") as file:
            file.write(lines(written, written + 1) + ("{" if number == looks - 1 else ""))
        written += 1
        site.clock.sleep_s(15.0)
        os.utime(path, ns=(site.clock.now_ms() * MS,) * 2)
        site.watcher.look()
    assert len(site.rows) == 2, "every ten minutes"
    assert calls(site.rows) < written
    site.look(LOG_EVERY_S)
    assert calls(site.rows) == written
    times = [(row["ts"], row["until"]) for row in site.rows]
    assert all(before[1] < after[0] <= after[1] for before, after in pairwise(times))
    site.start()
    assert site.look(2 * LOG_EVERY_S).read == 0
    path.write_text(lines(0, 3), encoding="utf-8")
    site.taken()
    site.look(2 * LOG_EVERY_S)
    assert calls(site.taken()) == 3, "begun anew"


def test_a_log_that_rests_between_its_dumps_is_not_read_at_each(site: Site) -> None:
    path = site.write("job7/inspector.log", lines(0, 1))
    for number in range(1, 20):
        site.look(30.0)
        with path.open("a", encoding="utf-8") as file:
            file.write(lines(number, number + 1))
        os.utime(path, ns=(site.clock.now_ms() * MS,) * 2)
    assert len(site.rows) == 1


def test_communicators_of_one_rank_keep_a_row_each(site: Site) -> None:
    text = "".join(inspector_line(0, "AllReduce", 8, 1.0, group=f"0x{number}") + "\n" for number in range(5))
    site.write("job7/inspector.log", text)
    site.look()
    assert len({tuple(row[name] for name in KEY) for row in site.rows}) == 5


def test_summaries_of_jobs_are_passed_on(site: Site) -> None:
    rows = [{"job_id": "4711", "rank": 3, "scope": "rank"}]
    site.write("a.comm.json", json.dumps({"version": 1, "rows": rows, "profiles": [{}]}))
    site.write("b.comm.json", json.dumps({"version": 1, "error": "no profiler", "rows": None}))
    outcome = site.look()
    assert (site.taken(), outcome.read, outcome.bad) == (rows, 2, [])
    site.write("c.comm.json", "[1]")
    site.write("d.comm.json", '{"rows": 7}')
    assert len(site.look().bad) == 2
    site.wrong = 0
    path = site.write("e.comm.json", json.dumps({"rows": [{}]}))
    assert site.look().bad == [f"{path}: byte 0: no row"]
    site.wrong = -1
    assert site.look().bad == [], "and not tried again"


def test_a_summary_may_hold_the_analysis_that_its_rows_are_made_of(site: Site) -> None:
    site.write("job7/rank0.json", trace(0))
    path = site.write("job7/rank1.json", trace(1))
    site.look()
    rows = site.taken()
    found = analyze([site.root / "job7"], Options(), lambda _path, _count: None)
    made = {"version": 1, "job_id": "job7", "rows": None, "analysis": msgspec.to_builtins(found)}
    site.write("job7.comm.json", json.dumps(made))
    path.unlink()
    site.look()
    assert site.taken() == rows, "to the nanosecond, and under the same keys"
    made["analysis"]["over_ranks"] = {}
    path = site.write("other.comm.json", json.dumps(made))
    assert site.look().bad == [f"{path}: byte 0: not a summary of a job: 'exposed_ratio'"]


def test_rest_forgets_what_is_gone() -> None:
    clock = HandClock()
    rest = Rest(20.0, clock)
    one = File("/t/a.json", 5, clock.now_ms() * MS, 1)
    rest.note([one])
    clock.sleep_s(15.0)
    rest.note([])
    clock.sleep_s(1.0)
    rest.note([replace(one, mtime_ns=clock.now_ms() * MS)])
    assert rest.for_s(one) == 0.0


def errand(*paths: Path, memory_mib: int = 4_096, time_s: int = 60) -> Errand:
    files = [Wanted(os.fsencode(path), path.stat().st_size, path.stat().st_mtime_ns, "7") for path in paths]
    return Errand(files, "", 0, memory_mib << 20, time_s)


def test_the_child_answers_and_its_bounds_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rank0.json"
    path.write_text(trace(0), encoding="utf-8")
    (tmp_path / "msgspec.py").write_text("raise SystemExit('code from a folder of traces')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    stop = threading.Event()
    answer = children.ask(errand(path), stop)
    assert isinstance(answer, Answer)
    assert [row["scope"] for _, row in answer.rows] == ["rank", "job"]
    poor = children.ask(errand(path, memory_mib=1), stop)
    assert isinstance(poor, children.Failed)
    assert not poor.dear
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    swapped = children.ask(errand(pipe), stop)
    assert isinstance(swapped, Answer)
    assert swapped.files[0].line == f"{pipe}: not a regular file", "which nobody waits for"
    dear = tmp_path / "dear.json"
    dear.write_text('{"schemaVersion": 1, "traceEvents": [' + "1," * 6_000_000, encoding="utf-8")
    hung = children.ask(errand(dear, time_s=1), stop)
    assert hung == children.Failed("took longer than 1 s to read", dear=True)
    stop.set()
    assert children.ask(errand(dear), stop) is None


def test_one_that_kills_its_reader_does_not_cost_the_others(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write("job7/rank0.json", trace(0))
    killer = site.write("job7/rank1.json", trace(1))

    def ask(errand: Errand, _stop: threading.Event) -> Answer | children.Failed:
        if any(one.path == os.fsencode(killer) for one in errand.files):
            return children.Failed("took more than 4096 MiB to read")
        return Reader(errand).answer()

    monkeypatch.setattr(watcher, "ask", ask)
    outcome = site.look()
    assert (outcome.rows, outcome.bad) == (2, [f"{killer}: took more than 4096 MiB to read"])
    assert site.look().bad == []
