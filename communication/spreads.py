"""Over ranks: mean, least, median and greatest.

Means of ratios, not ratios of sums: a rank with a long window weighs no more."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from clusterctl.communication.model import RankDetail, RankRow, Spread, StepRow, StepSpread
from clusterctl.communication.rankrows import ratio


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    return Spread(statistics.fmean(values), min(values), statistics.median(values), max(values), len(values))


def over_ranks(rows: Sequence[RankRow], details: Sequence[RankDetail]) -> dict[str, Spread]:
    """By the name of what is spread; without those that no rank knows."""
    columns: dict[str, list[float | None]] = {
        "window_ns": [float(row.window_ns) for row in rows],
        "exposed_ratio": [row.exposed_ratio for row in rows],
        "total_ratio": [row.total_ratio for row in rows],
        "overlap_ratio": [row.overlap_ratio for row in rows],
        "wait_ratio": [_of(row.wait_ns, row) for row in rows],
        "transfer_ratio": [_of(one.transfer_ns, row) for row, one in zip(rows, details, strict=True)],
        "exposed_wait_ratio": [_of(one.exposed_wait_ns, row) for row, one in zip(rows, details, strict=True)],
        "exposed_transfer_ratio": [_of(one.exposed_transfer_ns, row) for row, one in zip(rows, details, strict=True)],
        "fused_ratio": [_of(one.fused_ns, row) for row, one in zip(rows, details, strict=True)],
        "compute_ratio": [_of(row.compute_ns, row) for row in rows],
        "memory_ratio": [_of(row.memory_ns, row) for row in rows],
        "exposed_memory_ratio": [_of(one.exposed_memory_ns, row) for row, one in zip(rows, details, strict=True)],
        "idle_ratio": [_of(row.idle_ns, row) for row in rows],
    }
    found = {name: _known(values) for name, values in columns.items()}
    return {name: one for name, one in found.items() if one}


def _known(values: Sequence[float | None]) -> Spread | None:
    known = [value for value in values if value is not None]
    return spread(known) if known else None


def _of(part: int | None, row: RankRow | StepRow) -> float | None:
    return None if part is None or row.exposed_ratio is None else ratio(part, row.window_ns)


def over_steps(rows: Sequence[StepRow]) -> list[StepSpread]:
    """Each step that was measured on some rank, in their order."""
    by_step: dict[int, list[StepRow]] = {}
    for row in rows:
        if row.exposed_ratio is not None:
            by_step.setdefault(row.step, []).append(row)
    return [_of_step(step, of) for step, of in sorted(by_step.items())]


def _of_step(step: int, rows: Sequence[StepRow]) -> StepSpread:
    return StepSpread(
        step=step,
        window_ns=spread([float(row.window_ns) for row in rows]),
        exposed_ratio=spread([row.exposed_ratio or 0.0 for row in rows]),
        total_ratio=spread([row.total_ratio or 0.0 for row in rows]),
        idle_ratio=spread([row.idle_ns / row.window_ns for row in rows]),
        overlap_ratio=_known([row.overlap_ratio for row in rows]),
        wait_ratio=_known([_of(row.wait_ns, row) for row in rows]),
        transfer_ratio=_known([_of(row.transfer_ns, row) for row in rows]),
        exposed_wait_ratio=_known([_of(row.exposed_wait_ns, row) for row in rows]),
        fused_ratio=_known([_of(row.fused_ns, row) for row in rows]),
        memory_ratio=_known([_of(row.memory_ns, row) for row in rows]),
    )
