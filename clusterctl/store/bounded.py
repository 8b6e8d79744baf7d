"""Reads of reports under bounds: they cannot write, and end when they cost too much, with a word on what to do."""

from __future__ import annotations

from collections.abc import Mapping

from clusterctl.config import StoreConfig
from clusterctl.errors import QueryTooDear, ServerError
from clusterctl.store import Bounds, Param, Result, Store

REPORT_ROWS = 100_000
SHORTER = "ask for a shorter window with --since and --until, run `clusterctl rollup` first, or raise "
REACHED = {
    159: ("took longer than store.report_timeout_s", SHORTER + "store.report_timeout_s"),
    160: ("would take longer than store.report_timeout_s", SHORTER + "store.report_timeout_s"),
    241: ("needs more memory than store.report_memory_bytes", SHORTER + "store.report_memory_bytes"),
    396: (f"has more than {REPORT_ROWS:,} rows", "ask for less"),
    164: ("tried to write", "reports only read"),
}
"""ClickHouse's codes for a bound that was reached: TIMEOUT_EXCEEDED, TOO_SLOW, MEMORY_LIMIT_EXCEEDED,
TOO_MANY_ROWS_OR_BYTES, READONLY."""


def report_bounds(config: StoreConfig) -> Bounds:
    """What a report's query may cost."""
    return Bounds(config.report_timeout_s, config.report_memory_bytes, REPORT_ROWS)


class BoundedReader:
    """A store as reports see it, for any number of threads. Raises QueryTooDear where a bound was reached."""

    def __init__(self, store: Store, bounds: Bounds) -> None:
        self._store = store
        self._bounds = bounds
        self._idle = [store]

    def query(self, sql: str, params: Mapping[str, Param] | None = None) -> Result:
        store = self._taken()
        try:
            return store.query(sql, params, self._bounds)
        except ServerError as error:
            if error.code not in REACHED:
                raise
            what, hint = REACHED[error.code]
            raise QueryTooDear(f"a query of the report {what}", hint=hint) from error
        finally:
            self._idle.append(store)

    def _taken(self) -> Store:
        """A connection that no other thread has: as many are opened as threads ask at once."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._store.beside()

    def __enter__(self) -> BoundedReader:
        return self

    def __exit__(self, *_: object) -> None:
        """Closes what was opened beside the store."""
        for store in self._idle:
            if store is not self._store:
                store.close()
