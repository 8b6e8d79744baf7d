"""Rows of logs reach the store once and each by itself: crashes, many logs at once, files that are swapped or closed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from clusterctl.communication import source
from clusterctl.communication.watch import reader, watcher
from clusterctl.communication.watch.errand import Answer, Errand
from clusterctl.communication.watch.watcher import LOG_EVERY_S
from tests.support.commlogs import inspector_line
from tests.support.watched import KEY, MS, Site, trace


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(tmp_path, monkeypatch)


class Killed(BaseException):
    """The end of a process."""


def stored(site: Site) -> int:
    """Calls in the store, where the last row of a key counts."""
    rows = {tuple(row[name] for name in KEY): row for row in site.rows}
    return sum(one["calls"] for row in rows.values() for one in json.loads(row["fields"])["calls"])


def lines(first: int, last: int) -> str:
    return "".join(inspector_line(number, "AllReduce", 1 << 20, 100.0) + "\n" for number in range(first, last))


def debug(pid: int, communicators: int = 1) -> str:
    return "".join(
        f"h:{pid}:2 [0] NCCL INFO AllReduce: opCount 1e7 sendbuff 0x1 recvbuff 0x2 count 10 datatype 7 op 0 root 0"
        f" comm 0x{number} [nranks=8] stream 0x1\n"
        for number in range(communicators)
    )


def grow(site: Site, path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)
    os.utime(path, ns=(site.clock.now_ms() * MS,) * 2)


def killed_after_handing_over(site: Site, after_s: float) -> None:
    def send(rows: Sequence[Mapping[str, Any]]) -> None:
        site.send(rows)
        raise Killed

    site.watcher._send = send
    with pytest.raises(Killed):
        site.look(after_s)
    site.start()


@pytest.mark.parametrize("before", [0, 10], ids=["the first piece", "a later piece"])
def test_what_was_on_its_way_in_a_crash_counts_once_though_the_log_grew(before: int, site: Site) -> None:
    path = site.write("job7/inspector.log", lines(0, before))
    site.look()
    grow(site, path, lines(before, 20))
    killed_after_handing_over(site, LOG_EVERY_S)
    grow(site, path, lines(20, 25))
    site.look(LOG_EVERY_S)
    site.look(LOG_EVERY_S)
    assert stored(site) == 25
    assert site.look(LOG_EVERY_S).read == 0


def test_a_log_that_was_begun_anew_after_a_crash_is_read_from_its_beginning(site: Site) -> None:
    path = site.write("job7/inspector.log", lines(0, 10))
    killed_after_handing_over(site, 30.0)
    site.rows.clear()
    path.write_text(lines(0, 3), encoding="utf-8")
    site.look(LOG_EVERY_S)
    assert stored(site) == 3


def test_logs_that_do_not_tell_their_rank_keep_a_row_each(site: Site) -> None:
    for number in range(600):
        site.write(f"job7/nccl.{number}.log", debug(number))
    assert site.look().read == 600
    assert stored(site) == 600


def test_nor_does_a_node_of_ranks_that_write_at_one_moment_lose_any(site: Site) -> None:
    paths = [site.write(f"job7/nccl.{rank}.log", debug(rank, communicators=3)) for rank in range(8)]
    for _ in range(int(LOG_EVERY_S / 15) + 2):  # they never rest: each is read by itself
        site.clock.sleep_s(15.0)
        for path in paths:
            os.utime(path, ns=(site.clock.now_ms() * MS,) * 2)
        site.watcher.look()
    assert stored(site) == 24


def test_communicators_of_logs_that_begin_at_one_moment_by_chance_stay_apart(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "SPREAD_MS", 0)
    monkeypatch.setattr(watcher, "TOGETHER", 1)
    for number in range(5):
        site.write(f"job7/nccl.{number}.log", debug(number, communicators=3))
    site.look()
    assert stored(site) == 15


def test_logs_of_256_ranks_are_not_cut_short(site: Site) -> None:
    for rank in range(256):
        text = [inspector_line(0, "AllReduce", 8, 1.0, rank=rank, group=f"0x{number}") for number in range(6)]
        site.write(f"job7/inspector{rank}.log", "\n".join([*text, ""]))
    site.look()
    assert stored(site) == 256 * 6
    assert not [line for line in site.said if "left out" in line]


def test_a_log_of_ten_thousand_communicators_is_cut_short_and_costs_no_other_file(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MAX_ROWS_OF_FILE", 10)
    site.write("job7/a.log", debug(1, communicators=50))
    site.write("job7/b.log", debug(2, communicators=2))
    site.look()
    assert (stored(site), len(site.rows)) == (12, 12)
    assert site.said[-1].endswith("40 more rows are left out")


def test_a_file_that_becomes_a_link_to_what_is_anothers_gives_nothing(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "of another job.json"
    other.write_text(trace(0), encoding="utf-8")
    path = site.write("job7/rank0.json", trace(0))

    def swapped(errand: Errand, stop: Any) -> Answer:
        path.unlink()
        path.symlink_to(other)
        return site.ask(errand, stop)

    monkeypatch.setattr(watcher, "ask", swapped)
    outcome = site.look()
    assert (site.rows, outcome.bad) == ([], [])


def test_a_file_that_is_gone_by_now_is_no_damage(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    path = site.write("job7/rank0.json", trace(0))

    def gone(errand: Errand, stop: Any) -> Answer:
        path.unlink()
        return site.ask(errand, stop)

    monkeypatch.setattr(watcher, "ask", gone)
    assert (site.look().bad, site.said) == ([], [])


def test_what_may_not_be_read_is_tried_again_after_a_restart(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write("job7/rank0.json", trace(0))
    with monkeypatch.context() as closed:
        closed.setattr(source, "opened", _refused)
        outcome = site.look()
    assert [line.endswith("rank0.json: Permission denied") for line in outcome.bad] == [True]
    site.start()
    assert site.look().read == 1


def _refused(path: Path) -> None:
    raise PermissionError(13, "Permission denied", str(path))
