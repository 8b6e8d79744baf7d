"""A clock that tests turn by hand."""

from __future__ import annotations


class HandClock:
    """Time passes when someone sleeps, or when the test says so."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._now_ms = float(now_ms)
        self._monotonic_s = 1_000.0

    def now_ms(self) -> int:
        return int(self._now_ms)

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def sleep_s(self, seconds: float) -> None:
        self._now_ms += seconds * 1_000
        self._monotonic_s += seconds

    def step_ms(self, ms: int) -> None:
        """The wall clock jumps; the monotonic one does not."""
        self._now_ms += ms
