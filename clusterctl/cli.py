"""The command line: parses and calls, nothing else. Each command is a file of `commands/`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import clusterctl
from clusterctl.commands import (
    agent,
    analyze,
    calc,
    collect,
    comm,
    configuration,
    dashboards,
    demo,
    doctor,
    importing_traces,
    incidents,
    kmsg,
    mark,
    migrate,
    node,
    report,
    rollup,
    simulate,
    slow,
    topics,
    up,
    xid,
)
from clusterctl.commands.common import UNKNOWN, Settings
from clusterctl.errors import ClusterctlError
from clusterctl.terminal import clean, say

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Faults per 1000 GPU-days, with their uncertainty and blind spots, from your own telemetry.",
    epilog="Exit codes: 0 clean, 1 findings, 2 could not tell.",
)
for module in (
    agent, mark, incidents, node, calc, xid, kmsg, topics, simulate, importing_traces, dashboards, configuration, collect,
    comm,
):  # fmt: skip
    app.add_typer(module.app, name=module.NAME)
app.command("migrate", short_help="Create or update tables and views.")(migrate.migrate)
app.command("analyze")(analyze.analyze)
app.command("rollup", short_help="Compute what is due of closed hours and days.")(rollup.rollup)
app.command("report", short_help="Fault rates with interval, exposure, coverage, verdict.")(report.report)
app.command("slow", short_help="GPUs, ports and jobs slower than they should be.")(slow.slow)
app.command("doctor", short_help="Is the pipeline in order, and what to do.")(doctor.doctor)
app.command("up", short_help="Run everything on this machine.")(up.up)
app.command("demo", short_help="This machine and a published fleet, in one report.")(demo.demo)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(clusterctl.__version__)
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    config: Annotated[
        str | None,
        typer.Option(
            help="Configuration file; else $CLUSTERCTL_CONFIG, else /etc/clusterctl/clusterctl.toml if it is there."
        ),
    ] = None,
    data_dir: Annotated[str, typer.Option(help="Where spool, embedded store and state live (site.data_dir).")] = "",
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    context.obj = Settings(config, data_dir)


def main() -> None:
    """Entry point. Our own errors become one line with a hint; a bug stays a traceback."""
    try:
        app()
    except OSError as error:
        say(f"clusterctl: {clean(str(error), 1_000)}")
        sys.exit(UNKNOWN)
    except ClusterctlError as error:
        say(f"clusterctl: {clean(str(error), 1_000)}")
        if error.hint:
            say(f"  {error.hint}")
        sys.exit(UNKNOWN)


if __name__ == "__main__":
    main()
