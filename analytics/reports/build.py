"""From the store to a `Report`: asks the queries, counts by the rules of docs/kpi.md, and judges."""

from __future__ import annotations

import csv
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from importlib import resources

import clusterctl
from clusterctl.analytics.reports import groups, model, queries
from clusterctl.analytics.reports.ask import ask, asking
from clusterctl.analytics.reports.coverage import coverage_of, is_covered
from clusterctl.analytics.reports.definitions import DEFINITIONS
from clusterctl.analytics.reports.headline import Ground, faults_of, interruptions_of, lines_of
from clusterctl.analytics.reports.times import times_of
from clusterctl.analytics.reports.unit_rows import ExposureRow
from clusterctl.catalog import load as load_catalogue
from clusterctl.clock import MS_PER_DAY, to_ms, utc
from clusterctl.config import AnalyticsConfig
from clusterctl.store import Param, Reader

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
    at_once: int = 1,
) -> model.Report:
    """The report. A cluster that nobody has evidence for is not in it. More than one question `at_once` wants a store
    for several threads."""
    clusters = []
    with asking(at_once) as pool:
        for known in pool.submit(queries.CLUSTERS.run, store).result():
            if (not asked.cluster or known.cluster == asked.cluster) and _overlaps(asked, known):
                progress(known.cluster)
                clusters.append(_cluster(store, pool, config, asked, known, now_ms))
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
    store: Reader,
    pool: ThreadPoolExecutor,
    config: AnalyticsConfig,
    asked: Asked,
    known: queries.ClusterRow,
    now_ms: int,
) -> model.ClusterReport:
    # what is dated ahead of now was announced, or comes from a wrong clock: it is no evidence yet
    first, last = (min(to_ms(moment), now_ms) for moment in (known.first_ts, known.last_ts))
    since_ms = first if asked.since_ms is None else asked.since_ms
    until_ms = last if asked.until_ms is None else asked.until_ms
    window: dict[str, Param] = {"cluster": known.cluster, "since": utc(since_ms), "until": utc(max(since_ms, until_ms))}
    now = utc(now_ms)
    past = {**window, "until": utc(max(since_ms, min(until_ms, now_ms)))}
    answers = ask(pool, store, window, past, _open_ended(asked, window, now_ms), now)
    evidence, stated = answers.evidence.result()
    lemons = pool.submit(groups.lemons, store, evidence, known.cluster)
    days, imported, observed = _gpu_days(evidence.seen, stated)
    covered_hours = stated.covered_days * 24 + answers.minutes.result().minutes / 60
    evidence_hours = covered_hours or max(0, min(until_ms, last) - max(since_ms, first)) / MS_PER_DAY * 24
    seen = evidence.seen
    told_days = (seen.capacity or 0.0) + (seen.unknown_state or 0.0)
    coverage = coverage_of(
        answers.watched.result(), observed=observed, imported=imported, known=seen.capacity, told=told_days
    )
    causes = answers.causes.result()
    ground = Ground(causes, days, evidence, config.targets, is_covered(coverage, config.min_coverage))
    faults = faults_of(ground)
    phi = faults.dispersion.verdict_phi
    communication, taken = answers.communication.result()
    shown, exposed = faults.per_1000_gpu_days, (taken.gpu_hours, taken.remark)
    told, slow = answers.told.result(), answers.slow.result()
    times = pool.submit(times_of, store, config, window, faults.count, shown, days.in_service, told, *exposed)
    tallies = groups.tallies_of(evidence)
    return model.ClusterReport(
        name=known.cluster,
        window=model.Window(_iso(utc(since_ms)), _iso(utc(until_ms)), evidence_hours),
        faults=faults,
        interruptions=interruptions_of(ground, evidence_hours, asked.gpus_per_node),
        lines=lines_of(ground, len(slow)),
        coverage=coverage,
        hosts=[_host(row) for row in answers.hosts.result()],
        ports=[_port(row) for row in answers.ports.result()],
        incidents=answers.incidents.result(),
        open_incidents=answers.open_incidents.result(),
        costs=answers.costs.result(),
        splits=groups.splits_of(tallies, phi),
        trend=groups.trend(evidence),
        times=times.result(),
        lemons=lemons.result(),
        repairs=groups.repairs(evidence, phi),
        cohorts=groups.cohorts(tallies, phi),
        slow=slow,
        worst_nodes=answers.worst_nodes.result(),
        communication=communication,
        comparison=None,
        warnings=_warnings(faults, answers.left_out.result().rows_left_out, days),
    )


def _open_ended(asked: Asked, window: dict[str, Param], now_ms: int) -> dict[str, Param]:
    """Where no end was asked for, evidence of faults bounds no traces."""
    since = utc(0) if asked.since_ms is None else window["since"]
    return {**window, "since": since, "until": utc(now_ms) if asked.until_ms is None else window["until"]}


def _gpu_days(seen: ExposureRow, stated: queries.StatedRow) -> tuple[model.GpuDays, bool, bool]:
    """Exposure on three bases, whether any of it is imported, and whether any of it was observed."""
    in_service, capacity, allocated = seen.gpu_days, None, seen.allocated
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


def _warnings(faults: model.Faults, left_out: int, days: model.GpuDays) -> list[str]:
    warnings = []
    if faults.before_exposure:
        warnings.append(
            f"{faults.before_exposure} incidents began before an agent watched their node or while it was out of service, "
            "and are in no rate"
        )
    if faults.out_of_service:
        warnings.append(
            f"{faults.out_of_service} faults hit nodes that were out of service: "
            "only the rate over installed GPUs counts them"
        )
    if left_out:
        warnings.append("undated counts whose period lies partly outside the window are left out, with their exposure")
    if faults.count and not days.in_service:
        warnings.append(
            "there are faults but no exposure: no rate can be given; import one with `clusterctl import exposure`"
        )
    return warnings
