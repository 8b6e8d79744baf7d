"""`clusterctl calc dispersion`: do faults come in clusters, and what does that do to the interval and the verdict?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clusterctl.commands.calc_groups import units_of
from clusterctl.commands.calc_input import MOST, STATED, FormatOption, cell, count_cell, lines, number
from clusterctl.commands.calc_output import as_json, chance, facts, limits, short
from clusterctl.commands.common import FINDINGS, UNKNOWN, ShortFormat
from clusterctl.errors import InputError

if TYPE_CHECKING:
    from clusterctl.analytics.stats import Rate, Tally, Verdict
    from clusterctl.analytics.stats.dispersion import Dispersion


def dispersion(
    counts: Annotated[list[int] | None, typer.Argument(min=0, max=MOST, help="Faults of each day, in order.")] = None,
    gpus: Annotated[float | None, typer.Option(help="GPUs in service on each of these days.")] = None,
    file: Annotated[Path | None, typer.Option(help="Or a CSV with count and gpu_days, a row a day, in order.")] = None,
    nodes: Annotated[
        Path | None, typer.Option(help="CSV with node, count, gpu_days: an interval by drawing nodes anew.")
    ] = None,
    target: Annotated[float | None, typer.Option(help="Judge against this rate, plain and widened.")] = None,
    output: FormatOption = ShortFormat.TABLE,
) -> None:
    """Do faults come in clusters? Then the plain interval is too narrow, and the widened one holds.

    Exit code 1 if they do by more than chance, 2 if it cannot be estimated."""
    from clusterctl.analytics.stats import Tally, rate_of, verdict_of
    from clusterctl.analytics.stats.dispersion import dispersion_of

    daily = _daily(counts, gpus, file)
    total = Tally(sum(day.count for day in daily), sum(day.gpu_days for day in daily))
    if not total.gpu_days:
        raise InputError("no exposure on any day")
    found = dispersion_of(daily, total, STATED, None if nodes is None else units_of(nodes, "node"))
    plain = rate_of(total.count, total.gpu_days, STATED)
    goal = None if target is None else number("--target", target, over=True)
    verdicts = {
        name: verdict_of(total.count, 0, total.gpu_days, goal, covered=True, phi=phi)
        for name, phi in (("plain", 1.0), ("binding", found.verdict_phi))
        if goal is not None
    }
    made = {"count": total.count, "gpu_days": total.gpu_days, "per_1000_gpu_days": plain, "dispersion": found}
    if not as_json(output, {**made, "verdicts": verdicts}):
        _show(total, plain, found, verdicts)
    if found.phi is None:
        raise typer.Exit(UNKNOWN)
    if found.binding:
        raise typer.Exit(FINDINGS)


def _daily(counts: list[int] | None, gpus: float | None, file: Path | None) -> Sequence[Tally]:
    from clusterctl.analytics.stats import Tally

    if (file is None) == (not counts):
        raise InputError("give the faults of each day, or --file")
    if file is not None:
        rows = lines(file, "count", "gpu_days")[1]
        return [Tally(count_cell(file, row, "count"), cell(file, row, "gpu_days")) for row in rows]
    if gpus is None:
        raise InputError("no exposure", hint="give --gpus, the GPUs in service on each of these days")
    return [Tally(count, number("--gpus", gpus, over=True)) for count in counts or ()]


def _show(total: Tally, plain: Rate, found: Dispersion, verdicts: dict[str, Verdict]) -> None:
    wide = found.scaled
    facts(
        ("faults per 1000 GPU-days", f"{short(plain.value)} ({limits(plain.low, plain.high)})"),
        ("widened", "" if wide is None else f"{short(wide.value)} ({limits(wide.low, wide.high)}): this one holds"),
        ("by drawing nodes", limits(found.bootstrap_low, found.bootstrap_high)),
        ("faults", f"{total.count:,} in {total.gpu_days:,.1f} GPU-days"),
        ("phi", "" if found.phi is None else f"{found.phi:.3f}, p {chance(found.p_value)}"),
        ("bins", "" if found.bin_days is None else f"{found.bins} of {found.bin_days} days"),
        *((f"against {one.target:g}, {name}", one.verdict) for name, one in verdicts.items()),
        ("remark", found.remark),
    )
