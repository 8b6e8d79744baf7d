"""What the collector counts and holds. A name that is not in its list does not type-check."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Literal, get_args

from clusterctl.bus import Partition

MeterName = Literal[
    "records",  # messages read from the bus
    "rows",  # rows stored, as sent: a replayed block counts again
    "blocks",  # blocks settled
    "splits",  # blocks that had to be halved
    "dead_letters",  # messages that could not become rows
    "retries",  # attempts that failed and were repeated
    "retry_ms",  # time spent waiting for a repeat
    "pauses",  # times that fetching stopped because too much was held
    "abandoned",  # blocks given up because their partition moved on
    "replayed",  # blocks rebuilt from a note after a crash
]
"""Counts since the process began."""
GaugeName = Literal[
    "retry_wait_s",  # seconds for which the block that has waited longest has been repeated; 0 when none waits
    "blocks_in_flight",  # blocks promised and not settled
    "bytes_held",  # bytes of messages read and not settled
    "partitions",  # partitions that this collector owns
]
"""What holds now."""
COUNTERS: tuple[str, ...] = get_args(MeterName)
GAUGES: tuple[str, ...] = get_args(GaugeName)


class Meters:
    """Counts since the process began, and what holds now. Any thread may write or read."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._gauges: dict[str, float] = {}
        self._lag: dict[Partition, int] = {}

    def add(self, name: MeterName, amount: int = 1) -> None:
        with self._turn:
            self._counts[name] += amount

    def get(self, name: MeterName) -> int:
        with self._turn:
            return self._counts[name]

    def set(self, name: GaugeName, value: float) -> None:
        """What holds now; until it is first set, a gauge is not shown: nobody looked, which is not zero."""
        with self._turn:
            self._gauges[name] = value

    def set_lags(self, records: Mapping[Partition, int]) -> None:
        """Records still unread of the partitions that are ours."""
        with self._turn:
            self._lag = dict(records)

    def counts(self) -> dict[str, int]:
        """Every counter, those at zero included."""
        with self._turn:
            return {name: self._counts[name] for name in COUNTERS}

    def gauges(self) -> dict[str, float]:
        """Every gauge that was set."""
        with self._turn:
            return dict(self._gauges)

    def lags(self) -> dict[Partition, int]:
        """Unread records by topic and partition."""
        with self._turn:
            return dict(self._lag)

    def line(self) -> str:
        """All counts, for the log."""
        with self._turn:
            return " ".join(f"{name}={count}" for name, count in sorted(self._counts.items()))
