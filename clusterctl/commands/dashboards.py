"""`clusterctl dashboards`: Grafana."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from clusterctl.commands.common import FINDINGS, OK, ShortFormat, config_of

NAME = "dashboards"
app = typer.Typer(no_args_is_help=True, help="Grafana dashboards.")
Output = Annotated[ShortFormat, typer.Option("--format", help="table or json.")]


@app.command()
def plan(context: typer.Context, format: Output = ShortFormat.TABLE) -> None:
    """What `apply` would do. Exit code 1 if there is anything to do."""
    from clusterctl.dashboards.fleet import DASHBOARDS
    from clusterctl.dashboards.grafana import GrafanaFront
    from clusterctl.dashboards.publish import plan as planned

    config = config_of(context)
    changes = planned(GrafanaFront(config.grafana).dashboards(), DASHBOARDS, config.grafana.datasource_uid)
    _print([(change.action, change.uid, change.title) for change in changes], format)
    raise typer.Exit(FINDINGS if any(change.action != "nothing" for change in changes) else OK)


@app.command()
def apply(context: typer.Context, format: Output = ShortFormat.TABLE) -> None:
    """Create, update and remove our dashboards so that Grafana has what this version declares. Twice changes nothing."""
    from clusterctl.dashboards.fleet import DASHBOARDS
    from clusterctl.dashboards.grafana import GrafanaFront
    from clusterctl.dashboards.publish import apply as applied

    config = config_of(context)
    changes = applied(GrafanaFront(config.grafana), DASHBOARDS, config.grafana.datasource_uid)
    _print([(change.action, change.uid, change.title) for change in changes], format)


@app.command()
def export(context: typer.Context) -> None:
    """Print the dashboards as JSON, for provisioning by file; no Grafana is asked."""
    from clusterctl.dashboards.fleet import DASHBOARDS

    config = config_of(context)
    typer.echo(json.dumps([dashboard.json(config.grafana.datasource_uid) for dashboard in DASHBOARDS], indent=2))


def _print(rows: list[tuple[str, str, str]], format: ShortFormat) -> None:
    if format is ShortFormat.JSON:
        typer.echo(json.dumps([dict(zip(("action", "uid", "title"), row, strict=True)) for row in rows], indent=2))
        return
    for action, uid, title in rows:
        typer.echo(f"{action:8} {uid}  {title}")
