"""A part's turn at each tick, on a thread of its own: what can hang (a driver, a firmware, a dead mount) hangs alone."""

from __future__ import annotations

import threading
from collections.abc import Callable

from clusterctl.clock import Clock


class Beat:
    """`serve(tick_ms, level)` for the latest tick that was wanted. A tick that comes while another is being served waits, and
    one that still waits is replaced: its level is carried over, so that slow work is late and not lost."""

    def __init__(self, name: str, serve: Callable[[int, int], None], clock: Clock, *, from_level: int = 0) -> None:
        """Ticks below `from_level` are none of its business."""
        self.name = name
        self._from_level = from_level
        self.missed = 0
        """Ticks that were replaced."""
        self._serve = serve
        self._clock = clock
        self._wanted = threading.Event()
        self._turn = threading.Lock()
        self._next: tuple[int, int] | None = None
        self._busy_since_s: float | None = None

    def want(self, tick_ms: int, level: int) -> None:
        """Ask for one tick; returns at once."""
        if level < self._from_level:
            return
        with self._turn:
            if self._next is not None:
                self.missed += 1
                level = max(level, self._next[1])
            self._next = (tick_ms, level)
        self._wanted.set()

    def run(self, stop: threading.Event) -> None:
        """Serve until stopped; `wake` ends the wait."""
        while not stop.is_set():
            self._wanted.wait()
            self._wanted.clear()
            with self._turn:
                wanted, self._next = self._next, None
            if wanted is not None and not stop.is_set():
                self._busy_since_s = self._clock.monotonic_s()
                self._serve(*wanted)
                self._busy_since_s = None

    def wake(self) -> None:
        """Look at `stop`."""
        self._wanted.set()

    def busy_s(self) -> float:
        """For how long the tick in hand has been served; 0 when there is none."""
        since = self._busy_since_s
        return 0.0 if since is None else self._clock.monotonic_s() - since
