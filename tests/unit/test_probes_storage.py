"""Disks and mounted file systems, one of which hangs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clusterctl.agent.probes.disks import DiskProbe, DiskTable
from clusterctl.agent.probes.filesystems import MAX_STUCK, FilesystemProbe
from clusterctl.agent.probes.mounts import MAX_MOUNTS, mounts
from clusterctl.schema import DISK_SAMPLE, FILESYSTEM_SAMPLE
from tests.support.rows import travels
from tests.support.sysfs import write

DISKSTATS = """\
   7       0 loop0 1 1 1 1 1 1 1 1 1 1 1
 259       0 nvme0n1 1000 5 8000 300 2000 6 16000 700 4 900 1000 0 0 0 0 0 0
 259       1 nvme0n1p1 999 5 7999 300 2000 6 16000 700 4 900 1000
   8       0 sda 10 0 80 3 20 0 160 7 0 9 10
 253       0 dm-0 1000 5 8000 300 2000 6 16000 700 4 900 1000
   9       0 md0 1 0 1 1 1 0 1 1 0 1 1
 252       0 zram0 5 5 5 5 5 5 5 5 5 5 5
   8      16 sdb 10 0 junk 3 20 0 160 7 0 9 10"""


def disks(root: Path, blocks: tuple[str, ...] = ("nvme0n1", "sda/device", "dm-0", "md0", "loop0")) -> dict[str, Any]:
    write(root / "proc", {"diskstats": DISKSTATS})
    for block in blocks:
        (root / "sys/block" / block).mkdir(parents=True, exist_ok=True)
    rows = DiskProbe(root / "proc", root / "sys").sample(1)
    return {row.device: row for row in (travels(DISK_SAMPLE, row) for row in rows)}


def test_whole_disks_in_worked_numbers(tmp_path: Path) -> None:
    found = disks(tmp_path)
    assert set(found) == {"nvme0n1", "sda"}, "no partition, nothing stacked, nothing in memory"
    disk = found["nvme0n1"]
    assert (disk.read_ops, disk.write_ops) == (1_000, 2_000)
    assert (disk.read_bytes, disk.write_bytes) == (8_000 * 512, 16_000 * 512)
    assert (disk.read_ms, disk.write_ms, disk.busy_ms, disk.in_flight) == (300, 700, 900, 4)


def test_a_number_beyond_its_column_is_no_disk(tmp_path: Path) -> None:
    for number, devices in ((2**64 - 1, {"sda"}), (2**64, set())):
        write(tmp_path, {"diskstats": f"8 0 sda 1 0 {number} 1 1 0 1 1 0 1 1"})
        rows = DiskProbe(tmp_path, tmp_path).sample(1)
        assert {travels(DISK_SAMPLE, row).device for row in rows} == devices


def test_stacked_devices_count_where_there_are_no_others(tmp_path: Path) -> None:
    assert set(disks(tmp_path, ("dm-0", "md0"))) == {"dm-0", "md0"}


def test_without_sysfs_disks_are_known_by_name(tmp_path: Path) -> None:
    assert set(disks(tmp_path, ())) == {"nvme0n1", "sda"}, "and a line that cannot be read is no disk"


def test_a_namespace_with_two_ways_counts_once(tmp_path: Path) -> None:
    ways = "0 0 nvme0c0n1 5 0 8 1 5 0 8 1 0 1 1\n0 0 nvme0c1n1 6 0 8 1 5 0 8 1 0 1 1\n0 0 nvme0n1 "
    for counts, devices in (("11 0 16 2 10 0 16 2 0 2 2", {"nvme0n1"}), ("0 " * 11, {"nvme0c0n1", "nvme0c1n1"})):
        write(tmp_path, {"diskstats": ways + counts})
        assert set(DiskTable(tmp_path, tmp_path).read()) == devices


def test_the_hosts_totals_are_the_sum_over_disks(tmp_path: Path) -> None:
    disks(tmp_path)
    assert DiskTable(tmp_path / "proc", tmp_path / "sys").totals() == {
        "disk_read_bytes": 8_080 * 512, "disk_write_bytes": 16_160 * 512, "disk_busy_ms": 909,
    }  # fmt: skip


@pytest.mark.skipif(not Path("/proc/diskstats").is_file(), reason="this kernel tells nothing of disks")
def test_this_machine_has_a_disk() -> None:
    assert DiskProbe(Path("/proc"), Path("/sys")).sample(1)


MOUNTINFO = rb"""22 1 0:21 / /proc rw,relatime - proc proc rw
25 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw,errors=remount-ro
26 25 259:3 / /data\040one rw,relatime - xfs /dev/nvme1n1 ro,attr2
27 25 259:2 /var/lib/kubelet /var/lib/kubelet ro,relatime - ext4 /dev/nvme0n1p2 rw,errors=remount-ro
28 25 0:50 / /home rw,relatime - nfs4 filer:/home rw,vers=4.2
29 25 0:51 / /scratch rw - lustre 10.0.0.1@o2ib:/scratch rw,lazystatfs
30 25 0:52 / /run rw - tmpfs tmpfs rw
31 25 0:53 / /odd\134name\011x rw - ext4 /dev/sdz rw
junk
32 25 0:54 / /short - ext4
"""


def test_mountinfo_in_worked_lines() -> None:
    found = {mount.mount: mount for mount in mounts(MOUNTINFO)}
    assert list(found) == ["/", "/data one", "/home", "/scratch", "/odd\\name\tx"], "a bind mount counts once"
    assert (found["/home"].device, found["/home"].fstype) == ("filer:/home", "nfs4")
    assert [name for name, mount in found.items() if mount.read_only] == ["/data one"], "by the file system's own state"
    assert found["/odd\\name\tx"].path == b"/odd\\name\tx"


def test_the_root_of_a_device_is_preferred_to_a_part_of_it() -> None:
    lines = b"1 0 8:1 /sub /first rw - ext4 /dev/sda rw\n2 0 8:1 / /whole rw - ext4 /dev/sda rw\n"
    assert [mount.mount for mount in mounts(lines)] == ["/whole"]


def test_mounts_are_bounded() -> None:
    lines = b"".join(b"%d 0 8:%d / /m%d rw - ext4 /dev/x rw\n" % (n, n, n) for n in range(500))
    assert len(mounts(lines)) == MAX_MOUNTS


class Filer:
    """statvfs of which some mounts hang until they are let go."""

    def __init__(self, *hanging: bytes) -> None:
        self.hanging = set(hanging)
        self.go = threading.Event()
        self.asked: list[bytes] = []

    def __call__(self, path: bytes) -> os.statvfs_result:
        self.asked.append(path)
        if path in self.hanging:
            self.go.wait(30)
        if path == b"/odd\\name\tx":
            raise PermissionError(path)
        return os.statvfs_result((4_096, 4_096, 1_000, 600, 500, 100, 90, 80, 0, 255))


@pytest.fixture
def filer() -> Iterator[Filer]:
    found = Filer(b"/home")
    yield found
    found.go.set()


def sample(probe: FilesystemProbe) -> dict[str, Any]:
    return {row.mount: row for row in (travels(FILESYSTEM_SAMPLE, row) for row in probe.sample(1))}


def probe_of(root: Path, statvfs: Filer, mountinfo: bytes = MOUNTINFO) -> FilesystemProbe:
    (root / "self").mkdir(parents=True)
    (root / "self" / "mountinfo").write_bytes(mountinfo)
    return FilesystemProbe(root, statvfs=statvfs, deadline_s=0.1)


def test_a_dead_nfs_hangs_neither_the_agent_nor_its_neighbours(tmp_path: Path, filer: Filer) -> None:
    probe = probe_of(tmp_path, filer)
    began_s = time.monotonic()
    found = sample(probe)
    assert time.monotonic() - began_s < 5
    dead = found["/home"]
    assert (dead.hung, dead.size_bytes, dead.free_bytes, dead.latency_us) == (1, None, None, None)
    assert (dead.device, dead.read_only) == ("filer:/home", 0), "what mountinfo tells is told"
    alive = found["/scratch"]
    assert (alive.hung, alive.size_bytes, alive.free_bytes) == (0, 4_096_000, 2_048_000)
    assert (alive.inodes, alive.inodes_free) == (100, 80)

    sample(probe)
    assert filer.asked.count(b"/home") == 1, "it is not asked again while its call has not returned"
    filer.hanging.clear()
    filer.go.set()
    limit_s = time.monotonic() + 5
    while sample(probe)["/home"].hung == 1 and time.monotonic() < limit_s:
        time.sleep(0.01)
    assert sample(probe)["/home"].size_bytes == 4_096_000
    probe.close()


def test_the_time_of_the_call_is_told(tmp_path: Path) -> None:
    def slow(path: bytes) -> os.statvfs_result:
        time.sleep(0.03)
        return os.statvfs(b"/")

    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "mountinfo").write_bytes(MOUNTINFO.splitlines(keepends=True)[1])
    probe = FilesystemProbe(tmp_path, statvfs=slow)
    assert 30_000 <= sample(probe)["/"].latency_us < 2_000_000
    probe.close()


def test_a_mount_that_refuses_has_no_sizes_but_is_not_hung(tmp_path: Path, filer: Filer) -> None:
    filer.hanging.clear()
    probe = probe_of(tmp_path, filer)
    row = sample(probe)["/odd\\name\tx"]
    assert (row.hung, row.size_bytes) == (0, None)
    probe.close()


def test_threads_that_hang_are_bounded(tmp_path: Path) -> None:
    names = [b"/m%d" % number for number in range(MAX_STUCK + 4)]
    statvfs = Filer(*names)
    lines = b"".join(b"%d 0 8:%d / %s rw - nfs x:/ rw\n" % (n, n, name) for n, name in enumerate(names))
    probe = probe_of(tmp_path, statvfs, lines)
    found = list(sample(probe).values())
    assert [row.hung for row in found] == [1] * MAX_STUCK + [None] * 4, "the rest is unknown, and not healthy"
    assert len(statvfs.asked) == MAX_STUCK
    statvfs.go.set()
    probe.close()


def test_this_machine_has_a_file_system() -> None:
    probe = FilesystemProbe(Path("/proc"))
    found = sample(probe)
    assert any(row.size_bytes for row in found.values())
    probe.close()


def test_no_mountinfo_is_no_row(tmp_path: Path) -> None:
    assert FilesystemProbe(tmp_path).sample(1) == []
