"""`clusterctl import states|jobs|events|inventory`: what schedulers and people know of nodes, jobs and hardware."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from clusterctl.clock import MS_PER_MINUTE, SystemClock
from clusterctl.commands.common import ShortFormat, config_of, ready_store
from clusterctl.commands.importing import NAME, Cluster, File, Output, Source, app, cluster_name, finish
from clusterctl.config import Config
from clusterctl.errors import InputError
from clusterctl.timetext import parse_moment

if TYPE_CHECKING:
    from clusterctl.analytics.imports.table import Outcome
    from clusterctl.store import Store

MAX_AHEAD_MS = 10 * MS_PER_MINUTE
"""A file may come from a machine whose clock is so far ahead."""

Piped = Annotated[
    Path,
    typer.Argument(
        exists=True, dir_okay=False, readable=True, allow_dash=True, help="The file; - reads standard input."
    ),
]
Moment = Annotated[str, typer.Option("--at", help="Moment of the snapshot; else the file's own time.")]


@app.command()
def states(
    context: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(
            exists=True, dir_okay=False, readable=True, allow_dash=True, help="Files; - reads standard input."
        ),
    ],
    format_of: Annotated[str, typer.Option(help="auto, slurm, kubernetes or csv.")] = "auto",
    at: Moment = "",
    until: Annotated[str, typer.Option(help="Up to when a CSV history tells everything; else now.")] = "",
    cluster: Cluster = "",
    source: Source = "",
    format: Output = ShortFormat.TABLE,
) -> None:
    """States of nodes: a snapshot of a scheduler, or a CSV history.

    Snapshots: scontrol show node --json, sinfo --json, sinfo -h -N -o "%N|%T|%E|%H|%G", kubectl get nodes -o json. Only
    changes are stored; a node that is not listed any more becomes unknown.
    CSV: ts, node, state; optional reason, by, gpus. state is in_service, drained, repair, planned, unknown, or Slurm's word.
    Run it from cron, every few minutes (docs/operations.md). Exit code 1 if rows were left out, 2 if none could be used."""
    from clusterctl.analytics.imports import states as importer

    if format_of not in importer.FORMATS:
        raise InputError(f"--format-of {format_of[:32]!r} is not one of {', '.join(importer.FORMATS)}")

    def one(store: Store, config: Config, file: Path, name: str, now_ms: int) -> Outcome:
        if format_of == "csv" or (format_of == "auto" and file.suffix.lower() == ".csv"):
            end_ms = parse_moment(until, now_ms) if until else now_ms
            return importer.import_history(store, file, name, source or file.stem, end_ms, now_ms)
        return importer.import_snapshot(
            store,
            file,
            importer.read_bytes(file),
            name,
            format_of=format_of,
            at_ms=_moment_of(at, file, now_ms),
            planned=config.analytics.planned_reasons,
            version=now_ms,
        )

    _each(context, files, cluster, format, one)


@app.command()
def jobs(
    context: typer.Context,
    file: Piped,
    at: Moment = "",
    since: Annotated[
        str,
        typer.Option(help="From when on the export lists every job that ran (sacct -S); else guessed, not too early."),
    ] = "",
    zone: Annotated[str, typer.Option(help="Time zone of sacct's times, such as Europe/Berlin.")] = "UTC",
    cluster: Cluster = "",
    format: Output = ShortFormat.TABLE,
) -> None:
    """Jobs of a scheduler: sacct -P with a header, sacct --json, or kubectl get pods -A -o json.

    sacct -a -D -X -P -S now-2days --format=JobID,User,UID,State,ExitCode,Submit,Eligible,Start,End,NodeList,AllocTRES
    Rows that are there already are left alone; a job that has ended since is written again. Exit code 1 if rows were left
    out, 2 if none could be used."""
    from clusterctl.analytics.imports.jobs import import_jobs
    from clusterctl.analytics.imports.json_file import read_bytes

    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InputError(f"no such time zone: {zone[:64]!r}", hint="write UTC or Europe/Berlin") from error

    def one(store: Store, _config: Config, path: Path, name: str, now_ms: int) -> Outcome:
        end_ms = _moment_of(at, path, now_ms)
        begin_ms = parse_moment(since, now_ms) if since else None
        if begin_ms is not None and begin_ms >= end_ms:
            raise InputError("--since is not before the moment of the export", hint="--at says when that was")
        return import_jobs(
            store, path, read_bytes(path), name, zone=place, since_ms=begin_ms, until_ms=end_ms, version=now_ms
        )

    _each(context, [file], cluster, format, one)


@app.command()
def events(
    context: typer.Context, file: File, cluster: Cluster = "", source: Source = "", format: Output = ShortFormat.TABLE
) -> None:
    """Events that another system saw: CSV, or a JSON object a line.

    ts, node, kind; optional device, code, severity, element, job_id, text, last_ts, count. element is the switch, spine
    port or PDU that the event names. A collective that timed out is of kind collective_timeout. Exit code 1 if rows were
    left out, 2 if none could be used."""
    from clusterctl.analytics.imports.events import import_events

    def one(store: Store, _config: Config, path: Path, name: str, now_ms: int) -> Outcome:
        return import_events(store, path, name, source or path.stem, now_ms)

    _each(context, [file], cluster, format, one)


@app.command()
def inventory(
    context: typer.Context, file: File, cluster: Cluster = "", source: Source = "", format: Output = ShortFormat.TABLE
) -> None:
    """Hardware from a CSV file: what a node, GPU or port is, where it stands, and when it was powered on and accepted.

    node; optional gpu or port, model, serial, rack, batch, switch, pdu, driver, firmware, powered_on_at, accepted_at,
    accepted_first (yes or no), in_service_from. A row without gpu and port is of the node. Exit code 1 if rows were left
    out, 2 if none could be used."""
    from clusterctl.analytics.imports.inventory import import_inventory

    def one(store: Store, _config: Config, path: Path, name: str, now_ms: int) -> Outcome:
        return import_inventory(store, path, name, source or path.stem, now_ms)

    _each(context, [file], cluster, format, one)


def _each(
    context: typer.Context,
    files: list[Path],
    cluster: str,
    format: ShortFormat,
    one: Callable[[Store, Config, Path, str, int], Outcome],
) -> None:
    """Import files in their order, and bring the days that they touch up to date."""
    from clusterctl.analytics.rollup import catch_up

    config = config_of(context)
    name = cluster_name(cluster or config.site.cluster)
    store = ready_store(config)
    try:
        outcomes = [one(store, config, file, name, SystemClock().now_ms()) for file in files]
        if any(outcome.written or outcome.retired for outcome in outcomes):
            catch_up(store, config.analytics)
    finally:
        store.close()
    finish(outcomes, format)


def _moment_of(at: str, file: Path, now_ms: int) -> int:
    """When a snapshot was taken. Raises InputError if that is not over yet."""
    if at:
        found = parse_moment(at, now_ms)
    else:
        found = now_ms if str(file) == "-" else min(now_ms, file.stat().st_mtime_ns // 1_000_000)
    if not 0 < found <= now_ms + MAX_AHEAD_MS:
        raise InputError("the snapshot is of the future, or from before 1970", hint="--at says when it was taken")
    return found


__all__ = ["NAME", "app"]
