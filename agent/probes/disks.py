"""Block devices from /proc/diskstats: whole devices only, so that nothing is counted twice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from clusterctl.agent.sysfs import KeptFile, names_in
from clusterctl.schema import DISK_SAMPLE

SECTOR_BYTES = 512
"""In diskstats, whatever the device's own sectors are."""
MAX_DISKS = 256
_NEVER = re.compile(rb"(?:loop|ram|zram|fd|sr|nbd)\d")
_STACKED = re.compile(rb"(?:dm-|md)\d")
"""Made of other devices, whose traffic would count twice."""
_PATH = re.compile(rb"(nvme\d+)c\d+(n\d+)$")
"""One of the ways to an NVMe namespace, beside the namespace itself."""
_WHOLE = re.compile(rb"(?:nvme\d+(?:c\d+)?n\d+|sd[a-z]+|vd[a-z]+|xvd[a-z]+|hd[a-z]+|mmcblk\d+|pmem\d+|dasd[a-z]+)$")
_FIELDS = 11
_U64 = 2**64
Numbers = tuple[int, ...]


class DiskTable:
    """The kept file and which of its devices count."""

    def __init__(self, procfs: Path, sysfs: Path) -> None:
        self._file = KeptFile(procfs / "diskstats", 16_384)
        self._block = sysfs / "block"
        self._blocks: tuple[str, ...] | None = None
        self._real: frozenset[bytes] = frozenset()
        self.check()

    def check(self) -> None:
        """See anew which devices there are."""
        self._file.check()
        names = names_in(self._block)
        if names != self._blocks:
            self._blocks = names
            self._real = frozenset(name.encode(errors="surrogateescape") for name in names if self._is_real(name))

    def read(self) -> dict[str, Numbers]:
        """Numbers by device: those with hardware behind them, or stacked ones if there are no others."""
        lines = [line.split(None, 3) for line in (self._file.read() or b"").splitlines()]
        named = [(parts[2], parts[3]) for parts in lines if len(parts) == 4 and not _NEVER.match(parts[2])]
        chosen = [each for each in named if self._counts(each[0])] or [
            each for each in named if _STACKED.match(each[0])
        ]
        found = {name: numbers for name, text in chosen[:MAX_DISKS] if (numbers := _numbers(text)) is not None}
        for name in _twice(found):
            del found[name]
        return {name.decode("utf-8", errors="replace")[:200]: numbers for name, numbers in found.items()}

    def totals(self) -> dict[str, int | None]:
        """Columns of `host_sample`, over all devices."""
        disks = list(self.read().values())
        if not disks:
            return {"disk_read_bytes": None, "disk_write_bytes": None, "disk_busy_ms": None}
        return {
            "disk_read_bytes": sum(each[2] for each in disks) * SECTOR_BYTES % _U64,
            "disk_write_bytes": sum(each[6] for each in disks) * SECTOR_BYTES % _U64,
            "disk_busy_ms": sum(each[9] for each in disks) % _U64,
        }

    def close(self) -> None:
        """Give the descriptor back."""
        self._file.close()

    def _is_real(self, name: str) -> bool:
        return name.startswith("nvme") or (self._block / name / "device").exists()

    def _counts(self, name: bytes) -> bool:
        """By sysfs; where that lists no device, as in some containers, by name."""
        if self._blocks:
            return name in self._real
        return bool(_WHOLE.match(name))


class DiskProbe:
    """A row for each device, for every ten seconds."""

    def __init__(self, procfs: Path, sysfs: Path) -> None:
        self._table = DiskTable(procfs, sysfs)

    def sample(self, ts_ms: int) -> list[msgspec.Struct]:
        """Rows of `disk_sample`."""
        self._table.check()
        return [
            DISK_SAMPLE.row(
                ts=ts_ms,
                device=device,
                read_ops=numbers[0],
                read_bytes=numbers[2] * SECTOR_BYTES % _U64,
                read_ms=numbers[3],
                write_ops=numbers[4],
                write_bytes=numbers[6] * SECTOR_BYTES % _U64,
                write_ms=numbers[7],
                in_flight=numbers[8] if numbers[8] < 2**32 else None,
                busy_ms=numbers[9],
            )
            for device, numbers in self._table.read().items()
        ]

    def close(self) -> None:
        """Give the descriptor back."""
        self._table.close()


def _twice(found: Mapping[bytes, Numbers]) -> set[bytes]:
    """NVMe namespaces with several ways: older kernels count on the ways only, newer ones on the namespace as well."""
    twice = set()
    for name in found:
        match = _PATH.match(name)
        namespace = match[1] + match[2] if match else b""
        if namespace in found:
            twice.add(name if any(found[namespace]) else namespace)
    return twice


def _numbers(text: bytes) -> Numbers | None:
    try:
        numbers = tuple(int(word) for word in text.split(None, _FIELDS)[:_FIELDS])
    except ValueError:
        return None
    return numbers if len(numbers) == _FIELDS and all(0 <= number < _U64 for number in numbers) else None
