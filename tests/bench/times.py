"""The part of a report about time, over 30 days of 10,000 GPUs: eight jobs that mark a step a second from one rank, with 48
faults, and 10,000 small jobs that mark nothing."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from clusterctl.analytics.migrate import migrate
from clusterctl.analytics.reports.times import costs_of, times_of, told_of
from clusterctl.analytics.stats import rate_of
from clusterctl.analytics.write import insert_rows
from clusterctl.clock import MS_PER_DAY, utc
from clusterctl.config import AnalyticsConfig
from clusterctl.schema import INCIDENT, JOB_MARK
from clusterctl.store import Param, Store
from clusterctl.store.embedded import EmbeddedStore
from tests.support.rolled import insert

DAYS, JOBS, NODES, SMALL = 30, 8, 156, 20_000
RUNS = 7
"""Of each job: six faults."""
BUDGET_S = 0.3
START_MS = (time.time_ns() // 1_000_000 // MS_PER_DAY - DAYS) * MS_PER_DAY
RUN_MS = DAYS * MS_PER_DAY // RUNS
STEPS = RUN_MS // 1000
LOST = 900
"""Steps that each fault costs."""
DOWN_MS = 600_000
ENVELOPE = "boot_id, seq, schema_version, bus_partition, bus_offset, ingested_at"


def _fill(store: Store) -> None:
    """Rows as agents send them: ten steps a row, a save each half hour, runs on 156 nodes."""
    rows = STEPS // 10 - DOWN_MS // 10_000
    for job in range(JOBS):
        for run in range(RUNS):
            begin = START_MS + run * RUN_MS
            ts = f"fromUnixTimestamp64Milli({begin} + {DOWN_MS} + number * 10000, 'UTC')"
            step = f"toUInt64({run * (rows * 10 - LOST)} + number * 10)"
            store.execute(
                f"INSERT INTO job_mark (cluster, host, job_id, mark, rank, ts, count, last_ts, step, last_step, {ENVELOPE})"
                f" SELECT 'big', 'n{job}', 'job-{job}', 'step', 0, {ts}, 10, {ts} + INTERVAL 9 SECOND, {step}, {step} + 9,"
                f" 'b', number, 1, 0, number, {ts} FROM numbers({rows})"
            )
            _runs(store, f"'n{job}-'", f"'job-{job}'", f"{begin + 60_000}", RUN_MS - 61_000, NODES)
    insert(store, JOB_MARK, [
        {"cluster": "big", "host": f"n{job}", "boot_id": "b", "job_id": f"job-{job}", "count": 1, "ts": at + late,
         "mark": kind, "step": at // 1000}
        for job in range(JOBS)
        for at in range(START_MS + 1_800_000, START_MS + DAYS * MS_PER_DAY, 1_800_000)
        for kind, late in (("checkpoint_begin", 0), ("checkpoint_end", 5_000), ("checkpoint_durable", 40_000))
    ], stored_ms=START_MS + DAYS * MS_PER_DAY)  # fmt: skip
    _runs(
        store,
        "'s'",
        "concat('small-', toString(intDiv(number, 2)))",
        f"{START_MS} + number * 120000",
        10_800_000,
        SMALL,
    )
    insert_rows(store, INCIDENT, [_incident(job, run) for job in range(JOBS) for run in range(1, RUNS)])
    store.execute("OPTIMIZE TABLE job_mark FINAL")


def _runs(store: Store, host: str, job: str, begin: str, lasted_ms: int, count: int) -> None:
    """A run on many nodes, or many of them."""
    store.execute(
        f"INSERT INTO job (cluster, host, ts, job_id, owner, scheduler, gpus, end_state, ended_at, {ENVELOPE})"
        f" SELECT 'big', concat({host}, toString(number)), fromUnixTimestamp64Milli({begin}, 'UTC'), {job}, 'ann',"
        f" 'slurm', 8, '', fromUnixTimestamp64Milli({begin} + {lasted_ms}, 'UTC'), 'b', number, 1, 0, number, now()"
        f" FROM numbers({count})"
    )


def _incident(job: int, run: int) -> dict[str, object]:
    return {
        "cluster": "big", "incident_id": f"{job}-{run}", "source": "import:bench", "class": "hardware", "cause": f"xid {run}",
        "category": "", "impact": "fault", "count": 1, "opened_at": START_MS + run * RUN_MS + 1_000, "dated": 1, "node": "n",
        "gpu": "", "repeat_of": "", "nodes_affected": 1, "episodes": 1, "signals": 1, "evidence": "[]", "catalog_version": "",
        "note": "", "retired": 0, "version": 1, "jobs": json.dumps([f"job-{job}"]),
    }  # fmt: skip


def _timed(store: Store, cluster: str) -> tuple[float, int]:
    """Seconds of the fastest of three, and the repairs found."""
    window: dict[str, Param] = {"cluster": cluster, "since": utc(START_MS), "until": utc(START_MS + DAYS * MS_PER_DAY)}
    times = []
    for _ in range(3):
        began = time.perf_counter()
        told = told_of(store, window)
        made = times_of(store, AnalyticsConfig(), window, 48, rate_of(48, 3e5, "in_service"), 3e5, told)
        costs_of(store, window, told)
        times.append(time.perf_counter() - began)
    return min(times), made.mttr.total.count


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder))
        migrate(store)
        _fill(store)
        rows = store.query("SELECT count() FROM job_mark").rows[0][0]
        seconds, repairs = _timed(store, "big")
        idle_s, _ = _timed(store, "another")
        store.close()
    print(
        f"{rows:,} marks, {repairs} repairs: {seconds:.3f} s (budget {BUDGET_S} s); a cluster without marks {idle_s:.3f} s"
    )
    if repairs != JOBS * (RUNS - 1):
        raise AssertionError("not every fault was found")


if __name__ == "__main__":
    main()
