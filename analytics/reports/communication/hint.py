"""A guess at what makes a job wait for its network, from how its own trend moved. Pure. A hint is a hint: pages say so."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from clusterctl.analytics.communication.grade import Grade
from clusterctl.analytics.reports.communication.queries import TrendRow
from clusterctl.analytics.reports.model_comm import Hint

NETWORK, SLOW_PEER, CONFIGURATION, UNKNOWN, NONE = "network", "slow peer", "configuration", "unknown", "none"
MIN_POINTS = 4
"""Of a stretch: two earlier and two later ones."""
GREW, GREW_SHARE = 0.02, 0.25
"""A part grew if its later mean is above the earlier one by two points of the step and by a quarter of itself."""
HIGH = 0.12
"""An exposed share that the whole interval is above is high, whatever its trend."""
NORMAL_BUSBW = 0.9
"""Of the earlier bus bandwidth: above it the network is as it was."""
LATE_SHARE = 0.5
"""One rank is late at more than this share of the later points."""
CONGESTED = 2.0
"""Times of waiting for credits on all ports together, against the earlier day."""
TELLING = frozenset(grade.value for grade in Grade if grade.has_point)
"""Grades whose course says something."""
MAX_LATE = 64
"""Ranks of a point that are counted."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports of the job's nodes on the earlier and the later day: growth of errors and of waiting for leave to send."""

    errors_before: int
    errors_after: int
    waits_before: int
    waits_after: int

    @property
    def erred(self) -> bool:
        """More errors than before."""
        return self.errors_after > self.errors_before

    @property
    def congested(self) -> bool:
        """Much more waiting than before."""
        return self.waits_after > CONGESTED * self.waits_before and self.waits_after > 0


def late_ranks(row: TrendRow) -> list[str]:
    """Who was late at a point, each once."""
    return list(dict.fromkeys(filter(None, (name.strip() for name in row.late_ranks.split(",")))))[:MAX_LATE]


def halves(rows: Sequence[TrendRow]) -> tuple[Sequence[TrendRow], Sequence[TrendRow]]:
    """The earlier and the later points of a stretch."""
    middle = len(rows) // 2
    return rows[:middle], rows[middle:]


def transfer_grew(rows: Sequence[TrendRow]) -> bool:
    """Whether what moves bytes takes more of the step than before: then the ports are worth a question."""
    return len(rows) >= MIN_POINTS and _grew(*_means(rows, "transfer"))


def hint_of(rows: Sequence[TrendRow], ports: Ports | None, slow_port: str = "", slow_unit: str = "") -> Hint:
    """Compares the later half of one stretch (one source, grade, calibration and configuration) with its earlier half.

    - network: exposed transfer grew, and errors or congestion of the job's ports grew too, or a port was found slow.
    - slow peer: waiting grew, and one rank is late at more than half of the later points, or a GPU or node was found slow.
    - configuration: the whole interval is above 12 %, neither part grew, and bus bandwidth holds 90 % of what it was.
    - none: nothing grew, and the interval is not above 12 %.
    - unknown: all else, with what is missing. `grew`: by two points and by a quarter. `ports` is None where none was read.
    """
    if rows and rows[0].held_grade not in TELLING:
        return Hint(UNKNOWN, rows[0].held_grade, "", ["a trace: the grade has bounds only"])
    if len(rows) < MIN_POINTS:
        return Hint(UNKNOWN, "", "", [f"a trend of at least {MIN_POINTS} points of one grade and configuration"])
    return replace(_judged(rows, ports, slow_port, slow_unit), grade=rows[0].held_grade)


def _judged(rows: Sequence[TrendRow], ports: Ports | None, slow_port: str, slow_unit: str) -> Hint:
    if transfer_grew(rows):
        return _network(rows, ports, slow_port)
    if _grew(*_means(rows, "wait")):
        return _slow_peer(rows, slow_unit)
    is_high = statistics.fmean(row.low or 0.0 for row in rows) > HIGH
    if (is_high or _grew(*_means(rows, "low"))) and (None in _means(rows, "wait") or None in _means(rows, "transfer")):
        return Hint(UNKNOWN, "", "", ["the split of the exposed time into waiting and transfer: a trace of all ranks"])
    return _configuration(rows) if is_high else Hint(NONE, "", "", [])


def _network(rows: Sequence[TrendRow], ports: Ports | None, slow_port: str) -> Hint:
    grew = _moved("transfer", *_means(rows, "transfer"))
    if slow_port:
        return Hint(NETWORK, "", f"{grew}; a port is slower than its peers", [])
    if ports is None:
        return Hint(UNKNOWN, "", grew, ["counters of the ports of its nodes"])
    seen = [word for word, is_so in (("errors", ports.erred), ("congestion", ports.congested)) if is_so]
    if not seen:
        return Hint(
            UNKNOWN, "", f"{grew}; ports of its nodes show no more errors or congestion", ["counters of the switches"]
        )
    return Hint(NETWORK, "", f"{grew}; more {' and '.join(seen)} on ports of its nodes", [])


def _slow_peer(rows: Sequence[TrendRow], slow_unit: str) -> Hint:
    grew = _moved("waiting", *_means(rows, "wait"))
    _earlier, later = halves(rows)
    counts = Counter(name for row in later for name in late_ranks(row))
    often = max(counts.values(), default=0)
    if often > LATE_SHARE * len(later):
        return Hint(SLOW_PEER, "", f"{grew}; one rank is late at {often} of {len(later)} later points", [])
    if slow_unit:
        return Hint(SLOW_PEER, "", f"{grew}; a node or GPU is slower than its peers", [])
    return Hint(UNKNOWN, "", grew, ["which rank is late: a trace of all ranks"])


def _configuration(rows: Sequence[TrendRow]) -> Hint:
    before, after = _means(rows, "busbw")
    if before is None or after is None:
        return Hint(UNKNOWN, "", "", ["bus bandwidth of collectives: a trace of all ranks"])
    if after < NORMAL_BUSBW * before:
        return Hint(
            UNKNOWN, "", "bus bandwidth fell, and neither transfer nor waiting grew", ["counters of the switches"]
        )
    return Hint(CONFIGURATION, "", "the exposed share is high and steady, at the bus bandwidth that it had before", [])


def _means(rows: Sequence[TrendRow], part: str) -> tuple[float | None, float | None]:
    """Of the earlier and the later half."""
    earlier, later = halves(rows)
    return _mean([getattr(row, part) for row in earlier]), _mean([getattr(row, part) for row in later])


def _mean(values: Sequence[float | None]) -> float | None:
    """Missing where one point does not tell: a mean of some is not a mean of all."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if len(known) == len(values) else None


def _grew(before: float | None, after: float | None) -> bool:
    return before is not None and after is not None and after - before > max(GREW, GREW_SHARE * before)


def _moved(what: str, before: float | None, after: float | None) -> str:
    return f"{what} grew from {100 * (before or 0.0):.1f} % to {100 * (after or 0.0):.1f} % of the step"
