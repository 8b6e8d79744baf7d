"""`clusterctl import inventory`: hardware as the people who racked it know it, as rows of the table that agents fill too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from clusterctl.analytics.imports.envelope import ENVELOPE
from clusterctl.analytics.imports.node_said import checked_name
from clusterctl.analytics.imports.table import CsvTable, Line, Outcome, Rejected
from clusterctl.analytics.write import insert_rows
from clusterctl.clock import MS_PER_DAY, utc
from clusterctl.errors import InputError
from clusterctl.schema import INVENTORY
from clusterctl.store import Store
from clusterctl.timetext import parse_time

PLAIN = {"model": "model", "serial": "serial", "firmware": "firmware", "driver": "driver_version", "rack": "rack"}
EXTRAS = ("batch", "switch", "pdu", "accepted_first")
TIMES = ("powered_on_at", "accepted_at", "in_service_from")
"""Kept in fields as UTC text; the last one that is known is from when on the row holds."""
YES, NO = {"1", "yes", "true", "y"}, {"0", "no", "false", "n"}
COLUMNS = {"node", "gpu", "port", *PLAIN, *EXTRAS, *TIMES}
MAX_CELL = 200


def import_inventory(store: Store, path: Path, cluster: str, source: str, now_ms: int) -> Outcome:
    """Store what differs from the newest row of the same thing under this source. Raises InputError if it is no such file."""
    table = CsvTable(path)
    table.require("node")
    outcome = Outcome("inventory", cluster, f"import:{source}")
    if unread := table.unknown(COLUMNS):
        outcome.warnings.append(f"columns not read: {', '.join(unread)}")
    rows: dict[tuple[str, str, str, int], dict[str, Any]] = {}
    for line in table:
        row = line if isinstance(line, Rejected) else _row(line, outcome.source, now_ms)
        if isinstance(row, Rejected):
            outcome.rejected.append(row)
            continue
        key = (row["host"], row["subject_kind"], row["subject"], row["ts"])
        if key in rows and rows[key] != row:
            outcome.warnings.append(f"{row['subject']} stands there twice, with different cells: the last row counts")
        rows[key] = row
    insert_rows(store, INVENTORY, [{**ENVELOPE, **row, "cluster": cluster} for row in rows.values()])
    outcome.rows = outcome.written = len(rows)
    return outcome


def _row(line: Line, source: str, now_ms: int) -> dict[str, Any] | Rejected:
    host = checked_name(line.get("node"))
    if host is None:
        return Rejected(line.number, f"not a node name: {line.get('node')[:64]!r}")
    gpu, port = line.get("gpu"), line.get("port")
    if gpu and port:
        return Rejected(line.number, "a row is of a GPU or of a port, not of both")
    if max(map(len, line.cells.values()), default=0) > MAX_CELL:
        return Rejected(line.number, f"a cell of more than {MAX_CELL} characters")
    if line.get("accepted_first").lower() not in {"", *YES, *NO}:
        return Rejected(line.number, f"accepted_first is neither yes nor no: {line.get('accepted_first')[:32]!r}")
    try:
        times = {name: parse_time(line.get(name)) for name in TIMES if line.get(name)}
    except InputError as error:
        return Rejected(line.number, f"{error} ({error.hint})")
    if any(not 0 < ms <= now_ms + 366 * MS_PER_DAY for ms in times.values()):
        return Rejected(line.number, "a time before 1970, or more than a year ahead")
    return {
        "host": host,
        # from when on it holds; without a time the row is of ever, and an agent's own counts from its first on
        "ts": times.get("in_service_from") or times.get("accepted_at") or times.get("powered_on_at") or MS_PER_DAY,
        "subject_kind": "gpu" if gpu else "port" if port else "node",
        "subject": _gpu(host, gpu) if gpu else port or host,
        **{column: line.get(name) for name, column in PLAIN.items()},
        "pci": "",
        "fields": json.dumps(_fields(line, times, source)),
    }


def _gpu(host: str, gpu: str) -> str:
    """An index is no identity: it names a GPU within its node."""
    return f"{host}/{gpu}" if gpu.isdigit() else gpu


def _fields(line: Line, times: dict[str, int], source: str) -> dict[str, Any]:
    extras: dict[str, Any] = {name: line.get(name) for name in EXTRAS if line.get(name)}
    if "accepted_first" in extras:
        extras["accepted_first"] = line.get("accepted_first").lower() in YES
    moments = {name: utc(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z") for name, ms in times.items()}
    return {**extras, **moments, "source": source}
