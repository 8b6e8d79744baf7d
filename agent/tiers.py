"""What is due at a tick: everything fast, and every so often what is slower. Declared once, for GPUs, ports and host."""

from __future__ import annotations

import zlib

FAST, MEDIUM, SLOW = 0, 1, 2
"""Each tick, every 10 s, every 60 s with the defaults; a level has all below it."""


class Tiers:
    """Levels by the grid of the wall clock, shifted for each host, so that a fleet's slow work is spread."""

    def __init__(self, host: str, medium_ms: int, slow_ms: int) -> None:
        self._offset = zlib.crc32(host.encode(), 7)
        self._periods = {MEDIUM: medium_ms, SLOW: slow_ms}
        self._last: dict[int, int] = {}

    def level(self, tick_ms: int) -> int:
        """The level of this tick; the first one is a slow one. Call it once a tick."""
        level = FAST
        for tier, period_ms in self._periods.items():
            number = (tick_ms + self._offset) // period_ms
            if self._last.get(tier) != number:
                self._last[tier] = number
                level = max(level, tier)
        return level
