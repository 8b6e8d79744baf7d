"""Live kernel lines: the /dev/kmsg device, or a growing file. Both go on where the last run of the agent stopped."""

from __future__ import annotations

import errno
import os
import select
import time
from datetime import datetime, timezone, tzinfo
from pathlib import Path
from typing import Protocol

from clusterctl.agent.kmsg.files import FileLine, place, read_lines
from clusterctl.agent.kmsg.line import LogLine, raw_record
from clusterctl.clock import Clock

RECORD_BYTES = 8_192
MAX_RECORDS = 2_000
"""A read takes at most this many, so that a storm cannot keep the thread from everything else."""


class LogSource(Protocol):
    """Where kernel lines come from."""

    lost: int
    """Records that were overwritten before they were read."""

    def read(self, timeout_s: float) -> list[LogLine]:
        """Lines since the last call; waits up to `timeout_s` for the first."""
        ...

    def position(self) -> dict[str, int]:
        """What `open_source` needs to go on from here after a restart."""
        ...

    def close(self) -> None: ...


class KmsgDevice:
    """The kernel's ring buffer. Raises OSError when it cannot be opened."""

    def __init__(self, path: Path, clock: Clock, *, after_seq: int | None, any_facility: bool) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._clock = clock
        self._any_facility = any_facility
        self._after = after_seq
        self.lost = 0
        self._first = self._probe()

    def _probe(self) -> bytes:
        """The first record, if there is one yet. A device that ends (containers have /dev/null here) is no kernel log."""
        try:
            data = os.read(self._fd, RECORD_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            if error.errno == errno.EPIPE:
                return b""
            os.close(self._fd)
            raise
        if not data:
            os.close(self._fd)
            raise OSError(errno.ENODEV, "not a kernel log")
        return data

    def read(self, timeout_s: float) -> list[LogLine]:
        lines: list[LogLine] = []
        if not self._first:
            select.select([self._fd], [], [], timeout_s)
        for _ in range(MAX_RECORDS):
            try:
                data = self._first or os.read(self._fd, RECORD_BYTES)
                self._first = b""
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno == errno.EPIPE:
                    continue  # overwritten: the jump in the sequence tells how many
                raise
            self._take(data, lines)
        return lines

    def _take(self, data: bytes, lines: list[LogLine]) -> None:
        record = raw_record(data.decode("utf-8", errors="replace"))
        if record is None or (self._after is not None and record.seq <= self._after):
            return
        if self._after is not None and record.seq > self._after + 1:
            self.lost += record.seq - self._after - 1
        self._after = record.seq
        # user space cannot write facility 0: other records are someone's text, not the kernel's
        if record.facility and not self._any_facility:
            return
        boot_ms = self._clock.now_ms() - time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000_000
        lines.append(
            LogLine(record.text, record.seq, boot_ms + record.monotonic_us // 1_000, "kernel", record.facility)
        )

    def position(self) -> dict[str, int]:
        return {} if self._after is None else {"seq": self._after}

    def close(self) -> None:
        os.close(self._fd)


class LogFile:
    """A file that grows and may be rotated; read from where the last run stopped, or from its beginning."""

    def __init__(
        self, path: Path, clock: Clock, *, inode: int | None, offset: int, number: int, any_facility: bool
    ) -> None:
        self._path = path
        self._clock = clock
        self._any_facility = any_facility
        self._file = path.open("rb")
        self._inode = os.fstat(self._file.fileno()).st_ino
        self._number = 0
        self.lost = 0
        if inode == self._inode and offset <= os.fstat(self._file.fileno()).st_size:
            self._file.seek(offset)
            self._number = number

    def read(self, timeout_s: float) -> list[LogLine]:
        found = self._fresh()
        if not found:
            time.sleep(timeout_s)
            found = self._fresh()
        if not found and self._rotated():
            found = self._fresh()
        now_ms = self._clock.now_ms()
        boot_ms = now_ms - time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000_000
        lines = [
            FileLine(line.number + self._number, line.text, line.stamp, line.facility)
            for line in read_lines(found, now_ms, _local_zone())
        ]
        self._number += len(found)
        return [line for line in place(lines, now_ms, boot_ms) if not line.facility or self._any_facility]

    def _fresh(self) -> list[str]:
        """Whole lines only: half a line is read again when its rest has come."""
        found: list[str] = []
        while len(found) < MAX_RECORDS:
            start = self._file.tell()
            line = self._file.readline(RECORD_BYTES)
            if not line.endswith(b"\n") and len(line) < RECORD_BYTES:
                self._file.seek(start)
                break
            found.append(line.decode("utf-8", errors="replace"))
        return found

    def _rotated(self) -> bool:
        """Open the file anew if its name belongs to another file now, or it has shrunk."""
        try:
            status = self._path.stat()
            if status.st_ino == self._inode and status.st_size >= self._file.tell():
                return False
            fresh = self._path.open("rb")
        except OSError:
            return False
        self._file.close()
        self._file = fresh
        self._inode = os.fstat(fresh.fileno()).st_ino
        return True

    def position(self) -> dict[str, int]:
        return {"inode": self._inode, "offset": self._file.tell(), "number": self._number}

    def close(self) -> None:
        self._file.close()


def _local_zone() -> tzinfo:
    """The machine's: its own logs are written in it."""
    return datetime.now().astimezone().tzinfo or timezone.utc


def open_source(path: Path, clock: Clock, position: dict[str, int], *, any_facility: bool) -> LogSource:
    """The device or file at `path`, from `position` on. Raises OSError if it cannot be read."""
    if path.is_char_device():
        return KmsgDevice(path, clock, after_seq=position.get("seq"), any_facility=any_facility)
    return LogFile(
        path,
        clock,
        inode=position.get("inode"),
        offset=position.get("offset", 0),
        number=position.get("number", 0),
        any_facility=any_facility,
    )
