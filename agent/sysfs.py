"""Reading small files of sysfs and procfs: bounded, and "no answer" is None."""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path

MAX_BYTES = 65_536
MAX_KEPT_BYTES = 1_048_576
"""A kept file longer than this is read up to here: /proc/stat of a thousand processors has a fifth of it."""
MAX_NAME = 200


def read_text(path: Path) -> str | None:
    """The file, trimmed; None if it cannot be read (absent, EINVAL on a link that is down, EIO, no permission)."""
    data = read_bytes(path)
    return None if data is None else data.decode("utf-8", errors="replace").strip()


def read_bytes(path: Path | str, limit: int = MAX_BYTES) -> bytes | None:
    """The file, at most `limit` bytes of it. By descriptor: a buffered file object costs several times as much."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        data = chunk = os.read(fd, limit)
        while chunk and len(data) < limit:  # procfs answers in pieces
            chunk = os.read(fd, limit - len(data))
            data += chunk
    except OSError:
        return None
    finally:
        os.close(fd)
    return data


def read_int(path: Path, base: int = 10) -> int | None:
    """The file as a whole number; None also for text such as `N/A (no PMA)`."""
    text = read_text(path)
    if text is None:
        return None
    try:
        return int(text, base)
    except ValueError:
        return None


def read_count(path: Path) -> int | None:
    """A counter: not negative (drivers print -1 for "unknown")."""
    value = read_int(path)
    return value if value is not None and 0 <= value < 2**64 else None


def read_within(path: Path, high: int, low: int = 0) -> int | None:
    """A whole number that fits its column; None for one that does not."""
    value = read_int(path)
    return value if value is not None and low <= value <= high else None


def pci_of(device: Path) -> str:
    """PCI address behind a `device` link (or a plain file of test trees), empty if it is not on PCI."""
    if device.is_symlink() or device.is_dir():
        for part in reversed(device.resolve().parts):
            if len(part) == 12 and part[4] == ":" and part[7] == ":" and part[10] == ".":
                return part.lower()
    return ""


def entries(directory: Path) -> list[Path]:
    """What is in a directory, by name; nothing if it is not there."""
    try:
        return sorted(directory.iterdir())
    except OSError:
        return []


def names_in(directory: Path) -> tuple[str, ...]:
    """Names in a directory, sorted; nothing if it is not there."""
    try:
        return tuple(sorted(os.listdir(directory)))
    except OSError:
        return ()


def clean_name(name: str) -> str:
    """A file or interface name as text that can travel: bytes that are not UTF-8 are replaced, and it is bounded."""
    return os.fsencode(name).decode("utf-8", errors="replace")[:MAX_NAME]


def raise_fd_limit() -> int:
    """Lift the soft limit on open files to the hard one, since each counter is a file kept open; the limit in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):  # a sandbox may forbid it; then the bound on ports has to do
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class KeptFile:
    """A file of procfs, opened once and read from its start at each tick. `read` is None while it cannot be read."""

    __slots__ = ("_fd", "_inode", "_path", "_size")

    def __init__(self, path: Path, size: int = 4_096) -> None:
        self._path = path
        self._size = size
        self._fd = -1
        self._inode = 0

    def read(self) -> bytes | None:
        """The whole file, up to `MAX_KEPT_BYTES`."""
        if self._fd < 0 and not self._open():
            return None
        try:
            data = os.pread(self._fd, self._size, 0)
            while len(data) == self._size < MAX_KEPT_BYTES:
                self._size *= 2
                data = os.pread(self._fd, self._size, 0)
        except OSError:
            self.close()
            return None
        return data

    def check(self) -> None:
        """Let go of a file that has been replaced or removed; the next read opens what is there now."""
        if self._fd < 0:
            return
        try:
            inode = os.stat(self._path).st_ino
        except OSError:
            inode = 0
        if inode != self._inode:
            self.close()

    def _open(self) -> bool:
        try:
            self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        self._inode = os.fstat(self._fd).st_ino
        return True

    def close(self) -> None:
        """Give the descriptor back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
