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
from clusterctl.config import AnalyticsConfig
from clusterctl.store import Store
from clusterctl.store.embedded import EmbeddedStore

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
        made = build(store, AnalyticsConfig(), asked, END_MS + MS_PER_DAY)
        times.append(time.perf_counter() - began)
    return min(times), made


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder))
        migrate(store)
        _fill(store)
        raw_s, raw = _timed(store)
        done = rollup.refresh(store, AnalyticsConfig(), now_ms=END_MS + 3_600_000)[-1]
        rolled_s, rolled = _timed(store)
        if raw.clusters != rolled.clusters:
            raise AssertionError("the report differs with rollups")
        store.close()
    days = rolled.clusters[0].faults.gpu_days.in_service or 0.0
    print(f"{rolled_s:.2f} s with rollups (budget {BUDGET_S}), {raw_s:.2f} s without, {days:,.0f} GPU-days")
    print(
        f"rolled up {done.rows_read:,} node-minutes in {done.took_s:.1f} s ({done.rows_read / done.took_s:,.0f} rows/s)"
    )
