"""`clusterctl report`: the numbers, with what they stand on."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clusterctl.clock import SystemClock
from clusterctl.commands.analyze import refresh_all
from clusterctl.commands.common import FINDINGS, OK, UNKNOWN, Format, config_of, ready_store, write_whole
from clusterctl.config import Config
from clusterctl.errors import InputError
from clusterctl.store.bounded import BoundedReader, report_bounds
from clusterctl.store.sessions import READERS
from clusterctl.terminal import harmless, progress, say
from clusterctl.timetext import parse_moment

if TYPE_CHECKING:
    from clusterctl.analytics.reports.build import Asked
    from clusterctl.analytics.reports.model import Report


class Language(str, enum.Enum):
    """Words of a report."""

    EN = "en"
    ZH = "zh"


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
    compare: Annotated[
        str,
        typer.Option(
            help="What changed against an earlier window: previous (as long, just before), 30d, or FROM/UNTIL."
        ),
    ] = "",
    format: Annotated[
        Format,
        typer.Option(
            metavar="<format>",
            help="table, json, md, csv or html. JSON is the contract (docs/report.md), its numbers are not rounded.",
        ),
    ] = Format.TABLE,
    lang: Annotated[
        Language, typer.Option(help="Words of table, md and html; json and csv have English keys.")
    ] = Language.EN,
    out: Annotated[Path | None, typer.Option(help="Write to this file, whole or not at all.", dir_okay=False)] = None,
    stamp: Annotated[
        bool, typer.Option("--stamp", help="Say when it was made; without, the same data give the same bytes.")
    ] = False,
) -> None:
    """Faults per 1000 GPU-days with interval, exposure, coverage and verdicts, per cluster; causes, nodes, times.

    Exit code 1 if a cluster is proved above the highest target, 2 if no cluster has an exposure to divide by."""
    if format is Format.TABLE and out is not None:
        raise InputError("--out needs a format for files", hint="add --format html, md, csv or json")
    config = config_of(context)
    now_ms = SystemClock().now_ms()
    made = _built(config, _asked(since, until, cluster, gpus_per_node, now_ms), compare, now_ms)
    _show(made if stamp else replace(made, generated_at=""), format, lang, out)
    if not made.clusters:
        say(
            f"no evidence about {cluster!r}"
            if cluster
            else "the store holds no evidence yet: run `clusterctl up`, or import something"
        )
    raise typer.Exit(_exit_code(made, config.analytics.targets))


def _asked(since: str, until: str, cluster: str, gpus_per_node: int, now_ms: int) -> Asked:
    from clusterctl.analytics.reports.build import Asked

    asked = Asked(
        parse_moment(since, now_ms) if since else None,
        parse_moment(until, now_ms) if until else None,
        cluster,
        gpus_per_node,
    )
    if asked.since_ms is not None and asked.until_ms is not None and asked.until_ms <= asked.since_ms:
        raise InputError("--until is not after --since")
    return asked


def _built(config: Config, asked: Asked, against: str, now_ms: int) -> Report:
    from clusterctl.analytics.reports.build import build
    from clusterctl.analytics.reports.compare import earlier, with_comparison

    before = earlier(against, asked, now_ms) if against else None
    store = ready_store(config)
    try:
        refresh_all(store, config, now_ms)
        with progress(1.0, "reading") as step, BoundedReader(store, report_bounds(config.store)) as bounded:

            def reading(name: str) -> None:
                step(f"reading {name}", 0.0)

            def made(window: Asked) -> Report:
                return build(bounded, config.analytics, window, now_ms, reading, READERS)

            return made(asked) if before is None else with_comparison(made(asked), made(before))
    finally:
        store.close()


def _show(made: Report, format_: Format, lang: Language, out: Path | None) -> None:
    from clusterctl.analytics.reports.render import text_of
    from clusterctl.analytics.reports.sheet import show

    if format_ is Format.TABLE:
        show(made, lang.value)
        return
    text = text_of(made, format_.value, lang.value)
    if format_ is Format.JSON:
        text = harmless(text)
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_whole(out, text)
        say(f"written: {out}")


def _exit_code(made: Report, targets: Sequence[float]) -> int:
    """Findings when a cluster is proved above the highest target; unknown when no cluster has a rate."""
    from clusterctl.analytics.stats import ABOVE

    highest = max(targets, default=0.0)
    verdicts = [verdict for entry in made.clusters for verdict in entry.faults.verdicts]
    if any(verdict.target == highest and verdict.verdict == ABOVE for verdict in verdicts):
        return FINDINGS
    told = any(entry.faults.per_1000_gpu_days.value is not None for entry in made.clusters)
    return OK if told else UNKNOWN
