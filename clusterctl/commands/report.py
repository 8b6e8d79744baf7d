"""`clusterctl report`: the numbers, with what they stand on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from clusterctl.clock import SystemClock
from clusterctl.commands.analyze import refresh_all
from clusterctl.commands.common import FINDINGS, OK, UNKNOWN, Format, config_of, ready_store
from clusterctl.errors import InputError
from clusterctl.store.bounded import BoundedReader, report_bounds
from clusterctl.terminal import progress, say
from clusterctl.timetext import parse_moment

if TYPE_CHECKING:
    from clusterctl.analytics.reports.model import Report


def report(
    context: typer.Context,
    since: Annotated[
        str,
        typer.Option(
            help="Start: 2026-11-01, 2026-11-01T10:00Z, or a span before now: 30d, 24h. "
            "Without it, as far back as each cluster's evidence goes."
        ),
    ] = "",
    until: Annotated[str, typer.Option(help="End, exclusive; the same forms.")] = "",
    cluster: Annotated[str, typer.Option(help="Only this cluster.")] = "",
    gpus_per_node: Annotated[int, typer.Option(min=1, help="For rates per node-day.")] = 8,
    format: Annotated[
        Format, typer.Option(help="table, json, md or csv. JSON is the contract, its numbers are not rounded.")
    ] = Format.TABLE,
) -> None:
    """Faults per 1000 GPU-days with interval, exposure, coverage and verdicts, per cluster.

    Exit code 1 if a cluster is proved above the highest target, 2 if no cluster has an exposure to divide by."""
    from clusterctl.analytics.reports.build import Asked, build
    from clusterctl.analytics.reports.render import to_csv, to_json, to_markdown
    from clusterctl.analytics.reports.sheet import show

    config = config_of(context)
    now_ms = SystemClock().now_ms()
    asked = Asked(
        parse_moment(since, now_ms) if since else None,
        parse_moment(until, now_ms) if until else None,
        cluster,
        gpus_per_node,
    )
    if asked.since_ms is not None and asked.until_ms is not None and asked.until_ms <= asked.since_ms:
        raise InputError("--until is not after --since")
    store = ready_store(config)
    try:
        refresh_all(store, config, now_ms)
        with progress(1.0, "reading") as step:
            made = build(
                BoundedReader(store, report_bounds(config.store)),
                config.analytics,
                asked,
                now_ms,
                lambda name: step(f"reading {name}", 0.0),
            )
    finally:
        store.close()
    writers = {Format.JSON: to_json, Format.MARKDOWN: to_markdown, Format.CSV: to_csv}
    if format is Format.TABLE:
        show(made)
    else:
        typer.echo(writers[format](made), nl=format is Format.JSON)
    if not made.clusters:
        say(
            f"no evidence about {cluster!r}"
            if cluster
            else "the store holds no evidence yet: run `clusterctl up`, or import something"
        )

    raise typer.Exit(_exit_code(made, config.analytics.targets))


def _exit_code(made: Report, targets: Sequence[float]) -> int:
    """Findings when a cluster is proved above the highest target; unknown when no cluster has a rate."""
    from clusterctl.analytics.stats import ABOVE

    highest = max(targets, default=0.0)
    verdicts = [verdict for entry in made.clusters for verdict in entry.faults.verdicts]
    if any(verdict.target == highest and verdict.verdict == ABOVE for verdict in verdicts):
        return FINDINGS
    told = any(entry.faults.per_1000_gpu_days.value is not None for entry in made.clusters)
    return OK if told else UNKNOWN
