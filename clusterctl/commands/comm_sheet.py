"""The page that `clusterctl comm analyze` prints."""

from __future__ import annotations

from collections.abc import Sequence

from clusterctl.communication.model import Analysis, Breakdown, LogRow, RankDetail, RankRow, Spread, StepSpread
from clusterctl.terminal import Sheet, clean

NS_PER_MS = 1e6
MAX_ROWS = 20
UNKNOWN = "-"
MOST = 0.5
WIDE = 130
"""Columns of a screen that also has room for what the headline tells of all ranks together."""
SPREADS = (
    ("exposed_ratio", "exposed"),
    ("exposed_wait_ratio", "  of it waiting"),
    ("exposed_transfer_ratio", "  of it transfer"),
    ("total_ratio", "total"),
    ("overlap_ratio", "hidden by compute, of total"),
    ("wait_ratio", "waiting"),
    ("transfer_ratio", "transfer"),
    ("fused_ratio", "fused (counted as compute)"),
    ("memory_ratio", "copies"),
    ("exposed_memory_ratio", "  of it not hidden"),
    ("idle_ratio", "idle"),
)


def show(found: Analysis) -> None:
    """Print it: the answer first, then where it comes from, then what is not known."""
    sheet = Sheet()
    if found.ranks:
        _headline(sheet, found)
        _ranks(sheet, found)
        _steps(sheet, found)
        for title, rows in (("collective", found.collectives), ("group", found.groups), ("size", found.sizes)):
            _breakdown(sheet, title, rows)
        _bandwidth(sheet, found)
        _kernels(sheet, found)
    for log in found.logs[:MAX_ROWS]:
        _log(sheet, log)
    _more(sheet, len(found.logs), "logs")
    for note in found.notes[:MAX_ROWS]:
        sheet.line(f" note: {clean(note, 400)}")
    for reason in found.left_out[:MAX_ROWS]:
        sheet.line(f" left out: {clean(reason, 400)}")
    _more(sheet, max(len(found.notes), len(found.left_out)), "remarks")
    sheet.line(f" clusterctl {found.tool_version}, kernel table {found.kernel_table}", style="dim")


def _headline(sheet: Sheet, found: Analysis) -> None:
    windows = {one.window for one in found.details}
    where = {"steps": "whole steps", "gpu_span": "first to last GPU work"}
    exposed = found.over_ranks.get("exposed_ratio")
    value = f"{exposed.mean:.2%}" if exposed else "not known"
    over = " and ".join(where[one] for one in sorted(windows))
    sheet.title(f"Exposed communication {value}  ({found.grade}; {over}; {len(found.ranks)} ranks)")
    spreads = [(text, found.over_ranks[name]) for name, text in SPREADS if name in found.over_ranks]
    sheet.table(
        ["share of the window", "mean", "min", "median", "max", "ranks"],
        [[text, *_percent(spread), str(spread.ranks)] for text, spread in spreads],
        right=["mean", "min", "median", "max", "ranks"],
    )
    for line in _waiting(found):
        sheet.line(f" {line}")


def _percent(spread: Spread) -> list[str]:
    return [f"{value:.2%}" for value in (spread.mean, spread.min, spread.median, spread.max)]


def _waiting(found: Analysis) -> list[str]:
    waiting = found.waiting
    if waiting.share is None:
        return ["waiting: not known (it takes the same collectives of several ranks)"]
    lines = [
        f"waiting for peers: {waiting.share:.1%} of the matched communication ("
        + ", ".join(f"{count} {name}" for name, count in waiting.calls.items() if count)
        + "; by "
        + " and ".join(waiting.methods)
        + ")"
    ]
    if not waiting.dominates and (waiting.waited_for_share or 0) > MOST:
        lines.append(
            f"{waiting.waited_for_share:.0%} of it is for rank {waiting.waited_for}, which comes last most often"
        )
    if waiting.dominates and waiting.slow_rank is not None:
        lines.append(
            f"waiting dominates: rank {waiting.slow_rank} comes last, {waiting.slow_rank_share or 0:.0%} of all waiting is"
            " for it; look at that GPU and its work before the network"
        )
    elif waiting.dominates:
        lines.append("waiting dominates, and no single rank is behind it: look at pipeline bubbles and uneven work")
    return lines


def _ranks(sheet: Sheet, found: Analysis) -> None:
    sheet.title("Ranks, the most exposed first")
    columns = ["rank", "ms", "exposed", "total", "wait", "compute", "copies", "idle"]
    more = ["transfer", "hidden", "fused", "steps"] if sheet.width >= WIDE else []
    pairs = sorted(
        zip(found.ranks, found.details, strict=True), key=lambda one: (-(one[0].exposed_ratio or 0), one[0].rank)
    )
    sheet.table(
        [*columns, *more],
        [[*_rank(row), *_rank_more(row, detail)][: len(columns) + len(more)] for row, detail in pairs[:MAX_ROWS]],
        right=[*columns, *more],
    )
    _more(sheet, len(pairs), "ranks")


def _rank(row: RankRow) -> list[str]:
    parts = (row.exposed_ns, row.comm_ns, row.wait_ns, row.compute_ns, row.memory_ns, row.idle_ns)
    return [str(row.rank), _ms(row.window_ns), *(_share(part, row) for part in parts)]


def _rank_more(row: RankRow, detail: RankDetail) -> list[str]:
    hidden = UNKNOWN if row.overlap_ratio is None else f"{row.overlap_ratio:.2%}"
    return [_share(detail.transfer_ns, row), hidden, _share(detail.fused_ns, row), str(row.steps)]


def _ms(length_ns: float) -> str:
    return _short(length_ns / NS_PER_MS)


def _short(number: float) -> str:
    """Few enough digits for a narrow terminal; `--format json` has them all."""
    return f"{number:,.0f}" if number >= 10_000 else f"{number:.1f}" if number >= 1_000 else f"{number:.3f}"


def _share(part: int | None, row: RankRow) -> str:
    return UNKNOWN if part is None or row.exposed_ratio is None else f"{part / row.window_ns:.2%}"


def _steps(sheet: Sheet, found: Analysis) -> None:
    if not found.over_steps:
        return
    wide = sheet.width >= WIDE
    sheet.title("Steps, exposed over ranks" + ("; beside it the means of the rest" if wide else ""))
    columns = ["step", "ranks", "ms", "mean", "min", "median", "max"]
    more = ["total", "wait", "transfer", "hidden", "fused", "copies", "idle"] if wide else []
    sheet.table(
        [*columns, *more],
        [[*_step(one), *_step_more(one)][: len(columns) + len(more)] for one in found.over_steps[:MAX_ROWS]],
        right=[*columns, *more],
    )
    _more(sheet, len(found.over_steps), "steps")


def _step(one: StepSpread) -> list[str]:
    return [str(one.step), str(one.exposed_ratio.ranks), _ms(one.window_ns.mean), *_percent(one.exposed_ratio)]


def _step_more(one: StepSpread) -> list[str]:
    parts = (
        one.total_ratio, one.wait_ratio, one.transfer_ratio, one.overlap_ratio, one.fused_ratio, one.memory_ratio,
        one.idle_ratio,
    )  # fmt: skip
    return [UNKNOWN if part is None else f"{part.mean:.2%}" for part in parts]


def _breakdown(sheet: Sheet, title: str, rows: Sequence[Breakdown]) -> None:
    if not rows:
        return
    sheet.title(f"By {title}, mean of a rank")
    columns = ["calls", "ranks", "ms", "exposed ms", "waiting ms", "MB"]
    sheet.table(
        [title, *columns],
        [
            [
                clean(row.name, 60), str(row.calls), str(row.ranks), _ms(row.time_ns),
                _ms(row.exposed_ns),
                UNKNOWN if row.wait_ns is None else _ms(row.wait_ns),
                UNKNOWN if row.message_bytes is None else _short(row.message_bytes / 1e6),
            ]
            for row in rows[:MAX_ROWS]
        ],
        right=columns,
    )  # fmt: skip
    _more(sheet, len(rows), "rows")


def _bandwidth(sheet: Sheet, found: Analysis) -> None:
    if not found.bandwidth:
        return
    sheet.title("Bus bandwidth, GB/s")
    bases = {"transfer": "of the transfer", "duration": "at least: waiting included"}
    sheet.table(
        ["collective", "group", "size", "calls", "GB/s", "basis"],
        [
            [
                clean(one.collective, 40), clean(one.group, 40), one.size, str(one.calls), f"{one.busbw_gbs:.3f}",
                bases[one.basis],
            ]
            for one in found.bandwidth[:MAX_ROWS]
        ],
        right=["calls", "GB/s"],
    )  # fmt: skip
    _more(sheet, len(found.bandwidth), "rows")


def _kernels(sheet: Sheet, found: Analysis) -> None:
    families: dict[str, int] = {}
    unplaced: dict[str, int] = {}
    for one in found.details:
        for name, length in one.families.items():
            families[name] = families.get(name, 0) + length
        for name, length in one.unplaced_ns.items():
            unplaced[name] = unplaced.get(name, 0) + length
    text = ", ".join(f"{clean(name, 60)} {length / NS_PER_MS:.3f} ms" for name, length in families.items())
    sheet.line(f" communication found, all ranks together: {text or 'none'}")
    if unplaced:
        sheet.title("Kernels that no rule knows, taken for compute")
        longest = sorted(unplaced.items(), key=lambda item: -item[1])[:MAX_ROWS]
        sheet.table(["ms", "kernel"], [[_ms(length), clean(name)] for name, length in longest], right=["ms"])


def _log(sheet: Sheet, log: LogRow) -> None:
    rank = "" if log.rank is None else f", rank {log.rank}"
    sheet.title(f"{log.source}{rank}  {clean(log.group, 60)}")
    time = UNKNOWN if log.comm_ns is None else f"{log.comm_ns / NS_PER_MS:.3f} ms, {log.mark}"
    share = f" ({log.comm_ns / log.window_ns:.2%} of its window)" if log.comm_ns is not None and log.window_ns else ""
    calls = UNKNOWN if log.calls is None else f"{log.calls:,}"
    sheet.facts(
        [
            ("file", clean(log.path)),
            ("total communication", time + share),
            ("records, calls", f"{log.records:,}, {calls}"),
            ("exposed", "not known: there is no compute in such a log"),
        ]
    )
    columns = ["calls", "MB", "GB/s"]
    sheet.table(
        ["collective", "size", *columns],
        [
            [clean(one.collective, 40), one.size, f"{one.calls:,}", f"{one.message_bytes / 1e6:,.1f}",
             UNKNOWN if one.busbw_gbs is None else f"{one.busbw_gbs:.3f}"]
            for one in log.by_call[:MAX_ROWS]
        ],
        right=columns,
    )  # fmt: skip
    for note in log.notes:
        sheet.line(f" note: {clean(note, 400)}")


def _more(sheet: Sheet, count: int, what: str) -> None:
    if count > MAX_ROWS:
        sheet.line(f" {count - MAX_ROWS:,} more {what}; all of them: --format json", style="dim")
