"""From kernel lines to event rows: parsed, bounded, and a storm of equal ones coalesced with its count."""

from __future__ import annotations

import json
from collections.abc import Iterable

import msgspec

from clusterctl.agent.kmsg.grammar import parse
from clusterctl.agent.kmsg.line import LogLine
from clusterctl.agent.kmsg.parsed import Parsed
from clusterctl.schema import EVENT
from clusterctl.schema.field import LATEST_MS

MAX_TEXT = 1_024
MAX_NAME = 200
UNCOUNTED = frozenset({"sxid_detail"})
"""Lines that belong to the one before them."""
HOLD_MS = 2_000
MAX_HELD = 1_024


def event_row(
    line: LogLine,
    parsed: Parsed,
    *,
    source: str,
    last_ms: int | None = None,
    count: int = 1,
    gpu_uuid: str = "",
    driver_version: str = "",
) -> msgspec.Struct:
    """One row of `event`. A time that no calendar has is moved to the nearest one that the wire carries."""
    ts_ms = min(max(line.ts_ms, 0), LATEST_MS)
    return EVENT.row(
        ts=ts_ms,
        last_ts=min(max(ts_ms, last_ms or 0), LATEST_MS),
        count=count,
        kind=parsed.kind,
        code=parsed.code[:MAX_NAME],
        severity=parsed.severity,
        source=source,
        source_seq=line.seq,
        pci=parsed.pci[:MAX_NAME],
        gpu_uuid=gpu_uuid,
        process=printable(parsed.process)[:MAX_NAME],
        driver_version=driver_version,
        ts_source=line.ts_source,
        text=printable(line.text)[:MAX_TEXT],
        fields=json.dumps(parsed.fields, sort_keys=True)[:MAX_TEXT],
        pid=parsed.pid if parsed.pid is not None and parsed.pid < 2**31 else None,
    )


def printable(text: str) -> str:
    """Without surrogates and NUL, which no store wants; other control characters are the reader's business."""
    return text.encode("utf-8", errors="replace").decode("utf-8").replace("\0", "")


class Coalescer:
    """The first of equal lines goes out at once; its repeats within `HOLD_MS` go out together, with their count.

    Equal means same kind, code, address and process. What is held is bounded: beyond `MAX_HELD` kinds of lines the
    oldest go out early."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._held: dict[tuple[str, ...], tuple[LogLine, Parsed, int, int]] = {}
        self._sent: dict[tuple[str, ...], int] = {}

    def take(self, lines: Iterable[LogLine]) -> list[msgspec.Struct]:
        """Rows to send now."""
        rows = []
        for line in lines:
            parsed = parse(line.text)
            if parsed is None or parsed.kind in UNCOUNTED:
                continue
            key = (parsed.kind, parsed.code, parsed.pci, parsed.process)
            sent = self._sent.get(key)
            if sent is None or not 0 <= line.ts_ms - sent < HOLD_MS:
                rows += self._release(key)
                self._sent[key] = line.ts_ms
                rows.append(event_row(line, parsed, source=self._source))
            else:
                first, kept, count, last = self._held.get(key, (line, parsed, 0, 0))
                self._held[key] = (first, kept, count + 1, max(last, line.ts_ms))
        while len(self._held) > MAX_HELD:
            rows += self._release(next(iter(self._held)))
        if len(self._sent) > MAX_HELD:
            self._sent = dict(list(self._sent.items())[-MAX_HELD:])
        return rows

    def flush(self, now_ms: int | None = None) -> list[msgspec.Struct]:
        """Rows held for longer than `HOLD_MS`; all of them when no time is given."""
        due = [key for key, (first, *_) in self._held.items() if now_ms is None or now_ms - first.ts_ms >= HOLD_MS]
        return [row for key in due for row in self._release(key)]

    def _release(self, key: tuple[str, ...]) -> list[msgspec.Struct]:
        held = self._held.pop(key, None)
        if held is None:
            return []
        first, parsed, count, last = held
        return [event_row(first, parsed, source=self._source, last_ms=last, count=count)]
