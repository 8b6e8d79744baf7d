"""A log file that grows and may be rotated, followed by its size."""

from __future__ import annotations

import os
from datetime import datetime, timezone, tzinfo
from itertools import islice
from pathlib import Path

from clusterctl.agent.kmsg.boottime import BootTime
from clusterctl.agent.kmsg.files import LineReader, place
from clusterctl.agent.kmsg.line import LogLine
from clusterctl.agent.kmsg.stamps import FileLine
from clusterctl.clock import Clock

LOOK_EVERY_S = 0.25
MAX_SIBLINGS = 10_000
CHUNK_BYTES = 262_144
"""A read takes at most this much, and a line that is longer is cut."""


class LogFile:
    """Lines from where the last run stopped, or from the beginning; first the rest of a file that was rotated meanwhile.
    Numbers of lines go on across rotations, because they tell two records of one boot apart. Raises OSError when it cannot
    be opened."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        inode: int | None,
        offset: int,
        number: int,
        any_facility: bool,
        boot: BootTime | None = None,
    ) -> None:
        self._path = path
        self._clock = clock
        self._boot = boot or BootTime(clock)
        self._any_facility = any_facility
        self._fd = os.open(_continued(path, inode), os.O_RDONLY)
        status = os.fstat(self._fd)
        self._inode = status.st_ino
        self._offset = offset if inode == status.st_ino and 0 <= offset <= status.st_size else 0
        self._number = max(number, 0)
        self._looked = -1
        """Size at which there was nothing new."""
        self._reader = LineReader(clock.now_ms(), _local_zone())
        self._clean = (self._offset, self._number)
        self.lost = 0

    def read(self, timeout_s: float) -> list[LogLine]:
        """Lines since the last call; looks again every quarter of a second for up to `timeout_s`."""
        until_s = self._clock.monotonic_s() + timeout_s
        while True:
            found = self._fresh()
            if found:
                return self._lines(found)
            left_s = until_s - self._clock.monotonic_s()
            if left_s <= 0:
                return []
            self._clock.sleep_s(min(LOOK_EVERY_S, left_s))

    def _fresh(self) -> list[bytes]:
        """Whole lines only: half a line is read again when its rest has come."""
        try:
            status = os.stat(self._path)
        except OSError:
            return []  # between the two steps of a rotation
        if status.st_ino == self._inode and status.st_size >= self._offset:
            if status.st_size in (self._offset, self._looked):
                return []
            self._looked = status.st_size
            return self._take()
        return self._take(last=status.st_ino != self._inode) or self._reopen()

    def _take(self, *, last: bool = False) -> list[bytes]:
        """What has been written since; the last line of a file that has been moved away needs no line break."""
        data = os.pread(self._fd, CHUNK_BYTES, self._offset)
        end = data.rfind(b"\n") + 1
        if not end and (len(data) == CHUNK_BYTES or last):
            end = len(data)
        self._offset += end
        if len(data) == CHUNK_BYTES:
            self._looked = -1
        return _split(data[:end])

    def _reopen(self) -> list[bytes]:
        """The file that has the name now, or the same one cut short, from its beginning."""
        try:
            fresh = os.open(self._path, os.O_RDONLY)
        except OSError:
            return []
        os.close(self._fd)
        self._fd = fresh
        self._inode = os.fstat(fresh).st_ino
        self._offset = 0
        self._clean = (0, self._number)
        self._looked = -1
        return self._take()

    def _lines(self, raw: list[bytes]) -> list[LogLine]:
        now_ms = self._clock.now_ms()
        self._reader.now_ms = now_ms
        lines: list[FileLine] = []
        offset = self._offset - sum(map(len, raw))
        for line in raw:
            self._number += 1
            offset += len(line)
            lines += self._reader.feed(self._number, line)
            if not self._reader.pending:
                self._clean = (offset, self._number)
        placed = place(lines, now_ms, self._boot.ms())
        return [line for line in placed if not line.facility or self._any_facility]

    def position(self) -> dict[str, int]:
        """The last place between two lines that belong together."""
        offset, number = self._clean
        return {"inode": self._inode, "offset": offset, "number": number}

    def close(self) -> None:
        os.close(self._fd)


def _continued(path: Path, inode: int | None) -> Path:
    """Where reading goes on: the file that was read last, if it only has another name now, else the one at `path`."""
    status = path.stat()
    if inode is None or status.st_ino == inode:
        return path
    try:
        with os.scandir(path.parent) as entries:
            for entry in islice(entries, MAX_SIBLINGS):
                if entry.name.startswith(path.name) and entry.inode() == inode and entry.is_file(follow_symlinks=False):
                    return Path(entry.path)
    except PermissionError:
        return path  # a log may be readable where its folder is not
    return path


def _split(data: bytes) -> list[bytes]:
    """By line feeds only: a carriage return is part of a line."""
    return [line + b"\n" for line in data.removesuffix(b"\n").split(b"\n")] if data else []


def _local_zone() -> tzinfo:
    """The machine's: its own logs are written in it."""
    return datetime.now().astimezone().tzinfo or timezone.utc
