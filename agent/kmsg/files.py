"""Kernel lines from files: raw kmsg, dmesg or syslog text, and journal exports, told apart line by line.

What the kernel says as one record of several lines, a text file has as several: the three lines of a GPU that has fallen
off the bus are put together again, at the last of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import timezone, tzinfo
from typing import BinaryIO

from clusterctl.agent.kmsg.journal import ExportBlock, journal_line, json_entry
from clusterctl.agent.kmsg.line import as_text, raw_record
from clusterctl.agent.kmsg.nvidia import continues_off_bus, ends_off_bus, opens_off_bus
from clusterctl.agent.kmsg.stamps import FileLine, Stamp, place, stamp_of

__all__ = ["MAX_LINE", "FileLine", "LineReader", "Stamp", "place", "raw_lines", "read_lines", "stamp_of"]

MAX_LINE = 8_192
MAX_JSON = 262_144
"""A journal entry carries all its fields in one line."""
_DAEMON = re.compile(
    r"(?:<\d{1,3}>)?(?:\S{3,5} +\d{1,2} [\d:]{8}|\d{4}-\d\d-\d\dT\S+) (?:\S*[^\s:] )?[\w./@-]+\[\d+\]: "
)
"""A syslog line with a process id is a program's word, whatever it says of the kernel."""
_PRIORITY = re.compile(r"<(\d{1,3})>")
_FACILITY = re.compile(
    r"(?:[\d.]+: )?(user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|ftp) *: *"
    r"(?:emerg|alert|crit|err|warn|notice|info|debug)\w* *: "
)
"""`dmesg -x` and Talos name the facility in words."""
_NO_STAMP = Stamp()


class LineReader:
    """Turns the raw lines of one file into kernel lines. A stamp without a zone is of `zone`; without `stamps` no times
    are looked for."""

    def __init__(self, now_ms: int, zone: tzinfo = timezone.utc, *, stamps: bool = True) -> None:
        self.now_ms = now_ms
        self._zone = zone
        self._stamps = stamps
        self._block = ExportBlock()
        self._lost: list[str] = []
        """The first lines of what may be a GPU that fell off the bus."""

    @property
    def pending(self) -> bool:
        """Whether lines have been taken that only count together with what follows."""
        return self._block.open or bool(self._lost)

    def feed(self, number: int, raw: bytes) -> list[FileLine]:
        """What is complete with this line."""
        block = self._block
        if block.take(raw):
            return []
        found = [self._entry(number - 1)] if block.open else []
        if not raw.isspace() and raw:
            found.append(self._joined(self._one(number, raw)))
        return found

    def end(self, number: int) -> list[FileLine]:
        """What only the end of the file completes."""
        return [self._entry(number)] if self._block.open else []

    def _entry(self, number: int) -> FileLine:
        return self._joined(journal_line(number, self._block.end()))

    def _one(self, number: int, raw: bytes) -> FileLine:
        if raw.startswith(b"{"):
            entry = json_entry(as_text(raw))
            if entry is not None:
                return journal_line(number, entry)
        line = as_text(raw[:MAX_LINE].rstrip(b"\r\n"))
        if raw[:1].isdigit():
            record = raw_record(line)
            if record is not None:
                return FileLine(number, record.text, Stamp(boot_ms=record.monotonic_us // 1_000), record.facility)
        stamp = stamp_of(line, self.now_ms, self._zone) if self._stamps else _NO_STAMP
        return FileLine(number, line, stamp, _facility(line))

    def _joined(self, line: FileLine) -> FileLine:
        """The line; the last of the three with the two before it."""
        text = line.text
        if "NVRM" not in text:
            self._lost.clear()
        elif ends_off_bus(text) and self._lost:
            line = FileLine(line.number, "\n".join((*self._lost, text)), line.stamp, line.facility)
            self._lost.clear()
        elif opens_off_bus(text):
            self._lost = [text]
        elif self._lost and continues_off_bus(text) and len(self._lost) < 3:
            self._lost.append(text)
        else:
            self._lost.clear()
        return line


def _facility(line: str) -> int:
    """0 for the kernel's own lines, as far as a text line tells."""
    if line.startswith("<"):
        priority = _PRIORITY.match(line)
        if priority is not None and int(priority[1]) >> 3:
            return int(priority[1]) >> 3
    if _DAEMON.match(line) or _FACILITY.match(line):
        return 1
    return 0


def raw_lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file in constant memory: of a line beyond `MAX_JSON` bytes only the head."""
    while raw := file.readline(MAX_JSON):
        yield raw
        while raw and not raw.endswith(b"\n"):
            raw = file.readline(MAX_JSON)


def read_lines(lines: Iterable[str | bytes], now_ms: int, zone: tzinfo = timezone.utc) -> Iterator[FileLine]:
    """Every line with its text and stamp; a stamp without a zone is of `zone`. Blocks of a journal export become one line."""
    reader = LineReader(now_ms, zone)
    number = 0
    for number, raw in enumerate(lines, start=1):
        yield from reader.feed(number, raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogateescape"))
    yield from reader.end(number)
