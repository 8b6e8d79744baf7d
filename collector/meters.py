"""What the collector counts. A name that is not in the list does not type-check."""

from __future__ import annotations

from collections import Counter
from typing import Literal

MeterName = Literal[
    "records",  # messages read from the bus
    "rows",  # rows stored, as sent: a replayed block counts again
    "blocks",  # blocks settled
    "splits",  # blocks that had to be halved
    "dead_letters",  # messages that could not become rows
    "retries",  # attempts that failed and were repeated
    "retry_ms",  # time spent waiting for a repeat
    "abandoned",  # blocks given up because their partition moved on
    "replayed",  # blocks rebuilt from a note after a crash
]


class Meters:
    """Counts since the process began."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, name: MeterName, amount: int = 1) -> None:
        self._counts[name] += amount

    def get(self, name: MeterName) -> int:
        return self._counts[name]

    def line(self) -> str:
        """All of them, for the log."""
        return " ".join(f"{name}={count}" for name, count in sorted(self._counts.items()))
