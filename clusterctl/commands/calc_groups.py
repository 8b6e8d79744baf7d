"""`clusterctl calc compare` and `lemon`: are these different, by more than chance?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clusterctl.commands.calc_input import (
    MOST,
    STATED,
    FormatOption,
    PhiOption,
    cell,
    count_cell,
    lines,
    name_cell,
    number,
)
from clusterctl.commands.calc_output import as_json, chance, limits, short, whole
from clusterctl.commands.common import FINDINGS, UNKNOWN, ShortFormat
from clusterctl.errors import InputError
from clusterctl.terminal import Sheet, clean

if TYPE_CHECKING:
    from clusterctl.analytics.stats import Units
    from clusterctl.analytics.stats.cohort import Cohort, Pair

EVERYONE_ELSE = "all others"
MOST_GROUPS = 1_000


def compare(
    count_a: Annotated[int | None, typer.Argument(min=0, max=MOST, help="Faults of a.")] = None,
    gpu_days_a: Annotated[float | None, typer.Argument(help="Exposure of a, GPU-days.")] = None,
    count_b: Annotated[int | None, typer.Argument(min=0, max=MOST, help="Faults of b.")] = None,
    gpu_days_b: Annotated[float | None, typer.Argument(help="Exposure of b, GPU-days.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="CSV with group, count, gpu_days: each group against all others.")
    ] = None,
    phi: PhiOption = 1.0,
    output: FormatOption = ShortFormat.TABLE,
) -> None:
    """Are the rates of two groups (driver, firmware, batch, before and after) different? By the exact conditional test.

    Example: clusterctl calc compare 25 35000 12 40000

    Exit code 1 if a difference is shown, 2 if no comparison has enough exposure to tell."""
    from clusterctl.analytics.stats.cohort import BETTER, THIN, WORSE, cohorts_of

    given = (count_a, gpu_days_a, count_b, gpu_days_b)
    pairs = _pairs_of(file, given)
    found = cohorts_of(pairs, number("--phi", phi, least=1.0))
    if not as_json(output, {"comparisons": found}):
        _show(found)
    verdicts = {cohort.verdict for cohort in found}
    if verdicts & {WORSE, BETTER}:
        raise typer.Exit(FINDINGS)
    if verdicts == {THIN}:
        raise typer.Exit(UNKNOWN)


def _pairs_of(file: Path | None, given: tuple[int | None, float | None, int | None, float | None]) -> Sequence[Pair]:
    from clusterctl.analytics.stats import Tally
    from clusterctl.analytics.stats.cohort import Pair

    count_a, days_a, count_b, days_b = given
    if file is not None:
        if any(value is not None for value in given):
            raise InputError("--file and numbers say two things", hint="give one of them")
        return _against_others(units_of(file, "group"))
    if count_a is None or days_a is None or count_b is None or days_b is None:
        raise InputError("four numbers, or --file", hint="faults and GPU-days of a, then of b")
    a = Tally(count_a, number("exposure of a", days_a, over=True))
    b = Tally(count_b, number("exposure of b", days_b, over=True))
    return [Pair("", "a", a, "b", b)]


def _against_others(units: Units) -> Sequence[Pair]:
    from clusterctl.analytics.stats import Tally
    from clusterctl.analytics.stats.cohort import Pair

    if not 2 <= len(units.names) <= MOST_GROUPS:
        raise InputError(f"{len(units.names)} groups; from 2 to {MOST_GROUPS:,} can be compared")
    total = units.total()
    rows = zip(units.names, units.counts, units.gpu_days, strict=True)
    return [
        Pair("group", name, Tally(count, days), EVERYONE_ELSE, Tally(total.count - count, total.gpu_days - days))
        for name, count, days in rows
    ]


def _show(found: Sequence[Cohort]) -> None:
    rows = [
        [
            clean(one.a, 40),
            clean(one.b, 40),
            f"{one.count_a:,} in {one.gpu_days_a:,.0f}",
            f"{one.count_b:,} in {one.gpu_days_b:,.0f}",
            "no fault in b" if one.ratio is None else short(one.ratio, 3),
            limits(one.low, one.high, 3),
            chance(one.p_value),
            one.verdict,
        ]
        for one in found
    ]
    names = ("a", "b", "faults in GPU-days, a", "b ", "rate a / b", "95 %", "p", "verdict")
    Sheet().table(names, rows, right=names[2:7])


def lemon(
    file: Annotated[
        Path, typer.Argument(help="CSV with node (or gpu), count, gpu_days; all of them, not only the bad.")
    ],
    window_days: Annotated[float, typer.Option(help="The span that the counts come from.")] = 28.0,
    output: FormatOption = ShortFormat.TABLE,
) -> None:
    """Which nodes or GPUs have more faults than the rate of all others explains.

    Columns named as the counters of docs/kpi.md (tickets, xid_episodes, …) are read too: a candidate needs two of them high.
    Exit code 1 if any unit stands out, 2 if none could be tested."""
    from clusterctl.analytics.stats.lemon import COUNTERS, lemons_of

    columns, _ = lines(file)
    kind = "node" if "node" in columns else "gpu"
    known = [name for name in COUNTERS if name in columns]
    counters: dict[str, list[float]] = {name: [] for name in known}
    units = units_of(file, kind, counters)
    found = lemons_of(
        kind, units, STATED, window_days=number("--window-days", window_days, over=True), counters=counters
    )
    total = units.total()
    if not as_json(output, {"count": total.count, "gpu_days": total.gpu_days, "lemons": found}):
        rows = [
            [
                clean(one.name, 60),
                f"{one.count:,}",
                short(one.expected),
                whole(one.gpu_days),
                chance(one.p_value),
                "yes" if one.significant else "no",
                "yes" if one.candidate else "no",
            ]
            for one in found.listed
        ]
        numbers = ("faults", "expected", "GPU-days", "p")
        sheet = Sheet()
        sheet.table((kind, *numbers, "stands out", "candidate"), rows, right=numbers)
        sheet.line(f" {found.units_tested:,} tested; those with two faults or more are listed", style="dim")
        if found.remark:
            sheet.line(f" {found.remark}", style="dim")
    if any(one.significant for one in found.listed):
        raise typer.Exit(FINDINGS)
    if not found.units_tested:
        raise typer.Exit(UNKNOWN)


def units_of(path: Path, key: str, counters: dict[str, list[float]] | None = None) -> Units:
    """Names, counts and exposures of a file; columns of counters are filled on the way, unknown where a cell is empty."""
    from clusterctl.analytics.stats import Units

    columns = {} if counters is None else counters
    names: dict[str, tuple[int, float]] = {}
    for line in lines(path, key, "count", "gpu_days")[1]:
        name = name_cell(path, line, key, names.keys())
        names[name] = (count_cell(path, line, "count"), cell(path, line, "gpu_days"))
        for column, values in columns.items():
            values.append(cell(path, line, column) if line.get(column) else float("nan"))
    return Units(list(names), [count for count, _ in names.values()], [days for _, days in names.values()])
