"""The report in a terminal."""

from __future__ import annotations

from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.words import (
    UNKNOWN,
    bytes_text,
    count_text,
    gpu_days_text,
    rate_text,
    reference_text,
    share_text,
    verdict_text,
    window_text,
)
from clusterctl.analytics.stats import Rate
from clusterctl.terminal import Sheet, clean

TOP_CAUSES = 10


def show(report: model.Report) -> None:
    """Print every cluster, then what the numbers mean."""
    sheet = Sheet()
    for cluster in report.clusters:
        _cluster(sheet, cluster)
    sheet.title("Reference lines, per 1000 GPU-days")
    sheet.table(
        ["line", "rate (95 %)", "what was counted", "basis"],
        [[line.name, reference_text(line), line.rule, line.basis] for line in report.reference_lines],
        right=["rate (95 %)"],
    )
    sheet.title("Definitions")
    for text in report.definitions:
        sheet.line(f" · {text}", style="dim")
    sheet.line(f" clusterctl {report.clusterctl_version}, catalogue {report.catalog_version}", style="dim")


def _cluster(sheet: Sheet, cluster: model.ClusterReport) -> None:
    sheet.title(f"{clean(cluster.name)}: {window_text(cluster.window)}")
    faults, stops = cluster.faults, cluster.interruptions
    days = faults.gpu_days
    stop_days = days.allocated if stops.per_1000_gpu_days.basis == "allocated" else days.in_service
    rows = [
        _rate_row("faults", faults.count, faults.per_1000_gpu_days, days.in_service),
        _rate_row("interruptions", stops.count, stops.per_1000_gpu_days, stop_days),
    ]
    for name, line in (
        ("  incl. software", cluster.lines.including_software),
        ("  incl. unattributed", cluster.lines.including_unattributed),
        ("user", cluster.lines.user),
        ("planned", cluster.lines.planned),
        ("degradations", cluster.lines.degradations),
    ):
        if line.count and not (name.startswith("  incl.") and line.count == faults.count):
            rows.append(_rate_row(name, line.count, line.per_1000_gpu_days, days.in_service))
    sheet.table(
        ["per 1000 GPU-days", "rate", "95 % interval", "count", "GPU-days", "basis"],
        rows,
        right=["rate", "95 % interval", "count", "GPU-days"],
    )
    facts = [(f"against {verdict.target:g}", verdict_text(verdict, days.in_service)) for verdict in faults.verdicts]
    facts.append(
        (
            "exposure",
            f"in service {gpu_days_text(days.in_service)}, capacity {gpu_days_text(days.capacity)}, "
            f"allocated {gpu_days_text(days.allocated)} GPU-days",
        )
    )
    if stops.mtti_hours:
        facts.append(("mean time to interruption", f"{stops.mtti_hours:,.3f} h"))
    if faults.unattributed:
        facts.append(
            (
                "unattributed",
                f"{faults.unattributed} of {stops.count} unexpected incidents "
                f"({share_text(faults.unattributed_share)})",
            )
        )
    facts.append(("coverage", clean(cluster.coverage.summary, 400)))
    facts += [("note", clean(text, 400)) for text in cluster.warnings]
    sheet.facts(facts)
    _causes(sheet, stops)
    _node(sheet, cluster)
    _incidents(sheet, cluster)


def _rate_row(name: str, count: int, rate: Rate, days: float | None) -> list[str]:
    value, interval = rate_text(rate)
    return [name, value, interval, count_text(count), gpu_days_text(days), rate.basis.replace("_", " ")]


def _causes(sheet: Sheet, stops: model.Interruptions) -> None:
    if not stops.by_cause:
        return
    widest = stops.by_cause[0].count
    rows = [
        [
            clean(c.cause, 40),
            c.cls,
            count_text(c.count),
            share_text(c.share),
            "█" * max(1, round(24 * c.count / widest)),
        ]
        for c in stops.by_cause[:TOP_CAUSES]
    ]
    rest = stops.by_cause[TOP_CAUSES:]
    if rest:
        count = sum(c.count for c in rest)
        rows.append([f"{len(rest)} more", "", count_text(count), share_text(count / stops.count), ""])
    sheet.table(["cause", "class", "count", "share", ""], rows, right=["count", "share"])


def _node(sheet: Sheet, cluster: model.ClusterReport) -> None:
    if cluster.hosts:
        sheet.table(
            ["host", "ticks", "CPU busy", "memory free", "root used", "agent CPU", "agent memory"],
            [
                [
                    clean(h.host, 40),
                    count_text(h.ticks),
                    share_text(h.cpu_busy_ratio),
                    bytes_text(h.memory_available_bytes),
                    share_text(h.root_used_ratio),
                    share_text(h.agent_cpu_ratio),
                    bytes_text(h.agent_rss_bytes),
                ]
                for h in cluster.hosts
            ],
            right=["ticks", "CPU busy", "memory free", "root used", "agent CPU", "agent memory"],
        )
    if cluster.ports:
        sheet.table(
            ["host", "port", "layer", "link", "rate", "received", "sent", "errors", "flaps"],
            [
                [
                    clean(p.host, 40),
                    clean(p.port, 30),
                    clean(p.link_layer, 12),
                    UNKNOWN if p.link_up is None else "up" if p.link_up else "down",
                    UNKNOWN if p.rate_mbps is None else f"{p.rate_mbps / 1000:g} Gb/s",
                    bytes_text(p.rx_bytes),
                    bytes_text(p.tx_bytes),
                    _number(p.errors),
                    _number(p.carrier_changes),
                ]
                for p in cluster.ports
            ],
            right=["rate", "received", "sent", "errors", "flaps"],
        )


def _number(value: int | None) -> str:
    return UNKNOWN if value is None else count_text(value)


def _incidents(sheet: Sheet, cluster: model.ClusterReport) -> None:
    if not cluster.incidents:
        return
    sheet.table(
        ["opened (UTC)", "closed", "class", "cause", "node", "GPU or device", "signals"],
        [
            [
                i.opened_at[:19].replace("T", " "),
                i.closed_at[:16].replace("T", " ") if i.closed_at else "open",
                i.cls,
                clean(i.cause, 30),
                clean(i.node, 30),
                clean(i.gpu, 44),
                count_text(i.signals),
            ]
            for i in cluster.incidents[:TOP_CAUSES]
        ],
        right=["signals"],
    )
