"""Marks from hostile jobs: datagrams and the socket."""

from __future__ import annotations

import array
import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterctl.agent.jobs import datagram as datagram_module
from clusterctl.agent.jobs.datagram import Claim, parse_datagram
from clusterctl.agent.jobs.marks import MARKS_PER_S, READS_PER_S, MarkSocket
from clusterctl.errors import ClusterctlError
from tests.support.clock import HandClock
from tests.support.fuzz_jobs import fuzz_mark

NOW_MS = 1_700_000_000_000

GOOD = b"CCM1 step 1700000000000000000 5000 3 7 12 - 4711"


# -- datagrams -------------------------------------------------------------------------------------------------------


def test_a_datagram_is_read() -> None:
    expected = Claim("step", NOW_MS * 10**6, 5000, 3, 7, 12, None, "4711")
    assert parse_datagram(GOOD) == expected
    assert parse_datagram(GOOD + b"\n") == parse_datagram(GOOD + b"\0") == expected
    assert parse_datagram(GOOD.replace(b"4711", b"-")) == Claim("step", NOW_MS * 10**6, 5000, 3, 7, 12, None, "")


@pytest.mark.parametrize(
    "data",
    [
        b"", b"CCM1", GOOD.replace(b"CCM1", b"CCM2"), GOOD.replace(b"step", b"stop"), GOOD + b" more", GOOD + b"\n\n",
        GOOD.replace(b" 7 ", b" -7 "), GOOD.replace(b" 7 ", b" 1048576 "), GOOD.replace(b" 12 ", b" 99999999999999999999 "),
        GOOD.replace(b"4711", b"a\x1b[31m"), GOOD.replace(b"4711", "四".encode()), GOOD.replace(b"4711", b"x" * 201),
        GOOD.replace(b" ", b"  "), GOOD.replace(b" 12 ", b" \xd9\xa1 "), b" " + GOOD, GOOD.replace(b"4711", b"a b"),
    ],
)  # fmt: skip
def test_what_is_not_exactly_a_mark_is_refused(data: bytes) -> None:
    assert parse_datagram(data) is None


@given(st.one_of(st.binary(max_size=700), st.from_regex(datagram_module._FORM)))
def test_fuzz_marks(data: bytes) -> None:
    fuzz_mark(data)


@given(st.binary(max_size=300), st.integers(0, len(GOOD)))
def test_fuzz_damaged_marks(junk: bytes, at: int) -> None:
    fuzz_mark(GOOD[:at] + junk + GOOD[at + len(junk) :])


# -- the socket ------------------------------------------------------------------------------------------------------


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOW_MS)


@pytest.fixture
def listener(tmp_path: Path, clock: HandClock) -> Iterator[MarkSocket]:
    made = MarkSocket(tmp_path / "run" / "hook.sock", clock=clock)
    yield made
    made.close()


@pytest.fixture
def sender(listener: MarkSocket, tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.connect(str(tmp_path / "run" / "hook.sock"))
        yield made


def datagram(step: int = 12, *, dropped: int = 0, job: str = "4711") -> bytes:
    return f"CCM1 step {NOW_MS * 10**6} {step * 10**9} {dropped} 7 {step} - {job}".encode()


def test_the_sender_is_who_the_kernel_says(listener: MarkSocket, sender: socket.socket) -> None:
    sender.send(GOOD)
    assert listener.wait(5)
    (mark,) = listener.receive(10)
    assert (mark.pid, mark.uid, mark.received_ms) == (os.getpid(), os.getuid(), NOW_MS)
    assert not listener.wait(0)
    assert listener.receive(10) == []


def test_the_socket_is_open_to_all_and_goes_with_the_agent(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "hook.sock"
    made = MarkSocket(path, 0o622)
    assert stat.S_IMODE(path.stat().st_mode) == 0o622
    made.close()
    assert not path.exists()


def test_jobs_can_reach_it_whatever_the_agents_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        made = MarkSocket(tmp_path / "run" / "hook.sock")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "run" / "hook.sock").stat().st_mode) == 0o666
    made.close()


def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "hook.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as old:
        old.bind(str(path))
    MarkSocket(path).close()


def test_a_socket_that_is_read_is_not_taken_over(listener: MarkSocket, sender: socket.socket, tmp_path: Path) -> None:
    with pytest.raises(ClusterctlError, match="reader already"):
        MarkSocket(tmp_path / "run" / "hook.sock")
    sender.send(GOOD)
    assert len(listener.receive(10)) == 1


@pytest.mark.parametrize("kind", ["file", "link", "link to a socket", "directory"])
def test_nothing_else_is_ever_removed(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "hook.sock", tmp_path / "precious"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as old:
        if kind == "link to a socket":
            old.bind(str(other))
        else:
            other.write_text("kept")
    if kind == "file":
        path.write_text("kept")
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to(other)
    with pytest.raises(ClusterctlError, match="not a socket"):
        MarkSocket(path)
    assert os.path.lexists(path)
    assert other.exists()


def test_a_newer_agents_socket_is_not_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "hook.sock"
    first = MarkSocket(path)
    path.unlink()
    second = MarkSocket(path)
    first.close()
    assert path.exists()
    second.close()


def test_junk_is_counted_and_long_junk_is_not_read_as_its_beginning(
    listener: MarkSocket, sender: socket.socket
) -> None:
    for data in (b"", b"\xff" * 100, GOOD + b"\n" + b" " * 1000, GOOD):
        sender.send(data)
    assert len(listener.receive(10)) == 1
    assert listener.rejected == 3


def test_descriptors_that_are_sent_along_stay_outside(listener: MarkSocket, sender: socket.socket) -> None:
    before = set(os.listdir("/proc/self/fd"))
    with open("/dev/null", "rb") as file:
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file.fileno()] * 8).tobytes())
        sender.sendmsg([GOOD], [rights])
        (mark,) = listener.receive(10)
    assert mark.pid == os.getpid()
    assert set(os.listdir("/proc/self/fd")) == before


def test_one_read_is_bounded(listener: MarkSocket, sender: socket.socket) -> None:
    for _ in range(5):
        sender.send(GOOD)
    assert [len(listener.receive(2)) for _ in range(3)] == [2, 2, 1]


def test_a_process_has_a_rate(listener: MarkSocket, sender: socket.socket, clock: HandClock) -> None:
    taken = 0
    for _ in range(MARKS_PER_S + 50):
        sender.send(GOOD)
        taken += len(listener.receive(10))
    assert (taken, listener.limited) == (MARKS_PER_S, 50)
    clock.sleep_s(1)
    sender.send(GOOD)
    assert len(listener.receive(10)) == 1


def test_a_flood_costs_a_bounded_number_of_reads(listener: MarkSocket, sender: socket.socket, clock: HandClock) -> None:
    sender.setblocking(False)
    reads = 0
    for _ in range(3_000):
        with contextlib.suppress(BlockingIOError):
            sender.send(b"junk")
        before = listener.rejected + listener.limited
        listener.receive(100)
        reads += listener.rejected + listener.limited - before
    assert reads == READS_PER_S
    before_s = clock.monotonic_s()
    assert not listener.wait(5), "something lies ready, but this second is used up"
    assert clock.monotonic_s() - before_s == pytest.approx(1.0)
    assert listener.wait(5)
    assert listener.receive(100) == []
    assert listener.rejected + listener.limited > READS_PER_S


def test_endless_senders_cost_bounded_memory(listener: MarkSocket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clusterctl.agent.jobs.marks.MAX_SENDERS", 3)
    for pid in (1, 2, 3, 1, 4):
        listener._sender(pid)
    assert list(listener._senders) == [3, 1, 4], "the one that was silent longest is forgotten"


def test_what_jobs_drop_is_added_up(listener: MarkSocket, sender: socket.socket) -> None:
    for dropped in (3, 3, 10, 2):  # the last is a new process with the same pid
        sender.send(datagram(dropped=dropped))
    listener.receive(10)
    assert listener.dropped == 12
