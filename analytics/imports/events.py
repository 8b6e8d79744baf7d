"""`clusterctl import events`: what another system saw, as events like an agent's own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from clusterctl.analytics.imports.envelope import ENVELOPE
from clusterctl.analytics.imports.json_file import decode, looks_like_json, read_bytes
from clusterctl.analytics.imports.node_said import checked_name
from clusterctl.analytics.imports.table import CsvTable, Line, Outcome, Rejected
from clusterctl.analytics.write import insert_rows
from clusterctl.clock import MS_PER_DAY
from clusterctl.errors import InputError
from clusterctl.schema import EVENT
from clusterctl.store import Store
from clusterctl.timetext import parse_time

COLUMNS = {
    *(
        "ts",
        "node",
        "kind",
        "device",
        "code",
        "severity",
        "element",
        "job_id",
        "text",
        "last_ts",
        "count",
        "driver",
        "process",
    ),
}
SEVERITIES = ("info", "warn", "fail", "unknown")
MAX_TEXT, MAX_NAME, MAX_LINE = 4_000, 200, 1 << 16
BLOCK_ROWS = 50_000


def import_events(store: Store, path: Path, cluster: str, source: str, now_ms: int) -> Outcome:
    """Store the events. A row that is there already, by content, is not added again. Raises InputError if the file is neither
    CSV nor JSON lines."""
    outcome = Outcome("events", cluster, f"import:{source}")
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for line in _lines(path, outcome):
        row = line if isinstance(line, Rejected) else _row(line, now_ms)
        if isinstance(row, Rejected):
            outcome.rejected.append(row)
        else:
            whole = {**ENVELOPE, **row, "cluster": cluster, "source": outcome.source}
            rows[tuple(whole[name] for name in EVENT.key)] = whole
    listed = list(rows.values())
    for start in range(0, len(listed), BLOCK_ROWS):
        insert_rows(store, EVENT, listed[start : start + BLOCK_ROWS])
    outcome.rows = outcome.written = len(listed)
    return outcome


def _lines(path: Path, outcome: Outcome) -> Iterator[Line | Rejected]:
    content = read_bytes(path)
    if looks_like_json(content):
        yield from _json_lines(path, content)
        return
    table = CsvTable(path)
    table.require("ts", "node", "kind")
    if unread := table.unknown(COLUMNS):
        outcome.warnings.append(f"columns not read: {', '.join(unread)}")
    yield from table


def _json_lines(path: Path, content: bytes) -> Iterator[Line | Rejected]:
    for index, line in enumerate(content.splitlines()):
        if not line.strip():
            continue
        try:
            if len(line) > MAX_LINE:
                raise InputError(f"a line of more than {MAX_LINE} bytes")
            found = decode(path, line)
        except (InputError, msgspec.DecodeError) as error:
            yield Rejected(index + 1, str(error).removeprefix(f"{path}: "))
            continue
        yield Line(index + 1, {str(key).lower(): _cell(value) for key, value in found.items() if value is not None})


def _cell(value: object) -> str:
    return value.strip() if isinstance(value, str) else json.dumps(value)[:MAX_TEXT]


def _row(line: Line, now_ms: int) -> dict[str, Any] | Rejected:
    host, kind = checked_name(line.get("node")), line.get("kind")
    if host is None:
        return Rejected(line.number, f"not a node name: {line.get('node')[:64]!r}")
    if not 0 < len(kind) <= 64 or not kind.isprintable():
        return Rejected(line.number, f"not a kind: {kind[:64]!r}")
    severity = line.get("severity").lower() or ("fail" if kind in ("xid", "sxid", "collective_timeout") else "unknown")
    if severity not in SEVERITIES:
        return Rejected(line.number, f"severity {severity[:32]!r} is not one of {', '.join(SEVERITIES)}")
    count = line.get("count") or "1"
    if not (count.isascii() and count.isdigit() and 0 < int(count[:10]) < 2**32):
        return Rejected(line.number, f"count is not a whole number: {count[:32]!r}")
    try:
        ts = parse_time(line.get("ts"))
        last = parse_time(line.get("last_ts")) if line.get("last_ts") else ts
    except InputError as error:
        return Rejected(line.number, f"{error} ({error.hint})")
    if not 0 < ts <= last <= now_ms + MS_PER_DAY:
        return Rejected(line.number, "its time lies before 1970 or in the future, or it ends before it begins")
    return {
        "host": host,
        "ts": ts,
        "last_ts": last,
        "count": int(count),
        "kind": kind,
        "code": line.get("code")[:MAX_NAME],
        "severity": severity,
        "source_seq": _number(line),
        **_device(line.get("device")[:MAX_NAME]),
        "process": line.get("process")[:MAX_NAME],
        "driver_version": line.get("driver")[:MAX_NAME],
        "ts_source": "wall",
        "text": line.get("text")[:MAX_TEXT],
        "fields": json.dumps({"element": line.get("element")[:MAX_NAME]}) if line.get("element") else "{}",
        "pid": None,
        "job_id": line.get("job_id")[:MAX_NAME] or None,
    }


def _device(name: str) -> dict[str, str]:
    """A GPU goes by its UUID; anything else stands where PCI addresses and ports do."""
    is_gpu = name.lower().startswith(("gpu-", "mig-"))
    return {"gpu_uuid": name if is_gpu else "", "pci": "" if is_gpu else name}


def _number(line: Line) -> int:
    """A number that the same row has each time it is imported."""
    content = json.dumps(sorted(line.cells.items()))
    return int.from_bytes(hashlib.sha256(content.encode("utf-8", "replace")).digest()[:7], "big")
