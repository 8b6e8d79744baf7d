"""One run of a job on one node, and a listing of them, whatever the scheduler."""

from __future__ import annotations

from dataclasses import dataclass, field

from clusterctl.analytics.imports.node_said import checked_name
from clusterctl.analytics.imports.table import Rejected
from clusterctl.schema.field import LATEST_MS

MAX_JOB_ID, MAX_OWNER, MAX_EXCLUDED = 200, 200, 4_000
MAX_RUNS = 20_000_000


@dataclass(frozen=True, slots=True)
class Run:
    """A job's time on a node. `end_ms` None: it runs."""

    job_id: str
    host: str
    start_ms: int
    end_ms: int | None
    gpus: int
    owner: str = ""
    end_state: str = ""
    exit_code: int | None = None
    wanted_end: int | None = None
    submitted_ms: int | None = None
    eligible_ms: int | None = None
    excluded: str = ""


@dataclass
class Jobs:
    """A file of jobs: what could be read of it, and what could not."""

    scheduler: str
    runs: list[Run] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    pending: int = 0
    without_gpus: int = 0

    def reject(self, line: int, reason: str) -> None:
        """Leave a row out."""
        self.rejected.append(Rejected(line, reason))

    def add(self, run: Run) -> None:
        """Take a run in. Raises ValueError if it cannot be stored."""
        if checked_name(run.host) is None:
            raise ValueError(f"not a node name: {run.host[:64]!r}")
        if not 0 < len(run.job_id) <= MAX_JOB_ID or not run.job_id.isprintable():
            raise ValueError(f"not a job id: {run.job_id[:64]!r}")
        if not 0 < run.start_ms < LATEST_MS or (run.end_ms is not None and not run.start_ms <= run.end_ms < LATEST_MS):
            raise ValueError("it ends before it starts, or lies before 1970")
        if any(ms is not None and not 0 <= ms < LATEST_MS for ms in (run.submitted_ms, run.eligible_ms)):
            raise ValueError("it was submitted before 1970, or after 2100")
        if len(self.runs) >= MAX_RUNS:
            raise ValueError(f"more than {MAX_RUNS} runs in one file")
        self.runs.append(run)
