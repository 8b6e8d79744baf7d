"""A kernel-log line, whatever file it came from: its text, its time, and how far the time can be believed."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ESCAPE = re.compile(r"\\x([0-9a-fA-F]{2})")
_RECORD = re.compile(r"(\d{1,4}),(\d{1,18}),(\d{1,18}),([^;]*);(.*)", re.DOTALL | re.ASCII)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One record. `seq` orders it at its source; `ts_source` is kernel, wall, or estimated."""

    text: str
    seq: int
    ts_ms: int
    ts_source: str
    facility: int = 0


@dataclass(frozen=True, slots=True)
class RawRecord:
    """A record of /dev/kmsg, its time in microseconds of the kernel's clock since boot."""

    facility: int
    seq: int
    monotonic_us: int
    text: str


def raw_record(data: str) -> RawRecord | None:
    """`prio,seq,usec,flags[,…];message`, and lines of ` KEY=value` after it, which are left out; None if it is not one.

    Bytes outside printable ASCII come as `\\xNN` and are put back; a message of several lines stays one record."""
    match = _RECORD.match(data)
    if match is None:
        return None
    message = match[5].split("\n ", 1)[0].rstrip("\n")
    return RawRecord(int(match[1]) >> 3, int(match[2]), int(match[3]), unescape(message))


def unescape(text: str) -> str:
    """Put `\\xNN` bytes back, as UTF-8 where they are that."""
    if "\\x" not in text:
        return text
    raw = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    try:
        return raw.encode("latin-1").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return raw
