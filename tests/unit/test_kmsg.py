"""The kernel-log grammar, the files that carry it, and storms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterctl.agent.kmsg.device import LogFile
from clusterctl.agent.kmsg.events import MAX_BUCKETS, MAX_TEXT, MAX_WINDOWS, Coalescer
from clusterctl.agent.kmsg.files import place, read_lines, stamp_of
from clusterctl.agent.kmsg.grammar import parse
from clusterctl.agent.kmsg.line import LogLine, raw_record
from clusterctl.agent.kmsg.row import details
from clusterctl.timetext import parse_time
from tests.support.clock import HandClock

NOW = parse_time("2026-06-15T00:00:00Z")
EXAMPLES: list[tuple[str, tuple[str, str, str, int | None, str] | None]] = [
    ("[8.4] NVRM: Xid (PCI:0000:4e:00): 31, pid=40233, name=actorpool, channel 0x00000011, intr 00000000. MMU Fault",
     ("xid", "31", "0000:4e:00.0", 40233, "actorpool")),
    ("NVRM: Xid (PCI:0000:4e:00): 31, Ch 0000001c, intr 10000000. MMU Fault: ENGINE CE2", ("xid", "31", "0000:4e:00.0", None, "")),
    ("Jan 08 09:14:55 rack3 kernel: [4.1] NVRM: Xid (PCI:0000:5d:00): 63, pid=2210, Row Remapper: New row",
     ("xid", "63", "0000:5d:00.0", 2210, "")),
    ("[9.1] [   T3312] NVRM: Xid (PCI:0000:9d:00): 13, pid='<unknown>', name=<unknown>, Graphics SM Warp Exception",
     ("xid", "13", "0000:9d:00.0", None, "")),
    ("NVRM: Xid (PCI:0009:1a:00): 79, GPU has fallen off the bus.", ("xid", "79", "0009:1a:00.0", None, "")),
    ("NVRM: Xid (PCI:0000:4e:00 GPU-I:02 GPU-CI:00): 94, pid=55102, name=mig job, Contained: SM (0x1).",
     ("xid", "94", "0000:4e:00.0", 55102, "mig job")),
    ("NVRM: Xid (PCI:0000:4e:00 GPU-I:11): 43, pid=55340, name=infer[w3]:a/b, Ch 0000000e",
     ("xid", "43", "0000:4e:00.0", 55340, "infer[w3]:a/b")),
    ("NVRM: Xid (PCI:0000:c4:00): 45, pid=918827, name=mpi_rank_07, Ch 00000002 caused by previous Xid 62",
     ("xid", "45", "0000:c4:00.0", 918827, "mpi_rank_07")),
    ("NVRM: Xid (PCI:0028:01:00): 149, NETIR_LINK_EVT  Fatal   XC0 i0 Link 06 (0x0210c5c6 0x0)", ("xid", "149", "0028:01:00.0", None, "")),
    ("NVRM: Xid (0000:21:00): 8, Channel 00000005", ("xid", "8", "0000:21:00.0", None, "")),
    ("NVRM: Xid (PCI:0000ABCD:1B:00): 62, 11a20c4f 00003c10", ("xid", "62", "abcd:1b:00.0", None, "")),
    ("NVRM: Xid 62, GPU halted", None),
    ("gsp-771 [004] d..1. 4410.0: nvidia_dev_xid: Xid (PCI:0000:5d:00.0): 140, An uncorrectable ECC error", ("xid", "140", "0000:5d:00.0", None, "")),
    ("NVRM: GPU 0000:e1:00.0: GPU has fallen off the bus.", ("gpu_off_bus", "79", "0000:e1:00.0", None, "")),
    ("NVRM: The NVIDIA GPU 0000:e1:00.0\nNVRM: (PCI ID: 10de:2330) installed in this system has\n"
     "NVRM: fallen off the bus and is not responding to commands.", ("gpu_off_bus", "79", "0000:e1:00.0", None, "")),
    ("NVRM: The NVIDIA GPU 0000:e1:00.0\nNVRM: is not supported", None),
    ("nvidia-nvswitch2: SXid (PCI:0000:8b:00.0): 12022, Fatal, Link 37 egress crumbstore ECC DBE (First)", ("sxid", "12022", "0000:8b:00.0", None, "")),
    ("nvidia-nvswitch2: SXid (PCI:0000:8b:00.0): 12022, Severity 1 Engine instance 37", ("sxid_detail", "12022", "0000:8b:00.0", None, "")),
    ("mlx5_core 0000:2a:00.0: Port: 1 Link DOWN", ("ib_link", "link_down", "0000:2a:00.0", None, "")),
    ("mlx5_core 0000:2b:00.1 ens7f1np1: Link up", ("eth_link", "link_up", "0000:2b:00.1", None, "")),
    ("Memory cgroup out of memory: Killed process 61120 (trainer-rank0) total-vm:88123400kB", ("oom", "oom_kill", "", 61120, "trainer-rank0")),
    ("pcieport 0000:16:01.0: AER: Correctable error message received from 0000:17:00.0", ("aer", "correctable", "0000:17:00.0", None, "")),
    ("usb 1-1: new high-speed USB device", None),
    ("EXT4-fs (nvme0n1p1): mounted filesystem", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), EXAMPLES, ids=lambda value: str(value)[:60])
def test_what_lines_mean(text: str, expected: tuple[object, ...] | None) -> None:
    found = parse(text)
    assert (found and (found.kind, found.code, found.pci, found.pid, found.process)) == expected


def test_details_are_kept() -> None:
    def fields(text: str) -> dict[str, str]:
        found = parse(text)
        assert found is not None
        return found.fields

    assert fields("NVRM: Xid (PCI:0000:4e:00 GPU-I:02 GPU-CI:00): 94, Contained") == {
        "gpu_instance": "2",
        "compute_instance": "0",
    }
    assert fields("NVRM: Xid (PCI:0028:01:00): 154, GPU recovery action changed from 0x1 (GPU Reset Required) to 0x2 (OS Reboot)") == {
        "action_before": "1", "action": "2"}  # fmt: skip
    assert (
        fields("NVRM: Xid (PCI:0000:c4:00): 45, pid=1, name=a, Ch 2 caused by previous Xid 62")["previous_xid"] == "62"
    )


@given(st.text(max_size=400))
def test_no_text_is_too_strange(text: str) -> None:
    for line in (text, "NVRM: Xid (PCI:0000:4e:00): 31, " + text, "SXid (PCI:0000:8b:00.0): 12022, " + text):
        parse(line)
    list(place(list(read_lines(text.splitlines(), NOW)), NOW, None))
    raw_record(text)


@given(st.binary(max_size=300))
def test_no_bytes_are_too_strange(data: bytes) -> None:
    text = data.decode("utf-8", errors="replace")
    rows = Coalescer("x").take([LogLine("NVRM: Xid (PCI:0000:4e:00): 31, " + text, 1, NOW, "kernel")])
    assert all(len(row.text) <= MAX_TEXT for row in rows)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("line", "wall"),
    [
        ("2026-06-01T10:00:00,123456+02:00 kernel: x", "2026-06-01T08:00:00.123Z"),
        ("2026-06-01T10:00:00.5Z host kernel: x", "2026-06-01T10:00:00.5Z"),
        ("Jun 01 10:00:00 host kernel: [ 1.0] x", "2026-06-01T10:00:00Z"),
        ("Dec 31 23:59:59 host kernel: x", "2025-12-31T23:59:59Z"),
        ("[Tue Mar  4 02:10:07 2025] NVRM: x", "2025-03-04T02:10:07Z"),
    ],
)
def test_wall_stamps(line: str, wall: str) -> None:
    assert stamp_of(line, NOW).wall_ms == parse_time(wall)


def test_stamps_since_boot_need_the_boot_time() -> None:
    lines = list(read_lines(["[   10.500000] a", "no stamp", "4,5,12000000,-;b", "  "], NOW))
    exact = list(place(lines, captured_ms=NOW, boot_ms=1_000_000))
    assert [(line.ts_ms, line.ts_source) for line in exact] == [
        (1_010_500, "kernel"), (1_010_500, "estimated"), (1_012_000, "kernel")]  # fmt: skip
    guessed = list(place(lines, captured_ms=NOW, boot_ms=None))
    assert [line.ts_ms for line in guessed] == [NOW - 1_500, NOW - 1_500, NOW]
    assert {line.ts_source for line in guessed} == {"estimated"}


def test_journal_exports_of_both_kinds() -> None:
    entry = {"__REALTIME_TIMESTAMP": "1780000000123456", "_TRANSPORT": "kernel", "MESSAGE": "hello", "PRIORITY": "3"}
    export = [*(f"{name}={value}" for name, value in entry.items()), "", *(f"{n}={v}" for n, v in entry.items())]
    for lines in (export, [json.dumps(entry)]):
        found = list(read_lines(lines, NOW))
        assert {line.text for line in found} == {"hello"}
        assert {line.stamp.wall_ms for line in found} == {1_780_000_000_123}
    spoof = list(read_lines([json.dumps({**entry, "_TRANSPORT": "syslog"})], NOW))
    assert spoof[0].facility == 1, "what user space wrote is not the kernel's word"


def test_a_record_of_several_lines_is_one() -> None:
    record = raw_record(
        "3,771,50120993,-;NVRM: The NVIDIA GPU\\x0aNVRM: fallen\\x20off \\xe4\\xb8\\xad\n SUBSYSTEM=pci\n"
    )
    assert record is not None
    assert (record.seq, record.facility, record.text) == (771, 0, "NVRM: The NVIDIA GPU\nNVRM: fallen off 中")


def test_user_space_cannot_speak_for_the_kernel(tmp_path: Path) -> None:
    path = tmp_path / "kmsg"
    path.write_text("12,1,5,-;NVRM: Xid (PCI:0000:4e:00): 79, x\n3,2,6,-;NVRM: Xid (PCI:0000:4e:00): 48, y\n")
    for any_facility, count in ((False, 1), (True, 2)):
        source = LogFile(path, HandClock(), inode=None, offset=0, number=0, any_facility=any_facility)
        assert len(source.read(0.0)) == count
        source.close()


def test_a_file_is_followed_across_rotation_and_restarts(tmp_path: Path) -> None:
    path = tmp_path / "kern.log"
    path.write_text("2026-06-01T10:00:00Z one\n2026-06-01T10:00:01Z tw")

    def opened(position: dict[str, int]) -> LogFile:
        return LogFile(path, HandClock(), inode=position.get("inode"), offset=position.get("offset", 0),
                       number=position.get("number", 0), any_facility=False)  # fmt: skip

    source = opened({})
    assert [line.text[-3:] for line in source.read(0.0)] == ["one"], "half a line waits for its rest"
    position = source.position()
    source.close()
    with path.open("a") as file:
        file.write("o\n")
    source = opened(position)
    assert [line.text[-3:] for line in source.read(0.0)] == ["two"]
    path.rename(tmp_path / "kern.log.1")
    path.write_text("2026-06-01T10:00:02Z three\n")
    assert [line.text[-5:] for line in source.read(0.0)] == ["three"]
    source.close()


def test_what_was_written_before_a_rotation_is_read_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "kern.log"
    path.write_text("one\n")
    source = LogFile(path, HandClock(), inode=None, offset=0, number=0, any_facility=False)
    source.read(0.0)
    position = source.position()
    source.close()
    with path.open("a") as file:
        file.write("two\n")
    path.rename(tmp_path / "kern.log.1")
    path.write_text("three\n")
    again = LogFile(path, HandClock(), **position, any_facility=False)  # type: ignore[arg-type]
    assert [(line.seq, line.text) for line in again.read(0.0) + again.read(0.0)] == [(2, "two"), (3, "three")]
    path.write_text("four\n")
    assert [line.text for line in again.read(0.0)] == ["four"], "cut short: from its beginning"
    again.close()


def test_a_raw_record_has_its_own_sequence() -> None:
    record = raw_record("4,5120,99120334551,-;NVRM: Xid (PCI:0000:5d:00): 48, pid=0, An uncorrectable double bit error")
    assert record is not None
    assert (record.seq, record.monotonic_us, record.facility) == (5120, 99120334551, 0)


def xid(code: int, at_ms: int, seq: int) -> LogLine:
    return LogLine(f"NVRM: Xid (PCI:0000:4e:00): {code}, x", seq, at_ms, "kernel")


def test_a_storm_is_a_few_rows_with_its_count() -> None:
    coalescer = Coalescer("kmsg")
    rows: list[Any] = []
    for second in range(10):
        rows += coalescer.take(xid(95, second * 1_000 + n // 20, second * 20_000 + n) for n in range(20_000))
        rows += coalescer.flush(second * 1_000 + 1_000)
    rows += coalescer.flush()
    assert sum(row.count for row in rows) == 200_000
    assert len(rows) <= 15
    assert rows[0].count == 1, "the first goes out at once"


@given(st.lists(st.tuples(st.sampled_from([31, 48, 79]), st.integers(0, 20_000)), max_size=80))
def test_no_line_is_dropped_silently(drawn: list[tuple[int, int]]) -> None:
    coalescer = Coalescer("kmsg")
    rows: list[Any] = []
    for number, (code, at_ms) in enumerate(drawn):
        rows += coalescer.take([xid(code, at_ms, number)])
        rows += coalescer.flush(at_ms)
    rows += coalescer.flush()
    for code in (31, 48, 79):
        assert sum(row.count for row in rows if row.code == str(code)) == sum(c == code for c, _ in drawn)
    assert all(row.last_ts >= row.ts for row in rows)


def test_kinds_without_end_stay_bounded_and_are_counted() -> None:
    """Names of processes are anyone's: beyond a bound they are counted by kind, code and address, in few rows."""
    coalescer = Coalescer("kmsg")
    rows: list[Any] = []
    for n in range(20_000):
        line = LogLine(f"NVRM: Xid (PCI:0000:4e:00): 31, pid=1, name=p{n}, x", n, n // 20, "kernel")
        rows += coalescer.take([line])
    assert len(coalescer.saved().windows) <= MAX_WINDOWS + MAX_BUCKETS + 1
    assert len(rows) <= MAX_WINDOWS + 2
    rows += coalescer.flush()
    assert sum(row.count for row in rows) == 20_000
    assert {row.process for row in rows if row.count > 1} == {""}, "several processes are none in particular"


def test_kinds_of_kinds_without_end_stay_bounded_and_are_counted() -> None:
    coalescer = Coalescer("kmsg")
    rows: list[Any] = []
    for n in range(20_000):
        rows += coalescer.take([LogLine(f"a[{n}]: segfault at 0 ip 0 in lib{n}.so", n, 5, "kernel")])
    assert len(coalescer.saved().windows) <= MAX_WINDOWS + MAX_BUCKETS + 1
    rows += coalescer.flush()
    assert sum(row.count for row in rows) == 20_000


def test_old_windows_make_room_without_being_asked() -> None:
    """A file of months is read without a clock: yesterday's processes do not crowd out today's."""
    coalescer = Coalescer("import:x")
    rows: list[Any] = []
    for n in range(3_000):
        rows += coalescer.take(
            [LogLine(f"NVRM: Xid (PCI:0000:4e:00): 45, pid=1, name=p{n}, x", n, n * 60_000, "wall")] * 2
        )
    rows += coalescer.flush()
    assert {row.process for row in rows} == {f"p{n}" for n in range(3_000)}
    assert sum(row.count for row in rows) == 6_000


def test_facts_of_a_boot_are_said_once() -> None:
    coalescer = Coalescer("kmsg")
    texts = [f"NVRM: GPU at PCI:0000:{bus:02x}:00: GPU-0f5e2a10-7c44-4b1d-9a63-5e2f8c01d7{bus:02x}" for bus in (1, 2)]
    rows: list[Any] = []
    for second in range(100):
        rows += coalescer.take(LogLine(text, second, second * 5_000, "kernel") for text in texts)
    again = Coalescer("kmsg", coalescer.saved())
    rows += again.take([LogLine(texts[0], 9, 10**6, "kernel")]) + again.flush()
    assert [(row.pci, row.count) for row in rows] == [("0000:01:00.0", 1), ("0000:02:00.0", 1)]


def test_details_are_whole_json_however_long() -> None:
    fields = {f"name{n}": '"' * 300 for n in range(20)}
    text = details(fields)
    assert len(text) <= MAX_TEXT
    assert set(json.loads(text)) < set(fields)
