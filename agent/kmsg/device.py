"""Live kernel lines from /dev/kmsg, and the choice between it and a file. Both go on where the last run stopped."""

from __future__ import annotations

import errno
import os
import select
from pathlib import Path
from typing import Protocol

from clusterctl.agent.kmsg.boottime import BootTime
from clusterctl.agent.kmsg.line import LogLine, as_text, raw_record
from clusterctl.agent.kmsg.tail import LogFile
from clusterctl.clock import Clock

RECORD_BYTES = 8_192
PASSED = frozenset({errno.EPIPE, errno.EINVAL})
"""The kernel has gone on: records were overwritten, or one was larger than any that it prints."""
MAX_RECORDS = 2_000
"""A read takes at most this many, so that a storm cannot keep the thread from everything else."""


class LogSource(Protocol):
    """Where kernel lines come from."""

    lost: int
    """Records that were overwritten before they were read."""

    def read(self, timeout_s: float) -> list[LogLine]:
        """Lines since the last call; waits up to `timeout_s` for the first. Raises OSError when the source has gone."""
        ...

    def position(self) -> dict[str, int]:
        """What `open_source` needs to go on from here after a restart."""
        ...

    def close(self) -> None: ...


class KmsgDevice:
    """The kernel's ring buffer. Raises OSError when it cannot be opened."""

    def __init__(
        self, path: Path, clock: Clock, *, after_seq: int | None, any_facility: bool, boot: BootTime | None = None
    ) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._boot = boot or BootTime(clock)
        self._any_facility = any_facility
        self._after = after_seq
        self.lost = 0
        self._first = self._probe()
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)

    def _probe(self) -> bytes:
        """The first record, if there is one yet. A device that ends (containers have /dev/null here) is no kernel log."""
        try:
            data = os.read(self._fd, RECORD_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            if error.errno in PASSED:
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
            self._poll.poll(timeout_s * 1_000)
        boot_ms = self._boot.ms()
        for _ in range(MAX_RECORDS):
            try:
                data = self._first or os.read(self._fd, RECORD_BYTES)
                self._first = b""
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno in PASSED:
                    continue  # the jump in the sequence tells how many
                raise
            line = self._line(data, boot_ms)
            if line is not None:
                lines.append(line)
        return lines

    def _line(self, data: bytes, boot_ms: int) -> LogLine | None:
        record = raw_record(as_text(data))
        if record is None or (self._after is not None and record.seq <= self._after):
            return None
        if self._after is not None and record.seq > self._after + 1:
            self.lost += record.seq - self._after - 1
        self._after = record.seq
        # user space cannot write facility 0: other records are someone's text, not the kernel's
        if record.facility and not self._any_facility:
            return None
        return LogLine(record.text, record.seq, boot_ms + record.monotonic_us // 1_000, "kernel", record.facility)

    def position(self) -> dict[str, int]:
        return {} if self._after is None else {"seq": self._after}

    def close(self) -> None:
        os.close(self._fd)


def open_source(
    path: Path, clock: Clock, position: dict[str, int], *, any_facility: bool, boot: BootTime | None = None
) -> LogSource:
    """The device or file at `path`, from `position` on. Raises OSError if it cannot be read."""
    if path.is_char_device():
        return KmsgDevice(path, clock, after_seq=position.get("seq"), any_facility=any_facility, boot=boot)
    return LogFile(
        path,
        clock,
        inode=position.get("inode"),
        offset=position.get("offset", 0),
        number=position.get("number", 0),
        any_facility=any_facility,
        boot=boot,
    )
