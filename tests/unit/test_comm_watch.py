"""Watching a folder: what is complete, what belongs together, whose it is, what was done, and what becomes of the rest."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from clusterctl.communication.watch import watcher
from clusterctl.communication.watch.errand import Answer, Errand, Fate
from clusterctl.communication.watch.looking import PATIENCE, File, look
from clusterctl.communication.watch.memory import Memory
from clusterctl.communication.watch.reader import Reader
from clusterctl.errors import InputError
from tests.support.commlogs import inspector_line
from tests.support.watched import KEY, Site, scopes, trace


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(tmp_path, monkeypatch)


def test_a_file_is_complete_when_it_has_rested(site: Site) -> None:
    path = site.write("job7/rank0.json", trace(0)[:500])
    assert site.look(10.0).unsettled == 1
    site.write("job7/rank0.json", trace(0))
    assert site.look(15.0).unsettled == 1, "it changed"
    assert site.rows == []
    outcome = site.look(6.0)
    assert (outcome.unsettled, outcome.read, outcome.rows) == (0, 1, 2)
    assert {row["job_id"] for row in site.taken()} == {"job7"}
    assert (site.look().read, path.exists()) == (0, True)


def test_a_file_from_the_future_rests_by_our_own_clock(site: Site) -> None:
    site.write("job7/rank0.json", trace(0), at_s=86_400.0)
    assert site.look(0.0).unsettled == 1
    assert site.look(21.0).read == 1


def test_an_empty_file_has_not_begun(site: Site) -> None:
    site.write("job7/rank0.json", "")
    assert [site.look().unsettled for _ in range(3)] == [1, 1, 1]


def test_ranks_of_one_folder_are_measured_together(site: Site) -> None:
    site.write("job7/rank0.json", trace(0))
    site.write("job7/rank1.json", trace(1, late=150))
    site.write("job8/rank0.json", trace(0))
    site.look()
    rows = site.taken()
    assert scopes(rows) == [("rank", 0, 1), ("rank", 1, 1), ("job", 0, 2), ("rank", 0, 1), ("job", 0, 1)]
    assert [row["wait_ns"] for row in rows] == [150, 0, 75, None, None], "rank 0 waited for rank 1"


def test_a_capture_waits_for_the_rank_that_still_writes_but_not_for_ever(site: Site) -> None:
    site.write("job7/rank0.json", trace(0))
    site.look(15.0)
    slow = site.write("job7/rank1.json", trace(1)[:300])
    assert (site.look(15.0).read, site.errands) == (0, [])
    slow.write_text(trace(1), encoding="utf-8")
    assert site.look(21.0).read == 2
    assert len(site.errands) == 1
    site.taken()
    site.write("job9/rank0.json", trace(0))
    taken_after = []
    for number in range(PATIENCE + 2):  # one that never comes to rest
        site.write("job9/rank1.json", trace(1)[: 300 + number])
        site.look(19.0)
        taken_after += [number] * len(site.taken())
    assert taken_after == [PATIENCE + 1] * 2, "its two rows, after ten times the rest"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_no_user_holds_up_or_spoils_what_is_anothers(site: Site) -> None:
    site.write("job7/rank0.json", trace(0))
    os.chown(site.write("job7/rank1.json", trace(1)), 1_000, 1_000)
    site.look(15.0)
    os.chown(site.write("job7/rank2.json", trace(2)[:300]), 1_000, 1_000)
    outcome = site.look(10.0)
    assert (outcome.read, outcome.unsettled, len(site.errands)) == (1, 1, 1)
    site.look(30.0)
    assert {len(errand.files) for errand in site.errands} == {2}


def test_captures_of_one_folder_are_told_apart(site: Site) -> None:
    """By a rank that comes again, and by a long pause."""
    for capture in range(2):
        for rank in range(2):
            site.write(f"job7/step{capture}_rank{rank}.json", trace(rank), at_s=20.0 * capture + rank)
    site.write("job7/later.json", trace(2), at_s=600.0)
    site.look(700.0)
    assert [row["ranks"] for row in site.taken() if row["scope"] == "job"] == [2, 2, 1]


@pytest.mark.parametrize(
    ("name", "job", "wanted"),
    [
        ("7/rank0.json", "", "7"),
        ("7/host/deep/rank0.json", "", "7"),
        ("7/rank0.json", "asked", "asked"),
        ("rank0.json", "asked", "asked"),
        ("rank0.json", "", None),
        ("j\nob \x1b[31m/rank0.json", "", "j\nob \x1b[31m"),
    ],
)
def test_the_first_folder_names_the_job(site: Site, name: str, job: str, wanted: str | None) -> None:
    site.start(job=job)
    site.write(name, trace(0))
    outcome = site.look()
    assert {row["job_id"] for row in site.taken()} == ({wanted} if wanted else set())
    assert len(outcome.bad) == (wanted is None)


def test_a_trace_of_the_hook_names_its_job_itself(site: Site) -> None:
    told = trace(0).replace("{", '{"clusterctl": {"job_id": "4711", "rank": 0},', 1)
    site.write("flat_a.pt.trace.json", told)
    site.write("flat_b.pt.trace.json", told.replace("4711", "4712"))
    site.look()
    rows = site.taken()
    assert {row["job_id"] for row in rows} == {"4711", "4712"}
    assert {row["ranks"] for row in rows} == {1}, "two jobs are not one capture"


def test_a_name_that_is_no_text_is_read_all_the_same(site: Site) -> None:
    folder = os.fsencode(site.root) + b"/\xff\xfe"
    os.mkdir(folder)
    with open(folder + b"/rank0\xff.json", "wb") as file:
        file.write(trace(0).encode())
    site.look(60.0)
    assert {row["job_id"] for row in site.taken()} == {"\ufffd\ufffd"}
    site.start()
    assert site.look().read == 0


def test_what_was_done_is_known_after_a_restart(site: Site) -> None:
    path = site.write("job7/rank0.json", trace(0))
    site.look()
    site.start()
    assert site.look().read == 0
    path.write_text(trace(0), encoding="utf-8")
    assert site.look(60.0).read == 1, "it was written anew"
    before, again = site.rows[:2], site.rows[2:]
    assert [[row[name] for name in KEY] for row in before] == [[row[name] for name in KEY] for row in again]


def test_a_memory_that_is_damaged_is_said_and_begun_anew(site: Site) -> None:
    site.write("job7/rank0.json", trace(0))
    site.look()
    (kept,) = site.data.glob("*.done")
    kept.write_bytes(kept.read_bytes()[:-3])
    site.start()
    assert site.memory is not None
    assert site.memory.lost
    assert site.look().read == 1


def test_the_memory_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clusterctl.communication.watch.memory.MAX_KNOWN", 5)
    memory = Memory(tmp_path / "data", tmp_path)
    files = [File(f"/t/{number}", 1, 1, number) for number in range(12)]
    for one in files:
        memory.note(one, Fate.SENT)
    memory.keep(files[2:])
    assert [memory.is_done(one) for one in files] == [False] * 7 + [True] * 5
    with pytest.raises(InputError, match="another process watches it"):
        Memory(tmp_path / "data", tmp_path)
    memory.close()


def test_nothing_is_remembered_that_was_not_handed_over(site: Site) -> None:
    site.write("job7/rank0.json", trace(0))
    site.room = False
    assert site.look().full
    assert "hand-over folder is full" in site.said[0]
    site.room = True
    site.start()
    assert site.look().rows == 2


def test_damage_is_one_line_and_not_tried_again(site: Site) -> None:
    site.write("job7/rank0.json", trace(0))
    path = site.write("job7/rank1.json", trace(1)[:700])
    outcome = site.look()
    assert outcome.bad == site.said[:1] == [f"{path}: byte 700: the file is cut off: it ends within its JSON"]
    assert (outcome.rows, site.look().bad) == (2, [])
    site.start()
    assert site.look().bad == []
    site.write("job7/rank1.json", trace(1))
    assert site.look().rows == 2


def test_what_is_nothing_of_ours_is_passed_over_once(site: Site) -> None:
    site.write("job7/config.json", '{"lr": 0.1}')
    site.write("job7/train.log", "n1:7:7 [0] NCCL INFO Bootstrap: Using eth0\n")
    site.write("job7/notes.md", "no name of a trace")
    outcome = site.look()
    assert (outcome.files, outcome.not_ours, outcome.read, outcome.bad) == (2, 1, 1, [])
    site.look()
    assert site.errands == []


def test_links_pipes_and_hidden_files_are_not_opened(site: Site) -> None:
    outside = site.write("../secret.json", trace(0))
    (site.root / "job7").mkdir()
    (site.root / "job7" / "rank0.json").symlink_to(outside)
    (site.root / "job8").symlink_to(site.root.parent)
    os.mkfifo(site.root / "job7" / "rank1.json")
    site.write("job7/.rank2.json.part", trace(2))
    site.write("job7/.rank3.json", trace(3))
    assert site.look().files == 0


def test_looking_is_bounded_in_depth_and_number(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write("/".join("abcdefgh") + "/x.json", "{}")
    site.write("/".join("abcdefghi") + "/x.json", "{}")
    assert len(look(site.root).files) == 1
    for number in range(5):
        site.write(f"job/{number}.json", "{}")
    monkeypatch.setattr("clusterctl.communication.watch.looking.MAX_FILES", 3)
    view = look(site.root)
    assert (len(view.files), view.whole) == (3, False)


def test_a_file_that_is_too_large_is_not_read(site: Site) -> None:
    site.start(max_bytes=500)
    site.write("job7/rank0.json", trace(0))
    assert "more than --max-bytes" in site.look().bad[0]
    assert (site.errands, site.look().bad) == ([], [])


def test_removing_takes_what_was_read_and_nothing_else(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.start(remove=True)
    gone = site.write("job7/rank0.json", trace(0))
    damaged = site.write("job7/rank1.json", trace(1)[:700])
    log = site.write("job7/a.log", inspector_line(0, "AllReduce", 1 << 20, 100.0) + "\n")
    site.look()
    assert (gone.exists(), damaged.exists(), log.exists()) == (False, True, True)
    changed = site.write("job8/rank0.json", trace(0))

    def meanwhile(errand: Errand, _stop: threading.Event) -> Answer:
        answer = Reader(errand).answer()
        changed.write_text(trace(0) + "\n", encoding="utf-8")
        return answer

    monkeypatch.setattr(watcher, "ask", meanwhile)
    site.look()
    assert changed.exists()
