"""`clusterctl analyze`: incidents from events, rollups from samples and presence."""

from __future__ import annotations

import math
import threading
from typing import Annotated

import typer

from clusterctl.clock import SystemClock
from clusterctl.commands.common import config_of, ready_store, stop_on_signals
from clusterctl.config import Config
from clusterctl.log_lines import log_to_stderr
from clusterctl.store import Store


def refresh_all(store: Store, config: Config, now_ms: int) -> int:
    """Recompute the incidents of every cluster that is known of; how many rows changed."""
    from clusterctl.analytics.incidents.lifecycle import CLUSTERS
    from clusterctl.analytics.incidents.refresh import refresh

    clusters = [row.cluster for row in CLUSTERS.run(store)]
    return sum(refresh(store, cluster, config.analytics, now_ms) for cluster in clusters)


def analyze(
    context: typer.Context,
    every_s: Annotated[
        float, typer.Option(help="Do it again after so many seconds, until stopped; 0 does it once.")
    ] = 0,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what it does.")] = False,
) -> None:
    """Recompute incidents from events, roll up the hours and days that are due, look for what is slow, and estimate
    communication. The same rows
    always give the same incidents and rollups, so running it again is safe, and twice at once too.

    `clusterctl report` recomputes incidents by itself; on a ClickHouse server, dashboards need this to run, say, every
    minute, and rollups need it to run at all. Rollups are looked at every analytics.rollup_period_s."""
    from clusterctl.analytics import rollup
    from clusterctl.analytics.communication.refresh import refresh as refresh_communication
    from clusterctl.analytics.slow.refresh import refresh as refresh_slow

    log_to_stderr(verbose)
    config = config_of(context)
    stop = threading.Event()
    stop_on_signals(stop)
    store = ready_store(config)
    clock = SystemClock()
    rolled_s = -math.inf
    try:
        while True:
            changed = refresh_all(store, config, clock.now_ms())
            typer.echo(f"{changed} incident rows changed")
            if clock.monotonic_s() - rolled_s >= config.analytics.rollup_period_s:
                rolled_s = clock.monotonic_s()
                done = rollup.refresh(store, config.analytics, stop=stop.is_set)
                refresh_slow(store, config.analytics, clock.now_ms())
                refresh_communication(store, config.analytics, clock.now_ms(), stop.is_set)
                typer.echo(", ".join(f"{one.rollup}: {one.periods} periods" for one in done))
            if every_s <= 0 or stop.wait(every_s):
                return
    finally:
        store.close()
