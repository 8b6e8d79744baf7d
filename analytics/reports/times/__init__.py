"""Times, goodput and checkpoints of a report, and what causes cost. Definitions in docs/kpi.md, section Time."""

from __future__ import annotations

from collections.abc import Mapping

from clusterctl.analytics.reports import model_faults, model_times
from clusterctl.analytics.reports.times.between import job_sizes, time_between
from clusterctl.analytics.reports.times.checkpoints import checkpoints_of
from clusterctl.analytics.reports.times.costs import cause_costs
from clusterctl.analytics.reports.times.racks import racks_of
from clusterctl.analytics.reports.times.repairs import availability_of, mttr_of, states_of
from clusterctl.analytics.reports.times.told import Told, told_of
from clusterctl.analytics.reports.times.trained import ettr_of, goodput_of
from clusterctl.analytics.stats import Rate
from clusterctl.config import AnalyticsConfig
from clusterctl.store import Param, Reader

__all__ = ["Told", "costs_of", "times_of", "told_of"]


def times_of(
    store: Reader,
    config: AnalyticsConfig,
    window: Mapping[str, Param],
    faults: int,
    headline: Rate,
    gpu_days: float | None,
    told: Told | None = None,
    exposed_gpu_hours: float | None = None,
    exposed_remark: str = "",
) -> model_times.Times:
    """All about time. `headline` is the fleet's fault rate on `gpu_days` of in-service exposure; `told` is what `told_of`
    gave for this window, if the caller has asked already; `exposed_gpu_hours` is what communication took of its jobs,
    with what must be said of it."""
    told = told or told_of(store, window)
    states = states_of(store, window)
    mttr = mttr_of(told, states)
    checkpoints = checkpoints_of(told, headline)
    return model_times.Times(
        mtbf_gpu_hours=time_between(None if gpu_days is None else 24 * gpu_days, faults),
        job_sizes=job_sizes(store, window, headline),
        mttr=mttr,
        availability=availability_of(told, states),
        ettr=ettr_of(told, mttr, checkpoints, headline),
        goodput=goodput_of(store, window, told, exposed_gpu_hours, exposed_remark),
        checkpoints=checkpoints,
        rack_to_train=racks_of(store, window, told),
    )


def costs_of(store: Reader, window: Mapping[str, Param], told: Told | None = None) -> list[model_faults.CauseCost]:
    """Causes of unexpected incidents by count and by GPU time lost, the dearest first."""
    return cause_costs(store, window, told or told_of(store, window))
