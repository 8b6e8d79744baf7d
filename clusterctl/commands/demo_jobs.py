"""The two jobs of the demo: one that left traces, one of which there is telemetry alone. Both are simulated."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from clusterctl.clock import MS_PER_MINUTE
from clusterctl.config import AnalyticsConfig
from clusterctl.store import Store

if TYPE_CHECKING:
    from clusterctl.simulate.training.rows import Job

CLUSTER, TRACED, WATCHED = "simulated-training", "traced-job", "watched-job"
HOUR_MS, MINUTES = 60 * MS_PER_MINUTE, 20
GPUS_PER_NODE, TRACED_STEPS = 4, 5


def bring_in(store: Store, config: AnalyticsConfig, now_ms: int) -> None:
    """Twenty minutes of both in the hour that was over last, as traces and as telemetry, and what follows from them."""
    from clusterctl.analytics.communication.refresh import look
    from clusterctl.simulate.training.plan import JobPlan, Layout
    from clusterctl.simulate.training.rows import Job
    from clusterctl.simulate.training.stored import blocks_of

    start_ms = now_ms // HOUR_MS * HOUR_MS - MINUTES * MS_PER_MINUTE
    window_s = MINUTES * 60.0
    traced = Job(
        TRACED, JobPlan(Layout.MIXED, 2.0, 0.14, seed=3, window_s=window_s), ("sim-000",), GPUS_PER_NODE, start_ms
    )
    watched = Job(
        WATCHED,
        JobPlan(Layout.TAIL, 10.0, 0.07, seed=4, window_s=window_s),
        ("sim-001", "sim-002"),
        GPUS_PER_NODE,
        start_ms,
    )
    _import_traces(store, traced)
    for table, columns in blocks_of(watched, CLUSTER):
        store.insert(table, columns)
    look(store, CLUSTER, config, start_ms, now_ms)


def _import_traces(store: Store, job: Job) -> None:
    from clusterctl.analytics.imports.traces import import_traces
    from clusterctl.communication.analyze import Options, analyze
    from clusterctl.communication.collected import Origin, rows_of
    from clusterctl.simulate.training.trace import write_trace
    from clusterctl.simulate.training.write import steps_to_trace

    with tempfile.TemporaryDirectory() as folder:
        for rank in job.ranks(0):
            path = Path(folder) / f"rank{rank.plan.rank}.pt.trace.json.gz"
            write_trace(path, rank, job.world_size, job.start_ms, steps_to_trace(job, TRACED_STEPS))
        found = analyze([Path(folder)], Options(), lambda _path, _count: None)
        import_traces(store, rows_of(found, Origin(job.job_id, "tp4", "/import:demo")), found.notes, CLUSTER, "demo")
