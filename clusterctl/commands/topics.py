"""`clusterctl topics`: the Kafka topics."""

from __future__ import annotations

import typer

from clusterctl.bus import open_bus
from clusterctl.commands.common import config_of

NAME = "topics"
app = typer.Typer(no_args_is_help=True, help="Kafka topics.")


@app.callback()
def topics() -> None:
    """Kafka topics: samples, events, dead letters."""


@app.command()
def apply(context: typer.Context) -> None:
    """Create the topics that are missing. Existing ones are left as they are."""
    config = config_of(context)
    if config.bus.kind != "kafka":
        typer.echo("the local bus has no topics to create (bus.kind is local)")
        return
    created = open_bus(config).ensure_topics()
    for name in created:
        typer.echo(f"created {name}")
    if not created:
        typer.echo("nothing to create")
