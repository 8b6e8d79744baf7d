"""`clusterctl import traces`: exact shares of communication into the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clusterctl.commands.common import ShortFormat, config_of, ready_store
from clusterctl.commands.importing import Cluster, Output, cluster_name, finish
from clusterctl.commands.importing_operations import NAME, app
from clusterctl.errors import InputError
from clusterctl.terminal import progress

MAX_JOB_CHARS = 200

__all__ = ["NAME", "app"]


@app.command()
def traces(
    context: typer.Context,
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Files, or the folder of one capture's ranks.")
    ],
    job: Annotated[str, typer.Option(help="Job that they are of, by the scheduler's id.")],
    layout: Annotated[str, typer.Option(help="Its parallel layout in your words, such as tp8.pp4.dp16.")] = "",
    cluster: Cluster = "",
    source: Annotated[str, typer.Option(help="Name of the import.")] = "traces",
    salvage: Annotated[bool, typer.Option(help="Take what can be read of damaged files.")] = False,
    format: Output = ShortFormat.TABLE,
) -> None:
    """Traces and logs of a job: everything that `clusterctl comm analyze` reads, one capture at a time.

    Reports then show the job's exposed share, exactly, for the steps that were traced; and telemetry of the same seconds is
    calibrated by it, so that it gives a value for the rest. Exit code 2 if a file is damaged."""
    from clusterctl.analytics.imports.traces import import_traces
    from clusterctl.communication.analyze import Options, analyze
    from clusterctl.communication.collected import Origin, rows_of
    from clusterctl.communication.finding import files_of

    if not job.isprintable() or job != job.strip() or not 0 < len(job) <= MAX_JOB_CHARS:
        raise InputError(f"not a job id: {job[:100]!r}", hint="up to 200 printable characters")
    total, read = sum(file.stat().st_size for file, _ in files_of(paths)), 0
    with progress(max(total, 1), "reading") as move:

        def advance(path: str, count: int) -> None:
            nonlocal read
            read += count
            move(path, read)

        found = analyze(paths, Options(salvage=salvage), advance)
    config = config_of(context)
    store = ready_store(config)
    try:
        name = cluster_name(cluster or config.site.cluster)
        rows = rows_of(found, Origin(job, layout[:MAX_JOB_CHARS], f"/import:{source}"))
        outcome = import_traces(store, rows, [*found.left_out, *found.notes], name, source)
    finally:
        store.close()
    finish([outcome], format)
