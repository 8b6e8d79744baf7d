"""`clusterctl import exposure`: in-service time of a fleet that no agent watched, from its inventory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from clusterctl.analytics.imports.overlap import refuse_overlap
from clusterctl.analytics.imports.table import CsvTable, Line, Outcome, Rejected
from clusterctl.analytics.write import replace_source
from clusterctl.clock import MS_PER_DAY
from clusterctl.errors import InputError
from clusterctl.schema import EXPOSURE
from clusterctl.schema.field import LATEST_MS
from clusterctl.store import Store
from clusterctl.timetext import parse_time

COLUMNS = {"gpu", "node", "in_service_from", "in_service_until"}


def import_exposure(store: Store, path: Path, cluster: str, source: str, until_ms: int, version: int) -> Outcome:
    """Read the file and make it what stands under (cluster, source). A row without an end is in service until
    `until_ms`. Intervals of one GPU that overlap are reported, and merged when they are summed."""
    table = CsvTable(path)
    table.require("gpu", "in_service_from")
    outcome = Outcome("exposure", cluster, f"import:{source}")
    if "in_service_until" not in table.columns:
        outcome.warnings.append("no column in_service_until: every GPU counts as in service until now")
    unread = table.unknown(COLUMNS)
    if unread:
        outcome.warnings.append(f"columns not read: {', '.join(unread)}")
    lines: list[tuple[int, dict[str, Any]]] = []
    for line in table:
        row = line if isinstance(line, Rejected) else _row(line, until_ms)
        if isinstance(row, Rejected):
            outcome.rejected.append(row)
        elif isinstance(line, Line):
            lines.append((line.number, {**row, "cluster": cluster, "source": outcome.source}))
    if outcome.rejected and not lines:
        return outcome  # a file of which nothing can be used replaces nothing
    lines = list(_without_repeats(lines, outcome))
    outcome.warnings += _overlaps(lines)
    rows = [row for _, row in lines]
    outcome.rows = len(rows)
    outcome.gpu_days = _merged_days(rows)
    refuse_overlap(store, cluster, outcome.source, rows)
    change = replace_source(store, EXPOSURE, cluster, outcome.source, rows, version)
    outcome.written, outcome.retired = change.written, change.retired
    return outcome


def _row(line: Line, until_ms: int) -> dict[str, Any] | Rejected:
    if not line.get("gpu"):
        return Rejected(line.number, "no gpu")
    if max(len(line.get("gpu")), len(line.get("node"))) > 200:
        return Rejected(line.number, "gpu or node of more than 200 characters")
    try:
        since = parse_time(line.get("in_service_from"))
        until = parse_time(line.get("in_service_until")) if line.get("in_service_until") else until_ms
    except InputError as error:
        return Rejected(line.number, str(error))
    if not 0 <= since < until <= LATEST_MS:
        return Rejected(line.number, "in_service_until is not after in_service_from")
    gpu = line.get("gpu")
    if gpu.isdigit():  # an index is no identity: it names a GPU within its node
        if not line.get("node"):
            return Rejected(line.number, f"gpu {gpu[:8]} is an index, and needs its node")
        gpu = f"{line.get('node')}/{gpu}"
    return {
        "gpu": gpu,
        "node": line.get("node"),
        "since": since,
        "until": until,
        "gpus": 1,
        "all_bases": 0,
        "divisible": 1,
        "retired": 0,
    }


def _without_repeats(lines: list[tuple[int, dict[str, Any]]], outcome: Outcome) -> Iterator[tuple[int, dict[str, Any]]]:
    """One row a key: of two that begin together the longer counts, which is what merging them gives."""
    best: dict[tuple[str, str, int], tuple[int, dict[str, Any]]] = {}
    for number, row in lines:
        key = (row["gpu"], row["node"], row["since"])
        if key in best:
            outcome.warnings.append(f"line {number} begins when line {best[key][0]} does, for {row['gpu']}: merged")
        if key not in best or row["until"] > best[key][1]["until"]:
            best[key] = (number, row)
    yield from best.values()


def _overlaps(lines: list[tuple[int, dict[str, Any]]]) -> list[str]:
    warnings = []
    ordered = sorted(lines, key=lambda line: (line[1]["gpu"], line[1]["since"]))
    for (before, first), (number, second) in pairwise(ordered):
        if first["gpu"] == second["gpu"] and second["since"] < first["until"]:
            warnings.append(f"line {number} overlaps line {before}, for {second['gpu']}: merged")
    return warnings


def _merged_days(rows: list[dict[str, Any]]) -> float:
    total_ms, gpu, end = 0, "", 0
    for row in sorted(rows, key=lambda row: (row["gpu"], row["since"])):
        if row["gpu"] != gpu:
            gpu, end = row["gpu"], 0
        total_ms += max(0, row["until"] - max(row["since"], end))
        end = max(end, row["until"])
    return total_ms / MS_PER_DAY
