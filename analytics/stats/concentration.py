"""How many units the faults come from, and what the rate would be without the worst of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from clusterctl.analytics.stats.rates import Rate, Tally, Units, rate_of

DOMINANT_SHARE = 0.5
Judge = Callable[[Tally], Sequence[str]]
"""The verdicts that so many faults in such an exposure get, one a target."""


@dataclass(frozen=True, slots=True)
class WithoutWorst:
    """The rate that would remain without the one worst node, GPU or fabric element."""

    kind: str
    name: str
    count: int
    share: float
    rate: Rate
    falls_by_factor: float | None
    changes_verdict: bool


@dataclass(frozen=True, slots=True)
class Concentration:
    """How many units the faults come from."""

    distinct_nodes: int
    worst: list[WithoutWorst]
    single_unit_dominated: bool


def concentration_of(
    kinds: Mapping[str, Units], total: Tally, basis: str, judge: Judge, *, phi: float = 1.0
) -> Concentration:
    """`kinds` are the units by kind: node, gpu, fabric. Of two that are equally bad the one with less exposure is worse."""
    found = (_without_worst(kind, units, total, basis, judge, phi) for kind, units in kinds.items())
    worst = [entry for entry in found if entry is not None]
    dominated = any(entry.share >= DOMINANT_SHARE or entry.changes_verdict for entry in worst)
    nodes = kinds.get("node")
    distinct = 0 if nodes is None else sum(count > 0 for count in nodes.counts)
    return Concentration(distinct, worst, dominated)


def _without_worst(kind: str, units: Units, total: Tally, basis: str, judge: Judge, phi: float) -> WithoutWorst | None:
    if not total.count or not max(units.counts, default=0):
        return None
    most = max(units.counts)
    rows = zip(units.counts, units.gpu_days, units.names, strict=True)
    exposure, name = min((days, name) for count, days, name in rows if count == most)
    rest = Tally(total.count - most, total.gpu_days - exposure)
    rate = rate_of(rest.count, rest.gpu_days if rest.gpu_days > 0 else None, basis, phi)
    before = total.count / total.gpu_days if total.gpu_days else None
    after = rest.count / rest.gpu_days if rest.gpu_days > 0 else None
    return WithoutWorst(
        kind=kind,
        name=name,
        count=most,
        share=most / total.count,
        rate=rate,
        falls_by_factor=before / after if before and after else None,
        changes_verdict=after is not None and list(judge(total)) != list(judge(rest)),
    )
