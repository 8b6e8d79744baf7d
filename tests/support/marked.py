"""Rows that marked jobs leave in the store: steps gathered in ten seconds as the agent does, other marks, runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from clusterctl.analytics.times.steps import Piece
from clusterctl.schema import JOB, JOB_MARK
from clusterctl.store import Store
from tests.support.rolled import Row, insert

GATHER_MS = 10_000


@dataclass
class MarkedJob:
    """What one job says of itself, from one rank on one node."""

    job_id: str
    host: str = "n1"
    rank: int = 0
    steps: list[Row] = field(default_factory=list)
    others: list[Row] = field(default_factory=list)
    runs: list[Row] = field(default_factory=list)

    def train(self, first: int, last: int, first_end_ms: int, step_ms: int, every: int = 1) -> int:
        """Steps at an even pace, of which every so many are marked; when the last one ends."""
        row: Row = {}
        for step in range(first, last + 1, every):
            at = first_end_ms + (step - first) * step_ms
            if not row or at - row["ts"] >= GATHER_MS:
                row = self._row("step", at, step=step, last_step=step, last_ts=at)
                self.steps.append(row)
            else:
                row.update(count=row["count"] + 1, last_step=step, last_ts=at)
        return first_end_ms + (last - first) * step_ms

    def mark(self, kind: str, at_ms: int, step: int | None = None, size_bytes: int | None = None) -> None:
        self.others.append(self._row(kind, at_ms, step=step, size_bytes=size_bytes))

    def run(
        self, since_ms: int, until_ms: int | None, hosts: int, gpus: int = 8, eligible_ms: int | None = None
    ) -> None:
        """A run on this node and on those after it."""
        names = [self.host, *(f"{self.host}-{number}" for number in range(1, hosts))]
        self.runs += [
            {"cluster": "c", "host": name, "ts": since_ms, "job_id": self.job_id, "owner": "ann", "scheduler": "slurm",
             "gpus": gpus, "end_state": "" if until_ms is None else "FAILED", "ended_at": until_ms,
             "eligible_at": eligible_ms}
            for name in names
        ]  # fmt: skip

    def pieces(self) -> list[Piece]:
        """The steps, as rows say them."""
        return [Piece(row["ts"], row["last_ts"], row["step"], row["last_step"]) for row in self.steps]

    def _row(self, kind: str, at_ms: int, **more: object) -> Row:
        return {"cluster": "c", "host": self.host, "boot_id": "b", "ts": at_ms, "job_id": self.job_id, "mark": kind,
                "rank": self.rank, "count": 1, **more}  # fmt: skip


def store_jobs(store: Store, jobs: Sequence[MarkedJob]) -> None:
    """Everything that they leave, stored an hour ago or so."""
    marks = [row for job in jobs for row in (*job.steps, *job.others)]
    runs = [row for job in jobs for row in job.runs]
    stored_ms = max(row["ts"] for row in (*marks, *runs)) + 60_000
    insert(store, JOB_MARK, marks, stored_ms=stored_ms)
    insert(store, JOB, runs, stored_ms=stored_ms)
