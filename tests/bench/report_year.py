"""`clusterctl report` over a year of 100,000 GPUs: 4.6 million node-days, 5,800 faults, on both stores."""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path
from typing import Any

from clusterctl.analytics.migrate import migrate
from clusterctl.analytics.reports.build import Asked, build
from clusterctl.analytics.write import insert_rows
from clusterctl.clock import MS_PER_DAY
from clusterctl.config import AnalyticsConfig, StoreConfig, load
from clusterctl.schema import CLUSTER_DAY, INCIDENT, ROLLUP_RUN
from clusterctl.store import Store, open_store
from clusterctl.store.bounded import BoundedReader, report_bounds
from clusterctl.store.driver import create_database
from clusterctl.store.embedded import EmbeddedStore
from clusterctl.store.sessions import READERS
from tests.bench.servers import server_alone

NODES, DAYS, FAULTS = 12_500, 365, 5_800
BUDGET_S = 5.0
START_MS = 20_200 * MS_PER_DAY
END_MS = START_MS + DAYS * MS_PER_DAY


def fill(store: Store) -> None:
    """Closed days as the rollups leave them, what every node is, and incidents with an address and a repair."""
    at = f"fromUnixTimestamp64Milli({START_MS} + intDiv(number, {NODES}) * {MS_PER_DAY}, 'UTC')"
    store.execute(
        "INSERT INTO kpi_day (cluster, host, day, first_minute, last_minute, node_minutes, blind_minutes, ticks_expected,"
        " ticks_done, log_records_lost, gpu_minutes_expected, gpu_minutes_known, gpus_expected_last, blind_last, retired,"
        " gpu_minutes_seen, gpu_minutes_in_service, gpu_minutes_allocated, gpus_seen_last, version)"
        f" SELECT 'big', concat('gpu-', toString(number % {NODES})), {at}, {at}, {at} + INTERVAL 1439 MINUTE, 1440, 0, 8640,"
        " 8640, 0, 11520, 11520, 8, '', 0, 11520, 11520, 11000, 8, 1"
        f" FROM numbers({NODES * DAYS})"
    )
    store.execute(
        "INSERT INTO inventory (cluster, host, boot_id, seq, ts, subject_kind, subject, model, serial, pci, firmware,"
        " driver_version, rack, fields, schema_version, bus_partition, bus_offset)"
        f" SELECT 'big', concat('gpu-', toString(intDiv(number, 9))), 'b', number,"
        f" fromUnixTimestamp64Milli({START_MS}, 'UTC'),"
        " if(number % 9 = 8, 'node', 'gpu'), if(number % 9 = 8, concat('gpu-', toString(intDiv(number, 9))),"
        " concat('GPU-', toString(number))), 'H100', '', '', '96', if(number % 7 = 0, '570.1', '580.2'),"
        " concat('r', toString(intDiv(number, 144))), '{\"batch\": \"b1\"}', 3, 0, number"
        f" FROM numbers({NODES * 9})"
    )
    days = [{"cluster": "big", "day": START_MS + day * MS_PER_DAY, "minutes": 1440, "retired": 0, "version": 1}
            for day in range(DAYS)]  # fmt: skip
    insert_rows(store, CLUSTER_DAY, days)
    run = {"period": 0, "until": END_MS, "settled_at": END_MS + MS_PER_DAY, "hosts": NODES, "took_ms": 1, "version": 1}
    for rollup in ("kpi_day", "batch_day"):
        insert_rows(store, ROLLUP_RUN, [{"rollup": rollup, "scope": "pass", **run}])
    insert_rows(store, INCIDENT, [_incident(number) for number in range(FAULTS)])
    for table in ("kpi_day", "inventory", "incident"):
        store.execute(f"OPTIMIZE TABLE {table} FINAL")


def _incident(number: int) -> dict[str, Any]:
    chance = random.Random(number)
    opened = START_MS + chance.randrange(DAYS * MS_PER_DAY)
    back = opened + chance.randrange(1, 48) * 3_600_000
    return {
        "cluster": "big", "incident_id": f"{number:016x}", "source": "events", "class": "hardware", "category": "",
        "cause": chance.choice(["XID 79", "XID 48", "XID 95", "MCE uncorrected", "NODE DRAINED"]), "impact": "fault",
        "count": 1, "opened_at": opened, "dated": 1, "node": f"gpu-{chance.randrange(NODES)}", "gpu": "", "repeat_of": "",
        "nodes_affected": 1, "episodes": 3, "signals": 40, "evidence": "[]", "catalog_version": "x", "note": "", "retired": 0,
        "closed_at": back, "nodes": "[]", "jobs": "[]", "closed_by": "back_in_service", "service_lost_at": opened + 60_000,
        "service_back_at": back, "last_signal_at": opened + 60_000, "version": 1}  # fmt: skip


def _timed(name: str, store: Store) -> None:
    times = []
    for _ in range(3):
        began = time.perf_counter()
        with BoundedReader(store, report_bounds(StoreConfig())) as bounded:
            asked = Asked(START_MS, END_MS, cluster="big")
            made = build(bounded, AnalyticsConfig(), asked, END_MS + MS_PER_DAY, at_once=READERS)
        times.append(time.perf_counter() - began)
    faults = made.clusters[0].faults
    days = faults.gpu_days.in_service or 0.0
    print(f"{name}: {min(times):.2f} s (budget {BUDGET_S}); {days:,.0f} GPU-days, {faults.count:,} faults")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder))
        migrate(store)
        fill(store)
        _timed("a year of 100,000 GPUs, embedded", store)
        store.close()
    with server_alone() as env:
        config = load(None, env)
        create_database(config.store)
        server = open_store(config)
        migrate(server)
        fill(server)
        _timed("a year of 100,000 GPUs, server", server)
        server.close()
