"""Exposed communication over all jobs of a cluster, weighted by their GPU time. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import TypeVar

from clusterctl.analytics.reports.communication.queries import JobsRow
from clusterctl.analytics.reports.communication.verdicts import POINT_GRADES
from clusterctl.analytics.reports.model_comm import CommGroup, CommShare
from clusterctl.analytics.reports.times.between import band_name

Key = TypeVar("Key", int, str)
UNKNOWN = "unknown"
TOP_MODELS = 12
GRADES = ("exact", "A", "B", "C", "D", "none")


def groups_of(rows: Sequence[JobsRow]) -> list[CommGroup]:
    """All jobs, then by size, by model of GPU (those with the most GPU-hours) and by grade."""
    if not rows:
        return []
    by_model = sorted(_by(rows, lambda row: row.kind or UNKNOWN).items(), key=lambda item: (-_hours(item[1]), item[0]))
    by_grade = _by(rows, lambda row: row.held_grade)
    return [
        _group("all", "all jobs", rows),
        *(_group("job_size", band_name(band), part) for band, part in sorted(_by(rows, lambda row: row.band).items())),
        *(_group("gpu_model", name, part) for name, part in by_model[:TOP_MODELS]),
        *(_group("grade", grade, by_grade[grade]) for grade in GRADES if grade in by_grade),
    ]


def _by(rows: Sequence[JobsRow], key: Callable[[JobsRow], Key]) -> dict[Key, list[JobsRow]]:
    found: dict[Key, list[JobsRow]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return found


def _hours(rows: Sequence[JobsRow]) -> float:
    return sum(row.gpu_hours for row in rows)


def _group(dimension: str, name: str, rows: Sequence[JobsRow]) -> CommGroup:
    whole = _hours(rows) or 1.0
    pointed = all(row.value_hours is not None for row in rows)
    spanned = [row for row in rows if row.low_hours is not None and row.high_hours is not None]
    sides = [sum(row.side_hours[side] for row in rows if _decides(row)) for side in range(3)]
    unavailable = _hours([row for row in rows if row.low_hours is None])
    known = whole - unavailable if spanned else 0.0
    return CommGroup(
        dimension=dimension,
        name=name,
        jobs=sum(row.jobs for row in rows),
        gpu_hours=_hours(rows),
        value=sum(row.value_hours or 0.0 for row in rows) / whole if pointed else None,
        low=sum(row.low_hours or 0.0 for row in spanned) / known if known > 0 else None,
        high=sum(row.high_hours or 0.0 for row in spanned) / known if known > 0 else None,
        below_share=sides[0] / whole,
        between_share=sides[1] / whole,
        above_share=sides[2] / whole,
        undecided_share=max(0.0, whole - unavailable - sum(sides)) / whole if _hours(rows) else 0.0,
        unavailable_share=unavailable / whole,
    )


def _decides(row: JobsRow) -> bool:
    """As `against`: a grade with a value, over all ranks."""
    return bool(row.whole) and row.held_grade in POINT_GRADES


def distribution_of(rows: Sequence[JobsRow]) -> tuple[list[CommShare], float]:
    """GPU-hours at or under each per cent: surely (upper ends) and possibly (lower ends); and of how many hours that is."""
    surely: Counter[int] = Counter()
    possibly: Counter[int] = Counter()
    for row in rows:
        surely.update(dict(zip(row.high_percents, row.high_weights, strict=True)))
        possibly.update(dict(zip(row.low_percents, row.low_weights, strict=True)))
    whole = float(sum(surely.values()))
    if whole <= 0:
        return [], 0.0
    found, under, begun = [], 0.0, 0.0
    for percent in range(max(surely) + 1):
        under, begun = under + surely[percent], begun + possibly[percent]
        found.append(CommShare(percent / 100, min(1.0, under / whole), min(1.0, begun / whole)))
    return found, whole
