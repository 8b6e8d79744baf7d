"""Ticks on a fixed grid, with a phase of each host's own, so that a fleet does not send in one millisecond."""

from __future__ import annotations

import zlib

from clusterctl.clock import Clock


def phase_ms(host: str, period_ms: int) -> int:
    """Where on the grid this host ticks: the same on every start, spread evenly over hosts."""
    return zlib.crc32(host.encode()) % period_ms


class Ticker:
    """Grid points of the wall clock: multiples of the period, plus the phase."""

    def __init__(self, period_ms: int, phase: int, clock: Clock) -> None:
        self.period_ms = period_ms
        self.missed = 0
        """Grid points that passed while an earlier tick was still being served."""
        self._phase = phase
        self._clock = clock
        self._last = clock.now_ms()
        self._missed_before = 0

    @property
    def last_ms(self) -> int:
        """The last grid point served, or when the ticker was made."""
        return self._last

    def next_ms(self) -> int:
        """The next grid point after the last one served. Points that have passed meanwhile are counted, not served."""
        after = self._following(self._last)
        now = self._clock.now_ms()
        if now >= after + self.period_ms or after - now > self.period_ms:  # late, or the clock was set back
            upcoming = self._following(now)
            # asked again for the same point, it is the same gap
            self.missed = self._missed_before + max(0, (upcoming - after) // self.period_ms)
            after = upcoming
        return after

    def wait(self, until_ms: int, stop_after_s: float) -> bool:
        """Sleep towards `until_ms`, at most `stop_after_s`; whether it has come."""
        left_s = (until_ms - self._clock.now_ms()) / 1_000
        if left_s > 0:
            self._clock.sleep_s(min(left_s, stop_after_s))
        return self._clock.now_ms() >= until_ms

    def served(self, tick_ms: int) -> None:
        """This grid point is done."""
        self._last, self._missed_before = tick_ms, self.missed

    def owe_since(self, tick_ms: int) -> int:
        """Count the grid points between the last tick of an earlier run and the first of this one; how many."""
        ticks = max(0, (self._following(self._last) - tick_ms) // self.period_ms - 1)
        self.missed += ticks
        self._missed_before = self.missed
        return ticks

    def _following(self, ms: int) -> int:
        return (ms - self._phase) // self.period_ms * self.period_ms + self.period_ms + self._phase
