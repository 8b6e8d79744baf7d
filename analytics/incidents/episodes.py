"""Stage 1: raw signals become error episodes. Pure; the rule is in docs/kpi.md.

A signal joins the open episode of its device and code if it begins at most `gap_ms` after the previous one ended.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

from clusterctl.catalog import NVLINK5_CODES
from clusterctl.clock import MS_PER_DAY

NVML = "nvml"
ECHO_MS = 75_000
"""An event is read at the next tick, at most a minute later."""
LINES = 256
"""More lines of one episode differ by nothing but link and process."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One event row: `count` raw signals of one device and code between `first_ms` and `last_ms`."""

    node: str
    device: str
    kind: str
    code: str
    severity: str
    first_ms: int
    last_ms: int
    count: int
    text: str = ""
    source: str = ""
    driver_version: str = ""
    element: str = ""
    """Fabric element that it names: a switch, a spine port, a PDU."""
    job_id: str = ""


@dataclass(frozen=True, slots=True)
class Episode:
    """Signals of one device and code without a longer gap."""

    node: str
    device: str
    kind: str
    code: str
    severity: str
    first_ms: int
    last_ms: int
    signals: int
    text: str
    driver_version: str = ""
    lines: tuple[str, ...] = ()
    """The distinct texts of a code whose words say more than its number, at most LINES."""
    element: str = ""
    job_id: str = ""


def _code(signal: Signal) -> tuple[str, str]:
    """A GPU that falls off the bus prints with or without its Xid: both are 79."""
    return ("xid", "79") if signal.kind == "gpu_off_bus" else (signal.kind, signal.code)


def _identity(signal: Signal) -> tuple[str, str, str, str]:
    return (signal.node, signal.device, *_code(signal))


def episodes(signals: Iterable[Signal], gap_ms: int, longest_ms: int = MS_PER_DAY) -> list[Episode]:
    """All episodes, ordered by their first signal. The order of `signals` does not matter, exact repeats do not count."""
    distinct = sorted(_without_echoes(set(signals)), key=lambda s: (*_identity(s), s.first_ms, s.last_ms, s.text))
    found = [
        episode for _, same in groupby(distinct, key=_identity) for episode in _cut(list(same), gap_ms, longest_ms)
    ]
    return sorted(found, key=lambda e: (e.first_ms, e.node, e.device, e.kind, e.code))


def _without_echoes(signals: set[Signal]) -> Iterator[Signal]:
    """NVML reports the Xid that the kernel log has already printed, when it is polled: the log's word counts."""
    logged: dict[tuple[str, str, str, str], list[int]] = defaultdict(list)
    for signal in signals:
        if signal.source != NVML:
            logged[_identity(signal)].append(signal.first_ms)
    for times in logged.values():
        times.sort()
    for signal in signals:
        if signal.source != NVML or not _is_near(signal.first_ms, logged.get(_identity(signal), ())):
            yield signal


def _is_near(at_ms: int, times: Sequence[int]) -> bool:
    place = bisect_left(times, at_ms - ECHO_MS)
    return place < len(times) and times[place] <= at_ms + ECHO_MS


def _cut(signals: list[Signal], gap_ms: int, longest_ms: int) -> Iterator[Episode]:
    run = [signals[0]]
    last_ms = signals[0].last_ms
    for signal in signals[1:]:
        if signal.first_ms - last_ms > gap_ms or signal.first_ms - run[0].first_ms >= longest_ms:
            yield _episode(run, last_ms)
            run, last_ms = [], signal.last_ms
        run.append(signal)
        last_ms = max(last_ms, signal.last_ms)
    yield _episode(run, last_ms)


def _episode(run: list[Signal], last_ms: int) -> Episode:
    first = run[0]
    kind, code = _code(first)
    severity = "fail" if any(signal.severity == "fail" for signal in run) else first.severity
    return Episode(
        first.node,
        first.device,
        kind,
        code,
        severity,
        first.first_ms,
        last_ms,
        sum(signal.count for signal in run),
        first.text,
        next((signal.driver_version for signal in run if signal.driver_version), ""),
        _lines(run) if kind == "xid" and code in NVLINK5_CODES else (),
        next((signal.element for signal in run if signal.element), ""),
        next((signal.job_id for signal in run if signal.job_id), ""),
    )


def _lines(run: list[Signal]) -> tuple[str, ...]:
    return tuple(islice(dict.fromkeys(signal.text for signal in run), LINES))
