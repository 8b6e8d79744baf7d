"""The follower: exactly once across kills, blind and seeing again, quick, and idle when nothing happens."""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from clusterctl.agent.kmsg import follow
from clusterctl.agent.kmsg.boottime import BootTime
from clusterctl.agent.kmsg.follow import LogFollower
from clusterctl.agent.kmsg.line import LogLine
from clusterctl.agent.kmsg.state import State, StateFile
from clusterctl.clock import Clock, SystemClock
from tests.support.clock import HandClock

UUID = "GPU-0f5e2a10-7c44-4b1d-9a63-5e2f8c01d7ab"
Put = Callable[[list[msgspec.Struct]], None]


class Killed(BaseException):
    """SIGKILL, as far as a thread can feel it."""


class Table:
    """Rows by their key, the last one counting, as the store keeps them."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Any, ...], Any] = {}
        self.puts = 0

    def put(self, rows: list[msgspec.Struct]) -> None:
        self.puts += 1
        for row in rows:
            taken: Any = row
            self.rows[(taken.ts, taken.source, taken.source_seq, taken.kind, taken.code)] = taken

    def counts(self) -> Counter[tuple[str, str, str]]:
        counted: Counter[tuple[str, str, str]] = Counter()
        for row in self.rows.values():
            counted[row.kind, row.code, row.pci] += row.count
        return counted


class Ring:
    """The kernel's buffer as a source: records with their sequence and time since boot."""

    records: ClassVar[list[tuple[int, int, str]]] = []

    def __init__(self, after: int, boot: BootTime) -> None:
        self._after, self._boot, self.lost = after, boot, 0

    def read(self, timeout_s: float) -> list[LogLine]:
        boot_ms = self._boot.ms()
        fresh = [record for record in self.records if record[0] > self._after][:40]
        if fresh:
            self._after = fresh[-1][0]
        return [LogLine(text, seq, boot_ms + ms, "kernel") for seq, ms, text in fresh]

    def position(self) -> dict[str, int]:
        return {"seq": self._after}

    def close(self) -> None: ...


def follower(path: Path | None, state: Path, clock: Clock, put: Put, boot_id: str = "b") -> LogFollower:
    return LogFollower(path, state, clock, boot_id, any_facility=False, put=put, resolve=lambda row: row)


def finish(log: LogFollower) -> None:
    stop = threading.Event()
    stop.set()
    log.run(stop)


def text_of(draw: random.Random) -> tuple[tuple[str, str, str], str]:
    bus, code = draw.choice(("4e", "5d")), draw.choice(("31", "45"))
    name = draw.choice(("a", "b", "c c"))
    return ("xid", code, f"0000:{bus}:00.0"), f"NVRM: Xid (PCI:0000:{bus}:00): {code}, pid=1, name={name}, Ch 00000001"


def run_with_kills(draw: random.Random, clock: HandClock, make: Callable[[Put], LogFollower], write: Callable[[], None],
                   monkeypatch: pytest.MonkeyPatch) -> Table:  # fmt: skip
    """Sixty turns of a follower that may die before or after each save and each put, and in between."""
    table = Table()
    save = StateFile.save

    def dying_save(self: StateFile, state: State) -> None:
        if draw.random() < 0.1:
            raise Killed
        save(self, state)
        if draw.random() < 0.1:
            raise Killed

    def dying_put(rows: list[msgspec.Struct]) -> None:
        if draw.random() < 0.1:
            raise Killed
        table.put(rows)
        if draw.random() < 0.1:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(StateFile, "save", dying_save)
        log = make(dying_put)
        for _ in range(60):
            write()
            clock.sleep_s(draw.choice((0.05, 0.3, 1.0)))
            clock.step_ms(draw.randint(-3, 3))
            try:
                if log._source is None:
                    log._open()
                log.step(0.0)
            except Killed:
                log = make(dying_put)
            if draw.random() < 0.05:
                log = make(dying_put)
    last = make(table.put)
    last._open()
    for _ in range(60):
        last.step(0.0)
    finish(last)
    return table


@pytest.mark.parametrize("seed", range(200))
def test_kills_lose_nothing_and_count_nothing_twice_on_the_device(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw, clock, written = random.Random(seed), HandClock(), Counter[tuple[str, str, str]]()
    began_s = clock.monotonic_s()
    monkeypatch.setattr(Ring, "records", [])

    def opened(_path: Path, _clock: Clock, position: dict[str, int], *, any_facility: bool, boot: BootTime) -> Ring:
        return Ring(position.get("seq", 0), boot)

    monkeypatch.setattr(follow, "open_source", opened)

    def write() -> None:
        for _ in range(draw.choice((0, 1, 30))):
            key, text = text_of(draw)
            written[key] += 1
            Ring.records.append((len(Ring.records) + 1, int(1_000 * (clock.monotonic_s() - began_s)), text))

    def make(put: Put) -> LogFollower:
        return follower(tmp_path / "kmsg", tmp_path / "state.json", clock, put)

    assert run_with_kills(draw, clock, make, write, monkeypatch).counts() == written


@pytest.mark.parametrize("seed", range(200))
def test_kills_lose_nothing_and_count_nothing_twice_on_a_file(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw, clock, written = random.Random(seed), HandClock(), Counter[tuple[str, str, str]]()
    path, began_s = tmp_path / "kern.log", clock.monotonic_s()
    path.touch()

    def write() -> None:
        with path.open("a") as file:
            for _ in range(draw.choice((0, 1, 30))):
                key, text = text_of(draw)
                written[key] += 1
                stamp = f"[{clock.monotonic_s() - began_s:12.6f}] "
                file.write(f"{stamp}{text}\n")
                if draw.random() < 0.05:
                    written["gpu_off_bus", "79", "0000:b3:00.0"] += 1
                    file.write(f"{stamp}NVRM: The NVIDIA GPU 0000:b3:00.0 (PCI ID: 10de:26b5)\n{stamp}NVRM: installed in "
                               f"this system has\n{stamp}NVRM: fallen off the bus and is not responding to commands.\n")  # fmt: skip

    def make(put: Put) -> LogFollower:
        return follower(path, tmp_path / "state.json", clock, put)

    assert run_with_kills(draw, clock, make, write, monkeypatch).counts() == written


def test_a_start_that_is_stopped_at_once_repeats_what_a_kill_cut_short(tmp_path: Path) -> None:
    path, clock, table = tmp_path / "kern.log", HandClock(), Table()
    path.write_text("NVRM: Xid (PCI:0000:4e:00): 79, x\n")

    def dying(rows: list[msgspec.Struct]) -> None:
        raise Killed

    log = follower(path, tmp_path / "state.json", clock, dying)
    log._open()
    with pytest.raises(Killed):
        log.step()
    finish(follower(path, tmp_path / "state.json", clock, table.put))
    assert [row.code for row in table.rows.values()] == ["79"]


def test_a_boot_time_is_steady_until_the_clock_is_set() -> None:
    clock = HandClock()
    boot = BootTime(clock)
    first = boot.ms()
    for jitter in (1, -2, 10, -9):
        clock.step_ms(jitter)
        assert boot.ms() == first
    clock.step_ms(1_000)
    assert boot.ms() == first + 1_000
    assert BootTime(clock, first + 1_005).ms() == first + 1_005, "a restart keeps it too"


def test_blind_until_the_log_can_be_opened(tmp_path: Path) -> None:
    path, clock, table = tmp_path / "kern.log", HandClock(), Table()
    log = follower(path, tmp_path / "state.json", clock, table.put)
    assert not log._open()
    assert log.blind == "no_such_file_or_directory"
    path.write_text("NVRM: Xid (PCI:0000:4e:00): 79, x\n")
    clock.sleep_s(59.0)
    assert not log._open(), "once a minute is enough"
    clock.sleep_s(1.0)
    assert log._open()
    assert log.blind == ""
    log.step()
    assert len(table.rows) == 1
    assert follower(None, tmp_path / "s", clock, table.put).blind == "off_by_configuration"
    log._close()


def test_a_log_that_goes_away_is_opened_again_and_nothing_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, clock, table = tmp_path / "kern.log", HandClock(), Table()
    path.write_text("NVRM: Xid (PCI:0000:4e:00): 79, x\n")
    log = follower(path, tmp_path / "state.json", clock, table.put)
    log._open()
    log.step()
    with path.open("a") as file:
        file.write("NVRM: Xid (PCI:0000:4e:00): 48, x\n")
    log.step()
    assert len(table.rows) == 1, "the next commit is not due yet"

    def broken(_wait_s: float) -> list[LogLine]:
        raise OSError(5, "Input/output error")

    assert log._source is not None
    monkeypatch.setattr(log._source, "read", broken)
    log.step()
    assert log.blind == "input/output_error"
    clock.sleep_s(0.25)
    log.step()
    assert len(table.rows) == 2
    clock.sleep_s(60.0)
    assert log._open()
    assert log.blind == ""
    log._close()


def test_no_log_is_no_reason_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again, here a hundred times a second."""
    monkeypatch.setattr(follow, "RETRY_S", 0.01)
    path, table, stop = tmp_path / "kern.log", Table(), threading.Event()
    log = follower(path, tmp_path / "state.json", SystemClock(), table.put)
    thread = threading.Thread(target=log.run, args=(stop,))
    thread.start()
    try:
        time.sleep(0.05)
        path.write_text("NVRM: Xid (PCI:0000:4e:00): 79, x\n")
        wait_for(lambda: bool(table.rows))
    finally:
        stop.set()
        thread.join()


def wait_for(ready: Callable[[], bool], timeout_s: float = 10.0) -> float:
    began = time.perf_counter()
    while not ready():
        assert time.perf_counter() - began < timeout_s
        time.sleep(0.002)
    return time.perf_counter() - began


def test_the_log_names_gpus_across_restarts(tmp_path: Path) -> None:
    path, clock, table = tmp_path / "kern.log", HandClock(), Table()
    path.write_text(f"NVRM: GPU at PCI:0000:c4:00: {UUID}\n")
    log = follower(path, tmp_path / "state.json", clock, table.put)
    log._open()
    log.step()
    assert (log.uuid_of("0000:c4:00.0"), log.uuid_of("0000:c5:00.0")) == (UUID, "")
    again = follower(path, tmp_path / "state.json", clock, table.put)
    assert again.uuid_of("0000:c4:00.0") == UUID
    assert follower(path, tmp_path / "state.json", clock, table.put, "next").uuid_of("0000:c4:00.0") == "", (
        "another boot"
    )
    log._close()


def test_a_file_goes_on_after_a_boot_and_held_repeats_go_out(tmp_path: Path) -> None:
    path, clock, table = tmp_path / "kern.log", HandClock(), Table()
    line = "2026-06-01T10:00:00Z NVRM: Xid (PCI:0000:4e:00): 79, x\n"
    now_ms = 1_780_308_000_000
    clock.step_ms(now_ms - clock.now_ms())
    path.write_text(line * 3)
    log = follower(path, tmp_path / "state.json", clock, table.put)
    log._open()
    log.step()
    assert sum(row.count for row in table.rows.values()) == 1, "two repeats are held"
    log._close()
    again = follower(path, tmp_path / "state.json", clock, table.put, "next boot")
    again._open()
    again.step()
    finish(again)
    assert sum(row.count for row in table.rows.values()) == 3


def test_a_state_file_that_is_anything_is_no_state(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    for data in (
        b"",
        b"{",
        b"[]",
        b'{"boot_id": 5}',
        b"\xff\xfe",
        b'{"boot_id":"b","path":"x","rows":[[1]]}',
        b"[" * 100_000,
    ):
        file.write_bytes(data)
        assert StateFile(file).load() is None


def test_a_state_that_cannot_be_kept_costs_no_event(tmp_path: Path) -> None:
    path, table = tmp_path / "kern.log", Table()
    path.write_text("NVRM: Xid (PCI:0000:4e:00): 79, x\n")
    log = follower(path, tmp_path / "nowhere" / "state.json", HandClock(), table.put)
    log._open()
    log.step()
    log._close()
    assert len(table.rows) == 1


@pytest.mark.parametrize("burst", [1, 60])
def test_a_line_is_handed_on_within_a_third_of_a_second(burst: int, tmp_path: Path) -> None:
    path, table, stop = tmp_path / "kern.log", Table(), threading.Event()
    path.touch()
    log = follower(path, tmp_path / "state.json", SystemClock(), table.put)
    thread = threading.Thread(target=log.run, args=(stop,))
    thread.start()
    latencies = []
    try:
        for n in range(6):
            time.sleep(0.11 * n % 0.3)
            with path.open("a") as file:
                for code in range(burst):
                    file.write(f"NVRM: Xid (PCI:0000:4e:00): {n * burst + code + 1}, x\n")
            latencies.append(wait_for(lambda: len(table.rows) == burst * (n + 1)))  # noqa: B023
    finally:
        stop.set()
        thread.join()
    assert sorted(latencies)[3] < 0.3, "the median: a busy machine may delay one"


def test_an_idle_log_costs_next_to_nothing(tmp_path: Path) -> None:
    path, table, stop = tmp_path / "kern.log", Table(), threading.Event()
    path.write_text("NVRM: Xid (PCI:0000:4e:00): 79, x\n")
    log = follower(path, tmp_path / "state.json", SystemClock(), table.put)
    thread = threading.Thread(target=log.run, args=(stop,))
    thread.start()
    try:
        time.sleep(2.5)  # the first line's window closes
        written = os.stat(tmp_path / "state.json").st_mtime_ns
        before = time.process_time()
        time.sleep(1.5)
        spent = time.process_time() - before
    finally:
        stop.set()
        thread.join()
    assert spent < 0.015, "1 % of a core at the very most"
    assert os.stat(tmp_path / "state.json").st_mtime_ns >= written
    assert table.puts == 1


def test_the_state_is_written_at_most_four_times_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, clock, saves = tmp_path / "kern.log", HandClock(), []
    path.touch()
    save = StateFile.save
    monkeypatch.setattr(StateFile, "save", lambda self, state: (saves.append(clock.monotonic_s()), save(self, state)))
    log = follower(path, tmp_path / "state.json", clock, Table().put)
    log._open()
    for n in range(400):
        with path.open("a") as file:
            file.write(f"NVRM: Xid (PCI:0000:4e:00): {n}, x\n")
        clock.sleep_s(0.01)
        log.step(0.0)
    count = len(saves)
    assert 12 <= count <= 17, "in four seconds"
    for _ in range(400):
        clock.sleep_s(0.01)
        log.step(0.0)
    assert len(saves) <= count + 10, "nothing new, nothing written, but for windows that close"
    log._close()
