"""`clusterctl collect`: from the bus to the store."""

from __future__ import annotations

import gc
import logging
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from clusterctl.bus import open_bus
from clusterctl.clock import SystemClock
from clusterctl.commands import deadletters, loss
from clusterctl.commands.common import config_of, leave_on_signals, ready_store, stop_on_signals
from clusterctl.config import Config
from clusterctl.errors import OffsetsLost, StoreError, StoreLocked
from clusterctl.log_lines import log_to_stderr
from clusterctl.store import Store

if TYPE_CHECKING:
    from clusterctl.collector.writers import Writers
    from clusterctl.store.serve import StoreServer

log = logging.getLogger(__name__)
IDLE_REFRESH_S = 3600.0
COLLECT_AT_OBJECTS = 500_000
NAME = "collect"
app = typer.Typer(short_help="Store what agents send, exactly once.")
app.command("dead", short_help="List dead letters.")(deadletters.dead)
app.command("replay-dead", short_help="Put dead letters back.")(deadletters.replay_dead)
app.command("accept-loss", short_help="Go on after records were deleted unread.")(loss.accept_loss)


@app.callback(invoke_without_command=True)
def collect(
    context: typer.Context,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what it does.")] = False,
) -> None:
    """Read batches from the bus, check them, and store them exactly once, until stopped.

    With the embedded store this process owns it: reports and imports beside it go through its socket, and incidents
    and rollups are kept up to date. With a server, `clusterctl analyze` does that."""
    if context.invoked_subcommand is not None:
        return
    from clusterctl.collector.gap import noted
    from clusterctl.collector.main import Collector
    from clusterctl.collector.metrics import serving

    log_to_stderr(verbose)
    # the search for cycles would walk tens of thousands of messages in hand, again and again, and find none
    gc.set_threshold(COLLECT_AT_OBJECTS)
    config = config_of(context)
    stop = threading.Event()
    if config.bus.kind == "kafka":
        leave_on_signals(stop)  # a broker may be looked for longer than a stop may take
    else:
        stop_on_signals(stop)
    store = ready_store(config)
    bus = open_bus(config)
    try:
        with _Shared(config, store, stop):
            collector = Collector(config, bus, _writers(config, store), stop)
            stop_on_signals(stop)
            try:
                with serving(collector.meters, config.collector.metrics_listen):
                    collector.run()
            except OffsetsLost as error:
                raise noted(error, bus, store, config, SystemClock()) from error
    finally:
        store.close()


def _writers(config: Config, store: Store) -> Writers:
    """Connections of their own to a server; the embedded store is written to by whoever polls."""
    from clusterctl.collector.sink import Sink
    from clusterctl.collector.writers import Inline, Threads
    from clusterctl.store.shards import open_shards

    if config.store.kind == "chdb":
        return Inline(Sink([store]))
    return Threads([Sink(open_shards(config)) for _ in range(config.collector.writers)])


class _Shared:
    """The embedded store, answering other processes and keeping incidents and rollups while the collector runs."""

    def __init__(self, config: Config, store: Store, stop: threading.Event) -> None:
        self._config = config
        self._store = store
        self._stop = stop
        self._server: StoreServer | None = None
        self._threads = (
            threading.Thread(target=self._refresh, name="incidents", daemon=True),
            threading.Thread(target=self._roll_up, name="rollups", daemon=True),
        )

    def __enter__(self) -> None:
        if self._config.store.kind != "chdb":
            return
        from clusterctl.store.embedded import EmbeddedStore, socket_path
        from clusterctl.store.serve import StoreServer

        if not isinstance(self._store, EmbeddedStore):
            raise StoreLocked("another process owns the embedded store", hint="one collector a data directory")
        self._server = StoreServer(socket_path(self._config), self._store)
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._server is not None:
            self._server.close()
            for thread in self._threads:
                thread.join(timeout=10.0)

    def _refresh(self) -> None:
        """Only when there is something new, or an hour has passed in which incidents may have closed."""
        from clusterctl.commands.analyze import refresh_all

        seen, refreshed_s = None, 0.0
        clock = SystemClock()
        while not self._stop.wait(self._config.analytics.refresh_period_s):
            try:
                newest = self._store.query("SELECT count(), max(ingested_at) FROM event").rows[0]
                if newest == seen and clock.monotonic_s() - refreshed_s < IDLE_REFRESH_S:
                    continue
                refresh_all(self._store, self._config, clock.now_ms())
            except StoreError as error:
                log.error("incidents could not be recomputed, trying again: %s", error)
                continue
            seen, refreshed_s = newest, clock.monotonic_s()

    def _roll_up(self) -> None:
        """What is due of closed hours and days, and what is slow; a stop waits for one statement at most."""
        from clusterctl.analytics.communication.refresh import refresh as refresh_communication
        from clusterctl.analytics.rollup import refresh
        from clusterctl.analytics.slow.refresh import refresh as refresh_slow

        clock = SystemClock()

        while not self._stop.wait(self._config.analytics.rollup_period_s):
            try:
                refresh(self._store, self._config.analytics, stop=self._stop.is_set)
                refresh_slow(self._store, self._config.analytics, clock.now_ms())
                refresh_communication(self._store, self._config.analytics, clock.now_ms(), self._stop.is_set)
            except StoreError as error:
                log.error("hours and days could not be rolled up, trying again: %s", error)
