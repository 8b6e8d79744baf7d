"""The log on disk: what was appended is read, whatever was cut off, and what was dropped is counted."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterctl.bus.segments import SegmentReader, SegmentWriter, segments
from clusterctl.errors import ClusterctlError


def writer(path: Path, *, max_bytes: int = 10_000_000, segment_bytes: int = 2_000, consumed: int = 0) -> SegmentWriter:
    return SegmentWriter(path, max_bytes, lambda: consumed, segment_bytes)


def append(log: SegmentWriter, value: bytes) -> int:
    return log.append(b"key", value, (("v", b"1"),), 5)


def contents(path: Path, start: int = 0) -> list[bytes]:
    return [entry.value for entry in SegmentReader(path, start).read(100_000)]


@settings(deadline=None, max_examples=40)
@given(plan=st.lists(st.tuples(st.integers(0, 900), st.booleans()), max_size=40), skipped=st.integers(0, 40))
def test_everything_appended_is_read_in_order_across_restarts(
    tmp_path_factory: pytest.TempPathFactory, plan: list[tuple[int, bool]], skipped: int
) -> None:
    path = tmp_path_factory.mktemp("log")
    values = [bytes([number % 256]) * size for number, (size, _) in enumerate(plan)]
    log = writer(path)
    for number, (_, restart) in enumerate(plan):
        if restart:
            log.close()
            log = writer(path)
        assert append(log, values[number]) == number
    log.close()
    assert contents(path, min(skipped, len(values))) == values[skipped:]


@pytest.mark.parametrize("seed", range(20))
def test_a_torn_tail_ends_the_log_and_the_writer_goes_on_there(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    log = writer(tmp_path, segment_bytes=100_000)
    for number in range(10):
        append(log, bytes([number]) * 50)
    log.close()
    file = segments(tmp_path)[-1][1]
    cut = chance.randrange(file.stat().st_size)
    with file.open("r+b") as torn:
        torn.truncate(cut)
        if chance.random() < 0.5:
            torn.seek(cut)
            torn.write(chance.randbytes(chance.randrange(40)))
    whole = contents(tmp_path)
    assert whole == [bytes([number]) * 50 for number in range(len(whole))]
    log = writer(tmp_path, segment_bytes=100_000)
    assert append(log, b"after") == len(whole)
    assert contents(tmp_path) == [*whole, b"after"]
    log.close()


def test_the_bound_holds_and_what_it_costs_is_counted(tmp_path: Path) -> None:
    log = writer(tmp_path, max_bytes=20_000, segment_bytes=2_000)
    for number in range(1_000):
        append(log, number.to_bytes(4, "big") * 25)
        assert log.size_bytes <= 20_000 + 2_000
    kept = contents(tmp_path)
    first = SegmentReader(tmp_path, 0).first_offset()
    kept = contents(tmp_path, first)
    assert log.lost == first
    assert len(kept) == 1_000 - first
    assert kept[-1] == (999).to_bytes(4, "big") * 25
    log.close()


def test_what_all_readers_have_passed_goes_without_being_a_loss(tmp_path: Path) -> None:
    log = writer(tmp_path, segment_bytes=2_000, consumed=80)
    for number in range(100):
        append(log, bytes([number]) * 100)
    assert log.lost == 0
    first = SegmentReader(tmp_path, 0).first_offset()
    assert 0 < first <= 80
    log.close()


def test_a_reader_follows_the_writer(tmp_path: Path) -> None:
    log = writer(tmp_path, segment_bytes=500)
    reader = SegmentReader(tmp_path, 0)
    seen: list[bytes] = []
    for number in range(50):
        append(log, bytes([number]) * 60)
        seen += [entry.value for entry in reader.read(3)]
    seen += [entry.value for entry in reader.read(100)]
    assert seen == [bytes([number]) * 60 for number in range(50)]
    log.close()


def test_one_writer_a_log(tmp_path: Path) -> None:
    log = writer(tmp_path)
    with pytest.raises(ClusterctlError, match="another process writes here"):
        writer(tmp_path)
    log.close()
