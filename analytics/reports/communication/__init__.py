"""Communication in a report: per job and over the fleet. Definitions in docs/kpi.md and docs/communication.md."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from clusterctl.analytics.reports.communication import queries
from clusterctl.analytics.reports.communication.fleet import distribution_of, groups_of
from clusterctl.analytics.reports.communication.jobs import jobs_of
from clusterctl.analytics.reports.communication.trained import NOTHING, Taken, taken_of
from clusterctl.analytics.reports.communication.verdicts import LINES
from clusterctl.analytics.reports.model_comm import Communication, unmeasured
from clusterctl.analytics.reports.model_nodes import Slow
from clusterctl.analytics.reports.times import Told
from clusterctl.analytics.reports.times.between import EDGES
from clusterctl.store import Param, Reader

__all__ = ["NOTHING", "NOT_MEASURED", "Taken", "communication_of"]

NOT_MEASURED = "not measured: no trace was imported, and no estimate was made"
ONLY_RANKS = "not measured: what there is are single ranks or logs of calls, which tell no exposed time of a job"


def communication_of(
    store: Reader, window: Mapping[str, Param], slow: Sequence[Slow], told: Told
) -> tuple[Communication, Taken]:
    """Jobs and fleet, and what communication took of useful training time. One short question where nothing is known."""
    if not queries.ANY.one(store, **window).found:
        return unmeasured(NOT_MEASURED), NOTHING
    lines = {"low_line": LINES[0], "high_line": LINES[1]}
    rows = queries.JOBS.run(store, **window, **lines, top=queries.MAX_JOBS, edges=json.dumps(EDGES))
    if not rows:
        return unmeasured(ONLY_RANKS), NOTHING
    chosen = [row for row in rows if row.job]
    rest = [row for row in rows if not row.job]
    distribution, hours = distribution_of(rows)
    found = Communication(
        status="",
        lines=list(LINES),
        jobs=jobs_of(store, window, chosen, slow),
        more_jobs=sum(row.jobs for row in rest),
        more_gpu_hours=sum(row.gpu_hours for row in rest),
        groups=groups_of(rows),
        distribution=distribution,
        gpu_hours_with_interval=hours,
    )
    return found, taken_of(store, window, told)
