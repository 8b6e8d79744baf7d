"""Shares of communication in CSV: each number with its interval and what it stands on, since a line may travel alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from clusterctl.analytics.reports.model_comm import CommGroup, CommPoint, CommSegment, Exposed

Told = Exposed | CommGroup | CommSegment
Line = tuple[str, str, object, str]
"""Path, name, value, and text; a line of text has no value."""


def comm_lines(told: Told, path: str, name: str) -> Iterator[Line]:
    """One line a number or word. A grade without a value has the ends of its interval only."""
    if isinstance(told, CommSegment):
        for point in told.points:
            yield from _lines(point, f"{path}.points", f"{name}/{told.source}/{point.at}", _of_point(told, point))
    else:
        yield from _lines(told, path, name, _of_exposed(told) if isinstance(told, Exposed) else _of_group(told))


def _lines(told: Exposed | CommGroup | CommPoint, path: str, name: str, text: str) -> Iterator[Line]:
    for field in fields(told):
        value = getattr(told, field.name)
        if isinstance(value, str):
            if value:
                yield f"{path}.{field.name}", name, None, value
        elif value is not None:
            yield f"{path}.{field.name}", name, value, text


def _of_exposed(told: Exposed) -> str:
    covered = f"{told.since} to {told.until}; {told.ranks} of {told.ranks_of_job} ranks"
    return _joined(_ends(told.low, told.high), f"grade {told.grade}", told.source, covered, told.label)


def _of_group(told: CommGroup) -> str:
    return _joined(_ends(told.low, told.high), f"mean over {told.jobs} jobs, {told.gpu_hours!r} GPU-hours")


def _of_point(segment: CommSegment, point: CommPoint) -> str:
    covered = f"{point.windows} windows from {point.at}; {segment.ranks_of_job} ranks"
    began = f"begins by {segment.began}"
    return _joined(
        _ends(point.low, point.high), f"grade {segment.grade}", segment.source, covered, segment.layout, began
    )


def _ends(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"90 % interval {low!r} to {high!r}"


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
