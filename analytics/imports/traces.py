"""`clusterctl import traces`: what profiles and logs of a job say of its communication, kept with the job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clusterctl.analytics.imports.envelope import ENVELOPE
from clusterctl.analytics.imports.table import Outcome
from clusterctl.analytics.write import insert_rows
from clusterctl.schema import COLLECTIVE
from clusterctl.schema.field import LATEST_MS
from clusterctl.store import Store

UNDATED = "the traces do not tell their date: the files' own time is taken"


def import_traces(
    store: Store, rows: Sequence[Mapping[str, Any]], remarks: Sequence[str], cluster: str, source: str
) -> Outcome:
    """Store rows of `collective` that an analysis gave, without envelope; the same ones again change nothing."""
    rows = [{**ENVELOPE, "cluster": cluster, "host": "", **row} for row in rows]
    kept = [row for row in rows if 0 < row["ts"] <= row["until"] <= LATEST_MS]
    insert_rows(store, COLLECTIVE, kept)
    outcome = Outcome("traces", cluster, source, rows=len(kept), written=len(kept))
    outcome.warnings += remarks
    if len(kept) < len(rows):
        outcome.warnings.append(f"{len(rows) - len(kept)} rows have a date that cannot be, and are left out")
    if any(row["ts_source"] == "file" for row in kept):
        outcome.warnings.append(UNDATED)
    return outcome
