"""`clusterctl report` over 30 days of 10,000 GPUs: 1,250 nodes, a row a node-minute, 54 million rows; raw and rolled up."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from clusterctl.analytics import rollup
from clusterctl.analytics.migrate import migrate
from clusterctl.analytics.reports.build import Asked, build
from clusterctl.analytics.reports.model import Report
from clusterctl.clock import MS_PER_DAY
from clusterctl.config import AnalyticsConfig, StoreConfig, load
from clusterctl.store import Store, open_store
from clusterctl.store.bounded import BoundedReader, report_bounds
from clusterctl.store.driver import create_database
from clusterctl.store.embedded import EmbeddedStore
from clusterctl.store.sessions import READERS
from tests.bench.servers import server_alone

NODES, DAYS = 1_250, 30
BUDGET_S = 1.0
START_MS = 20_362 * MS_PER_DAY
END_MS = START_MS + DAYS * MS_PER_DAY


def _fill(store: Store) -> None:
    """Node-minutes as agents send them, each stored in the minute after its own."""
    for day in range(DAYS):
        ts = f"fromUnixTimestamp64Milli({START_MS + day * MS_PER_DAY} + intDiv(number, {NODES}) * 60000, 'UTC')"
        store.execute(
            "INSERT INTO presence (cluster, host, boot_id, seq, ts, gpus_expected, ticks_expected, ticks_done,"
            " log_records_lost, node_state, blind, gpus_seen, gpus_in_service, gpus_allocated, schema_version,"
            " bus_partition, bus_offset, ingested_at)"
            f" SELECT 'big', concat('gpu-', toString(number % {NODES})), 'b', number, {ts}, 8, 6, 6, 0, 'in_service', '',"
            f" 8, 8, 8, 1, 0, number, {ts} + INTERVAL 1 MINUTE FROM numbers({NODES * 1440})"
        )
    store.execute("OPTIMIZE TABLE presence FINAL")


def _timed(store: Store) -> tuple[float, Report]:
    """Seconds of the fastest of three, and the report. The window ends within a day, so that some of it stays raw."""
    times = []
    asked = Asked(START_MS + 5 * 3_600_000, END_MS - 5 * 3_600_000, cluster="big")
    for _ in range(3):
        began = time.perf_counter()
        with BoundedReader(store, report_bounds(StoreConfig())) as bounded:
            made = build(bounded, AnalyticsConfig(), asked, END_MS + MS_PER_DAY, at_once=READERS)
        times.append(time.perf_counter() - began)
    return min(times), made


def _measured(name: str, store: Store) -> None:
    migrate(store)
    _fill(store)
    raw_s, raw = _timed(store)
    passes = rollup.refresh(store, AnalyticsConfig(), now_ms=END_MS + 3_600_000)
    rolled_s, rolled = _timed(store)
    if raw.clusters != rolled.clusters:
        raise AssertionError("the report differs with rollups")
    days = rolled.clusters[0].faults.gpu_days.in_service or 0.0
    print(f"{name}: {rolled_s:.2f} s with rollups (budget {BUDGET_S}), {raw_s:.2f} s without, {days:,.0f} GPU-days")
    read, took_s = sum(done.rows_read for done in passes), sum(done.took_s for done in passes)
    print(f"{name}: rolled up {read:,} rows in {took_s:.1f} s ({read / took_s:,.0f} rows/s)")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder))
        _measured("embedded", store)
        store.close()
    with server_alone() as env:
        config = load(None, env)
        create_database(config.store)
        server = open_store(config)
        _measured("server", server)
        server.close()
