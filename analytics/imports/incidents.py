"""`clusterctl import incidents`: dated records, or published counts, as incidents of a cluster.

Both become rows of the same table that live incidents are in, so that every KPI counts them with the same code.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clusterctl.analytics.imports.optional import COST_NAMES, DATED_OPTIONAL, optional_of, published_cost
from clusterctl.analytics.imports.overlap import refuse_overlap
from clusterctl.analytics.imports.printed import printed_warnings
from clusterctl.analytics.imports.table import CsvTable, Line, Outcome, Rejected
from clusterctl.analytics.write import replace_source
from clusterctl.clock import MS_PER_DAY
from clusterctl.errors import InputError
from clusterctl.schema import EXPOSURE, INCIDENT
from clusterctl.schema.field import LATEST_MS
from clusterctl.store import Store
from clusterctl.timetext import parse_time

CLASSES = (
    "hardware",
    "driver",
    "network",
    "storage",
    "facility",
    "maintenance",
    "software",
    "user",
    "planned",
    "unknown",
)
CATEGORY_CLASS = {
    "gpu": "hardware",
    "host": "hardware",
    "network": "network",
    "dependency": "software",
    "unplanned maintenance": "maintenance",
    "unknown": "unknown",
    "infrastructure": "hardware",
    "framework": "software",
    "script": "user",
}
"""Class of a published table's category, where the table has categories and no classes (Llama 3, table 5; Acme)."""
CAUSE_NAMES = ("component", "reason", "symptom", "error")
"""What published tables call the cause."""

DATED = {"opened_at", "closed_at", "node", "gpu", "cause", "class", "note", "category", *DATED_OPTIONAL}
COUNTED = {"cause", "category", "class", "count", "printed_pct", "true_pct", "note", "node", "gpu", *COST_NAMES}


@dataclass(frozen=True, slots=True)
class Period:
    """The fleet and time that a file is about. `gpus` is None where the exposure comes from elsewhere."""

    since_ms: int
    until_ms: int
    gpus: int | None

    @property
    def undated(self) -> bool:
        """Only its length is known; it begins in 1970, which reports show as undated."""
        return self.since_ms == 0

    @property
    def gpu_days(self) -> float | None:
        """Exposure of the period."""
        return None if self.gpus is None else self.gpus * (self.until_ms - self.since_ms) / MS_PER_DAY


def import_incidents(
    store: Store,
    path: Path,
    cluster: str,
    source: str,
    period: Period | None,
    version: int,
    count_column: str = "count",
) -> Outcome:
    """Read the file and make it what stands under (cluster, source). Raises InputError if it is not such a file."""
    table = _with_names(CsvTable(path), count_column)
    dated = "opened_at" in table.columns
    outcome = Outcome("incidents", cluster, f"import:{source}")
    if dated:
        table.require("cause")
        if period is not None and period.undated:
            raise InputError("dated records need a period with dates", hint="give --since or --until with --days")
        rows = list(_dated_rows(table, outcome, period, version))
    else:
        if "count" not in table.columns:
            raise InputError(
                f"{path}: neither a column opened_at (dated records) nor a column count (published counts)",
                hint=f"it has {', '.join(table.columns)}; cells are separated by commas; --count-column names another",
            )
        table.require("cause")
        if period is None:
            raise InputError(
                f"{path}: counts without dates need the time that they were counted in",
                hint="give --since and --until, or --days, and --gpus for the exposure",
            )
        rows = list(_counted_rows(table, outcome, period))
    unread = table.unknown(DATED if dated else COUNTED)
    if unread:
        outcome.warnings.append(f"columns not read: {', '.join(unread)}")
    if outcome.rejected and not rows:
        return outcome  # a file of which nothing can be used replaces nothing
    finished = [_complete(row, cluster, outcome.source, number) for number, row in _numbered(rows)]
    outcome.rows, outcome.incidents = len(finished), sum(row["count"] for row in finished)
    blocks = [_block(cluster, outcome.source, period, dated=dated)] if period and period.gpus else []
    refuse_overlap(store, cluster, outcome.source, blocks)
    for table_, rows_ in ((INCIDENT, finished), (EXPOSURE, blocks)):
        change = replace_source(store, table_, cluster, outcome.source, rows_, version)
        outcome.written += change.written
        outcome.retired += change.retired
    outcome.gpu_days = period.gpu_days if period else None
    return outcome


def _with_names(table: CsvTable, count_column: str) -> CsvTable:
    """Published tables call the cause a component or a symptom, and may have a column of counts for each fleet."""
    wanted = [("cause", name) for name in CAUSE_NAMES] + [("count", count_column.strip().lower())]
    for name, given in wanted:
        if name not in table.columns and given in table.columns:
            table.columns[table.columns.index(given)] = name
    return table


def _dated_rows(table: CsvTable, outcome: Outcome, period: Period | None, now_ms: int) -> Iterator[dict[str, Any]]:
    seen: dict[tuple[str, ...], int] = {}
    for line in table:
        row = line if isinstance(line, Rejected) else _dated_row(line, period, now_ms)
        if not isinstance(row, Rejected) and isinstance(line, Line) and line.get("node"):
            first = seen.setdefault(tuple(line.cells.values()), line.number)
            if first != line.number:
                row = Rejected(line.number, f"repeats line {first}")
        if isinstance(row, Rejected):
            outcome.rejected.append(row)
        else:
            yield row


def _dated_row(line: Line, period: Period | None, now_ms: int) -> dict[str, Any] | Rejected:
    try:
        opened = parse_time(line.get("opened_at"))
        closed = parse_time(line.get("closed_at")) if line.get("closed_at") else None
    except InputError as error:
        return Rejected(line.number, f"{error} ({error.hint})")
    named = _named(line)
    if isinstance(named, Rejected):
        return named
    optional = optional_of(line)
    if isinstance(optional, Rejected):
        return optional
    if not 0 <= opened <= now_ms + MS_PER_DAY:
        return Rejected(line.number, "opened_at is before 1970 or in the future")
    if closed is not None and not opened <= closed < LATEST_MS:
        return Rejected(line.number, "closed_at is before opened_at")
    if period and not period.since_ms <= opened < period.until_ms:
        return Rejected(line.number, "opened_at is outside --since and --until")
    return {
        **named,
        **optional,
        "count": 1,
        "dated": 1,
        "opened_at": opened,
        "closed_at": closed,
        "period_until": None,
        "nodes_affected": 1 if line.get("node") else 0,
    }


def _counted_rows(table: CsvTable, outcome: Outcome, period: Period) -> Iterator[dict[str, Any]]:
    printed: list[tuple[str, str, int, str]] = []
    for line in table:
        row = line if isinstance(line, Rejected) else _counted_row(line, period)
        if isinstance(row, Rejected):
            outcome.rejected.append(row)
            continue
        if isinstance(line, Line):
            printed.append((row["cause"], row["category"], row["count"], line.get("printed_pct")))
        yield row
    outcome.warnings += printed_warnings(printed)


def _counted_row(line: Line, period: Period) -> dict[str, Any] | Rejected:
    named = _named(line)
    if isinstance(named, Rejected):
        return named
    text = line.get("count")
    if not (text.isascii() and text.isdigit()) or int(text) >= 2**32:
        return Rejected(line.number, f"count is not a whole number: {text[:32]!r}")
    cost = published_cost(line)
    if isinstance(cost, Rejected):
        return cost
    return {
        **named,
        **cost,
        "count": int(text),
        "dated": 0,
        "opened_at": period.since_ms,
        "closed_at": period.until_ms,
        "period_until": period.until_ms,
        "nodes_affected": 0,
    }


def _named(line: Line) -> dict[str, Any] | Rejected:
    cause = line.get("cause")
    if not cause:
        return Rejected(line.number, "no cause")
    if len(cause) > 200:
        return Rejected(line.number, "cause of more than 200 characters")
    given = line.get("class").lower()
    chosen = given or CATEGORY_CLASS.get(line.get("category").lower(), "unknown")
    if chosen not in CLASSES:
        return Rejected(line.number, f"class {given[:32]!r} is not one of {', '.join(CLASSES)}")
    return {
        "class": chosen,
        "cause": cause,
        "category": line.get("category")[:200],
        "node": line.get("node")[:200],
        "gpu": line.get("gpu")[:200],
        "note": line.get("note"),
    }


def _numbered(rows: list[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Equal rows get different numbers, the same ones on each import of the file."""
    seen: Counter[str] = Counter()
    for row in rows:
        key = json.dumps(row, sort_keys=True)
        yield seen[key], row
        seen[key] += 1


def _complete(row: dict[str, Any], cluster: str, source: str, number: int) -> dict[str, Any]:
    identity = json.dumps([cluster, source, number, row], sort_keys=True)
    return {
        **row,
        "cluster": cluster,
        "source": source,
        "incident_id": hashlib.sha256(identity.encode()).hexdigest()[:16],
        "impact": "fault",
        "repeat_of": "",
        "episodes": 0,
        "signals": 0,
        "evidence": "[]",
        "catalog_version": "",
        "retired": 0,
    }


def _block(cluster: str, source: str, period: Period, *, dated: bool) -> dict[str, Any]:
    return {
        "cluster": cluster,
        "source": source,
        "gpu": "",
        "node": "",
        "since": period.since_ms,
        "until": period.until_ms,
        "gpus": period.gpus,
        "all_bases": 1,
        "divisible": int(dated),
        "retired": 0,
    }
