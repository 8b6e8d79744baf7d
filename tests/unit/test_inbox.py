"""What another process of the node hands over to the agent: taken once it is whole, checked, and never looked at for ever."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterctl.agent import handover
from clusterctl.agent.handover import HandOver, Times, judge
from clusterctl.agent.inbox import ABANDONED_MS, MOST_KEPT, Inbox
from clusterctl.agent.outbox import Outbox
from clusterctl.bus.spool import SpoolBus
from clusterctl.config import Config, load
from clusterctl.errors import DecodeError
from clusterctl.schema import COLLECTIVE, Table
from tests.support.clock import HandClock

HOUR_MS = 3_600_000
NOW_MS = 1_700_000_000_000


def values(rank: int = 0, **more: Any) -> dict[str, Any]:
    """A row as an analysis gives it."""
    return {
        "ts": NOW_MS - 60_000, "until": NOW_MS - 50_000, "job_id": "7", "source": "kineto", "scope": "rank",
        "grade": "exact", "reason": "", "window": "steps", "ts_source": "trace", "layout": "", "gpu_model": "",
        "total_mark": "exact", "late": "", "fields": "{}", "rank": rank, "exposed_ratio": 0.25, **more,
    }  # fmt: skip


def row(rank: int = 0, **more: Any) -> msgspec.Struct:
    return COLLECTIVE.row(**values(rank, **more))


class Node:
    """A data directory, an inbox, and what came of it."""

    def __init__(self, tmp_path: Path) -> None:
        self.config: Config = load(None, {"CLUSTERCTL_SITE_DATA_DIR": str(tmp_path / "data")})
        self.clock = HandClock(NOW_MS)
        self.outbox = Outbox(self.config, SpoolBus(str(tmp_path / "spool"), 1 << 28), "boot", self.clock)
        self.put: list[Any] = []
        self.said: list[str] = []
        self.hand = HandOver(self.config, self.clock)
        self.path = handover.folder(self.config)
        self.inbox = self.start()

    def start(self, put: Callable[[Table, Sequence[msgspec.Struct]], None] | None = None) -> Inbox:
        return Inbox(self.config, self.outbox, self.clock, put or self._put, self.said.append)

    def _put(self, table: Table, rows: Sequence[msgspec.Struct]) -> None:
        assert table is COLLECTIVE
        self.put += rows

    def tick(self) -> list[Any]:
        self.inbox.tick(self.clock.now_ms(), 2)
        put, self.put = self.put, []
        return put

    def names(self) -> list[str]:
        return sorted(entry.name for entry in self.path.iterdir() if not entry.is_dir())


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    yield made
    made.outbox.close()


def test_nothing_handed_over_is_nothing_to_do(node: Node) -> None:
    assert node.tick() == []
    assert not node.path.exists()


def test_rows_are_taken_in_order_and_once(node: Node) -> None:
    for rank in range(12):
        assert node.hand.put([row(rank)])
        node.clock.sleep_s(0.001)
    assert [one.rank for one in node.tick()] == list(range(12))
    assert (node.names(), node.tick(), node.inbox.rows) == ([], [], 12)


def test_a_crash_between_putting_and_removing_repeats_the_same_keys(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.hand.put([row(1), row(2)])
    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", _killed)
        with pytest.raises(KeyboardInterrupt):
            node.tick()
    first, node.put = node.put, []
    node.inbox = node.start()
    again = node.tick()

    def keys(rows: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [tuple(getattr(one, name) for name in COLLECTIVE.key if name not in ("cluster", "host")) for one in rows]

    assert keys(first) == keys(again)
    assert len(set(keys(again))) == 2
    assert node.tick() == []


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_folder_that_cannot_be_emptied_is_left_alone(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    node.hand.put([row()])

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", refuse)
        assert len(node.tick()) == 1
    assert node.tick() == [], "else its rows would be sent every minute"
    assert node.said == ["collective:unusable"]


def _symlink(path: Path) -> None:
    target = path.parent.parent / "elsewhere"
    target.write_bytes(parcel([row()]))
    path.symlink_to(target)


def parcel(rows: Sequence[msgspec.Struct], version: int = 1, table: str = "collective") -> bytes:
    encode = msgspec.msgpack.encode
    return encode(handover.Parcel(version, table, msgspec.Raw(encode(rows))))


FOREIGN: dict[str, Callable[[Path], object]] = {
    "malformed": lambda path: path.write_bytes(b"\x93\x01"),
    "empty": lambda path: path.write_bytes(b""),
    "other version": lambda path: path.write_bytes(parcel([row()], version=2)),
    "other table": lambda path: path.write_bytes(parcel([row()], table="event")),
    "out of range": lambda path: path.write_bytes(parcel([row(), row(rank=-1)])),
    "oversized": lambda path: path.write_bytes(parcel([row()]) + bytes(handover.MAX_FILE_BYTES)),
    "symlink": _symlink,
    "pipe": os.mkfifo,
    "an estimate": lambda path: path.write_bytes(parcel([row(source="telemetry", grade="A")])),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_no_parcel_goes_out_of_the_way_once(node: Node, kind: str) -> None:
    node.hand.put([row(5)])
    FOREIGN[kind](node.path / "000-1-1.rows")
    assert [one.rank for one in node.tick()] == [5], "and what is one is taken"
    assert (node.names(), node.inbox.refused, node.said) == ([], 1, ["collective:refused"])
    assert node.tick() == []
    assert (node.inbox.refused, node.said) == (1, ["collective:refused"])
    if kind == "symlink":
        assert (node.path.parent / "elsewhere").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_a_file_of_another_user_is_not_believed(node: Node) -> None:
    node.hand.put([row()])
    os.chown(node.path / node.names()[0], 65_534, 65_534)
    assert (node.tick(), node.inbox.refused) == ([], 1)


def test_a_folder_that_others_may_write_to_is_not_read(node: Node) -> None:
    node.hand.put([row()])
    node.path.chmod(0o777)
    assert (node.tick(), node.said, len(node.names())) == ([], ["collective:open_to_others"], 1)
    node.path.chmod(0o700)
    assert len(node.tick()) == 1


def test_a_folder_that_is_a_link_is_not_followed(node: Node, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "1.rows").write_bytes(parcel([row()]))
    node.path.parent.mkdir(parents=True, exist_ok=True)
    node.path.symlink_to(other)
    assert (node.tick(), node.said) == ([], ["collective:unusable"])


def test_a_flood_of_foreign_files_is_bounded_and_ends(node: Node) -> None:
    node.hand.put([row()])
    for number in range(200):
        (node.path / f"x{number:03}").write_bytes(b"")
    ticks = sum(1 for _ in range(10) if node.tick() or node.names())
    assert ticks <= 4
    assert node.inbox.refused == 200
    assert len(list((node.path / "refused").iterdir())) <= MOST_KEPT
    assert node.said == ["collective:refused"]


def test_what_is_still_being_written_is_left_alone_for_a_while(node: Node) -> None:
    node.hand.put([row()])
    beside = node.path / ".1-1-1.rows"
    beside.write_bytes(b"half")
    os.utime(beside, (NOW_MS / 1_000, NOW_MS / 1_000))
    assert (len(node.tick()), node.names()) == (1, [beside.name])
    node.clock.sleep_s(ABANDONED_MS / 1_000 + 1)
    assert (node.tick(), node.names(), node.inbox.refused) == ([], [], 1)


def test_a_full_spool_makes_the_parcels_wait(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    node.hand.put([row()])
    with monkeypatch.context() as patched:
        patched.setattr(Outbox, "size_bytes", property(lambda _: node.config.agent.spool_max_bytes // 2 + 1))
        assert (node.tick(), len(node.names())) == ([], 1)
    assert len(node.tick()) == 1


def test_rows_that_the_spool_could_not_keep_are_not_lost(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full: the parcel stays where it is."""
    node.hand.put([row()])
    node.inbox = node.start(node.outbox.put)
    for writer in node.outbox._writers.values():
        monkeypatch.setattr(writer, "append", _no_room)
    node.tick()
    assert (node.outbox.lost, len(node.names()), node.inbox.rows) == (1, 1, 0)
    monkeypatch.undo()
    node.tick()
    assert (node.names(), node.inbox.rows, node.outbox.batches) == ([], 1, 1)


def _no_room(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_rows_too_old_for_the_collector_become_no_dead_letters(node: Node) -> None:
    node.hand.put([row(1), row(2, ts=NOW_MS - 200 * HOUR_MS), row(3, ts=NOW_MS + HOUR_MS, until=NOW_MS + HOUR_MS)])
    assert [one.rank for one in node.tick()] == [1]
    assert node.inbox.refused == 2


def test_the_folder_has_a_bound_and_nothing_is_left_by_halves(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "MAX_FILES", 3)
    large = [row(rank, fields="x" * 16_384, reason="y" * 4_096) for rank in range(20)]
    assert node.hand.put(large)
    sizes = [(node.path / name).stat().st_size for name in node.names()]
    assert len(sizes) == 3
    assert max(sizes) <= handover.MAX_FILE_BYTES
    assert not node.hand.put([row()])
    assert len(node.names()) == 3
    assert [one.rank for one in node.tick()] == list(range(20))
    assert node.hand.put([row()])


TIMES = Times(NOW_MS - 168 * HOUR_MS, NOW_MS + 300_000)
WRONG: dict[str, dict[str, Any]] = {
    "not a time": {"ts": "now"},
    "before it begins": {"until": 5},
    "no job": {"job_id": ""},
    "a job without end": {"job_id": "j" * 257},
    "an estimate": {"source": "telemetry"},
    "a grade of estimates": {"grade": "B"},
    "another scope": {"scope": "fleet"},
    "no share": {"exposed_ratio": 1.5},
    "no number": {"exposed_ratio": float("nan")},
    "endless bandwidth": {"busbw_gbs": float("inf")},
    "a large number": {"comm_ns": 2**70},
    "a long text": {"fields": "x" * 20_000},
    "half a character": {"reason": "\udcff"},
}


@pytest.mark.parametrize("kind", WRONG)
def test_rows_that_a_job_made_are_not_believed(kind: str) -> None:
    judged = judge([values(), values(**WRONG[kind]), values(3)], TIMES)
    assert [place for place, _ in judged.wrong] == [1]
    assert [one.rank for one in judged.good] == [0, 3]  # type: ignore[attr-defined]


def test_a_row_without_its_columns_is_wrong_and_one_with_more_is_not() -> None:
    bare = values()
    del bare["scope"]
    judged = judge([bare, values(of_a_later_version=1)], TIMES)
    assert ([place for place, _ in judged.wrong], len(judged.good)) == ([0], 1)


@given(st.binary(max_size=300))
def test_no_bytes_are_anything_but_rows_or_refused(data: bytes) -> None:
    try:
        handover.decode(data)
    except DecodeError:
        return
    raise AssertionError("random bytes were taken for rows")


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_damaged_parcel_is_read_or_refused(place: int, byte: int) -> None:
    data = bytearray(parcel([row(1), row(2)]))
    data[place % len(data)] = byte
    try:
        rows = handover.decode(bytes(data))
    except DecodeError:
        return
    assert len(rows) <= 2
