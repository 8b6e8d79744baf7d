"""What a report says of faults beyond their rate: how they cluster, where, since when, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass

from clusterctl.analytics.stats import Rate
from clusterctl.analytics.stats.concentration import Concentration as Concentration
from clusterctl.analytics.stats.concentration import WithoutWorst as WithoutWorst
from clusterctl.analytics.stats.dispersion import Dispersion as Dispersion
from clusterctl.analytics.stats.trend import ChangePoint as ChangePoint
from clusterctl.analytics.stats.trend import Trend as Trend
from clusterctl.analytics.stats.trend import TrendPoint as TrendPoint


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The count if episodes of one node were joined by gap alone; `gap_s` is missing for the rule in use (until repaired)."""

    rule: str
    gap_s: float | None
    count: int
    rate: Rate


@dataclass(frozen=True, slots=True)
class SplitRow:
    """Faults and exposure of one value of a dimension."""

    name: str
    count: int
    gpu_days: float | None
    share: float
    rate: Rate


@dataclass(frozen=True, slots=True)
class Split:
    """Faults by one dimension: gpu_model, driver, firmware, rack, batch, job_size or node_age."""

    dimension: str
    rows: list[SplitRow]
    remark: str = ""


@dataclass(frozen=True, slots=True)
class CauseCost:
    """A cause by count and by cost. `gpu_hours_lost` is missing where no job told; `counted_in_cost` incidents did. Published
    tables may tell shares of the cost and no hours."""

    cause: str
    cls: str
    count: int
    share_of_count: float
    gpu_hours_lost: float | None
    share_of_cost: float | None
    counted_in_cost: int
    category: str = ""
    """The source's own grouping of causes."""
