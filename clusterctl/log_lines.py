"""What goes to the journal: our lines all, a library's repeated line once in a while with its count.

kafka-python, while the coordinator of its group is down and the other brokers still name it, looks it up and warns in a loop
without a pause: thousands of lines a second, until nobody takes them any more and the collector waits in a write for ever.
"""

from __future__ import annotations

import logging
import threading

from clusterctl.clock import Clock, SystemClock

REPEATED_AFTER_S = 5.0
LIBRARY = "kafka"


class SeldomRepeated(logging.Filter):
    """Passes a line of a library at most once in REPEATED_AFTER_S, whatever it is filled with, and tells how many did not
    pass. What it keeps is bounded: one entry a log statement of the library."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__()
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, int], tuple[float, int]] = {}
        """By source line: when it last passed, and how many were held since."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.split(".", 1)[0] != LIBRARY:
            return True
        now_s, key = self._clock.monotonic_s(), (record.pathname, record.lineno)
        with self._lock:
            last_s, held = self._seen.get(key, (now_s - REPEATED_AFTER_S, 0))
            if now_s - last_s < REPEATED_AFTER_S:
                self._seen[key] = last_s, held + 1
                return False
            self._seen[key] = now_s, 0
        if held:
            record.msg, record.args = f"{record.getMessage()} (and {held} such lines before)", ()
        return True


def log_to_stderr(verbose: bool) -> None:
    """Log lines for the journal."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for handler in logging.getLogger().handlers:
        handler.addFilter(SeldomRepeated())
