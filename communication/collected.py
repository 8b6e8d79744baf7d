"""An analysis as rows of `collective`: one a rank, one of the job over all ranks that were seen, one a log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clusterctl.communication.model import Analysis, LogRow, RankDetail, RankRow
from clusterctl.errors import InputError

RANK, JOB = "rank", "job"
EXACT, NONE = "exact", "none"
TRACE, FILE = "trace", "file"
NS_PER_MS, NS_PER_US = 1_000_000, 1_000
MAX_FACTS, MAX_TEXT, MAX_FIELDS = 8, 200, 16_000
NO_WORK = "no GPU work was recorded"
NO_COMPUTE = "a log of calls has no compute in it: no exposed time"
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Origin:
    """What no trace tells: which job it is of, and when it was, where the trace does not say."""

    job_id: str
    layout: str = ""
    source_suffix: str = ""
    """Of imports: what tells them from what a node sent."""


def rows_of(found: Analysis, origin: Origin) -> list[Row]:
    """Rows without envelope, times in milliseconds. A trace without a date has that of its file."""
    pairs = [pair for pair in zip(found.ranks, found.details, strict=True) if pair[0].exposed_ratio is not None]
    rows = [_of_rank(row, detail, origin) for row, detail in pairs]
    if rows:
        rows.append(_of_job(found, rows, origin))
    return [*rows, *rows_of_logs(found.logs, origin)]


def rows_of_logs(logs: Sequence[LogRow], origin: Origin) -> list[Row]:
    """The rows of logs alone. A rank has one for each communicator; they begin a millisecond apart, or would be one row."""
    rows, taken = [_of_log(row, origin) for row in logs], set[tuple[Any, ...]]()
    for row in rows:
        while (key := (row["source"], row["rank"], row["ts"])) in taken:
            row["ts"] += 1
            row["until"] = max(row["until"], row["ts"])
        taken.add(key)
    return rows


def _of_rank(row: RankRow, more: RankDetail, origin: Origin) -> Row:
    begin_ms, end_ms, told = _times(more.begin_unix_ns, more.end_unix_ns, row.window_ns, row.path)
    return {
        "ts": begin_ms,
        "until": end_ms,
        "job_id": origin.job_id,
        "source": more.source + origin.source_suffix,
        "scope": RANK,
        "grade": EXACT,
        "reason": "",
        "window": more.window,
        "ts_source": told,
        "layout": origin.layout,
        "gpu_model": more.gpu_model[:MAX_TEXT],
        "total_mark": EXACT,
        "late": "",
        "fields": _bounded({"families": _largest(more.families), "unplaced": list(more.unplaced_ns)[:MAX_FACTS]}),
        "rank": row.rank,
        "ranks": 1,
        "world_size": more.world_size,
        "steps": row.steps or None,
        "step_us": row.window_ns // row.steps // NS_PER_US if row.steps and more.window == "steps" else None,
        "window_ns": row.window_ns,
        "compute_ns": row.compute_ns,
        "comm_ns": row.comm_ns,
        "exposed_ns": row.exposed_ns,
        "overlap_ns": row.overlap_ns,
        "memory_ns": row.memory_ns,
        "idle_ns": row.idle_ns,
        "fused_ns": more.fused_ns,
        "wait_ns": row.wait_ns,
        "exposed_wait_ns": more.exposed_wait_ns,
        **_point(row.exposed_ratio),
        "total_ratio": row.total_ratio,
        "comm_sm_ratio": more.comm_sm_ratio,
    }


LENGTHS = ("window", "compute", "comm", "exposed", "overlap", "memory", "idle", "fused", "wait", "exposed_wait")


def _of_job(found: Analysis, ranks: list[Row], origin: Origin) -> Row:
    """Means over ranks: of lengths as of shares. A length that one rank does not know is not known of the job."""
    first = ranks[0]
    over = found.over_ranks["exposed_ratio"]
    worlds = [row["world_size"] for row in ranks if row["world_size"]]
    slow = found.waiting.slow_rank
    facts = {
        "exposed_over_ranks": {"min": over.min, "median": over.median, "max": over.max},
        "slowest": found.slowest,
        "collectives": [_told(one) for one in found.collectives[:MAX_FACTS]],
        "groups": [_told(one) for one in found.groups[:MAX_FACTS]],
        "sizes": [_told(one) for one in found.sizes[:MAX_FACTS]],
        "families": _largest(_summed(found.details)),
        "unplaced": list(_largest(_unplaced(found.details))),
        "waited_for": found.waiting.waited_for,
        "waited_for_share": found.waiting.waited_for_share,
        "matching": found.waiting.methods,
        "notes": [note[:MAX_TEXT] for note in found.notes[:MAX_FACTS]],
        "kernel_table": found.kernel_table,
        "tool_version": found.tool_version,
    }
    return {
        **first,
        "ts": min(row["ts"] for row in ranks),
        "until": max(row["until"] for row in ranks),
        "scope": JOB,
        "late": "" if slow is None else str(slow),
        "fields": _bounded(facts),
        "rank": 0,
        "ranks": len(ranks),
        "world_size": max(worlds, default=None),
        "steps": min((row["steps"] for row in ranks if row["steps"]), default=None),
        "step_us": _mean([row["step_us"] for row in ranks]),
        **{f"{name}_ns": _mean([row[f"{name}_ns"] for row in ranks]) for name in LENGTHS},
        **_point(over.mean),
        "total_ratio": found.over_ranks["total_ratio"].mean,
        "busbw_gbs": _busbw(found),
        "comm_sm_ratio": _real_mean([row["comm_sm_ratio"] for row in ranks]),
        "gpu_model": first["gpu_model"] if len({row["gpu_model"] for row in ranks}) == 1 else "",
    }


def _of_log(row: LogRow, origin: Origin) -> Row:
    window_ns = row.window_ns or 0
    begin_ms, end_ms, told = _times(None, None, window_ns, row.path)
    ratio = row.comm_ns / window_ns if row.comm_ns is not None and window_ns else None
    busy = [call for call in row.by_call if call.busbw_gbs is not None]
    largest = max(busy, key=lambda call: call.message_bytes, default=None)
    calls = [{"collective": one.collective, "size": one.size, "calls": one.calls} for one in row.by_call[:MAX_FACTS]]
    notes = [note[:MAX_TEXT] for note in row.notes[:MAX_FACTS]]
    return {
        "ts": begin_ms,
        "until": end_ms,
        "job_id": origin.job_id,
        "source": row.source + origin.source_suffix,
        "scope": RANK,
        "grade": NONE,
        "reason": NO_COMPUTE,
        "window": "log",
        "ts_source": told,
        "layout": origin.layout,
        "gpu_model": "",
        "total_mark": row.mark,
        "late": "",
        "fields": _bounded({"calls": calls, "group": row.group[:MAX_TEXT], "notes": notes}),
        "rank": row.rank or 0,
        "ranks": 1,
        "world_size": row.ranks_of_group,
        "window_ns": window_ns or None,
        "comm_ns": row.comm_ns,
        "total_ratio": ratio,
        "busbw_gbs": largest.busbw_gbs if largest else None,
    }


def _times(begin_ns: int | None, end_ns: int | None, window_ns: int, path: str) -> tuple[int, int, str]:
    if begin_ns is not None and end_ns is not None:
        return begin_ns // NS_PER_MS, max(end_ns, begin_ns) // NS_PER_MS, TRACE
    try:
        end_ms = Path(path).stat().st_mtime_ns // NS_PER_MS
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    return max(0, end_ms - window_ns // NS_PER_MS), end_ms, FILE


def _point(value: float | None) -> Row:
    return {"exposed_ratio": value, "exposed_low_ratio": value, "exposed_high_ratio": value}


def _mean(values: list[int | None]) -> int | None:
    mean = _real_mean(values)
    return None if mean is None else round(mean)


def _real_mean(values: list[Any]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _busbw(found: Analysis) -> float | None:
    """Of what moved most: small messages are bound by latency."""
    return max(found.bandwidth, key=lambda one: one.message_bytes).busbw_gbs if found.bandwidth else None


def _told(one: Any) -> Mapping[str, Any]:
    return {
        "name": one.name[:MAX_TEXT],
        "calls": one.calls,
        "time_ns": round(one.time_ns),
        "exposed_ns": round(one.exposed_ns),
        "wait_ns": None if one.wait_ns is None else round(one.wait_ns),
    }


def _summed(details: list[RankDetail]) -> dict[str, int]:
    return _sum(item for one in details for item in one.families.items())


def _unplaced(details: list[RankDetail]) -> dict[str, int]:
    return _sum(item for one in details for item in one.unplaced_ns.items())


def _sum(items: Iterator[tuple[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for name, count in items:
        total[name] = total.get(name, 0) + count
    return total


def _largest(counts: Mapping[str, int]) -> dict[str, int]:
    """The greatest first, few enough and short enough for a row."""
    kept = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MAX_FACTS]
    return {name[:MAX_TEXT]: count for name, count in kept}


def _bounded(facts: Mapping[str, Any]) -> str:
    """As JSON; the last facts are left out until it fits."""
    kept = dict(facts)
    while kept:
        text = json.dumps(kept)
        if len(text) <= MAX_FIELDS:
            return text
        kept.popitem()
    return "{}"
