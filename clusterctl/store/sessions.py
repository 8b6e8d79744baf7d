"""Sessions for reads under bounds: a few at work at once, the idle ones kept for the next read."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from clusterctl.errors import StoreUnavailable
from clusterctl.store import Bounds

READERS = 2
"""Planning a report's query takes one core longer than running it does: one read leaves the others idle."""


class Sessions:
    """Gives each reader a session that nobody else has meanwhile; `opened` makes one under its bounds."""

    def __init__(self, opened: Callable[[Bounds], Any]) -> None:
        self._opened = opened
        self._at_work = threading.Semaphore(READERS)
        self._idle: deque[tuple[Bounds, Any]] = deque()
        self._turn = threading.Lock()
        self._closed = False

    @contextmanager
    def one(self, bounds: Bounds) -> Iterator[Any]:
        """A session, once fewer than READERS are at work. Raises StoreUnavailable after `close`."""
        with self._at_work:
            session = self._taken(bounds) or self._opened(bounds)
            try:
                yield session
            finally:
                self._put_back(bounds, session)

    def _taken(self, bounds: Bounds) -> Any:
        with self._turn:
            if self._closed:
                raise StoreUnavailable("the embedded engine has been closed")
            for entry in self._idle:
                if entry[0] == bounds:
                    self._idle.remove(entry)
                    return entry[1]
        return None

    def _put_back(self, bounds: Bounds, session: Any) -> None:
        with self._turn:
            self._idle.append((bounds, session))
            if len(self._idle) > READERS:
                self._idle.popleft()[1].close()

    def close(self) -> None:
        """Wait for reads at work, which their bounds end, and close what is idle then."""
        with self._turn:
            self._closed = True
        for _ in range(READERS):
            self._at_work.acquire()
        for _, session in self._idle:
            session.close()
        self._idle.clear()
        for _ in range(READERS):
            self._at_work.release()
