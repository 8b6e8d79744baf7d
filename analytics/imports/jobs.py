"""`clusterctl import jobs`: what schedulers say of jobs, as rows of the table that agents fill too.

Rows of a scheduler's export have no boot; those of agents do, and count only where no export tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from clusterctl.analytics.imports import jobs_kubernetes, jobs_sacct
from clusterctl.analytics.imports.envelope import ENVELOPE
from clusterctl.analytics.imports.job_run import MAX_EXCLUDED, MAX_OWNER, Jobs, Run
from clusterctl.analytics.imports.json_file import decode, looks_like_json
from clusterctl.analytics.imports.table import Outcome
from clusterctl.analytics.imports.told import JOBS as SUBJECT
from clusterctl.analytics.imports.told import MAX_SNAPSHOT_GAP_MS, snapshot_since, told
from clusterctl.analytics.query import Query
from clusterctl.analytics.write import insert_rows
from clusterctl.clock import to_ms, utc
from clusterctl.errors import InputError
from clusterctl.schema import JOB
from clusterctl.store import Store

GONE = "GONE"
"""end_state of a pod that its cluster does not list any more: how it ended nobody tells."""
BLOCK_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class JobRow:
    job_id: str
    host: str
    ts: datetime
    ended_at: datetime | None
    gpus: int
    owner: str
    end_state: str
    exit_code: int | None
    wanted_end: int | None
    submitted_at: datetime | None
    eligible_at: datetime | None
    excluded_nodes: str | None

    def run(self) -> Run:
        """As importers have it."""
        ended, submitted, eligible = (
            None if at is None else to_ms(at) for at in (self.ended_at, self.submitted_at, self.eligible_at)
        )
        return Run(
            self.job_id,
            self.host,
            to_ms(self.ts),
            ended,
            self.gpus,
            self.owner,
            self.end_state,
            self.exit_code,
            self.wanted_end,
            submitted,
            eligible,
            self.excluded_nodes or "",
        )


STANDING = Query("imports/standing_jobs.sql", JobRow)


def jobs_of(path: Path, content: bytes, zone: tzinfo) -> Jobs:
    """What the file says, of whichever scheduler it is. Raises InputError if it is of none."""
    if not looks_like_json(content):
        return jobs_sacct.from_lines(content.decode("utf-8", errors="replace"), zone)
    document = decode(path, content)
    if "jobs" in document:
        return jobs_sacct.from_json(document)
    if "items" in document or document.get("kind") == "Pod":
        return jobs_kubernetes.from_json(document)
    raise InputError(
        f"{path}: neither jobs of Slurm nor pods of Kubernetes", hint="sacct --json, or kubectl get pods -A -o json"
    )


def import_jobs(
    store: Store,
    path: Path,
    content: bytes,
    cluster: str,
    *,
    zone: tzinfo,
    since_ms: int | None,
    until_ms: int,
    version: int,
) -> Outcome:
    """Store the runs that are new or have changed. `until_ms` is the moment of the export, up to which it tells of
    everything; `since_ms` is from when on, guessed from the first end of a job if not given."""
    jobs = jobs_of(path, content, zone)
    outcome = Outcome("jobs", cluster, jobs.scheduler, rejected=jobs.rejected, warnings=jobs.warnings)
    runs = [_cut(run, until_ms) for run in jobs.runs if run.start_ms <= until_ms]
    standing = _standing(store, cluster, jobs.scheduler, runs)
    if jobs.scheduler == "kubernetes":
        runs += _gone(store, cluster, runs, until_ms)
    changed = [run for run in runs if standing.get((run.job_id, run.host, run.start_ms)) != run]
    for start in range(0, len(changed), BLOCK_ROWS):
        insert_rows(store, JOB, [_row(run, cluster, jobs.scheduler) for run in changed[start : start + BLOCK_ROWS]])
    begins = _tells_since(store, cluster, jobs, runs, until_ms) if since_ms is None else since_ms
    told(store, cluster, SUBJECT, jobs.scheduler, begins, until_ms, version)
    outcome.rows, outcome.written = len(runs), len(changed)
    outcome.warnings += list(_remarks(jobs, begins, until_ms))
    return outcome


def _remarks(jobs: Jobs, since_ms: int, until_ms: int) -> Sequence[str]:
    remarks = [f"{jobs.pending} jobs had not started, and hold nothing"] if jobs.pending else []
    remarks += [f"{jobs.without_gpus} jobs ask for no GPU, and are left out"] if jobs.without_gpus else []
    if since_ms < until_ms:
        remarks.append(f"tells of all jobs from {utc(since_ms):%Y-%m-%d %H:%M} to {utc(until_ms):%Y-%m-%d %H:%M} UTC")
    else:
        remarks.append("tells of a moment only; --since says from when on all jobs are in it")
    return remarks


def _cut(run: Run, until_ms: int) -> Run:
    """A run as it stood at the moment of the export."""
    if run.end_ms is None or run.end_ms <= until_ms:
        run = replace(run, owner=run.owner[:MAX_OWNER], excluded=run.excluded[:MAX_EXCLUDED])
        return run
    return replace(run, end_ms=None, end_state="", exit_code=None, wanted_end=None)


def _standing(store: Store, cluster: str, scheduler: str, runs: Sequence[Run]) -> dict[tuple[str, str, int], Run]:
    if not runs:
        return {}
    first, last = min(run.start_ms for run in runs), max(run.start_ms for run in runs)
    found = STANDING.run(
        store, cluster=cluster, scheduler=scheduler, since=utc(first), until=utc(last + 1), running_only=0
    )
    return {(row.job_id, row.host, to_ms(row.ts)): row.run() for row in found}


def _gone(store: Store, cluster: str, runs: Sequence[Run], until_ms: int) -> list[Run]:
    """Pods that ran and are not listed any more: they ended after they were last seen, at the latest by then known."""
    there = {(run.job_id, run.host) for run in runs}
    seen_ms = snapshot_since(store, cluster, SUBJECT, "kubernetes", until_ms)
    rows = STANDING.run(
        store, cluster=cluster, scheduler="kubernetes", since=utc(0), until=utc(until_ms), running_only=1
    )
    return [
        replace(row.run(), end_ms=max(seen_ms, to_ms(row.ts)), end_state=GONE)
        for row in rows
        if (row.job_id, row.host) not in there
    ]


def _tells_since(store: Store, cluster: str, jobs: Jobs, runs: Sequence[Run], until_ms: int) -> int:
    """sacct lists what ended or ran since a moment that it does not print: not later than the first end in the list. Pods
    are a snapshot."""
    before = snapshot_since(store, cluster, SUBJECT, jobs.scheduler, until_ms)
    if jobs.scheduler == "kubernetes":
        return before
    ends = [run.end_ms for run in runs if run.end_ms is not None]
    first = min(ends, default=until_ms)
    return min(first, before) if until_ms - before <= MAX_SNAPSHOT_GAP_MS else first


def _row(run: Run, cluster: str, scheduler: str) -> dict[str, Any]:
    return {
        **ENVELOPE,
        "cluster": cluster,
        "host": run.host,
        "ts": run.start_ms,
        "job_id": run.job_id,
        "owner": run.owner,
        "scheduler": scheduler,
        "gpus": run.gpus,
        "end_state": run.end_state,
        "ended_at": run.end_ms,
        "exit_code": run.exit_code,
        "wanted_end": run.wanted_end,
        "submitted_at": run.submitted_ms,
        "eligible_at": run.eligible_ms,
        "excluded_nodes": run.excluded or None,
    }
