"""Faults, interruptions and what the headline leaves out, counted by the rules of docs/kpi.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from clusterctl.analytics.reports import model, queries
from clusterctl.analytics.reports.model_faults import Concentration, Dispersion, Sensitivity
from clusterctl.analytics.reports.units import Evidence
from clusterctl.analytics.stats import Tally, Units, rate_of, verdict_of
from clusterctl.analytics.stats.concentration import concentration_of
from clusterctl.analytics.stats.dispersion import dispersion_of

BASIS = "in_service"
LEAST_NODES = 2


@dataclass(frozen=True, slots=True)
class Ground:
    """What all rates of a cluster stand on."""

    causes: Sequence[queries.CauseRow]
    days: model.GpuDays
    evidence: Evidence
    targets: Sequence[float]
    covered: bool


def _total(rows: Iterable[queries.CauseRow], *domains: str, impact: str = "fault") -> int:
    return sum(row.incidents for row in rows if row.domain in domains and row.impact == impact and row.exposed)


def faults_of(ground: Ground) -> model.Faults:
    """The headline with everything that says how far to believe it."""
    causes, days = ground.causes, ground.days
    count, unknown = _total(causes, "infrastructure"), _total(causes, "unknown")
    unexpected = _total(causes, "infrastructure", "software", "user", "unknown")
    infrastructure = [row for row in causes if row.domain == "infrastructure" and row.impact == "fault"]
    headline = [row for row in infrastructure if row.exposed]
    away = sum(row.incidents for row in infrastructure if row.watched and not row.exposed)
    spread = _dispersion(ground, count)
    phi = spread.verdict_phi
    return model.Faults(
        count=count,
        gpu_days=days,
        per_1000_gpu_days=rate_of(count, days.in_service, BASIS, phi),
        by_basis=[
            rate_of(count, days.in_service, BASIS, phi),
            # what was out of service is installed all the same: its faults count where its time does
            rate_of(count + away, days.capacity, "capacity", phi),
            # over job time only what hit a job's GPUs counts; where nobody told, every fault is taken to have
            rate_of(sum(row.on_jobs for row in headline), days.allocated, "allocated", phi),
        ],
        by_cause=by_cause(headline),
        verdicts=[
            verdict_of(count, unknown, days.in_service or 0.0, target, covered=ground.covered, phi=phi)
            for target in ground.targets
        ],
        unattributed=unknown,
        unattributed_share=unknown / unexpected if unexpected else None,
        out_of_service=away,
        before_exposure=sum(row.incidents for row in causes if not row.exposed and row.impact == "fault") - away,
        still_open=sum(row.still_open for row in headline),
        dispersion=spread,
        concentration=_concentration(ground, count, unknown, phi),
        sensitivity=_sensitivity(ground, count, phi),
        nodes_affected=sum(row.nodes_hit for row in headline),
    )


def _dispersion(ground: Ground, count: int) -> Dispersion:
    """Of dated faults; what is only counted over a period has no days."""
    evidence, gpu_days = ground.evidence, ground.days.in_service or 0.0
    nodes = evidence.by_node if len(evidence.by_node.names) >= LEAST_NODES else None
    if sum(fault.count for fault in evidence.dated) < count:
        why = "not estimable: only a count over the whole period is known"
        return Dispersion(None, 0, None, None, False, None, None, None, why)
    return dispersion_of([tally for _, tally in evidence.daily], Tally(count, gpu_days), BASIS, nodes)


def _concentration(ground: Ground, count: int, unknown: int, phi: float) -> Concentration:
    def judge(tally: Tally) -> list[str]:
        return [
            verdict_of(tally.count, unknown, tally.gpu_days, target, covered=ground.covered, phi=phi).verdict
            for target in ground.targets
        ]

    evidence, total = ground.evidence, Tally(count, ground.days.in_service or 0.0)
    kinds = {"node": evidence.by_node, "gpu": _divided(evidence, ground), "fabric": evidence.by_fabric}
    if not total.gpu_days:
        return Concentration(sum(number > 0 for number in evidence.by_node.counts), [], False)
    return concentration_of(kinds, total, BASIS, judge, phi=phi)


def _divided(evidence: Evidence, ground: Ground) -> Units:
    """GPUs with their exposure. Where only a block of nameless GPUs is stated, each has its part of it."""
    units = evidence.by_gpu
    nameless = [block for block in evidence.stated if not block.gpu]
    gpus = sum(block.gpus for block in nameless)
    if not gpus or any(units.gpu_days):
        return units
    each = (ground.days.in_service or 0.0) / gpus
    return Units(units.names, units.counts, [each] * len(units.names))


def _sensitivity(ground: Ground, count: int, phi: float) -> list[Sensitivity]:
    """What other rules would make of the same episodes: a wide spread says that the rule makes the number."""
    faults, days = ground.evidence.faults, ground.days.in_service
    rules = (
        ("gap 5 s", 5.0, sum(fault.groups_5s for fault in faults)),
        ("gap 3 min (NVSentinel)", 180.0, sum(fault.groups_3min for fault in faults)),
        ("gap 15 min (gpud)", 900.0, sum(fault.groups_15min for fault in faults)),
        ("until repaired (in use)", None, count),
    )
    return [Sensitivity(rule, gap_s, number, rate_of(number, days, BASIS, phi)) for rule, gap_s, number in rules]


def by_cause(rows: Sequence[queries.CauseRow]) -> list[model.Cause]:
    """Causes with their share of all."""
    total = sum(row.incidents for row in rows)
    return [
        model.Cause(row.cause, row.cls, row.category, row.incidents, row.incidents / total)
        for row in rows
        if row.incidents
    ]


def _by_category(rows: Sequence[queries.CauseRow]) -> list[model.Group]:
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        if row.category:
            counts[row.category] += row.incidents
    total = sum(row.incidents for row in rows)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [model.Group(name, count, count / total) for name, count in ordered if total]


def interruptions_of(ground: Ground, hours: float, gpus_per_node: int) -> model.Interruptions:
    """Unexpected ends of jobs: how published training reports count. Where no scheduler told of jobs, every incident is
    taken for one."""
    days = ground.days
    unexpected = [row for row in ground.causes if row.domain != "planned" and row.impact == "fault" and row.exposed]
    planned = [row for row in ground.causes if row.domain == "planned" and row.impact == "fault" and row.exposed]
    count = sum(row.interruptions for row in unexpected)
    with_planned = count + sum(row.interruptions for row in planned)
    # published figures divide by job GPUs; where no scheduler told, in-service time is the nearest that is known
    basis, gpu_days = ("allocated", days.allocated) if days.allocated is not None else (BASIS, days.in_service)
    node_days = None if gpu_days is None else gpu_days / gpus_per_node
    return model.Interruptions(
        count=count,
        per_1000_gpu_days=rate_of(count, gpu_days, basis),
        per_1000_node_days=rate_of(count, node_days, f"{basis}, {gpus_per_node} GPUs a node"),
        gpus_per_node=gpus_per_node,
        mtti_hours=hours / count if count and hours else None,
        by_cause=by_cause(unexpected),
        by_category=_by_category(unexpected),
        verdicts=[verdict_of(count, 0, gpu_days or 0.0, target, covered=ground.covered) for target in ground.targets],
        including_planned=model.Line(with_planned, rate_of(with_planned, gpu_days, basis)),
        mtti_hours_including_planned=hours / with_planned if with_planned and hours else None,
    )


def lines_of(ground: Ground, slow: int) -> model.Lines:
    """What the headline leaves out, each on its own line. `slow` is the number of fail-slow findings."""

    def line(count: int) -> model.Line:
        return model.Line(count, rate_of(count, ground.days.in_service, BASIS))

    causes = ground.causes

    def apart(impact: str) -> int:
        return sum(row.incidents for row in causes if row.impact == impact and row.exposed)

    return model.Lines(
        including_software=line(_total(causes, "infrastructure", "software")),
        including_unattributed=line(_total(causes, "infrastructure", "unknown")),
        user=line(_total(causes, "user")),
        planned=line(_total(causes, "planned")),
        degradations=line(apart("degradation")),
        fail_slow=line(slow),
        telemetry_gaps=line(apart("gap")),
    )
