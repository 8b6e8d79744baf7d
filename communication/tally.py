"""Adds up the calls of a log by collective and size."""

from __future__ import annotations

from dataclasses import dataclass, field

from clusterctl.communication.collectives import shape_of, size_class
from clusterctl.communication.model import LogCalls

MAX_NAMES = 1_000
OTHERS = "others"


@dataclass
class _Sum:
    calls: int = 0
    message_bytes: int = 0
    bus_bytes: float = 0.0
    time_ns: int = 0


@dataclass
class Tally:
    """Bounded: past `MAX_NAMES` names the rest is one."""

    _sums: dict[tuple[str, str], _Sum] = field(default_factory=dict)

    def add(self, name: str, message_bytes: int | None, ranks: int | None, time_ns: int | None) -> float | None:
        """Count a call; its bus bandwidth in 1e9 bytes/s where time, size and ranks are known."""
        shape = shape_of(name)
        key = (shape.name if shape.name != "other" else name[:100], size_class(message_bytes))
        if key not in self._sums and len(self._sums) >= MAX_NAMES:
            key = (OTHERS, OTHERS)
        total = self._sums.setdefault(key, _Sum())
        total.calls += 1
        total.message_bytes += message_bytes or 0
        if not message_bytes or not time_ns or not (ranks or not (shape.ring or shape.times_ranks)):
            return None
        bus_bytes = shape.bus_bytes(message_bytes, ranks or 1)
        total.bus_bytes += bus_bytes
        total.time_ns += time_ns
        return bus_bytes / time_ns

    def rows(self) -> list[LogCalls]:
        """The most bytes first."""
        made = [
            LogCalls(
                collective=name,
                size=size,
                calls=total.calls,
                message_bytes=total.message_bytes,
                busbw_gbs=total.bus_bytes / total.time_ns if total.time_ns else None,
            )
            for (name, size), total in self._sums.items()
        ]
        return sorted(made, key=lambda row: (-row.message_bytes, row.collective, row.size))
