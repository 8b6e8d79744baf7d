"""What failures and checkpoints leave of a job's time, by the linear model, and the interval that loses least."""

from __future__ import annotations

import math
from dataclasses import dataclass

MINUTES_PER_DAY = 1440.0
GREATEST_LOSS = 0.5
"""The linear form holds while failures take less than this; beyond, no number is given."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the model sees it. `failures_per_day` is nodes x failures per node-day; the rest is in minutes: between
    checkpoints, to restart, waiting in the queue after a failure, and stopped for each checkpoint."""

    failures_per_day: float
    interval_min: float
    restart_min: float = 0.0
    queue_min: float = 0.0
    blocked_min: float = 0.0

    def lost_to_failures(self) -> float:
        """Share of time that failures take: half an interval is done again, after waiting and restarting."""
        lost_min = self.restart_min + self.queue_min + self.interval_min / 2
        return self.failures_per_day * lost_min / MINUTES_PER_DAY


def expected_ettr(job: Job) -> float | None:
    """Productive over wall time to expect. None where failures would take half of it or more: the model ends there."""
    lost = job.lost_to_failures()
    return (1 - lost) / (1 + job.blocked_min / job.interval_min) if lost < GREATEST_LOSS else None


def unproductive_share(job: Job) -> float:
    """Share of time that failures and checkpoints take, without the queue; what `best_interval_min` makes smallest."""
    lost_min = job.restart_min + job.interval_min / 2
    return job.failures_per_day * lost_min / MINUTES_PER_DAY + job.blocked_min / job.interval_min


def best_interval_min(failures_per_day: float, blocked_min: float) -> float | None:
    """The checkpoint interval that loses least (Young, Daly), in minutes. None without failures: then each one is a loss."""
    return math.sqrt(2 * blocked_min * MINUTES_PER_DAY / failures_per_day) if failures_per_day > 0 else None
