"""Entries of the systemd journal: `-o json` lines, and the blocks of `-o export`, whose values may hold line breaks."""

from __future__ import annotations

import json
import re
from typing import Any

from clusterctl.agent.kmsg.line import as_text
from clusterctl.agent.kmsg.stamps import FileLine, Stamp

MAX_FIELDS = 256
MAX_VALUE = 65_536
_FIRST = re.compile(rb"__[A-Z_]{1,62}=")
_FIELD = re.compile(rb"([A-Z_][A-Z0-9_]{0,63})=")
_BINARY = re.compile(rb"[A-Z_][A-Z0-9_]{0,63}\r?\n?$")


class ExportBlock:
    """One entry of an export while its lines come in. A value with a line break is its name, eight bytes of length
    (little-endian), so many bytes, and a line break."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self._name = ""
        """Of the value with line breaks that is coming in."""
        self._value = bytearray()
        self._wanted = 0

    def take(self, line: bytes) -> bool:
        """Whether the line belongs to the entry."""
        if self._name:
            self._continue(line)
            return True
        if not self.fields and not _FIRST.match(line):
            return False
        field = _FIELD.match(line)
        if field is not None:
            self._keep(field[1].decode(), line[field.end() :].rstrip(b"\r\n"))
            return True
        if _BINARY.match(line):
            self._name = line.strip().decode()
            return True
        return False

    def _continue(self, line: bytes) -> None:
        self._value += line if line.endswith(b"\n") else line + b"\n"
        if len(self._value) >= 8 and not self._wanted:
            length = int.from_bytes(self._value[:8], "little")
            self._wanted = 8 + min(length, MAX_VALUE)
        if self._wanted and len(self._value) > self._wanted:
            self._keep(self._name, bytes(self._value[8 : self._wanted]))
            self._name, self._wanted = "", 0
            self._value.clear()

    def _keep(self, name: str, value: bytes) -> None:
        if len(self.fields) < MAX_FIELDS:
            self.fields[name] = as_text(value[:MAX_VALUE])

    def end(self) -> dict[str, str]:
        """The entry; the next one begins."""
        fields, self.fields = self.fields, {}
        self._name, self._wanted = "", 0
        self._value.clear()
        return fields

    @property
    def open(self) -> bool:
        """Whether an entry has begun and not ended."""
        return bool(self.fields or self._name)


def json_entry(line: str) -> dict[str, str] | None:
    """The fields of a JSON line; None if it is no journal entry. A message that is not UTF-8 comes as a list of bytes."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or "MESSAGE" not in fields:
        return None
    return {name: text for name, value in fields.items() if (text := _text(value)) is not None}


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value.encode("utf-8", errors="replace").decode("utf-8")
    if isinstance(value, list) and all(isinstance(byte, int) and 0 <= byte <= 255 for byte in value):
        return as_text(bytes(value))
    return None


def journal_line(number: int, fields: dict[str, str]) -> FileLine:
    """An entry as a line. What has not come through the kernel's transport is a program's word."""
    stamp = fields.get("_SOURCE_REALTIME_TIMESTAMP") or fields.get("__REALTIME_TIMESTAMP") or ""
    wall_ms = int(stamp) // 1_000 if stamp.isascii() and stamp.isdigit() and len(stamp) < 18 else None
    kernel = fields.get("_TRANSPORT", "kernel") == "kernel"
    return FileLine(number, fields.get("MESSAGE", ""), Stamp(wall_ms=wall_ms), 0 if kernel else 1)
