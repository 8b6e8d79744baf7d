"""`clusterctl import states`: snapshots of a scheduler, of which only changes are stored, and histories from CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from clusterctl.analytics.imports import states_kubernetes, states_slurm
from clusterctl.analytics.imports.json_file import decode, looks_like_json, read_bytes
from clusterctl.analytics.imports.node_said import MAX_REASON, Listing, Said, checked_name
from clusterctl.analytics.imports.node_words import SLURM, STATES, UNKNOWN, meaning, slurm_words
from clusterctl.analytics.imports.standing import GONE, Standing, known_gpus
from clusterctl.analytics.imports.table import CsvTable, Line, Outcome, Rejected
from clusterctl.analytics.imports.told import STATES as SUBJECT
from clusterctl.analytics.imports.told import snapshot_since, told
from clusterctl.analytics.write import insert_rows, replace_source
from clusterctl.clock import MS_PER_DAY
from clusterctl.errors import InputError
from clusterctl.schema import NODE_STATE
from clusterctl.store import Store
from clusterctl.timetext import parse_time

FORMATS = ("auto", "slurm", "kubernetes", "csv")
COLUMNS = {"ts", "node", "state", "reason", "by", "gpus"}
OLDEST_MS = 10 * 366 * MS_PER_DAY
"""A state from longer ago is a mistake, and would make a row of each day since."""


def listing_of(path: Path, content: bytes, format_of: str, planned_reasons: list[str]) -> Listing:
    """What a snapshot says, of whichever scheduler it is. Raises InputError if it is of none."""
    if not looks_like_json(content):
        if format_of == "kubernetes":
            raise InputError(f"{path}: not JSON", hint="kubectl get nodes -o json")
        return states_slurm.from_lines(content.decode("utf-8", errors="replace"), planned_reasons)
    document = decode(path, content)
    if "nodes" in document or "sinfo" in document:
        return states_slurm.from_json(document, planned_reasons)
    if "items" in document or document.get("kind") == "Node":
        return states_kubernetes.from_json(document, planned_reasons)
    raise InputError(
        f"{path}: neither nodes of Slurm nor of Kubernetes",
        hint="scontrol show node --json, sinfo --json, or kubectl get nodes -o json",
    )


def import_snapshot(
    store: Store, path: Path, content: bytes, cluster: str, *, format_of: str, at_ms: int, planned: str, version: int
) -> Outcome:
    """Store what changed since the last snapshot of the same scheduler. A node that it does not list any more becomes
    unknown. Raises InputError if it lists no node."""
    listing = listing_of(path, content, format_of, [word.strip() for word in planned.split(",") if word.strip()])
    said = list(states_slurm.merged(listing.said))
    if not said:
        why = f": line {listing.rejected[0].line}: {listing.rejected[0].reason}" if listing.rejected else ""
        raise InputError(f"{path}: lists no node{why}", hint='sinfo -h -N -o "%N|%T|%E|%H", or an export with --json')
    source = listing.scheduler
    outcome = Outcome("states", cluster, source, rejected=listing.rejected, warnings=listing.warnings)
    standing = Standing.at(store, cluster, at_ms)
    gone = sorted(set(standing.listed(source)) - {one.host for one in said})
    rows = list(_changes(store, standing, said, gone, cluster, source, at_ms, version))
    insert_rows(store, NODE_STATE, rows)
    told(store, cluster, SUBJECT, source, snapshot_since(store, cluster, SUBJECT, source, at_ms), at_ms, version)
    outcome.rows, outcome.written, outcome.retired = len(said), len(rows), 0
    if gone:
        outcome.warnings.append(f"{len(gone)} nodes left the listing and are unknown now: {', '.join(gone[:5])}")
    return outcome


def _changes(
    store: Store,
    standing: Standing,
    said: Sequence[Said],
    gone: Sequence[str],
    cluster: str,
    source: str,
    at_ms: int,
    version: int,
) -> Iterator[dict[str, Any]]:
    gpus = known_gpus(store, cluster) if any(one.gpus is None for one in said) else {}
    same = {"cluster": cluster, "source": source, "retired": 0, "version": version}
    for one in said:
        if standing.is_news(one, source):
            yield {
                **same,
                "host": one.host,
                "since": _since(standing, one, source, at_ms),
                "state": standing.resolved(one, source),
                "raw_state": one.raw_state,
                "reason": one.reason,
                "said_by": one.said_by,
                "gpus": gpus.get(one.host) if one.gpus is None else one.gpus,
            }
    for host in gone:
        left = {"host": host, "since": at_ms, "state": UNKNOWN, "raw_state": GONE, "reason": "", "said_by": ""}
        yield {**same, **left, "gpus": None}


def _since(standing: Standing, said: Said, source: str, at_ms: int) -> int:
    """When the source says that it began, if that lies after its last word; else when it was seen."""
    own = standing.own(said.host, source)
    after_ms = int(own.since.timestamp() * 1_000) if own is not None else None
    if said.since_ms is not None and after_ms is not None and after_ms < said.since_ms <= at_ms:
        return said.since_ms
    return at_ms


def import_history(store: Store, path: Path, cluster: str, source: str, until_ms: int, version: int) -> Outcome:
    """A CSV file of ts, node, state with optional reason, by and gpus: it becomes all that stands under the source."""
    table = CsvTable(path)
    table.require("ts", "node", "state")
    outcome = Outcome("states", cluster, f"import:{source}")
    if unread := table.unknown(COLUMNS):
        outcome.warnings.append(f"columns not read: {', '.join(unread)}")
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for line in table:
        row = line if isinstance(line, Rejected) else _row(line, until_ms)
        if isinstance(row, Rejected):
            outcome.rejected.append(row)
        else:
            rows[row["host"], row["since"]] = {**row, "cluster": cluster, "source": outcome.source}
    if outcome.rejected and not rows:
        return outcome  # a file of which nothing can be used replaces nothing
    gpus = known_gpus(store, cluster)
    whole = [{**row, "gpus": gpus.get(row["host"]) if row["gpus"] is None else row["gpus"]} for row in rows.values()]
    change = replace_source(store, NODE_STATE, cluster, outcome.source, whole, version)
    outcome.rows, outcome.written, outcome.retired = len(rows), change.written, change.retired
    if rows:
        told(store, cluster, SUBJECT, outcome.source, min(since for _, since in rows), until_ms, version)
    return outcome


def _row(line: Line, until_ms: int) -> dict[str, Any] | Rejected:
    host = checked_name(line.get("node"))
    if host is None:
        return Rejected(line.number, f"not a node name: {line.get('node')[:64]!r}")
    try:
        since = parse_time(line.get("ts"))
    except InputError as error:
        return Rejected(line.number, f"{error} ({error.hint})")
    if not until_ms - OLDEST_MS <= since <= until_ms + 366 * MS_PER_DAY:
        return Rejected(line.number, "its time lies more than ten years before --until, or more than a year after")
    word = line.get("state")
    state = word.lower() if word.lower() in STATES else meaning(SLURM, set(slurm_words(word[:500])))
    if state is None:
        return Rejected(line.number, f"state {word[:32]!r} is not one of {', '.join(STATES)}, nor Slurm's")
    count = line.get("gpus")
    if count and not (count.isascii() and count.isdigit() and int(count) < 65_536):
        return Rejected(line.number, f"gpus is not a count: {count[:32]!r}")
    return {
        "host": host,
        "since": since,
        "state": state,
        "raw_state": word[:200],
        "reason": line.get("reason")[:MAX_REASON],
        "said_by": line.get("by")[:200],
        "retired": 0,
        "gpus": int(count) if count else None,
    }


__all__ = ["FORMATS", "import_history", "import_snapshot", "read_bytes"]
