"""`clusterctl agent`: the node agent."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from clusterctl.commands.common import ShortFormat, config_of, log_to_stderr, stop_on_signals
from clusterctl.config import Config

NAME = "agent"
app = typer.Typer(no_args_is_help=True, help="The agent that runs on every node.")

SysfsRoot = Annotated[str | None, typer.Option(help="Where sysfs is mounted (agent.sysfs_root).")]
ProcfsRoot = Annotated[str | None, typer.Option(help="Where procfs is mounted (agent.procfs_root).")]
KmsgPath = Annotated[
    str | None,
    typer.Option(
        help="Kernel log: the device, or a file to follow, raw, text or journal export; empty reads none (agent.kmsg_path)."
    ),
]


def _with_roots(config: Config, sysfs_root: str | None, procfs_root: str | None, kmsg_path: str | None) -> Config:
    given = {"sysfs_root": sysfs_root, "procfs_root": procfs_root, "kmsg_path": kmsg_path}
    chosen = {name: value for name, value in given.items() if value is not None}
    return replace(config, agent=replace(config.agent, **chosen))  # type: ignore[arg-type]


@app.command()
def run(
    context: typer.Context,
    sysfs_root: SysfsRoot = None,
    procfs_root: ProcfsRoot = None,
    kmsg_path: KmsgPath = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what it does.")] = False,
) -> None:
    """Sample this node until stopped: host, network ports, kernel log and, in a process of its own, GPUs.

    Batches go to a bounded spool on disk, and from there to Kafka, or to a collector on this machine."""
    from clusterctl.agent.main import Agent

    log_to_stderr(verbose)
    agent = Agent(_with_roots(config_of(context), sysfs_root, procfs_root, kmsg_path))
    stop_on_signals(agent.stop)
    agent.run()


@app.command()
def once(
    context: typer.Context,
    sysfs_root: SysfsRoot = None,
    procfs_root: ProcfsRoot = None,
    format: Annotated[ShortFormat, typer.Option(help="table or json.")] = ShortFormat.TABLE,
) -> None:
    """Read everything once and print it; nothing is sent or kept."""
    from clusterctl.agent.once import read_once, show

    show(read_once(_with_roots(config_of(context), sysfs_root, procfs_root, None)), as_json=format is ShortFormat.JSON)
