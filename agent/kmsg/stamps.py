"""When a line of a file was written. Times come in many shapes: ISO and syslog stamps are wall time (a syslog stamp has no
year: the latest that is not in the future is taken), `[  123.456]` counts from boot. Where only the latter is there,
`boot_ms` places it; without that the file's own age does, and the line says that its time is estimated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timezone, tzinfo

import msgspec

from clusterctl.agent.kmsg.line import LogLine
from clusterctl.clock import to_ms, utc
from clusterctl.errors import InputError
from clusterctl.timetext import parse_time

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:[.,]\d{1,9})?(?:Z|[+-]\d{2}:?\d{2})?", re.ASCII)
_SYSLOG = re.compile(
    r"(?P<month>[A-Z][a-z]{2}) +(?P<day>\d{1,2}) (?P<time>\d{2}:\d{2}:\d{2})(?: (?P<year>\d{4}))?", re.ASCII
)
_MONOTONIC = re.compile(r"\[ *(\d{1,10})\.(\d{6})\]", re.ASCII)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}
_HEAD = 160
"""A stamp stands at the head of a line; digits further on are someone's data."""


class Stamp(msgspec.Struct, frozen=True, gc=False):
    """What a line says of its time: wall milliseconds, or milliseconds since boot, or nothing."""

    wall_ms: int | None = None
    boot_ms: int | None = None


class FileLine(msgspec.Struct, frozen=True, gc=False):
    """A line of a file before its time is placed."""

    number: int
    text: str
    stamp: Stamp
    facility: int = 0


def stamp_of(line: str, now_ms: int, zone: tzinfo = timezone.utc) -> Stamp:
    """The time at the head of a text line."""
    head = line[:_HEAD]
    iso = _ISO.search(head)
    if iso:
        try:
            return Stamp(wall_ms=parse_time(iso[0], zone))
        except InputError:
            return Stamp()
    syslog = _SYSLOG.search(head)
    if syslog and syslog["month"] in _MONTHS:
        wall = _syslog_ms(syslog, now_ms, zone)
        if wall is not None:
            return Stamp(wall_ms=wall)
    monotonic = _MONOTONIC.search(head)
    return Stamp(boot_ms=int(monotonic[1]) * 1_000 + int(monotonic[2]) // 1_000) if monotonic else Stamp()


def _syslog_ms(match: re.Match[str], now_ms: int, zone: tzinfo) -> int | None:
    hour, minute, second = (int(part) for part in match["time"].split(":"))
    this_year = utc(now_ms).year
    for year in (int(match["year"]),) if match["year"] else (this_year, this_year - 1):
        try:
            moment = datetime(
                year, _MONTHS[match["month"]], int(match["day"]), hour, minute, min(second, 59), tzinfo=zone
            )
            wall_ms = to_ms(moment)
        except (ValueError, OverflowError):
            continue
        if match["year"] or wall_ms <= now_ms + 86_400_000:
            return wall_ms
    return None


def place(lines: list[FileLine], captured_ms: int, boot_ms: int | None) -> Iterator[LogLine]:
    """Give every line a time. Stamps since boot count from `boot_ms`, or, if that is not known, such that the latest of
    them falls on `captured_ms`; a line without any stamp has the time of the line before it."""
    latest = max((line.stamp.boot_ms for line in lines if line.stamp.boot_ms is not None), default=0)
    exact = boot_ms is not None
    zero_ms = boot_ms if boot_ms is not None else captured_ms - latest
    last_ms = next((line.stamp.wall_ms for line in lines if line.stamp.wall_ms is not None), captured_ms)
    for line in lines:
        if line.stamp.wall_ms is not None:
            last_ms, source = line.stamp.wall_ms, "wall"
        elif line.stamp.boot_ms is not None:
            last_ms, source = zero_ms + line.stamp.boot_ms, "kernel" if exact else "estimated"
        else:
            source = "estimated"
        yield LogLine(line.text, line.number, last_ms, source, line.facility)
