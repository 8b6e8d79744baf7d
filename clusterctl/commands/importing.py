"""`clusterctl import`: incidents, exposure and kernel logs of fleets that no agent watched; more in importing_operations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from clusterctl.clock import MS_PER_DAY, SystemClock
from clusterctl.commands.common import FINDINGS, OK, UNKNOWN, ShortFormat, config_of, ready_store
from clusterctl.errors import InputError
from clusterctl.terminal import clean, say
from clusterctl.timetext import parse_moment

if TYPE_CHECKING:
    from clusterctl.analytics.imports.incidents import Period
    from clusterctl.analytics.imports.table import Outcome

NAME = "import"
app = typer.Typer(
    no_args_is_help=True, help="Bring in what other systems know. Importing a file again changes nothing."
)
MAX_LISTED = 50
MAX_GPUS = 100_000_000
MAX_DAYS = 36_500.0

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The file.")]
Cluster = Annotated[str, typer.Option(help="Cluster that it is about; else site.cluster.")]
Source = Annotated[
    str, typer.Option(help="Name of the import; a later one of the same name replaces it. Else the file's name.")
]
Output = Annotated[ShortFormat, typer.Option("--format", help="table or json.")]


@app.command()
def incidents(
    context: typer.Context,
    file: File,
    cluster: Cluster = "",
    gpus: Annotated[
        int | None, typer.Option(min=1, max=MAX_GPUS, help="GPUs in service over the period: makes it an exposure.")
    ] = None,
    since: Annotated[str, typer.Option(help="Start of the period.")] = "",
    until: Annotated[str, typer.Option(help="End of the period, exclusive.")] = "",
    days: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=MAX_DAYS,
            help="Length of the period, instead of its end, or of both when nobody knows the dates.",
        ),
    ] = None,
    count_column: Annotated[
        str, typer.Option(help="Column with the counts, for tables that have one for each fleet.")
    ] = "count",
    source: Source = "",
    format: Output = ShortFormat.TABLE,
) -> None:
    """Incidents from a CSV file: dated records, or published counts.

    Dated: opened_at, cause; optional closed_at, node, gpu, class, category, note, jobs (ids, blanks between),
    service_lost_at, service_back_at, gpu_hours_lost.
    Counts: cause, count; optional class, category, printed_pct, cost_pct (of all GPU time lost); they need a period.
    class is hardware, driver, network, storage, facility, maintenance (unplanned), software, user, planned or unknown.
    Rows that cannot be used are listed with line and reason, and the rest go in.
    Exit code 1 if rows were left out, 2 if none could be used."""
    from clusterctl.analytics.imports.incidents import import_incidents

    config = config_of(context)
    now_ms = SystemClock().now_ms()
    period = _period(gpus, since, until, days, now_ms)
    store = ready_store(config)
    try:
        outcome = import_incidents(
            store,
            file,
            cluster_name(cluster or config.site.cluster),
            source or file.stem,
            period,
            now_ms,
            count_column,
        )
    finally:
        store.close()
    finish([outcome], format)


@app.command()
def exposure(
    context: typer.Context,
    file: File,
    cluster: Cluster = "",
    until: Annotated[str, typer.Option(help="End for rows without in_service_until; else now.")] = "",
    source: Source = "",
    format: Output = ShortFormat.TABLE,
) -> None:
    """In-service time of GPUs from an inventory: columns gpu, node, in_service_from, in_service_until.

    Overlapping intervals of one GPU are reported and merged. Exit code 1 if rows were left out, 2 if none could be used."""
    from clusterctl.analytics.imports.exposure import import_exposure

    config = config_of(context)
    now_ms = SystemClock().now_ms()
    end_ms = parse_moment(until, now_ms) if until else now_ms
    store = ready_store(config)
    try:
        outcome = import_exposure(
            store, file, cluster_name(cluster or config.site.cluster), source or file.stem, end_ms, now_ms
        )
    finally:
        store.close()
    finish([outcome], format)


@app.command()
def kmsg(
    context: typer.Context,
    file: File,
    host: Annotated[str, typer.Option(help="Node that the log is of.")],
    cluster: Cluster = "",
    boot_time: Annotated[
        str,
        typer.Option(
            help="When the node booted, for lines that count from boot. Else the file's "
            "own time places its last line, and the events say 'estimated'."
        ),
    ] = "",
    source: Source = "",
    format: Output = ShortFormat.TABLE,
) -> None:
    """A kernel log: raw /dev/kmsg records, dmesg or syslog text, or a journal export (-o export or -o json).

    Its errors become events and incidents as if an agent had seen them; lines that say nothing we know are counted.
    A line that is there already, with the same number and time under the same source, is not added again. Times without
    a zone are taken as UTC."""
    from clusterctl.commands.kmsg_import import import_kmsg

    config = config_of(context)
    now_ms = SystemClock().now_ms()
    boot_ms = parse_moment(boot_time, now_ms) if boot_time else None
    store = ready_store(config)
    try:
        outcome = import_kmsg(
            store,
            file,
            config,
            cluster=cluster_name(cluster or config.site.cluster),
            host=host,
            boot_ms=boot_ms,
            source=source or file.stem,
            now_ms=now_ms,
        )
    finally:
        store.close()
    finish([outcome], format)


def cluster_name(name: str) -> str:
    """A name that reports can print. Raises InputError."""
    if name != name.strip() or not name.isprintable() or not 0 < len(name) <= 100:
        raise InputError(f"not a cluster name: {name[:100]!r}", hint="up to 100 printable characters, no blanks around")
    return name


def _period(gpus: int | None, since: str, until: str, days: float | None, now_ms: int) -> Period | None:
    """What --gpus, --since, --until and --days say together. Raises InputError when they contradict."""
    from clusterctl.analytics.imports.incidents import Period

    if not (since or until or days is not None):
        if gpus is not None:
            raise InputError(
                "--gpus needs the time that they were in service", hint="give --since and --until, or --days"
            )
        return None
    if since and until and days is not None:
        raise InputError("--days, --since and --until are one too many", hint="two of them say it all")
    length_ms = None if days is None else round(days * MS_PER_DAY)
    since_ms = parse_moment(since, now_ms) if since else None
    until_ms = parse_moment(until, now_ms) if until else None
    if since_ms is None and until_ms is None:
        since_ms = 0  # dates unknown: 1970, which reports show as undated
    if length_ms is None and (since_ms is None or until_ms is None):
        raise InputError("the period has one end only", hint="give --since and --until, or --days with one of them")
    if since_ms is None:
        since_ms = (until_ms or 0) - (length_ms or 0)
    if until_ms is None:
        until_ms = since_ms + (length_ms or 0)
    if until_ms <= since_ms:
        raise InputError("the period is empty", hint="--until is exclusive, and must come after --since")
    return Period(since_ms, until_ms, gpus)


def finish(outcomes: list[Outcome], format: ShortFormat) -> None:
    """Print what was done and leave with the exit code; of one file JSON is the object, of several a list."""
    if format is ShortFormat.JSON:
        made = [msgspec.to_builtins(outcome) for outcome in outcomes]
        typer.echo(json.dumps(made[0] if len(made) == 1 else made, indent=2))
    else:
        for outcome in outcomes:
            _print(outcome)
    if any(outcome.rejected and not outcome.rows for outcome in outcomes):
        raise typer.Exit(UNKNOWN)
    raise typer.Exit(FINDINGS if any(outcome.rejected for outcome in outcomes) else OK)


def _print(outcome: Outcome) -> None:
    typer.echo(
        f"{clean(outcome.cluster)}: {outcome.rows} rows of {clean(outcome.source)}"
        + (f", {outcome.incidents} incidents" if outcome.kind in ("incidents", "kmsg") else "")
        + (f", {outcome.gpu_days:,.1f} GPU-days" if outcome.gpu_days is not None else "")
        + f" ({outcome.written} written"
        + (f", {outcome.retired} taken back)" if outcome.retired else ")")
    )
    for text in outcome.warnings[:MAX_LISTED]:
        say(f"  note: {clean(text, 400)}")
    if len(outcome.warnings) > MAX_LISTED:
        say(f"  … and {len(outcome.warnings) - MAX_LISTED} more notes")
    if outcome.rejected:
        say(f"  {len(outcome.rejected)} rows left out:")
    for rejected in outcome.rejected[:MAX_LISTED]:
        say(f"  line {rejected.line}: {clean(rejected.reason, 400)}")
    if len(outcome.rejected) > MAX_LISTED:
        say(f"  … and {len(outcome.rejected) - MAX_LISTED} more")
