"""What a report says of single nodes, GPUs and groups of them: lemons, repairs, cohorts, the slow."""

from __future__ import annotations

from dataclasses import dataclass

from clusterctl.analytics.stats.cohort import Cohort as Cohort
from clusterctl.analytics.stats.lemon import Lemon as Lemon
from clusterctl.analytics.stats.lemon import Lemons as Lemons
from clusterctl.analytics.stats.repair import Repair as Repair


@dataclass(frozen=True, slots=True)
class Slow:
    """Measured slower than its peers under the same job."""

    kind: str
    node: str
    name: str
    metric: str
    job_id: str
    onset: str
    until: str | None
    slow_ratio: float
    confidence: float
    peers: int
    gpu_hours_lost: float | None


@dataclass(frozen=True, slots=True)
class NodeLine:
    """A node and what it had, worst first."""

    node: str
    faults: int
    incidents: int
    open_incidents: int
    state: str
    out_of_service_h: float | None
    last_cause: str
    rack: str
