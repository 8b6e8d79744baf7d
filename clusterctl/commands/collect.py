"""`clusterctl collect`: from the bus to the store."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from clusterctl.bus import open_bus
from clusterctl.clock import SystemClock
from clusterctl.commands.common import config_of, log_to_stderr, ready_store, stop_on_signals
from clusterctl.config import Config
from clusterctl.errors import StoreError, StoreLocked
from clusterctl.store import Store

if TYPE_CHECKING:
    from clusterctl.store.serve import StoreServer

log = logging.getLogger(__name__)
IDLE_REFRESH_S = 3600.0


def collect(
    context: typer.Context,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what it does.")] = False,
) -> None:
    """Read batches from the bus, check them, and store them exactly once, until stopped.

    With the embedded store this process owns it: reports and imports beside it go through its socket, and incidents are
    kept up to date. With a server, `clusterctl analyze` does that."""
    from clusterctl.collector.main import Collector

    log_to_stderr(verbose)
    config = config_of(context)
    stop = threading.Event()
    stop_on_signals(stop)
    store = ready_store(config)
    try:
        with _Shared(config, store, stop):
            Collector(config, open_bus(config), store, stop).run()
    finally:
        store.close()


class _Shared:
    """The embedded store, answering other processes and refreshing incidents while the collector runs."""

    def __init__(self, config: Config, store: Store, stop: threading.Event) -> None:
        self._config = config
        self._store = store
        self._stop = stop
        self._server: StoreServer | None = None
        self._thread = threading.Thread(target=self._refresh, name="incidents", daemon=True)

    def __enter__(self) -> None:
        if self._config.store.kind != "chdb":
            return
        from clusterctl.store.embedded import EmbeddedStore, socket_path
        from clusterctl.store.serve import StoreServer

        if not isinstance(self._store, EmbeddedStore):
            raise StoreLocked("another process owns the embedded store", hint="one collector a data directory")
        self._server = StoreServer(socket_path(self._config), self._store)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._server is not None:
            self._server.close()
            self._thread.join(timeout=10.0)

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
