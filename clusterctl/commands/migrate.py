"""`clusterctl migrate`: bring the database to what this version declares."""

from __future__ import annotations

import typer

from clusterctl.commands.common import FINDINGS, config_of
from clusterctl.store import open_store
from clusterctl.terminal import say


def migrate(context: typer.Context) -> None:
    """Create or bring up to date the tables and views of the configured store. Running it again changes nothing.

    Exit code 1 if the database differs from the declaration afterwards."""
    from clusterctl.analytics import migrate as migration

    config = config_of(context)
    if config.store.kind == "clickhouse":
        from clusterctl.store.driver import create_database

        create_database(config.store)
    store = open_store(config)
    try:
        done = migration.migrate(store)
        drift = migration.drift(store)
    finally:
        store.close()
    for name in done:
        typer.echo(f"applied {name}")
    if not done:
        typer.echo("nothing to apply")
    for line in drift:
        say(f"differs from the declaration: {line}")
    if drift:
        raise typer.Exit(FINDINGS)
