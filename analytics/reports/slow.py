"""Fail-slow findings of a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from clusterctl.analytics.query import Query
from clusterctl.analytics.reports import model_nodes
from clusterctl.store import Param, Reader


@dataclass(frozen=True, slots=True)
class SlowRow:
    """A row of reports/slow.sql."""

    host: str
    subject_kind: str
    subject: str
    metric: str
    job_id: str
    onset: datetime
    until: datetime | None
    slow_ratio: float
    confidence_ratio: float
    peers: int
    gpu_hours_lost: float | None
    evidence: str


SLOW = Query("reports/slow.sql", SlowRow)


def slow_of(store: Reader, window: Mapping[str, Param]) -> list[model_nodes.Slow]:
    """Findings that lasted into the window, the greatest loss first."""
    given = {name: window[name] for name in SLOW.parameters()}
    return [
        model_nodes.Slow(
            kind=row.subject_kind,
            node=row.host,
            name=row.subject,
            metric=row.metric,
            job_id=row.job_id,
            onset=_text(row.onset),
            until=None if row.until is None else _text(row.until),
            slow_ratio=row.slow_ratio,
            confidence=row.confidence_ratio,
            peers=row.peers,
            gpu_hours_lost=row.gpu_hours_lost,
        )
        for row in SLOW.run(store, **given)
    ]


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
