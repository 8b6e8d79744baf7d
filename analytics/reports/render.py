"""Views of a report: JSON is the contract, Markdown, CSV and the terminal table are made from the same data."""

from __future__ import annotations

import csv
import io

import msgspec

from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.words import (
    count_text,
    gpu_days_text,
    rate_text,
    reference_text,
    verdict_text,
    window_text,
)
from clusterctl.terminal import clean


def to_json(report: model.Report) -> str:
    """The report itself, numbers unrounded. `cls` of the dataclasses is `class` here."""
    data = msgspec.to_builtins(report)
    for cluster in data["clusters"]:
        for holder in (cluster["faults"]["by_cause"], cluster["interruptions"]["by_cause"], cluster["incidents"]):
            for entry in holder:
                entry["class"] = entry.pop("cls")
    return msgspec.json.format(msgspec.json.encode(data), indent=2).decode()


def to_markdown(report: model.Report) -> str:
    """For a weekly review."""
    parts = [f"# Fleet report, {report.generated_at[:10]}"]
    for cluster in report.clusters:
        parts += _markdown_cluster(cluster)
    parts += [
        "## Reference lines",
        "",
        "| line | per 1000 GPU-days | what was counted | evidence |",
        "|---|---|---|---|",
    ]
    parts += [
        f"| {_cell(line.name)} | {reference_text(line)} | {_cell(line.rule)} | {line.evidence} |"
        for line in report.reference_lines
    ]
    parts += [
        "",
        "## Definitions",
        "",
        *(f"- {_cell(text)}" for text in report.definitions),
        "",
        f"clusterctl {report.clusterctl_version}, catalogue {report.catalog_version}",
    ]
    return "\n".join(parts) + "\n"


def _markdown_cluster(cluster: model.ClusterReport) -> list[str]:
    faults, stops = cluster.faults, cluster.interruptions
    lines = [
        "",
        f"## {_cell(cluster.name)}",
        "",
        f"{window_text(cluster.window)}",
        "",
        "| | per 1000 GPU-days | 95 % interval | count | GPU-days |",
        "|---|---|---|---|---|",
    ]
    for name, count, rate, days in (
        ("**faults** (infrastructure)", faults.count, faults.per_1000_gpu_days, faults.gpu_days.in_service),
        (
            "interruptions, all unexpected",
            stops.count,
            stops.per_1000_gpu_days,
            faults.gpu_days.allocated if stops.per_1000_gpu_days.basis == "allocated" else faults.gpu_days.in_service,
        ),
    ):
        value, interval = rate_text(rate)
        lines.append(f"| {name} | {value} | {interval} | {count_text(count)} | {gpu_days_text(days)} {rate.basis} |")
    lines += [
        "",
        *(
            f"- against {verdict.target:g}: {verdict_text(verdict, faults.gpu_days.in_service)}"
            for verdict in faults.verdicts
        ),
        f"- coverage: {_cell(cluster.coverage.summary)}",
        *(f"- {_cell(text)}" for text in cluster.warnings),
    ]
    if stops.by_cause:
        lines += ["", "| cause | class | count | share |", "|---|---|---|---|"]
        lines += [f"| {_cell(c.cause)} | {c.cls} | {c.count} | {100 * c.share:.1f} % |" for c in stops.by_cause]
    return lines


def _cell(text: str) -> str:
    """Text for a Markdown cell: nothing in it may end the cell or become markup."""
    safe = clean(text).replace("&", "&amp;").replace("<", "&lt;")
    return "".join("\\" + char if char in "|`*_[]\\" else char for char in safe)


def to_csv(report: model.Report) -> str:
    """One line a number: cluster, measure, value, its interval, count and exposure. Unrounded."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["cluster", "since", "until", "measure", "basis", "count", "gpu_days", "per_1000_gpu_days", "low_95", "high_95"]
    )
    for cluster in report.clusters:
        faults, stops = cluster.faults, cluster.interruptions
        days = {
            "in_service": faults.gpu_days.in_service,
            "capacity": faults.gpu_days.capacity,
            "allocated": faults.gpu_days.allocated,
        }
        rows = [("faults", faults.count, rate) for rate in faults.by_basis]
        rows += [("interruptions", stops.count, stops.per_1000_gpu_days)]
        rows += [(name, line.count, line.per_1000_gpu_days) for name, line in _lines(cluster.lines)]
        for measure, count, rate in rows:
            writer.writerow(
                [
                    _plain(cluster.name),
                    cluster.window.since,
                    cluster.window.until,
                    measure,
                    rate.basis,
                    count,
                    days.get(rate.basis),
                    rate.value,
                    rate.low,
                    rate.high,
                ]
            )
    return out.getvalue()


def _lines(lines: model.Lines) -> list[tuple[str, model.Line]]:
    return [(name, getattr(lines, name)) for name in model.Lines.__dataclass_fields__]


def _plain(text: str) -> str:
    """A spreadsheet would run text that begins like a formula."""
    return "'" + clean(text) if text[:1] in "=+-@" else clean(text)
