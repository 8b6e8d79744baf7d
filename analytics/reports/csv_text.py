"""The report as CSV in long form: every number is a line, so that a spreadsheet or a plot can pick. Unrounded."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from clusterctl.analytics.reports import model, model_comm, model_faults, model_nodes, model_times
from clusterctl.analytics.reports.csv_comm import comm_lines
from clusterctl.analytics.reports.model_times import HoursInterval
from clusterctl.analytics.stats import Rate, Verdict
from clusterctl.terminal import clean

COLUMNS = (
    "cluster",
    "since",
    "until",
    "path",
    "name",
    "value",
    "low_95",
    "high_95",
    "count",
    "gpu_days",
    "basis",
    "text",
)
NAMES: dict[type, tuple[str, ...]] = {
    model.Cause: ("cause",), model.Group: ("category",), model.Port: ("host", "port"), model.Host: ("host",),
    model.IncidentLine: ("opened_at", "node", "cause"), model.Change: ("measure",), model_faults.WithoutWorst: ("kind",),
    model_faults.Sensitivity: ("rule",), model_faults.Split: ("dimension",), model_faults.SplitRow: ("name",),
    model_faults.TrendPoint: ("since",), model_faults.ChangePoint: ("at",), model_faults.CauseCost: ("cause",),
    model_nodes.Lemon: ("kind", "name"), model_nodes.Repair: ("node", "at"), model_nodes.Cohort: ("dimension", "a", "b"),
    model_nodes.Slow: ("node", "name", "metric"), model_nodes.NodeLine: ("node",), model_times.SizeBand: ("name",),
    model_times.MttrPart: ("name",), model_times.Badput: ("name",), model_times.CheckpointPlan: ("gpus",),
    model_times.RackToTrain: ("name",), model_comm.CommJob: ("job_id",), model_comm.Against: ("target",),
    model_comm.SlowRank: ("rank",), model_comm.SlowLink: ("host", "port"), model_comm.CommGroup: ("dimension", "name"),
    model_comm.CommShare: ("at_most",), model_comm.Exposed: ("source", "grade"),
}  # fmt: skip
"""What tells the entries of a list apart; by their places where nothing does."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")

Row = tuple[object, ...]


def to_csv(report: model.Report) -> str:
    """One line a number or word: where it stands in the JSON, the entry it belongs to, and what a rate stands on."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for cluster in report.clusters:
        head = (_plain(cluster.name), cluster.window.since, cluster.window.until)
        for row in _walk(cluster, "", ""):
            writer.writerow((*head, *row))
    for line in report.reference_lines:
        given = (line.rate, line.low, line.high, None, None, line.basis, line.rule)
        writer.writerow(("", "", "", "reference_lines", *(_cell(value) for value in (line.name, *given))))
    return out.getvalue()


def _walk(told: object, path: str, name: str) -> Iterator[Row]:
    if isinstance(told, Rate):
        if told.value is not None and told.count is not None and told.gpu_days is not None:
            yield _row(path, name, told.value, told.low, told.high, told.count, told.gpu_days, told.basis, told.method)
        elif told.count is not None:
            yield _row(path, name, None, None, None, told.count, None, told.basis, "no exposure")
    elif isinstance(told, HoursInterval):
        if told.value is not None or told.low is not None:
            yield _row(path, name, told.value, told.low, told.high)
    elif isinstance(told, Verdict):
        yield _row(f"{path}.verdict", f"{told.target:g}", told.gpu_days_needed, text=told.verdict)
    elif isinstance(told, (model_comm.Exposed, model_comm.CommGroup, model_comm.CommSegment)):
        yield from (_row(where, of, value, text=text) for where, of, value, text in comm_lines(told, path, name))
    elif is_dataclass(told):
        for field in fields(told):
            if not _bare_rate(told, field.name):
                yield from _walk(getattr(told, field.name), f"{path}.{field.name}".lstrip("."), name)
    elif isinstance(told, dict):
        for key, value in told.items():
            yield from _walk(value, f"{path}.{key}", name)
    elif isinstance(told, list):
        for index, entry in enumerate(told):
            yield from _walk(entry, path, _told_apart(entry, name, index))
    elif isinstance(told, str):
        if told:
            yield _row(path, name, text=told)
    elif told is not None:
        yield _row(path, name, told)


def _bare_rate(told: object, field: str) -> bool:
    """Rates that stand without their interval in the JSON, beside the full one: here the full one is enough."""
    if isinstance(told, model.Change):
        return told.unit == "per_1000_gpu_days" and field in ("before", "after")
    return field in ("bootstrap_low", "bootstrap_high")


def _told_apart(entry: object, above: str, index: int) -> str:
    own = " ".join(str(getattr(entry, name)) for name in NAMES.get(type(entry), ())) or str(index)
    return f"{above}/{own}" if above else own


def _row(
    path: str,
    name: str,
    value: object = None,
    low: float | None = None,
    high: float | None = None,
    count: float | None = None,
    gpu_days: float | None = None,
    basis: str = "",
    text: str = "",
) -> Row:
    return tuple(_cell(entry) for entry in (path, name, value, low, high, count, gpu_days, basis, text))


def _cell(value: object) -> object:
    return _plain(value) if isinstance(value, str) else int(value) if isinstance(value, bool) else value


def _plain(text: str) -> str:
    """A spreadsheet would run text that begins like a formula."""
    return "'" + clean(text) if text.startswith(FORMULA) else clean(text)
