"""The end of the page: published rates, what the words mean, and which versions made the numbers."""

from __future__ import annotations

from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.figures import interval_text, moment_text, rate_digits
from clusterctl.analytics.reports.json_text import fingerprint
from clusterctl.analytics.reports.page import ESSENTIAL, Cell, Column, Grid, Note, Section, Span
from clusterctl.analytics.reports.words import Words


def closing(report: model.Report, w: Words) -> list[Section]:
    """Reference lines and definitions."""
    definitions = [Note(w.told(text)) for text in report.definitions]
    return [
        Section("reference", w("Published rates, per 1000 GPU-days"), [_lines(report, w)]),
        Section("definitions", w("Definitions"), definitions),
    ]


def _lines(report: model.Report, w: Words) -> Grid:
    columns = [
        Column(w("line"), keep=ESSENTIAL, wrap=True),
        Column(w("published"), right=True, keep=ESSENTIAL),
        Column(w("95 % interval"), right=True, keep=ESSENTIAL),
        Column(w("what was counted"), keep=8, wrap=True),
        Column(w("per GPUs"), keep=6, cut=True),
        Column(w("evidence"), keep=4, cut=True),
        Column(w("interval"), keep=2),
    ]
    scale = 1.05 * max((line.high or line.rate for line in report.reference_lines), default=1.0)
    rows: list[list[Cell]] = [
        [
            w.told(line.name),
            rate_digits(line.rate),
            interval_text(w, line.low, line.high) or w("not published"),
            w.told(line.rule),
            w.told(line.basis),
            w.told(line.evidence),
            Span(line.rate if line.low is None else line.low, line.rate, line.high or line.rate, scale),
        ]
        for line in report.reference_lines
    ]
    return Grid(columns, rows)


def colophon(report: model.Report, w: Words) -> list[str]:
    """Versions; when it was made only if that was asked for, so that the same data make the same page."""
    lines = [
        w(
            "clusterctl {version}, catalogue {catalogue}, report version {report}",
            version=report.clusterctl_version,
            catalogue=report.catalog_version,
            report=report.report_version,
        )
    ]
    lines.append(
        w(
            "fingerprint {fingerprint}: the same for the same data, window and version",
            fingerprint=fingerprint(report),
        )
    )
    if report.generated_at:
        lines.append(w("made {moment} UTC", moment=moment_text(report.generated_at)))
    return lines
