"""What the next run has to know of this one: the last tick, the minute it was in, and how many GPUs the bus once had.

One small record, written in place each tick: a SIGKILL costs the tick in hand, and the next run counts the gap.
"""

from __future__ import annotations

import logging
import os
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger(__name__)
_BODY = struct.Struct("<36sqqqqqqB")
_SUM = struct.Struct("<I")
_BOOT = 36


class LastRun(NamedTuple):
    """`clean` means that the run ended by itself."""

    last_tick_ms: int
    minute_ms: int
    first_tick_ms: int
    ticks_done: int
    log_records_lost: int
    gpus_on_bus_most: int
    clean: bool


class StateFile:
    """Raises OSError when the file cannot be opened; a disk that is full later costs only the memory of the gap."""

    def __init__(self, path: Path, boot_id: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._boot = boot_id.encode("ascii", errors="replace")[:_BOOT].ljust(_BOOT, b"\0")
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._failing = False
        self.before = self._read()
        """The run before this one, if it was in the same boot."""

    def _read(self) -> LastRun | None:
        data = os.pread(self._fd, _BODY.size + _SUM.size, 0)
        body = data[: _BODY.size]
        if len(data) < _BODY.size + _SUM.size or zlib.crc32(body) != _SUM.unpack(data[_BODY.size :])[0]:
            return None
        boot, tick, minute, first, done, lost, gpus, clean = _BODY.unpack(body)
        return LastRun(tick, minute, first, done, lost, gpus, bool(clean)) if boot == self._boot else None

    def write(self, run: LastRun) -> None:
        """Keep this. Torn writes are found by their checksum, and then there was no run before."""
        body = _BODY.pack(self._boot, *run)
        try:
            os.pwrite(self._fd, body + _SUM.pack(zlib.crc32(body)), 0)
        except OSError as error:
            if not self._failing:
                log.error("the state of this run cannot be kept: %s", error)
            self._failing = True
        else:
            self._failing = False

    def close(self) -> None:
        os.close(self._fd)
