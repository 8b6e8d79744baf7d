"""gpu_hour of 512 GPUs at 1 Hz: rows of samples rolled up a second, and what the next pass costs when nothing is due."""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

from clusterctl.analytics import rollup
from clusterctl.analytics.migrate import migrate
from clusterctl.clock import MS_PER_DAY
from clusterctl.config import AnalyticsConfig
from clusterctl.store import Store
from clusterctl.store.embedded import EmbeddedStore

HOSTS, HOURS = 64, 2
HOUR_MS = 3_600_000
ARRIVES = 100_000
"""Rows a second that 100,000 GPUs make at 1 Hz."""


def _fill(store: Store, start_ms: int) -> None:
    for hour in range(HOURS):
        ts = f"fromUnixTimestamp64Milli({start_ms + hour * HOUR_MS} + (number % 3600) * 1000, 'UTC')"
        device = "intDiv(number, 3600)"
        store.execute(
            "INSERT INTO gpu_sample (cluster, host, boot_id, seq, ts, gpu_uuid, power_mw, energy_mj, temp_c, sm_clock_mhz,"
            " throttle_mask, util_ratio, memory_used_bytes, ecc_corrected, ecc_uncorrected, pcie_replays, sm_active_ratio,"
            " tensor_active_ratio, dram_active_ratio, nvlink_rx_bytes_per_s, nvlink_tx_bytes_per_s, job_id, ingested_at)"
            f" SELECT 'big', concat('host-', toString(intDiv({device}, 8))), 'b', number, {ts},"
            f" concat('GPU-', toString({device})), 400000 + rand() % 300000, {hour} * 2520000 + (number % 3600) * 700,"
            " 60 + rand() % 9, 1900, 4, 0.9, 60000000000, 0, 0, intDiv(number % 3600, 1000), 0.5, 0.4, 0.3, 1e10, 1e10, '7',"
            f" {ts} + INTERVAL 5 SECOND FROM numbers({HOSTS * 8 * 3600})"
        )


def main() -> None:
    start_ms = (time.time_ns() // 1_000_000 // MS_PER_DAY - 1) * MS_PER_DAY
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder))
        migrate(store)
        _fill(store, start_ms)
        cpu_s = time.process_time()
        done = rollup.refresh(store, AnalyticsConfig(), now_ms=start_ms + 4 * HOUR_MS)[0]
        cpu_s = time.process_time() - cpu_s
        began = time.perf_counter()
        rollup.refresh(store, AnalyticsConfig(), now_ms=start_ms + 4 * HOUR_MS + 300_000)
        idle_s = time.perf_counter() - began
        store.close()
    rate = done.rows_read / cpu_s
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{done.rows_read:,} rows, {done.rows_read / done.took_s:,.0f} rows/s, {rate:,.0f} rows/s of CPU")
    print(
        f"{100 * ARRIVES / rate:.1f} % of a core at {ARRIVES:,} rows/s; nothing due: {1000 * idle_s:.0f} ms; "
        f"{peak_mib:,.0f} MiB"
    )
