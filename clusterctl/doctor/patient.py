"""What is examined: how checks get at the broker, the store and this machine's clock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from clusterctl.bus import dead_letter_topic, topic_of
from clusterctl.clock import Clock, SystemClock
from clusterctl.config import Config
from clusterctl.errors import StoreUnavailable
from clusterctl.schema import Lane
from clusterctl.store import Store, open_store

if TYPE_CHECKING:
    from clusterctl.bus.kafka_admin import KafkaAdmin

LET_GO_S = 0.5


class Patient:
    """One configured pipeline. Safe to use from many threads: each question has a connection of its own, except to the
    embedded engine, which allows one a directory and takes turns by itself."""

    def __init__(self, config: Config, config_file: str | None = None, clock: Clock | None = None) -> None:
        self.config = config
        self.config_file = config_file
        self.clock = clock or SystemClock()
        # an error of the library's own, which says more, comes before the deadline, for the broker even after three questions
        self._timeout_s = max(1.0, config.doctor.deadline_s * 0.8)
        self._broker_timeout_s = max(0.5, config.doctor.deadline_s * 0.3)
        self._shared: Store | None = None
        self._turn = threading.Lock()

    @property
    def lanes(self) -> dict[Lane, str]:
        """Topic of each stream."""
        return {lane: topic_of(lane, self.config) for lane in Lane}

    @property
    def dead_topic(self) -> str:
        """Topic of the dead letters."""
        return dead_letter_topic(self.config)

    @contextmanager
    def broker(self) -> Iterator[KafkaAdmin]:
        """The configured cluster. Raises BusUnavailable."""
        from clusterctl.bus.kafka_admin import KafkaAdmin

        with KafkaAdmin(self.config.bus, self._broker_timeout_s) as admin:
            yield admin

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The configured store. Nothing is created by looking. Raises StoreError."""
        if self.config.store.kind == "chdb":
            yield self._embedded()
            return
        patient = replace(self.config.store, timeout_s=self._timeout_s)
        opened = open_store(replace(self.config, store=patient))
        try:
            yield opened
        finally:
            opened.close()

    def _embedded(self) -> Store:
        with self._turn:
            if self._shared is None:
                if not self.embedded_path.exists():
                    raise StoreUnavailable(
                        f"{self.embedded_path}: nothing has been stored here yet", hint="run: clusterctl up"
                    )
                self._shared = open_store(self.config)
            return self._shared

    @property
    def embedded_path(self) -> Path:
        """Where the embedded engine keeps its data."""
        return self.config.site.data_path() / "store"

    def close(self) -> None:
        """Let go of the shared store, unless a check that hangs is still opening it: the process ends without it."""
        if not self._turn.acquire(timeout=LET_GO_S):
            return
        try:
            if self._shared is not None:
                self._shared.close()
                self._shared = None
        finally:
            self._turn.release()
