"""What reviews have found, each as the promise that was broken."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from clusterctl import packs, wire
from clusterctl.agent.gpu import GpuWorker
from clusterctl.agent.kmsg.device import KmsgDevice
from clusterctl.agent.kmsg.events import Coalescer
from clusterctl.agent.kmsg.files import read_lines
from clusterctl.agent.kmsg.line import LogLine
from clusterctl.agent.outbox import Outbox
from clusterctl.agent.schedule import Ticker
from clusterctl.analytics.imports.incidents import _complete, _numbered
from clusterctl.analytics.incidents.episodes import Signal, episodes
from clusterctl.bus import Partition, Position, Record
from clusterctl.bus.segments import segments
from clusterctl.bus.spool import SpoolBus
from clusterctl.clock import SystemClock
from clusterctl.collector.block import Block
from clusterctl.collector.decode import TimeBounds, decode
from clusterctl.config import load
from clusterctl.schema import EVENT, HOST_SAMPLE, NIC_SAMPLE
from tests.support.clock import HandClock


class Nobody:
    def assigned(self, partitions: Sequence[Partition]) -> None: ...

    def revoked(self, partitions: Sequence[Partition]) -> None: ...

    def lost(self, partitions: Sequence[Partition]) -> None: ...


@pytest.mark.parametrize("promised", [False, True])
def test_an_offset_is_never_given_twice_even_if_the_disk_forgot(tmp_path: Path, promised: bool) -> None:
    bus = SpoolBus(str(tmp_path), 10_000_000)
    log = bus.writer("t")
    for number in range(100):
        log.append(b"h", str(number).encode(), (), 0)
    log.close()
    consumer = bus.consumer(["t"], "collector", Nobody())
    position = Position(60, '{"end": 100}') if promised else Position(100)
    consumer.commit(Partition("t", 0), position)
    file = segments(tmp_path / "t")[0][1]
    os.truncate(file, file.stat().st_size // 2)  # a power cut: the cursor reached the disk, the log did not
    log = bus.writer("t")
    offsets = [log.append(b"h", b"new", (), 0) for _ in range(10)]
    log.close()
    assert offsets == list(range(100, 110))
    fresh = bus.consumer(["t"], "collector", Nobody()).poll(0.0)
    assert [record.offset for record in fresh][-10:] == offsets, "and the reader gets over the hole"


def test_a_reader_that_is_open_gets_over_a_hole_too(tmp_path: Path) -> None:
    bus = SpoolBus(str(tmp_path), 10_000_000)
    log = bus.writer("t")
    for _ in range(10):
        log.append(b"h", b"old", (), 0)
    log.close()
    reader = bus.consumer(["t"], "c", Nobody())
    assert len(reader.poll(0.0)) == 10
    bus.consumer(["t"], "another", Nobody()).commit(Partition("t", 0), Position(15))
    bus.consumer(["t"], "third", Nobody()).commit(Partition("t", 0), Position(5))
    log = bus.writer("t")
    log.append(b"h", b"new", (), 0)
    assert [(record.offset, record.value) for record in reader.poll(0.0)] == [(15, b"new")]
    log.close()


def test_a_full_disk_costs_batches_that_are_counted_and_nothing_else(tmp_path: Path, monkeypatch: Any) -> None:
    config = load(None, {"CLUSTERCTL_SITE_DATA_DIR": str(tmp_path)})
    bus = SpoolBus(str(tmp_path / "spool"), 10_000_000)
    outbox = Outbox(config, bus, "boot", SystemClock())
    row = HOST_SAMPLE.row(ts=1, period_ms=1_000)
    outbox.put(HOST_SAMPLE, [row])
    writer = next(writer for lane, writer in outbox._writers.items() if lane is HOST_SAMPLE.lane)
    real = writer._file

    class Full:
        def write(self, data: bytes) -> int:
            real.write(data[: len(data) // 2])
            raise OSError(28, "No space left on device")

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    writer._file = Full()  # type: ignore[assignment]
    outbox.put(HOST_SAMPLE, [row])
    writer._file = real
    outbox.put(HOST_SAMPLE, [row])
    assert outbox.lost == 1
    outbox.close()
    records = bus.consumer(["clusterctl.samples.v1"], "c", Nobody()).poll(0.0)
    assert [wire.decode(record.value).batch.seq for record in records] == [0, 1]


def test_blocks_of_another_bus_have_other_tokens() -> None:
    one, two = (Block(Partition("t", 0), 0, 10, (), (), bus) for bus in ("a", "b"))
    assert one.token(NIC_SAMPLE) != two.token(NIC_SAMPLE)
    assert one.halves()[0].bus == "a"


def test_two_spools_have_two_identities(tmp_path: Path) -> None:
    one, again, two = (SpoolBus(str(tmp_path / name), 1) for name in ("a", "a", "b"))
    assert one.identity("t") == again.identity("t") != two.identity("t")


def test_one_row_too_old_costs_itself() -> None:
    def event(ts: int) -> Any:
        empty = dict.fromkeys(("pci", "gpu_uuid", "process", "driver_version", "text"), "")
        return EVENT.row(
            ts=ts, last_ts=ts, count=1, kind="xid", code="79", severity="fail", source="kmsg", source_seq=1,
            ts_source="kernel", fields="{}", **empty)  # fmt: skip

    data = wire.encode(EVENT, [event(1), event(10**12)], cluster="c", host="h", boot_id="", seq=0, sent_ms=0)
    item, reason = decode(Record(Partition("t", 0), 0, 10**12, b"", data), TimeBounds(1_000, 1_000))
    assert [row.ts for row in packs.unpack(item.pack, item.shape)[1]] == [10**12]
    assert "1 of 2 rows" in reason


def test_rows_that_differ_anywhere_are_different_incidents() -> None:
    base = {"opened_at": 1, "node": "n", "gpu": "", "cause": "c", "class": "hardware", "category": "", "dated": 1}
    rows = [{**base, "note": "a"}, {**base, "note": "b"}, {**base, "note": "a"}, {**base, "count": 48}]
    ids = [_complete(row, "x", "s", number)["incident_id"] for number, row in _numbered(rows)]
    assert len(set(ids)) == 4


def test_a_clock_set_back_while_waiting_is_noticed() -> None:
    clock = HandClock()
    ticker = Ticker(1_000, 0, clock)
    tick = ticker.next_ms()
    clock.step_ms(-8 * 3_600_000)
    rounds = 0
    while not ticker.wait(tick, 0.25):
        tick = ticker.next_ms()
        rounds += 1
        assert rounds < 10


def test_two_threads_do_not_swap_the_workers_answers(monkeypatch: Any) -> None:
    worker = GpuWorker(SystemClock(), 5.0)
    busy = threading.Lock()

    def ask(request: list[Any]) -> dict[str, Any]:
        assert busy.acquire(blocking=False), "two questions at once on one pipe"
        time.sleep(0.01)
        busy.release()
        return {"gpus": [], "events": [], "driver_events": [], "stuck": {}, "opening": 0, "system": {}}

    monkeypatch.setattr(worker, "_ask", ask)
    failures: list[BaseException] = []

    def use(call: Any) -> None:
        try:
            for _ in range(20):
                call()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=use, args=(call,)) for call in (worker.sample, worker.inventory)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize(
    "text",
    [
        "NVRM: Xid (PCI:0000:4e:00): 31, pid=²²², name=x, y",
        "NVRM: Xid (PCI:0000:4e:00): ٣١, pid=1, name=x, y",
        "NVRM: Xid (PCI:0000:4e:00): 31, pid=" + "9" * 5_000 + ", name=x, y",
        "Out of memory: Killed process " + "9" * 5_000 + " (x)",
        "soft lockup - CPU#1 stuck for " + "9" * 5_000 + "s! [x:1]",
    ],
)
def test_odd_numbers_in_a_line_end_nothing(text: str) -> None:
    for ts in (-5, 0, 10**30):
        rows = Coalescer("x").take([LogLine(text, 1, ts, "kernel")])
        wire.decode(wire.encode(EVENT, rows, cluster="c", host="h", boot_id="", seq=0, sent_ms=0))


@pytest.mark.parametrize(
    "line", ['{"MESSAGE": "x", "__REALTIME_TIMESTAMP": "²"}', "4,5,²,-;x", "4," + "9" * 30 + ",1,-;x"]
)
def test_odd_stamps_end_nothing(line: str) -> None:
    assert list(read_lines([line], 10**12))


def test_a_device_that_ends_is_no_kernel_log() -> None:
    with pytest.raises(OSError, match="not a kernel log"):
        KmsgDevice(Path("/dev/null"), SystemClock(), after_seq=None, any_facility=False)


def test_an_nvml_echo_is_the_same_signal() -> None:
    def signal(at_ms: int, source: str) -> Signal:
        return Signal("A", "GPU-1", "xid", "48", "fail", at_ms, at_ms, 1, "", source)

    assert [e.signals for e in episodes([signal(0, "kmsg"), signal(9_000, "nvml")], 5_000)] == [1]
    assert [e.signals for e in episodes([signal(0, "nvml")], 5_000)] == [1], "alone it counts"
    assert len(episodes([signal(0, "kmsg"), signal(600_000, "nvml")], 5_000)) == 2
