"""From the store to a `Report`: asks the queries, counts by the rules of docs/kpi.md, and judges."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources

import clusterctl
from clusterctl.analytics.reports import model, queries
from clusterctl.analytics.reports.coverage import coverage_of, is_covered
from clusterctl.analytics.reports.definitions import DEFINITIONS
from clusterctl.analytics.stats import Rate, rate_of, verdict_of
from clusterctl.catalog import load as load_catalogue
from clusterctl.clock import MS_PER_DAY, to_ms, utc
from clusterctl.config import AnalyticsConfig
from clusterctl.store import Param, Reader

TOP = 20
GPUS_PER_NODE = 8
NODE_BASIS = "allocated node-days"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user wants: a window (None means as far as the evidence goes) and which clusters (empty means all)."""

    since_ms: int | None = None
    until_ms: int | None = None
    cluster: str = ""
    gpus_per_node: int = GPUS_PER_NODE


def build(
    store: Reader,
    config: AnalyticsConfig,
    asked: Asked,
    now_ms: int,
    progress: Callable[[str], None] = lambda _name: None,
) -> model.Report:
    """The report. A cluster that nobody has evidence for is not in it."""
    clusters = []
    for known in queries.CLUSTERS.run(store):
        if (not asked.cluster or known.cluster == asked.cluster) and _overlaps(asked, known):
            progress(known.cluster)
            clusters.append(_cluster(store, config, asked, known, now_ms))
    return model.Report(
        report_version=model.REPORT_VERSION,
        generated_at=_iso(utc(now_ms)),
        clusters=clusters,
        reference_lines=reference_lines(),
        definitions=list(DEFINITIONS),
        catalog_version=load_catalogue(config.catalog_overrides).version,
        clusterctl_version=clusterctl.__version__,
    )


def _overlaps(asked: Asked, known: queries.ClusterRow) -> bool:
    """Whether the cluster has any evidence in the window that was asked for."""
    after = asked.since_ms is None or asked.since_ms < to_ms(known.last_ts)
    return after and (asked.until_ms is None or asked.until_ms > to_ms(known.first_ts))


def reference_lines() -> list[model.ReferenceLine]:
    """Published rates, from data/reference_lines.csv."""
    file = resources.files("clusterctl.analytics") / "data" / "reference_lines.csv"
    return [
        model.ReferenceLine(
            row["name"],
            float(row["rate"]),
            _float(row["low"]),
            _float(row["high"]),
            row["rule"],
            row["basis"],
            row["evidence"],
        )
        for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines())
    ]


def _float(text: str) -> float | None:
    return float(text) if text else None


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _cluster(
    store: Reader, config: AnalyticsConfig, asked: Asked, known: queries.ClusterRow, now_ms: int
) -> model.ClusterReport:
    first, last = to_ms(known.first_ts), to_ms(known.last_ts)
    since_ms = first if asked.since_ms is None else asked.since_ms
    until_ms = last if asked.until_ms is None else asked.until_ms
    window: dict[str, Param] = {"cluster": known.cluster, "since": utc(since_ms), "until": utc(max(since_ms, until_ms))}
    causes = queries.CAUSES.run(store, **window)
    # nobody can have been in service in the future
    lived = {**window, "until": utc(max(since_ms, min(until_ms, now_ms)))}
    seen = queries.OBSERVED.one(store, **lived)
    # where agents watch, what they saw counts, and what an import states ends
    stated = queries.STATED.one(store, **{**lived, "until": seen.first_minute or lived["until"]})
    days, imported, observed = _gpu_days(seen, stated)
    covered_hours = stated.covered_days * 24 + queries.MINUTES.one(store, **lived).minutes / 60
    evidence_hours = covered_hours or max(0, min(until_ms, last) - max(since_ms, first)) / MS_PER_DAY * 24
    coverage = coverage_of(store, window, until_ms=min(until_ms, now_ms), observed=observed, imported=imported)
    left_out = queries.LEFT_OUT.one(store, **window).rows_left_out
    covered = is_covered(coverage, config.min_coverage)
    faults = _faults(causes, days, config, covered=covered)
    return model.ClusterReport(
        name=known.cluster,
        window=model.Window(_iso(utc(since_ms)), _iso(utc(until_ms)), evidence_hours),
        faults=faults,
        interruptions=_interruptions(
            causes, days, evidence_hours, asked.gpus_per_node, config.targets, covered=covered
        ),
        lines=_lines(causes, days),
        coverage=coverage,
        hosts=[_host(row) for row in queries.HOSTS.run(store, **window, top=TOP)],
        ports=[_port(row) for row in queries.PORTS.run(store, **window, top=TOP)],
        incidents=[_incident(row) for row in queries.INCIDENTS.run(store, **window, top=TOP)],
        warnings=_warnings(faults, left_out, days),
    )


def _gpu_days(seen: queries.ObservedRow, stated: queries.StatedRow) -> tuple[model.GpuDays, bool, bool]:
    """Exposure on three bases, whether any of it is imported, and whether any of it was observed."""
    in_service, capacity, allocated = seen.in_service, None, seen.allocated
    if seen.node_minutes:
        capacity = seen.capacity
    if stated.all_bases_rows or stated.in_service_only_rows:
        in_service = (in_service or 0.0) + stated.in_service
        if stated.in_service_only_rows:  # an inventory states in-service time; the other two stay unknown
            capacity = allocated = None
        elif not seen.node_minutes:
            capacity = allocated = stated.all_bases_days
        else:
            capacity = (capacity or 0.0) + stated.all_bases_days
            allocated = None if allocated is None else allocated + stated.all_bases_days
    imported = bool(stated.all_bases_rows or stated.in_service_only_rows)
    return model.GpuDays(in_service, capacity, allocated), imported, bool(seen.node_minutes)


def _total(rows: Iterable[queries.CauseRow], *domains: str, impact: str = "fault") -> int:
    return sum(row.incidents for row in rows if row.domain in domains and row.impact == impact and row.exposed)


def _faults(
    causes: Sequence[queries.CauseRow], days: model.GpuDays, config: AnalyticsConfig, *, covered: bool
) -> model.Faults:
    count = _total(causes, "infrastructure")
    unknown = _total(causes, "unknown")
    unexpected = _total(causes, "infrastructure", "software", "user", "unknown")
    headline = [row for row in causes if row.domain == "infrastructure" and row.impact == "fault" and row.exposed]
    return model.Faults(
        count=count,
        gpu_days=days,
        per_1000_gpu_days=rate_of(count, days.in_service, "in_service"),
        by_basis=_by_basis(count, days),
        by_cause=_by_cause(headline),
        verdicts=[
            verdict_of(count, unknown, days.in_service or 0.0, target, covered=covered) for target in config.targets
        ],
        unattributed=unknown,
        unattributed_share=unknown / unexpected if unexpected else None,
        before_exposure=sum(row.incidents for row in causes if not row.exposed and row.impact == "fault"),
        still_open=sum(row.still_open for row in headline),
    )


def _by_basis(count: int, days: model.GpuDays) -> list[Rate]:
    return [
        rate_of(count, days.in_service, "in_service"),
        rate_of(count, days.capacity, "capacity"),
        rate_of(count, days.allocated, "allocated"),
    ]


def _by_cause(rows: Sequence[queries.CauseRow]) -> list[model.Cause]:
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


def _interruptions(
    causes: Sequence[queries.CauseRow],
    days: model.GpuDays,
    hours: float,
    gpus_per_node: int,
    targets: Sequence[float],
    *,
    covered: bool,
) -> model.Interruptions:
    unexpected = [row for row in causes if row.domain != "planned" and row.impact == "fault" and row.exposed]
    count = sum(row.incidents for row in unexpected)
    with_planned = count + _total(causes, "planned")
    # published figures divide by job GPUs; where no scheduler told, in-service time is the nearest that is known
    basis, gpu_days = ("allocated", days.allocated) if days.allocated is not None else ("in_service", days.in_service)
    node_days = None if gpu_days is None else gpu_days / gpus_per_node
    return model.Interruptions(
        count=count,
        per_1000_gpu_days=rate_of(count, gpu_days, basis),
        per_1000_node_days=rate_of(count, node_days, f"{basis}, {gpus_per_node} GPUs a node"),
        gpus_per_node=gpus_per_node,
        mtti_hours=hours / count if count and hours else None,
        by_cause=_by_cause(unexpected),
        by_category=_by_category(unexpected),
        verdicts=[verdict_of(count, 0, gpu_days or 0.0, target, covered=covered) for target in targets],
        including_planned=model.Line(with_planned, rate_of(with_planned, gpu_days, basis)),
        mtti_hours_including_planned=hours / with_planned if with_planned and hours else None,
    )


def _lines(causes: Sequence[queries.CauseRow], days: model.GpuDays) -> model.Lines:
    def line(count: int) -> model.Line:
        return model.Line(count, rate_of(count, days.in_service, "in_service"))

    degraded = sum(row.incidents for row in causes if row.impact == "degradation" and row.exposed)
    return model.Lines(
        including_software=line(_total(causes, "infrastructure", "software")),
        including_unattributed=line(_total(causes, "infrastructure", "unknown")),
        user=line(_total(causes, "user")),
        planned=line(_total(causes, "planned")),
        degradations=line(degraded),
    )


def _port(row: queries.PortRow) -> model.Port:
    return model.Port(
        row.host,
        row.port,
        row.link_layer,
        row.link_up_now,
        row.rate_mbps_now,
        row.rx_bytes_grown,
        row.tx_bytes_grown,
        row.errors_grown,
        row.carrier_changes_grown,
        row.saturated,
        row.ticks,
    )


def _host(row: queries.HostRow) -> model.Host:
    return model.Host(
        row.host,
        _iso(row.last_tick),
        row.ticks,
        row.cpu_busy,
        row.memory_available,
        row.memory_total,
        row.root_used,
        row.temp_max,
        row.uptime,
        row.agent_cpu_ratio,
        row.agent_rss,
        row.spool_lost,
    )


def _incident(row: queries.IncidentRow) -> model.IncidentLine:
    return model.IncidentLine(
        _iso(row.opened_at),
        _iso(row.closed_at) if row.closed_at else None,
        row.domain,
        row.cls,
        row.cause,
        row.impact,
        row.node,
        row.gpu,
        row.nodes_affected,
        row.episodes,
        row.signals,
        row.repeat_of,
        row.note,
    )


def _warnings(faults: model.Faults, left_out: int, days: model.GpuDays) -> list[str]:
    warnings = []
    if faults.before_exposure:
        warnings.append(
            f"{faults.before_exposure} incidents began before an agent watched their node, and are in no rate"
        )
    if left_out:
        warnings.append("undated counts whose period lies partly outside the window are left out, with their exposure")
    if faults.count and not days.in_service:
        warnings.append(
            "there are faults but no exposure: no rate can be given; import one with `clusterctl import exposure`"
        )
    return warnings
