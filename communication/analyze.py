"""From files to the analysis: read, number the ranks, split wait from transfer, measure, sum up."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from clusterctl import __version__
from clusterctl.communication.activity import Activity
from clusterctl.communication.breakdown import Measured, bandwidth, breakdowns
from clusterctl.communication.builder import TOO_LONG
from clusterctl.communication.decimals import LIMIT_NS
from clusterctl.communication.families import KernelTable, load
from clusterctl.communication.finding import PLACE, files_of, numbered, shown
from clusterctl.communication.lanes import BY_ORDER_OF_ALL
from clusterctl.communication.measure import SPILL_SHARE, Covers, span, step_windows
from clusterctl.communication.model import JSON_VERSION, Analysis, LogRow, RankDetail, RankRow, Waiting
from clusterctl.communication.parallel import Progress, read_all
from clusterctl.communication.rankrows import rank_detail, rank_row, ratio, step_rows
from clusterctl.communication.split import RankSplit, Split, split
from clusterctl.communication.spreads import over_ranks, over_steps
from clusterctl.errors import InputError

STEPS, SPAN = "steps", "span"
DOMINANT = 0.5
"""Waiting dominates above this share of the matched communication; a slow rank stands out above this share of waiting."""
MAX_SLOWEST = 5
UNKNOWN_KIND = "no trace or log of a kind that is known here"
FORMATS = "clusterctl comm analyze --help lists the formats"


@dataclass(frozen=True)
class Options:
    """What a person asks for."""

    window: str = ""
    """steps, span, or empty: steps where a trace has them."""
    salvage: bool = False
    drop_last_step: bool = False
    kernels: Path | None = None
    jobs: int = 0
    """Processes that read; 0 for what the machine has, where it pays."""


def analyze(paths: Sequence[Path], options: Options, progress: Progress) -> Analysis:
    """Measure everything that is in these files and folders. Raises InputError, which names file and byte."""
    table = load(options.kernels)
    found, logs, left_out = _read_all(paths, options, table, progress)
    if not found and not logs:
        raise InputError(left_out[0] if left_out else f"{shown(paths[0])}: nothing to measure", hint=FORMATS)
    return analysis_of(found, logs, left_out, options, table)


def analysis_of(
    found: Sequence[Activity], logs: list[LogRow], left_out: list[str], options: Options, table: KernelTable
) -> Analysis:
    """Measure what was read. Raises InputError where steps are asked for and a trace has none, and where all traces
    together tell of more time than can be added up."""
    if sum(int((one.ends - one.starts).sum()) for one in found) > LIMIT_NS:
        raise InputError(f"{found[0].path}: with the other traces {TOO_LONG}")
    ranks, rank_from = numbered(found)
    ranks = sorted((_trimmed(one) if options.drop_last_step else one for one in ranks), key=lambda one: one.rank or 0)
    twice = len({one.rank for one in ranks}) < len(ranks)
    parts = split(ranks) if not twice else split_none(ranks)
    measured = [_measured(one, part, options) for one, part in zip(ranks, parts.ranks, strict=True)]
    rows = [rank_row(one) for one in measured]
    details = [rank_detail(one, rank_from, _in_steps(one.activity, options)) for one in measured]
    steps = [row for one in measured for row in step_rows(one)]
    by_collective, by_group, by_size = breakdowns(measured)
    return Analysis(
        version=JSON_VERSION,
        tool_version=__version__,
        kernel_table=table.version,
        window=options.window or STEPS,
        grade="exact" if any(one.activity.starts.size for one in measured) else "none",
        ranks=rows,
        details=details,
        steps=steps,
        over_ranks=over_ranks(rows, details),
        over_steps=over_steps(steps),
        collectives=by_collective,
        groups=by_group,
        sizes=by_size,
        bandwidth=bandwidth(measured),
        waiting=_waiting(ranks, parts),
        slowest=_slowest(rows),
        logs=logs,
        left_out=left_out,
        notes=_notes(measured, details, parts, rank_from, twice),
    )


def _read_all(
    paths: Sequence[Path], options: Options, table: KernelTable, progress: Progress
) -> tuple[list[Activity], list[LogRow], list[str]]:
    found: list[Activity] = []
    logs: list[LogRow] = []
    left_out: list[str] = []
    files = files_of(paths)
    with closing(read_all(files, table, salvage=options.salvage, jobs=options.jobs, progress=progress)) as outcomes:
        for (path, named), made in outcomes:
            if made is None and named:
                made = InputError(f"{path}: byte 0: {UNKNOWN_KIND}", hint=FORMATS)
            if isinstance(made, InputError):
                if not options.salvage:
                    raise made
                left_out.append(shown(str(made)))
            elif made is None:
                left_out.append(f"{shown(path)}: {UNKNOWN_KIND}")
            elif isinstance(made, list):
                found += made
            else:
                logs += made.rows
    return found, logs, left_out


def split_none(ranks: Sequence[Activity]) -> Split:
    """Nothing is matched: for traces that are not each another rank of one capture."""
    parts = [split([one]) for one in ranks]
    first = split([])
    first.ranks = [part.ranks[0] for part in parts]
    first.calls["unmatched"] = sum(part.calls["unmatched"] for part in parts)
    return first


def _trimmed(one: Activity) -> Activity:
    return replace(one, steps=one.steps[:-1])


def _in_steps(one: Activity, options: Options) -> bool:
    if options.window == STEPS and not one.steps:
        raise InputError(f"{one.path}: no marks of steps in it", hint="--window span measures all of its GPU work")
    return options.window != SPAN and bool(one.steps)


def _measured(one: Activity, parts: RankSplit, options: Options) -> Measured:
    window = step_windows(one) if _in_steps(one, options) else span(one)
    return Measured(one, parts, Covers.of(one, parts), window)


def _waiting(ranks: Sequence[Activity], parts: Split) -> Waiting:
    share = ratio(parts.waited_ns, parts.matched_ns)
    caused, total = parts.caused.tolist(), int(parts.caused.sum())
    worst = max(range(len(caused)), key=caused.__getitem__, default=0)
    worst_share = ratio(caused[worst], total) if total else None
    dominates = share is not None and share > DOMINANT
    stands_out = dominates and worst_share is not None and worst_share > DOMINANT
    return Waiting(
        share=share,
        dominates=dominates,
        slow_rank=ranks[worst].rank if stands_out else None,
        slow_rank_share=worst_share if stands_out else None,
        waited_for=ranks[worst].rank if total else None,
        waited_for_share=worst_share,
        calls=parts.calls,
        methods=sorted(parts.methods),
    )


def _slowest(rows: Sequence[RankRow]) -> list[int]:
    known = [row for row in rows if row.exposed_ratio is not None]
    return [row.rank for row in sorted(known, key=lambda row: (-(row.exposed_ratio or 0), row.rank))[:MAX_SLOWEST]]


def _notes(
    measured: Sequence[Measured], details: Sequence[RankDetail], parts: Split, rank_from: str, twice: bool
) -> list[str]:
    notes = [f"{shown(one.activity.path)}: {note}" for one in measured for note in one.activity.notes]
    notes += [
        f"{shown(one.activity.path)}: no GPU work was recorded" for one in measured if not one.activity.starts.size
    ]
    for one in details:
        if one.spill_ratio is not None and one.spill_ratio > SPILL_SHARE:
            notes.append(f"rank {one.rank}: {one.spill_ratio:.1%} of the GPU's work lies in no step")
    if twice:
        notes.append(
            "a rank is there more than once: waiting is not told from transfer; name the folder of one capture"
        )
    if rank_from == PLACE and len(measured) > 1:
        notes.append("the traces do not tell their ranks: they are numbered in the order of their files")
    if BY_ORDER_OF_ALL in parts.methods:
        notes.append("calls without a communicator are matched in order, as if all ranks shared one")
    if len({len(one.activity.steps) for one in measured}) > 1:
        notes.append("the ranks do not have the same number of steps")
    return list(dict.fromkeys(notes))
