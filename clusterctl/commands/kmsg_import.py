"""The work of `clusterctl import kmsg`: the agent's parser, the analytics' incidents, without an agent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from clusterctl.agent.kmsg.events import UNCOUNTED, Coalescer
from clusterctl.agent.kmsg.files import place, raw_lines, read_lines
from clusterctl.agent.kmsg.grammar import parse
from clusterctl.agent.kmsg.line import LogLine
from clusterctl.analytics.imports.table import Outcome, Rejected
from clusterctl.analytics.incidents.refresh import refresh
from clusterctl.config import Config
from clusterctl.errors import InputError
from clusterctl.schema import EVENT, SCHEMA_VERSION
from clusterctl.store import Store

BLOCK_ROWS = 50_000


def import_kmsg(
    store: Store, path: Path, config: Config, *, cluster: str, host: str, boot_ms: int | None, source: str, now_ms: int
) -> Outcome:
    """Read a log and store its events, then recompute the cluster's incidents. Raises InputError if it cannot be read."""
    outcome = Outcome("kmsg", cluster, f"import:{source}")
    lines = list(_usable(path, now_ms, boot_ms, outcome))
    coalescer = Coalescer(outcome.source)
    rows = coalescer.take(lines) + coalescer.flush()
    for start in range(0, len(rows), BLOCK_ROWS):
        _store(store, rows[start : start + BLOCK_ROWS], cluster, host)
    outcome.rows = outcome.written = len(rows)
    before = _incident_count(store, cluster)
    refresh(store, cluster, config.analytics, now_ms)
    outcome.incidents = _incident_count(store, cluster) - before
    estimated = sum(line.ts_source == "estimated" for line in lines)
    if estimated:
        outcome.warnings.append(
            f"{estimated} lines have no wall-clock time: placed by the file's own time; --boot-time gives the exact one"
        )
    return outcome


def _usable(path: Path, now_ms: int, boot_ms: int | None, outcome: Outcome) -> Iterator[LogLine]:
    try:
        captured_ms = path.stat().st_mtime_ns // 1_000_000
        with path.open("rb") as file:
            lines = list(read_lines(raw_lines(file), now_ms))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    unknown = 0
    for line in place(lines, captured_ms, boot_ms):
        parsed = parse(line.text)
        if parsed is None or parsed.kind in UNCOUNTED:
            unknown += 1
        elif line.facility:
            outcome.rejected.append(Rejected(line.seq, "written by user space, not by the kernel"))
        elif not 0 <= line.ts_ms <= now_ms + 86_400_000:
            outcome.rejected.append(Rejected(line.seq, "its time lies before 1970 or in the future"))
        else:
            yield line
    if unknown:
        outcome.warnings.append(f"{unknown} lines say nothing about faults")


def _store(store: Store, rows: list[msgspec.Struct], cluster: str, host: str) -> None:
    values: list[dict[str, Any]] = [
        {
            **msgspec.structs.asdict(row),
            "cluster": cluster,
            "host": host,
            "boot_id": "",
            "seq": 0,
            "schema_version": SCHEMA_VERSION,
            "bus_partition": 0,
            "bus_offset": 0,
        }
        for row in rows
    ]
    store.insert(EVENT.name, {name: [value[name] for value in values] for name in EVENT.inserted})


def _incident_count(store: Store, cluster: str) -> int:
    return int(
        store.query("SELECT count() FROM incident_current WHERE cluster = {cluster:String}", {"cluster": cluster}).rows[
            0
        ][0]
    )
