"""`clusterctl node`: what stands about nodes, and what an operator says of them."""

from __future__ import annotations

import getpass
import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clusterctl.clock import MS_PER_DAY, SystemClock, utc
from clusterctl.commands.common import FINDINGS, OK, UNKNOWN, ShortFormat, config_of, ready_store
from clusterctl.commands.importing import Cluster, Output, cluster_name
from clusterctl.errors import InputError
from clusterctl.terminal import Sheet, clean
from clusterctl.timetext import parse_moment

if TYPE_CHECKING:
    from clusterctl.analytics.imports.standing import StateRow

NAME = "node"
app = typer.Typer(no_args_is_help=True, help="States of nodes: in service, drained, in repair, in planned maintenance.")
LATE_WORD_MS = 300_000
"""So much later than its beginning a plan may be typed in."""
MAX_AHEAD_MS = 366 * MS_PER_DAY
COLUMNS = ("node", "state", "since", "source", "says", "reason", "by", "GPUs")

Nodes = Annotated[str, typer.Argument(help="Node, or a list such as gpu[001-016].")]


@app.command("list")
def list_(
    context: typer.Context,
    state: Annotated[str, typer.Option(help="Only nodes in this state.")] = "",
    cluster: Cluster = "",
    format: Output = ShortFormat.TABLE,
) -> None:
    """Every node with the word that counts, which is the last one of any source. Exit code 2 if nobody said anything."""
    rows = _standing(context, cluster)
    shown = [row for row in rows if not state or row.state == state]
    if format is ShortFormat.JSON:
        typer.echo(json.dumps([_json(row) for row in shown], indent=2))
    else:
        sheet = Sheet()
        sheet.table(COLUMNS, [_cells(row) for row in shown], ("GPUs",))
        counts = [
            f"{count} {name.replace('_', ' ')}" for name, count in sorted(Counter(row.state for row in rows).items())
        ]
        sheet.line(", ".join(counts) or "nobody said anything")
    raise typer.Exit(OK if rows else UNKNOWN)


@app.command()
def show(context: typer.Context, node: Nodes, cluster: Cluster = "", format: Output = ShortFormat.TABLE) -> None:
    """The word that counts for a node. Exit code 0 in service, 1 out of service, 2 unknown."""
    hosts = _hosts(node)
    rows = [row for row in _standing(context, cluster) if row.host in hosts]
    if format is ShortFormat.JSON:
        typer.echo(json.dumps([_json(row) for row in rows], indent=2))
    else:
        for row in rows:
            Sheet().facts(list(zip(COLUMNS, _cells(row), strict=True)))
        for host in sorted(hosts - {row.host for row in rows}):
            Sheet().line(f"{clean(host)}: nobody said anything")
    states = {row.state for row in rows}
    if len(rows) < len(hosts) or "unknown" in states:
        raise typer.Exit(UNKNOWN)
    raise typer.Exit(OK if states == {"in_service"} else FINDINGS)


@app.command("set-state")
def set_state(
    context: typer.Context,
    node: Nodes,
    state: Annotated[str, typer.Argument(help="in_service, drained, repair, planned or unknown.")],
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    at: Annotated[str, typer.Option(help="From when on; a time to come announces it. Else now.")] = "",
    until: Annotated[str, typer.Option(help="When the node is in service again, if that is known.")] = "",
    by: Annotated[str, typer.Option(help="Who says so; else the user.")] = "",
    announced: Annotated[
        bool, typer.Option("--announced", help="It was announced before it began: lets planned begin in the past.")
    ] = False,
    cluster: Cluster = "",
) -> None:
    """Say in which state nodes are. It holds until a scheduler or an operator says something else.

    Maintenance counts as planned only if it is told apart here or by the scheduler before it begins."""
    from clusterctl.analytics.imports.operator import say_state
    from clusterctl.analytics.rollup import catch_up

    config = config_of(context)
    now_ms = SystemClock().now_ms()
    at_ms = parse_moment(at, now_ms) if at else now_ms
    until_ms = parse_moment(until, now_ms) if until else None
    if not 0 < at_ms <= now_ms + MAX_AHEAD_MS:
        raise InputError("--at is before 1970, or more than a year ahead")
    if state == "planned" and at_ms < now_ms - LATE_WORD_MS and not announced:
        raise InputError(
            "planned is what was announced before it began",
            hint="a node that was pulled because of a symptom is drained; --announced if the plan was told in time",
        )
    store = ready_store(config)
    try:
        written = say_state(
            store,
            cluster_name(cluster or config.site.cluster),
            sorted(_hosts(node)),
            state,
            at_ms=at_ms,
            until_ms=until_ms,
            reason=reason,
            said_by=by or getpass.getuser(),
            version=now_ms,
        )
        catch_up(store, config.analytics)
    finally:
        store.close()
    typer.echo(f"{written} nodes {state.replace('_', ' ')} from {utc(at_ms):%Y-%m-%d %H:%M} UTC on")


@app.command()
def history(context: typer.Context, node: Nodes, cluster: Cluster = "", format: Output = ShortFormat.TABLE) -> None:
    """Everything that was said of a node, the newest first. Exit code 2 if nobody said anything."""
    from clusterctl.analytics.imports.operator import HISTORY

    config = config_of(context)
    store = ready_store(config)
    try:
        name = cluster_name(cluster or config.site.cluster)
        rows = HISTORY.run(store, cluster=name, hosts=json.dumps(sorted(_hosts(node))))
    finally:
        store.close()
    if format is ShortFormat.JSON:
        typer.echo(json.dumps([_json(row) for row in rows], indent=2))
    else:
        Sheet().table(COLUMNS, [_cells(row) for row in rows], ("GPUs",))
    raise typer.Exit(OK if rows else UNKNOWN)


def _standing(context: typer.Context, cluster: str) -> Sequence[StateRow]:
    from clusterctl.analytics.imports.standing import Standing

    config = config_of(context)
    store = ready_store(config)
    try:
        return Standing.at(store, cluster_name(cluster or config.site.cluster), SystemClock().now_ms()).nodes()
    finally:
        store.close()


def _hosts(node: str) -> set[str]:
    from clusterctl.analytics.imports.hostlist import expand

    try:
        return set(expand(node))
    except ValueError as error:
        raise InputError(str(error), hint="a name, or a list such as gpu[001-016]") from error


def _cells(row: StateRow) -> tuple[str, ...]:
    gpus = "" if row.gpus is None else str(row.gpus)
    told = (row.source, row.raw_state, row.reason, row.said_by)
    return clean(row.host), row.state.replace("_", " "), f"{row.since:%Y-%m-%d %H:%M:%S}", *map(clean, told), gpus


def _json(row: StateRow) -> dict[str, Any]:
    def plain(value: object) -> object:
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z") if isinstance(value, datetime) else value

    return {name: plain(getattr(row, name)) for name in row.__dataclass_fields__}
