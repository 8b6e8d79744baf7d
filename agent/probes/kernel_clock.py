"""How well the kernel's clock is kept, through adjtimex(2) with nothing to set: needs no privilege and changes nothing."""

from __future__ import annotations

import ctypes
import struct
from typing import Any

STA_UNSYNC = 0x0040
STA_NANO = 0x2000
"""Offsets are in nanoseconds; without it in microseconds."""
TIME_ERROR = 5
NS_PER_US = 1_000
_TIMEX_BYTES = 256
_HEAD = struct.Struct("@Illlli")
"""modes, offset, frequency, maximum error, estimated error, status: the rest is not needed."""


_MISSING: dict[str, int | None] = dict.fromkeys(("clock_synchronized", "clock_offset_us", "clock_max_error_us"))


class KernelClock:
    """Reads the clock's state; all is missing where the call is forbidden."""

    def __init__(self) -> None:
        self._buffer = ctypes.create_string_buffer(_TIMEX_BYTES)
        try:
            self._adjtimex: Any = ctypes.CDLL(None).adjtimex
        except (OSError, AttributeError):  # a C library without it
            self._adjtimex = None

    def read(self) -> dict[str, int | None]:
        """Columns of the clock."""
        if self._adjtimex is None:
            return dict(_MISSING)
        ctypes.memset(self._buffer, 0, _TIMEX_BYTES)
        state = self._adjtimex(self._buffer)
        if state < 0:
            return dict(_MISSING)
        _modes, offset, _frequency, max_error_us, _estimate, status = _HEAD.unpack_from(self._buffer)
        return clock_columns(state, offset, max_error_us, status)


def clock_columns(state: int, offset: int, max_error_us: int, status: int) -> dict[str, int | None]:
    """Columns from what the kernel says. The offset is what a time daemon last gave the kernel to slew away; daemons
    that steer the frequency instead, such as chrony, leave it at zero."""
    offset_us = int(offset / NS_PER_US) if status & STA_NANO else offset
    return {
        "clock_synchronized": int(state != TIME_ERROR and not status & STA_UNSYNC),
        "clock_offset_us": offset_us if -(2**31) <= offset_us < 2**31 else None,
        "clock_max_error_us": max_error_us if 0 <= max_error_us < 2**32 else None,
    }
