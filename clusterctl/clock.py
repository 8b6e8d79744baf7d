"""The two clocks: wall time for stamps, monotonic time for durations. Everything that waits takes a `Clock`."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Protocol

MS_PER_S = 1_000
MS_PER_MINUTE = 60_000
MS_PER_DAY = 86_400_000


class Clock(Protocol):
    """What the product knows of time; tests turn it by hand."""

    def now_ms(self) -> int:
        """UTC milliseconds since 1970; may step."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that only grow."""
        ...

    def sleep_s(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own clocks."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()

    def sleep_s(self, seconds: float) -> None:
        time.sleep(seconds)


def utc(ms: int) -> datetime:
    """The aware datetime of `ms`, in UTC."""
    return datetime.fromtimestamp(ms / MS_PER_S, tz=timezone.utc)


def to_ms(moment: datetime) -> int:
    """Milliseconds of an aware datetime; refuses a naive one, whose zone nobody knows."""
    if moment.tzinfo is None:
        raise ValueError("a datetime without a zone has no place on the time line")
    delta = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (delta.days * 86_400 + delta.seconds) * MS_PER_S + delta.microseconds // 1_000


def iso_text(moment: datetime) -> str:
    """ISO 8601 with milliseconds and a Z, as reports write times. Takes UTC."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
