"""One rank's rows of the result."""

from __future__ import annotations

import numpy as np

from clusterctl.communication.activity import Kind
from clusterctl.communication.breakdown import Measured
from clusterctl.communication.finding import shown
from clusterctl.communication.intervals import Cover
from clusterctl.communication.measure import Lengths, measure, span, spill, step_bounds, step_windows
from clusterctl.communication.model import RankDetail, RankRow, StepRow

MAX_UNPLACED = 20
MAX_NAME = 500
"""Characters of a kernel's name that are given back."""


def total(one: Measured) -> Lengths:
    """Over the whole window, as sums of its parts."""
    parts = measure(one.covers, one.window.starts, one.window.ends)
    return Lengths(*(None if part is None else part.sum(keepdims=True) for part in _columns(parts)))  # type: ignore[arg-type]


def _columns(parts: Lengths) -> list[np.ndarray | None]:
    return [getattr(parts, name) for name in Lengths.__slots__]


def ratio(part: int, whole: int) -> float | None:
    """A share; None of nothing."""
    return part / whole if whole else None


def rank_row(one: Measured) -> RankRow:
    """The headline. Without any GPU event nothing was measured, and the ratios are null."""
    sums, activity = total(one), one.activity
    window = int(sums.window[0]) if activity.starts.size else 0
    comm, exposed, overlap = int(sums.comm[0]), int(sums.exposed[0]), int(sums.overlap[0])
    return RankRow(
        rank=activity.rank or 0,
        path=shown(activity.path),
        steps=len(activity.steps),
        window_ns=int(sums.window[0]),
        compute_ns=int(sums.compute[0]),
        comm_ns=comm,
        exposed_ns=exposed,
        overlap_ns=overlap,
        memory_ns=int(sums.memory[0]),
        idle_ns=int(sums.idle[0]),
        exposed_ratio=ratio(exposed, window),
        total_ratio=ratio(comm, window),
        overlap_ratio=ratio(overlap, comm),
        wait_ns=_whole(sums.wait),
        unplaced_kernels=list(unplaced(one)),
    )


def _whole(part: np.ndarray | None) -> int | None:
    return _at(part, 0)


def _at(part: np.ndarray | None, window: int) -> int | None:
    return None if part is None else int(part[window])


def rank_detail(one: Measured, rank_from: str, in_steps: bool) -> RankDetail:
    """What the headline leaves out."""
    sums, activity = total(one), one.activity
    whole = span(activity)
    over_span = measure(one.covers, whole.starts, whole.ends)
    steps = step_windows(activity)
    wait, exposed_wait = _whole(sums.wait), _whole(sums.exposed_wait)
    return RankDetail(
        rank=activity.rank or 0,
        path=shown(activity.path),
        rank_from=rank_from,
        source=activity.source,
        device=activity.device,
        window="steps" if in_steps else "gpu_span",
        window_ns=int(sums.window[0]),
        transfer_ns=None if wait is None else int(sums.comm[0]) - wait,
        exposed_wait_ns=exposed_wait,
        exposed_transfer_ns=None if exposed_wait is None else int(sums.exposed[0]) - exposed_wait,
        exposed_memory_ns=int(sums.exposed_memory[0]),
        fused_ns=int(sums.fused[0]),
        local_ns=int(sums.local[0]),
        cpu_comm_ns=int(sums.cpu[0]),
        span_ns=whole.length,
        span_exposed_ns=int(over_span.exposed.sum()),
        span_exposed_ratio=ratio(int(over_span.exposed.sum()), whole.length),
        spill_ratio=spill(one.covers, steps) if activity.steps and activity.starts.size else None,
        events=int(activity.starts.size),
        left_out={what: count for what, count in sorted(activity.left_out.items()) if count},
        families=_families(one),
        unplaced_ns=unplaced(one),
        world_size=activity.world,
        gpu_model=activity.gpu.model,
        begin_unix_ns=_unix(one, one.window.starts[:1]),
        end_unix_ns=_unix(one, one.window.ends[-1:]),
        comm_sm_ratio=_comm_sm(one),
    )


def _unix(one: Measured, edge: np.ndarray) -> int | None:
    return None if one.activity.clock_ns is None or not edge.size else int(edge[0]) + one.activity.clock_ns


def _comm_sm(one: Measured) -> float | None:
    """By Kineto's grids. One block an SM is what communicating kernels are launched for."""
    activity, sms = one.activity, one.activity.gpu.sms
    known = activity.where(Kind.COMM) & (activity.blocks > 0)
    lengths = one.window.within(activity.starts[known], activity.ends[known])
    if sms is None or not lengths.sum():
        return None
    shares = np.minimum(1.0, activity.blocks[known] / sms)
    return float(np.average(shares, weights=lengths))


def step_rows(one: Measured) -> list[StepRow]:
    """Each step by itself; an event that straddles two counts in both, clipped."""
    activity = one.activity
    parts = measure(one.covers, *step_bounds(activity))
    known = bool(activity.starts.size)
    return [
        StepRow(
            rank=activity.rank or 0,
            step=step.number,
            window_ns=int(parts.window[i]),
            compute_ns=int(parts.compute[i]),
            comm_ns=int(parts.comm[i]),
            exposed_ns=int(parts.exposed[i]),
            overlap_ns=int(parts.overlap[i]),
            memory_ns=int(parts.memory[i]),
            idle_ns=int(parts.idle[i]),
            exposed_ratio=ratio(int(parts.exposed[i]), int(parts.window[i])) if known else None,
            total_ratio=ratio(int(parts.comm[i]), int(parts.window[i])) if known else None,
            wait_ns=_at(parts.wait, i),
            overlap_ratio=ratio(int(parts.overlap[i]), int(parts.comm[i])),
            transfer_ns=None if parts.wait is None else int(parts.comm[i] - parts.wait[i]),
            exposed_wait_ns=_at(parts.exposed_wait, i),
            exposed_memory_ns=_at(parts.exposed_memory, i),
            fused_ns=_at(parts.fused, i),
        )
        for i, step in enumerate(activity.steps)
    ]


def _families(one: Measured) -> dict[str, int]:
    """Merged time within the window of each family that communicates."""
    activity = one.activity
    told = activity.where(Kind.COMM, Kind.FUSED, Kind.LOCAL)
    families = np.array(activity.families, dtype=object)[activity.names] if activity.families else np.array([])
    found = {}
    for family in sorted(set(families[told])):
        mine = told & (families == family)
        cover = Cover.of(activity.starts[mine], activity.ends[mine]).and_(one.window)
        if cover.length:
            found[family or "told by the profiler"] = cover.length
    return found


def unplaced(one: Measured) -> dict[str, int]:
    """The names that fell to compute because no rule knows them, the longest first, with the sum of their times."""
    activity = one.activity
    sums = np.zeros(len(activity.name_list), dtype=np.int64)
    np.add.at(sums, activity.names, one.window.within(activity.starts, activity.ends))
    compute = np.zeros(sums.size, dtype=bool)
    compute[activity.names[activity.where(Kind.COMPUTE)]] = True
    strange = [n for n in np.flatnonzero(compute & (sums > 0)) if not activity.families[n]]
    strange.sort(key=lambda n: (-sums[n], activity.name_list[n]))
    return {activity.name_list[n][:MAX_NAME]: int(sums[n]) for n in strange[:MAX_UNPLACED]}
