"""The node at each tick: worked files of procfs, the kernel's clock, and what the agent costs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clusterctl.agent.probes import cost
from clusterctl.agent.probes.cost import own_cost, own_pids
from clusterctl.agent.probes.host import HostProbe
from clusterctl.agent.probes.host_text import memory, number_after
from clusterctl.agent.probes.kernel_clock import KernelClock, clock_columns
from clusterctl.agent.sysfs import KeptFile, raise_fd_limit
from clusterctl.schema import HOST_SAMPLE
from tests.support.fuzz_probes import fuzz_host_text, fuzz_mountinfo, fuzz_rate
from tests.support.rows import travels
from tests.support.sysfs import SysfsSpec, make_sysfs, write

PROC = {
    "stat": "cpu  100 0 50 800 50 0 0 0 7 0\ncpu0 1 1 1 1 1 1 1 1 1 1\nintr 5 0 1\nctxt 9\nprocs_running 3\nprocs_blocked 2",
    "meminfo": "MemTotal: 2097152 kB\nMemFree:  1 kB\nMemAvailable: 1048576 kB\nSwapTotal:  1024 kB\nSwapFree:   1000 kB",
    "vmstat": "nr_free_pages 5\noom_kill_fake 8\noom_kill 4",
    "loadavg": "7.25 3.00 1.00 3/999 12345",
    "uptime": "86400.75 1000.00",
    "pressure/cpu": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1199\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1200",
    "pressure/memory": "some avg10=1.00 avg60=0.00 avg300=0.00 total=2150\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=2201",
    "pressure/io": "some avg10=0.00 avg60=0.00 avg300=0.00 total=3100",
    "diskstats": "",
}  # fmt: skip


def host(root: Path, files: dict[str, str] = PROC) -> HostProbe:
    write(root / "proc", files)
    return HostProbe(root / "sys", root / "proc")


def checked(reading: dict[str, Any]) -> dict[str, Any]:
    travels(HOST_SAMPLE, HOST_SAMPLE.row(ts=1, period_ms=1_000, **reading))
    return reading


def test_worked_files_in_worked_numbers(tmp_path: Path) -> None:
    found = checked(host(tmp_path).read(slow=False))
    assert found["memory_total_bytes"] == 2 * 2**30
    assert found["memory_available_bytes"] == 2**30
    assert found["swap_used_bytes"] == 24 * 1_024
    assert (found["procs_running"], found["procs_blocked"], found["oom_kills"]) == (3, 2, 4)
    assert (found["load_1m"], found["uptime_s"]) == (7.25, 86_400)
    assert (found["psi_cpu_some_us"], found["psi_cpu_full_us"]) == (1_100, 1_200), "to 0.1 ms"
    assert (found["psi_memory_some_us"], found["psi_memory_full_us"]) == (2_100, 2_200)
    assert (found["psi_io_some_us"], found["psi_io_full_us"]) == (3_100, None), "an older kernel has no such line"
    assert found["disk_read_bytes"] is None, "no disk is not zero bytes"


def test_numbers_stand_where_their_label_begins_a_line() -> None:
    assert number_after(b"a 51\nb 6", b"a ") == 51
    assert number_after(b"a 51\nb 6", b"b ") == 6
    assert number_after(b"aa 51", b"a ") is None
    assert number_after(b"a", b"a ") is None
    assert number_after(b"a 18446744073709551615", b"a ") == 2**64 - 1
    assert number_after(b"a 18446744073709551616", b"a ") is None
    assert number_after(b"a -1\n", b"a ") is None
    assert number_after(b"a 1_0\n", b"a ") is None


def test_memory_beyond_its_column_is_no_reading() -> None:
    found = memory(
        b"MemTotal: 18014398509481984 kB\nMemAvailable: 18014398509481983 kB\nSwapTotal: 1 kB\nSwapFree: 2 kB\n"
    )
    assert (found["memory_total_bytes"], found["memory_available_bytes"]) == (None, 2**64 - 1_024)
    assert found["swap_used_bytes"] is None, "more free than there is"


def test_the_busy_share_is_between_two_readings(tmp_path: Path) -> None:
    probe = host(tmp_path)
    assert probe.read(slow=False)["cpu_busy_ratio"] is None, "no time has passed"
    write(tmp_path / "proc", {"stat": "cpu  130 0 60 840 70 0 0 0 99 0"})  # 40 of 100 more ticks were busy
    assert probe.read(slow=False)["cpu_busy_ratio"] == pytest.approx(0.4, rel=2**-8)
    write(tmp_path / "proc", {"stat": "cpu  1 0 1 1 1 0 0 0 0 0"})
    assert probe.read(slow=False)["cpu_busy_ratio"] is None, "counters that go back"


def test_temperatures_are_told_on_slow_ticks_only(tmp_path: Path) -> None:
    make_sysfs(tmp_path / "sys", SysfsSpec(sensors={"k10temp": {"Tctl": 83}}))
    probe = host(tmp_path)
    assert probe.read(slow=False)["temp_max_c"] is None
    found = checked(probe.read(slow=True))
    assert (found["temp_max_c"], found["temp_max_sensor"]) == (83, "k10temp Tctl")


def test_a_host_without_files_has_no_readings_and_gets_them_when_they_come(tmp_path: Path) -> None:
    probe = HostProbe(tmp_path / "sys", tmp_path / "proc")
    found = checked(probe.read())
    own = {"root_used_ratio", "root_latency_us", "clock_synchronized", "clock_offset_us", "clock_max_error_us"}
    assert {name for name, value in found.items() if value is not None} <= own
    write(tmp_path / "proc", PROC)
    assert probe.read()["uptime_s"] == 86_400


def test_a_replaced_file_is_noticed_on_a_slow_tick(tmp_path: Path) -> None:
    probe = host(tmp_path)
    assert probe.read()["uptime_s"] == 86_400
    (tmp_path / "new").write_text("100.00 1.00\n")
    (tmp_path / "new").replace(tmp_path / "proc/uptime")
    assert probe.read(slow=True)["uptime_s"] == 100


def test_a_kept_file_grows_with_its_content(tmp_path: Path) -> None:
    path = tmp_path / "stat"
    path.write_bytes(b"x" * 70)
    file = KeptFile(path, 64)
    assert file.read() == b"x" * 70
    path.write_bytes(b"y" * 5)
    assert file.read() == b"y" * 5
    file.close()


def test_this_machine_answers() -> None:
    found = checked(HostProbe(Path("/sys"), Path("/proc")).read())
    assert found["memory_total_bytes"] > found["memory_available_bytes"] > 0
    assert found["uptime_s"] > 0
    assert found["procs_running"] >= 1, "at least this test"


def test_the_kernels_clock_answers_or_is_missing() -> None:
    found = KernelClock().read()
    assert found["clock_synchronized"] in (None, 0, 1)
    assert (found["clock_synchronized"] is None) == (found["clock_max_error_us"] is None)


@pytest.mark.parametrize(
    ("said", "columns"),
    [
        ((0, 7_654_321, 900, 0x2001), (1, 7_654, 900)),
        ((0, 2**31 - 1, 2**32 - 1, 0), (1, 2**31 - 1, 2**32 - 1)),
        ((0, 2**31, 2**32, 0), (1, None, None)),
        ((0, -(2**31), 0, 0), (1, -(2**31), 0)),
        ((0, -(2**31) - 1, 0, 0), (1, None, 0)),
        ((0, -1_999, 900, 0x2001), (1, -1, 900)),
        ((0, 12_345, 900, 0x0001), (1, 12_345, 900)),
        ((5, 0, 16_000_000, 0x0040), (0, 0, 16_000_000)),
        ((0, 0, 16_000_000, 0x2041), (0, 0, 16_000_000)),
        ((0, 2**40, -1, 0), (1, None, None)),
    ],
)
def test_clock_states(said: tuple[int, int, int, int], columns: tuple[int | None, ...]) -> None:
    assert tuple(clock_columns(*said).values()) == columns


def test_the_cost_of_named_processes_is_their_own() -> None:
    child = subprocess.Popen([sys.executable, "-c", "x = bytearray(40_000_000); print(flush=True); input()"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    try:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in own_pids()
        mine, both = own_cost([os.getpid()], slow=True), own_cost([os.getpid(), child.pid], slow=True)
        assert both["agent_rss_bytes"] - mine["agent_rss_bytes"] > 40_000_000  # type: ignore[operator]
        assert both["agent_pss_bytes"] - mine["agent_pss_bytes"] > 39_000_000  # type: ignore[operator]
        assert both["agent_cpu_ms"] >= mine["agent_cpu_ms"] > 0  # type: ignore[operator]
        assert own_cost()["agent_rss_bytes"] > mine["agent_rss_bytes"]  # type: ignore[operator]
    finally:
        child.communicate(b"\n", timeout=10)
    assert own_cost([child.pid]) == {"agent_cpu_ms": None, "agent_rss_bytes": None, "agent_pss_bytes": None}
    assert own_cost([os.getpid(), child.pid])["agent_rss_bytes"] is not None, "one that ended costs nothing any more"


def test_the_cost_in_worked_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with blanks and brackets; 150 ticks as user, 50 in the kernel, 1000 pages."""
    monkeypatch.setattr(cost, "PROC", tmp_path)
    write(tmp_path / "7", {"stat": "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 11 12 13 14 15 16 17 18 1000 19 20",
                           "smaps_rollup": "00-ff ---p [rollup]\nRss: 9 kB\nPss: 2048 kB\nPss_Dirty: 1 kB"})  # fmt: skip
    write(tmp_path / "8", {"stat": "8 (short) S 1 2 3"})
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    assert own_cost([7, 8, 9], slow=True) == {
        "agent_cpu_ms": 200 * 1_000 // ticks, "agent_rss_bytes": 1_000 * page, "agent_pss_bytes": 2_048 * 1_024,
    }  # fmt: skip
    (tmp_path / "7/smaps_rollup").unlink()
    assert own_cost([7], slow=True)["agent_pss_bytes"] is None, "one that may not be read leaves no sum"


def test_the_share_of_shared_pages_is_told_on_slow_ticks_only() -> None:
    assert own_cost([os.getpid()])["agent_pss_bytes"] is None


def test_the_limit_on_open_files_is_lifted_once_for_all() -> None:
    assert raise_fd_limit() == raise_fd_limit()


@given(st.binary(max_size=600))
@example(b"cpu " + b" 9" * 10)
@example(b"MemTotal: 99999999999999999999 kB")
@example(b"oom_kill \xd9\xa1\nsome total=1_0")
def test_any_file_of_procfs_gives_what_its_columns_can_hold(data: bytes) -> None:
    fuzz_host_text(data)


@given(st.binary(max_size=600))
def test_any_mountinfo_gives_what_its_columns_can_hold(data: bytes) -> None:
    fuzz_mountinfo(data)
    fuzz_mountinfo(b"1 2 8:1 / " + data + b" rw - ext4 " + data + b" rw\n")


@given(st.binary(max_size=64))
@example(b"4294967.295 Gb/sec (99X NDR)")
def test_any_rate_gives_what_its_columns_can_hold(data: bytes) -> None:
    fuzz_rate(data)
