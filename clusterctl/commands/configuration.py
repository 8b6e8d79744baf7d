"""`clusterctl config`: every setting, its value and its meaning."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from clusterctl.commands.common import ShortFormat, config_of
from clusterctl.config import Config, knobs
from clusterctl.terminal import Sheet, clean

NAME = "config"
app = typer.Typer(no_args_is_help=True, help="The configuration.")
SECRET = ("password", "token")


@app.callback()
def configuration() -> None:
    """The configuration: what is set, and what can be."""


def _value(config: Config, section: str, name: str) -> Any:
    value = getattr(getattr(config, section), name)
    return "(set)" if name in SECRET and value else value


@app.command()
def show(
    context: typer.Context,
    format: Annotated[ShortFormat, typer.Option(help="table or json.")] = ShortFormat.TABLE,
) -> None:
    """Every setting with its value, its meaning and the environment variable that overrides it. Also checks the file."""
    config = config_of(context)
    rows = [(f"{knob.section}.{knob.name}", _value(config, knob.section, knob.name), knob) for knob in knobs()]
    if format is ShortFormat.JSON:
        typer.echo(json.dumps({name: value for name, value, _ in rows}, indent=2))
        return
    Sheet().table(
        ["setting", "value", "meaning", "environment"],
        [[name, clean(str(value)), knob.doc, knob.env] for name, value, knob in rows],
    )
