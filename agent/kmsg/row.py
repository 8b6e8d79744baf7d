"""One kernel line as a row of `event`: bounded, printable, in the ranges that the wire carries."""

from __future__ import annotations

import json

import msgspec

from clusterctl.agent.kmsg.line import LogLine
from clusterctl.agent.kmsg.parsed import Parsed
from clusterctl.schema import EVENT
from clusterctl.schema.field import LATEST_MS

MAX_TEXT = 1_024
MAX_NAME = 200
MAX_DETAIL = 200
MAX_COUNT = 2**32 - 1
MAX_SEQ = 2**63 - 1


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
    return EVENT.struct(
        ts=ts_ms,
        last_ts=min(max(ts_ms, last_ms or 0), LATEST_MS),
        count=min(count, MAX_COUNT),
        kind=parsed.kind,
        code=printable(parsed.code)[:MAX_NAME],
        severity=parsed.severity,
        source=source,
        source_seq=min(max(line.seq, 0), MAX_SEQ),
        pci=parsed.pci[:MAX_NAME],
        gpu_uuid=gpu_uuid,
        process=printable(parsed.process)[:MAX_NAME],
        driver_version=driver_version,
        ts_source=line.ts_source,
        text=printable(line.text[:MAX_TEXT]),
        fields=details(parsed.fields),
        pid=parsed.pid if parsed.pid is not None and parsed.pid < 2**31 else None,
    )


def details(fields: dict[str, str]) -> str:
    """Details as a JSON object of at most `MAX_TEXT` characters, always whole: what does not fit is left out."""
    if not fields:
        return "{}"
    kept: dict[str, str] = {}
    size = 2
    for name, value in sorted(fields.items()):
        text = printable(value)[:MAX_DETAIL]
        size += len(json.dumps(name)) + len(json.dumps(text)) + 4
        if size <= MAX_TEXT:
            kept[name] = text
    return json.dumps(kept, sort_keys=True)


def printable(text: str) -> str:
    """Without surrogates and NUL, which no store wants; other control characters are the reader's business."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", errors="replace").decode("utf-8").replace("\0", "")
