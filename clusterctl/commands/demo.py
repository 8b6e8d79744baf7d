"""`clusterctl demo`: this machine for a few seconds, a published fleet, and two simulated jobs, in one report."""

from __future__ import annotations

import os
import shutil
import sys
import time
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from clusterctl.clock import MS_PER_DAY, SystemClock
from clusterctl.commands.analyze import refresh_all
from clusterctl.commands.common import Settings, config_of, ready_store
from clusterctl.commands.demo_jobs import CLUSTER as SIMULATED
from clusterctl.commands.demo_jobs import bring_in
from clusterctl.commands.up import tree
from clusterctl.config import BusConfig, Config, StoreConfig
from clusterctl.errors import ClusterctlError
from clusterctl.store import Store
from clusterctl.store.bounded import BoundedReader, report_bounds
from clusterctl.store.sessions import READERS
from clusterctl.terminal import Step, progress, say

THIS, LLAMA = "this-machine", "llama3-405b"
GPUS, DAYS = 16_384, 54
"""The Llama 3 Herd of Models, section 3.3.4 and table 5."""


def demo(
    context: typer.Context,
    seconds: Annotated[float, typer.Option(min=3.0, help="How long to watch this machine.")] = 12.0,
    keep: Annotated[
        bool, typer.Option("--keep", help="Add to what an earlier demo left, instead of starting anew.")
    ] = False,
) -> None:
    """Watch this machine for a moment, import a published fleet beside it, and report both.

    The fleet is the 54 days of Llama 3 405B training: 419 unexpected interruptions on 16,384 GPUs. Two simulated jobs show
    how communication is told: of one from its traces, exactly, of the other from telemetry alone."""
    from clusterctl.analytics.reports.build import Asked, build
    from clusterctl.analytics.reports.sheet import show

    given = config_of(context)
    directory = Path(given.site.data_dir or "demo-data").resolve()
    if not keep:
        _clear(directory)
    config = replace(
        given, site=replace(given.site, data_dir=str(directory), cluster=THIS), bus=BusConfig(), store=StoreConfig()
    )
    settings = context.obj if isinstance(context.obj, Settings) else Settings()
    with progress(seconds + 5.0, "starting") as step:
        _watch(config, settings.config_file, seconds, step)
        store = ready_store(config)
        try:
            step("importing Llama 3 405B", seconds + 3.0)
            warnings = _import_llama(store)
            step("simulating two jobs", seconds + 3.5)
            bring_in(store, config.analytics, SystemClock().now_ms())
            refresh_all(store, config, SystemClock().now_ms())
            step("reporting", seconds + 4.0)
            with BoundedReader(store, report_bounds(config.store)) as bounded:
                made = build(bounded, config.analytics, Asked(), SystemClock().now_ms(), at_once=READERS)
        finally:
            store.close()
        step("done", seconds + 5.0)
    show(made)
    say("")
    for text in warnings:
        say(f"note on the published table: {text}")
    say(f"note: {SIMULATED} is simulated, and no GPU was asked")
    say(f"data: {directory}")
    me = _own_name()
    say(f"next: {me} --data-dir {directory} report --format md")
    say("          the same report, to paste")
    say(f"      {me} up")
    say("          keep watching this machine")
    say(f"      {me} import incidents --help")
    say("          bring in your own incident list")


def _own_name() -> str:
    """What to type to get this program: its name if that is on the PATH, else where it lies."""
    return "clusterctl" if shutil.which("clusterctl") else os.path.relpath(sys.argv[0])


def _clear(directory: Path) -> None:
    """Remove an earlier demo, and nothing that is not one."""
    if not directory.exists():
        return
    from clusterctl.agent.main import DATA_NAMES

    known = {"spool", "store", "store.sock", *DATA_NAMES}
    strange = [entry.name for entry in directory.iterdir() if entry.name not in known]
    if strange:
        raise ClusterctlError(
            f"{directory} holds {strange[0]}, which no demo made", hint="give --data-dir a folder of its own"
        )
    shutil.rmtree(directory)


def _watch(config: Config, config_file: str | None, seconds: float, step: Step) -> None:
    """Run the real agent and collector for a while."""
    processes = tree(config, config_file, period_s=1.0)
    processes.start()
    try:
        began_s = time.monotonic()
        while (passed_s := time.monotonic() - began_s) < seconds:
            step("watching this machine", passed_s)
            time.sleep(0.2)
        step("storing what the agent saw", seconds)
    finally:
        processes.stop()


def _import_llama(store: Store) -> list[str]:
    from clusterctl.analytics.imports.incidents import Period, import_incidents

    with resources.as_file(resources.files("clusterctl.analytics") / "data" / "llama3_interruptions.csv") as path:
        outcome = import_incidents(
            store, path, LLAMA, "llama3_interruptions", Period(0, DAYS * MS_PER_DAY, GPUS), SystemClock().now_ms()
        )
    return outcome.warnings
