"""When this boot began, in wall time: what places a kernel stamp on the calendar."""

from __future__ import annotations

from clusterctl.clock import MS_PER_S, Clock

STEADY_MS = 20
"""Two readings of two clocks differ by a millisecond or so; beyond this the wall clock has been set."""


class BootTime:
    """Measured at every reading and kept while it moves by no more than `STEADY_MS`, so that one record always gets the
    same time, across restarts too if `saved_ms` is given."""

    def __init__(self, clock: Clock, saved_ms: int | None = None) -> None:
        self._clock = clock
        self._ms = saved_ms

    def ms(self) -> int:
        """Milliseconds since 1970."""
        measured = round(self._clock.now_ms() - self._clock.monotonic_s() * MS_PER_S)
        if self._ms is None or abs(measured - self._ms) > STEADY_MS:
            self._ms = measured
        return self._ms
