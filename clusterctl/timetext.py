"""Times as people and files write them."""

from __future__ import annotations

import re
from datetime import datetime, timezone, tzinfo

from clusterctl.clock import to_ms
from clusterctl.errors import InputError

_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*(m|min|h|d|w)", re.IGNORECASE)
_UNIT_MS = {"m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_FRACTION = re.compile(r"[.,](\d{1,9})")


def parse_time(text: str, zone: tzinfo = timezone.utc) -> int:
    """UTC milliseconds of an ISO 8601 date or time; without a zone it is of `zone`. Raises InputError."""
    given = text.strip()
    normal = _FRACTION.sub(lambda match: "." + match[1][:6].ljust(6, "0"), given, count=1)
    if normal[-1:] in ("Z", "z"):
        normal = normal[:-1] + "+00:00"
    normal = re.sub(r"([+-]\d{2})(\d{2})$", r"\1:\2", normal)
    try:
        moment = datetime.fromisoformat(normal)
    except ValueError as error:
        raise InputError(
            f"not a time: {given[:64]!r}", hint="write 2026-11-01, 2026-11-01T10:00 or 2026-11-01T10:00:00+08:00"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    try:
        return to_ms(moment)
    except OverflowError as error:
        raise InputError(f"not a time: {given[:64]!r}") from error


def parse_moment(text: str, now_ms: int) -> int:
    """As `parse_time`, or a span before now: 90m, 24h, 30d, 4w. Raises InputError."""
    match = _AGO.fullmatch(text.strip())
    if match:
        span_ms = float(match[1]) * _UNIT_MS[match[2].lower()]
        if span_ms > now_ms:
            raise InputError(f"{text[:64]!r} reaches back before 1970")
        return now_ms - int(span_ms)
    if text.strip().lower() == "now":
        return now_ms
    return parse_time(text)
