"""The device: one read is one record. A pipe in packet mode keeps writes apart as the kernel keeps records."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusterctl.agent.kmsg.device import KmsgDevice
from tests.support.clock import HandClock

pytestmark = pytest.mark.skipif(not hasattr(os, "O_DIRECT"), reason="needs packet pipes")


class Kernel:
    """The writing end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        fcntl.fcntl(self._writer, fcntl.F_SETFL, os.O_NONBLOCK | os.O_DIRECT)

    def say(self, seq: int, text: str, *, priority: int = 4, us: int = 5_000_000) -> None:
        os.write(self._writer, f"{priority},{seq},{us},-;{text}\n SUBSYSTEM=pci\n".encode())

    def close(self) -> None:
        os.close(self._writer)
        os.close(self._reader)


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    made = Kernel(tmp_path / "kmsg")
    yield made
    made.close()


def device(kernel: Kernel, after: int | None = None, *, any_facility: bool = False) -> KmsgDevice:
    return KmsgDevice(kernel.path, HandClock(1_700_000_001_000), after_seq=after, any_facility=any_facility)


def test_records_have_their_sequence_and_time(kernel: Kernel) -> None:
    source = device(kernel)
    kernel.say(7, "one\\x0atwo")
    kernel.say(8, "three", us=6_000_000)
    lines = source.read(1.0)
    assert [(line.seq, line.text) for line in lines] == [(7, "one\ntwo"), (8, "three")]
    assert lines[1].ts_ms - lines[0].ts_ms == 1_000
    assert lines[0].ts_ms == 1_700_000_001_000 - 1_000_000 + 5_000, "the clock's 1,000 s of uptime"
    assert source.position() == {"seq": 8}
    source.close()


def test_what_was_read_before_is_not_read_again(kernel: Kernel) -> None:
    for seq in (5, 6, 7):
        kernel.say(seq, "x")
    source = device(kernel, after=6)
    assert [line.seq for line in source.read(0.0)] == [7]
    assert source.lost == 0
    source.close()


def test_a_jump_in_the_sequence_is_counted(kernel: Kernel) -> None:
    source = device(kernel, after=10)
    for seq in (15, 16, 20):
        kernel.say(seq, "x")
    assert len(source.read(0.0)) == 3
    assert source.lost == 4 + 3
    source.close()


def test_user_space_is_not_believed_but_its_records_are_passed(kernel: Kernel) -> None:
    source = device(kernel, after=0)
    kernel.say(1, "NVRM: Xid (PCI:0000:4e:00): 79, x", priority=12)
    kernel.say(2, "x")
    assert [line.seq for line in source.read(0.0)] == [2]
    assert source.lost == 0
    source.close()
    drill = device(kernel, any_facility=True)
    kernel.say(3, "x", priority=12)
    assert [line.facility for line in drill.read(0.0)] == [1]
    drill.close()


def test_silence_is_waited_out(kernel: Kernel) -> None:
    source = device(kernel)
    assert source.read(0.01) == []
    source.close()
