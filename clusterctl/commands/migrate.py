"""`clusterctl migrate`: bring the database to what this version declares."""

from __future__ import annotations

from typing import Annotated

import typer

from clusterctl.commands.common import FINDINGS, config_of
from clusterctl.store import open_store
from clusterctl.store.topology import layout_of
from clusterctl.terminal import say


def migrate(
    context: typer.Context,
    only_print: Annotated[
        bool, typer.Option("--print", help="Show the statements of a migration from nothing, and run none.")
    ] = False,
) -> None:
    """Create or bring up to date the tables and views of the configured store, and how long it keeps samples
    (store.raw_days, store.storage_policy). Running it again changes nothing.

    With store.cluster set, on every server of the cluster. Exit code 1 if the database differs from the declaration
    afterwards."""
    from clusterctl.analytics import migrate as migration
    from clusterctl.analytics import retention
    from clusterctl.analytics.drift import drift

    config = config_of(context)
    retention.require_sound(config)
    layout = layout_of(config.store)
    if only_print:
        for statement in migration.script(layout):
            typer.echo(f"{statement};\n")
        return
    if config.store.kind == "clickhouse":
        from clusterctl.store.driver import create_database

        create_database(config.store)
    store = open_store(config)
    try:
        done = migration.migrate(store, layout)
        kept = retention.apply(store, config)
        differences = drift(store, layout)
    finally:
        store.close()
    for name in done:
        typer.echo(f"applied {name}")
    for line in kept:
        typer.echo(f"retention of {line}")
    if not done and not kept:
        typer.echo("nothing to apply")
    for line in differences:
        say(f"differs from the declaration: {line}")
    if differences:
        raise typer.Exit(FINDINGS)
