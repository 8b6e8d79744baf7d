"""Jobs of a window, and which of their nodes are looked at minute by minute: all of a small cluster; of a large one those
that the hours make suspect, with some others as peers."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from clusterctl.analytics.slow.questions import JobRow
from clusterctl.clock import MS_PER_MINUTE, to_ms

WHOLE_NODES = 64
"""Up to so many nodes under jobs, all are looked at: no episode is too short for the hours to show."""
SUSPECTS, PEERS = 16, 8
"""Nodes of one job that are looked at: suspect ones, and others to compare them with."""

Span = tuple[int, int]
"""Minutes of the window, [first, last)."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job: since when and until when it held each, in minutes of the window, and with how many GPUs."""

    job_id: str
    spans: Mapping[str, Span]
    gpus: int


def jobs_of(rows: Sequence[JobRow], since_ms: int, minutes: int) -> list[Job]:
    """Every job of the window that held a node for a minute at least."""
    spans: dict[str, dict[str, Span]] = defaultdict(dict)
    gpus: dict[str, int] = defaultdict(int)
    for row in rows:
        first = max(0, -(-(to_ms(row.began) - since_ms) // MS_PER_MINUTE))
        last = minutes if row.ended is None else min(minutes, (to_ms(row.ended) - since_ms) // MS_PER_MINUTE)
        if last > first:
            spans[row.job_id][row.host] = (first, last)
            gpus[row.job_id] += row.gpu_count
    return [Job(name, held, gpus[name]) for name, held in spans.items()]


def holders(jobs: Iterable[Job]) -> Mapping[str, Mapping[str, list[Span]]]:
    """By node, what each job had of it: a port has no owner, and is judged only while one job has its node."""
    held: dict[str, dict[str, list[Span]]] = defaultdict(lambda: defaultdict(list))
    for job in jobs:
        for host, span in job.spans.items():
            held[host][job.job_id].append(span)
    return held


def looked_at(job: Job, suspects: Sequence[str] | None) -> list[str]:
    """Nodes of a job to read. `suspects` is missing where all are looked at; a job without suspects is not read at all. Which
    peers are taken is by lot, and the same every time."""
    hosts = sorted(job.spans, key=lambda host: hashlib.sha256(f"{job.job_id}/{host}".encode()).digest())
    if suspects is None:
        return sorted(hosts)
    if not suspects:
        return []
    chosen = set(suspects[:SUSPECTS])
    return sorted([*chosen, *[host for host in hosts if host not in chosen][:PEERS]])
