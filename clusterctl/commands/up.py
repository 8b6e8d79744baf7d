"""`clusterctl up`: everything on one machine."""

from __future__ import annotations

import os
import threading
from typing import Annotated

import typer

from clusterctl.commands.common import Settings, config_of, stop_on_signals
from clusterctl.commands.processes import Child, ProcessTree
from clusterctl.config import Config
from clusterctl.log_lines import log_to_stderr
from clusterctl.terminal import say

EMBEDDED = {"CLUSTERCTL_BUS_KIND": "local", "CLUSTERCTL_STORE_KIND": "chdb"}


def tree(config: Config, config_file: str | None, *, period_s: float | None = None) -> ProcessTree:
    """Agent, local bus, collector and embedded store of a data directory. The agent stops first, so that the collector
    can store its last words."""
    before = ["--data-dir", str(config.site.data_path())]
    if config_file:
        before += ["--config", config_file]
    env = dict(EMBEDDED)
    env["CLUSTERCTL_SITE_CLUSTER"] = config.site.cluster
    if period_s is not None:
        env["CLUSTERCTL_AGENT_PERIOD_S"] = str(period_s)
    # the password of a server that is not used here has no business in a child
    env["CLUSTERCTL_STORE_PASSWORD"] = ""
    return ProcessTree([Child("agent", [*before, "agent", "run"]), Child("collector", [*before, "collect"])], env)


def up(
    context: typer.Context,
    period_s: Annotated[float | None, typer.Option(min=0.1, help="Sampling grid; else agent.period_s.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what it does.")] = False,
) -> None:
    """Run agent, bus, collector and store on this machine until interrupted, with the embedded defaults.

    Beside it, `clusterctl report` and every other command work as usual."""
    log_to_stderr(verbose)
    config = config_of(context)
    config.site.data_path().mkdir(parents=True, exist_ok=True, mode=0o700)
    settings = context.obj if isinstance(context.obj, Settings) else Settings()
    stop = threading.Event()
    stop_on_signals(stop)
    processes = tree(config, settings.config_file, period_s=period_s)
    say(f"watching this machine as {config.site.host_name()} in cluster {config.site.cluster} (pid {os.getpid()})")
    say(f"data: {config.site.data_path()}")
    say("report: clusterctl report    stop: Ctrl-C")
    processes.start()
    try:
        processes.watch(stop)
    finally:
        processes.stop()
