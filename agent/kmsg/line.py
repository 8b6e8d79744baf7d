"""A kernel-log line, whatever file it came from: its text, its time, and how far the time can be believed."""

from __future__ import annotations

import re

import msgspec

_ESCAPE = re.compile(r"\\x([0-9a-fA-F]{2})")
_RECORD = re.compile(r"(\d{1,4}),(\d{1,18}),(\d{1,18})(?:,[^;]*)?;(.*)", re.DOTALL | re.ASCII)


class LogLine(msgspec.Struct, frozen=True, gc=False):
    """One record. `seq` orders it at its source; `ts_source` is kernel, wall, or estimated."""

    text: str
    seq: int
    ts_ms: int
    ts_source: str
    facility: int = 0


class RawRecord(msgspec.Struct, frozen=True, gc=False):
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
    priority, seq, monotonic_us, message = match.groups()
    message = message.partition("\n ")[0].rstrip("\n")
    return RawRecord(int(priority) >> 3, int(seq), int(monotonic_us), unescape(message))


def unescape(text: str) -> str:
    """Put `\\xNN` bytes back, as UTF-8 where they are that."""
    if "\\x" not in text:
        return text
    raw = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    try:
        return raw.encode("latin-1").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return raw


def as_text(data: bytes) -> str:
    """The text of any bytes: what is not UTF-8 becomes the replacement character."""
    return data.decode("utf-8", errors="replace")
