"""`clusterctl calc rate`, `verdict` and `power`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from clusterctl.commands.calc_input import (
    MOST,
    STATED,
    DaysOption,
    FormatOption,
    GpuDaysOption,
    GpusOption,
    GpusPerNodeOption,
    PhiOption,
    exposure,
    number,
)
from clusterctl.commands.calc_output import as_json, facts, limits, percent, short, whole
from clusterctl.commands.common import FINDINGS, OK, UNKNOWN, ShortFormat, config_of
from clusterctl.errors import InputError
from clusterctl.terminal import Sheet

if TYPE_CHECKING:
    from clusterctl.analytics.stats import Rate, Verdict

SIZES, SPANS = (1000, 4096, 10_000), (1.0, 7.0, 30.0, 90.0)
Count = Annotated[int, typer.Argument(min=0, max=MOST, help="Faults counted.")]


def rate(
    count: Count,
    gpu_days: GpuDaysOption = None,
    gpus: GpusOption = None,
    days: DaysOption = None,
    gpus_per_node: GpusPerNodeOption = 8,
    phi: PhiOption = 1.0,
    output: FormatOption = ShortFormat.TABLE,
) -> None:
    """Faults per 1000 GPU-days with their exact interval, and the time between them.

    Example: clusterctl calc rate 5 --gpus 1000 --days 30"""
    from clusterctl.analytics.stats import rate_of, scaled
    from clusterctl.analytics.stats.scaling import hours_between

    total, wide = exposure(gpu_days, gpus, days), number("--phi", phi, least=1.0)
    interval, per_gpu = scaled(count, wide), rate_of(count, total, STATED, wide)
    per_node = rate_of(count, total / gpus_per_node, STATED, wide)
    between = hours_between(count, total * 24, wide)
    wall = None if days is None else hours_between(count, days * 24, wide)
    made = {
        "count": count,
        "gpu_days": total,
        "count_limits": interval,
        "per_1000_gpu_days": per_gpu,
        "per_1000_node_days": per_node,
        "gpus_per_node": gpus_per_node,
        "gpu_hours_between": between,
        "wall_hours_between": wall,
    }
    if as_json(output, made):
        return
    facts(
        ("faults per 1000 GPU-days", _with_limits(per_gpu)),
        ("faults", f"{count:,} ({limits(interval.low, interval.high)})"),
        ("GPU-days", f"{total:,.1f}"),
        (f"per 1000 node-days ({gpus_per_node} GPUs)", _with_limits(per_node)),
        ("GPU-hours between faults", f"{whole(between.value)} ({limits(between.low, between.high, 0)})"),
        ("wall hours between faults", "" if wall is None else f"{short(wall.value)} ({limits(wall.low, wall.high)})"),
        ("interval", per_gpu.method),
    )


def _with_limits(rate: Rate) -> str:
    return f"{short(rate.value)} ({limits(rate.low, rate.high)})"


def verdict(
    context: typer.Context,
    count: Count,
    gpu_days: GpuDaysOption = None,
    gpus: GpusOption = None,
    days: DaysOption = None,
    target: Annotated[list[float] | None, typer.Option(help="Per 1000 GPU-days; else analytics.targets.")] = None,
    unattributed: Annotated[int, typer.Option(min=0, max=MOST, help="Unexpected incidents without a known cause.")] = 0,
    phi: PhiOption = 1.0,
    output: FormatOption = ShortFormat.TABLE,
) -> None:
    """Below a target, above it, or not decided, and how much more exposure would decide.

    Example: clusterctl calc verdict 5 --gpus 1000 --days 30 --target 0.16

    Exit code by the highest target: 0 below it, 1 above it, 2 not decided."""
    from clusterctl.analytics.stats import rate_of, verdict_of

    targets = sorted(
        (number("--target", one, over=True) for one in target or config_of(context).analytics.targets), reverse=True
    )
    total, wide = exposure(gpu_days, gpus, days), number("--phi", phi, least=1.0)
    found = [verdict_of(count, unattributed, total, one, covered=True, phi=wide) for one in targets]
    per_gpu = rate_of(count, total, STATED, wide)
    made = {"count": count, "unattributed": unattributed, "gpu_days": total, "per_1000_gpu_days": per_gpu}
    if not as_json(output, {**made, "verdicts": found}):
        facts(
            ("faults per 1000 GPU-days", _with_limits(per_gpu)),
            ("faults", f"{count:,}, and {unattributed:,} unattributed"),
            ("GPU-days", f"{total:,.1f}"),
            ("interval", per_gpu.method),
        )
        _verdicts(found)
    raise typer.Exit(_exit_code(found))


def _verdicts(found: Sequence[Verdict]) -> None:
    rows = [
        [
            f"{one.target:g}",
            one.verdict,
            whole(one.gpu_days_total_if_no_more),
            whole(one.gpu_days_needed),
            _at_rate(one),
        ]
        for one in found
    ]
    numbers = ("total if no more", "still needed", "total at this rate")
    Sheet().table(("target", "verdict", *numbers), rows, right=("target", *numbers))


def _at_rate(one: Verdict) -> str:
    if one.gpu_days_total_if_no_more is None:
        return whole(None)
    return "never" if one.gpu_days_total_at_observed_rate is None else whole(one.gpu_days_total_at_observed_rate)


def _exit_code(found: Sequence[Verdict]) -> int:
    from clusterctl.analytics.stats import ABOVE, BELOW

    return {BELOW: OK, ABOVE: FINDINGS}.get(found[0].verdict, UNKNOWN)


def power(
    rate: Annotated[float, typer.Option(help="The true rate to assume, per 1000 GPU-days.")] = 0.16,
    target: Annotated[float, typer.Option(help="The target, per 1000 GPU-days.")] = 0.48,
    gpus: Annotated[
        list[int] | None, typer.Option(min=1, max=MOST, help="Sizes of the table; may be repeated.")
    ] = None,
    days: Annotated[list[float] | None, typer.Option(help="Spans of the table; may be repeated.")] = None,
    wanted: Annotated[float, typer.Option("--power", help="The chance of a verdict that is wanted.")] = 0.8,
    output: FormatOption = ShortFormat.TABLE,
) -> None:
    """Before measuring: the chance of "below target" after so many GPUs and days, for an assumed true rate.

    Exit code 2 if the assumed rate can never be told from the target."""
    from clusterctl.analytics.stats.planning import plan_for, power_at

    goal = number("--target", target, over=True)
    assumed = number("--rate", rate)
    if not 0 < wanted < 1:
        raise InputError(f"--power is {wanted:g}; a chance lies between 0 and 1")
    plan = plan_for(assumed, goal, wanted)
    spans = [(size, number("--days", span, over=True)) for size in gpus or SIZES for span in days or SPANS]
    table = [(size, span, power_at(size * span, assumed, goal)) for size, span in spans]
    made = [{"gpus": size, "days": span, "after": after} for size, span, after in table]
    if not as_json(output, {"plan": plan, "table": made}):
        rows = [
            [f"{size:,}", f"{span:g}", short(after.expected, 2), _largest(after.largest_count), percent(after.power, 1)]
            for size, span, after in table
        ]
        numbers = ("GPUs", "days", "expected faults", "most faults that give below", "chance")
        Sheet().table(numbers, rows, right=numbers)
        first, for_good = plan.gpu_days_first, plan.gpu_days_for_good
        when = "never" if first is None else f"first at {first:,} GPU-days, for good from {for_good:,} on"
        facts((f"chance of {percent(plan.power, 0)}", when))
    if plan.gpu_days_first is None:
        raise typer.Exit(UNKNOWN)


def _largest(count: int | None) -> str:
    return "none" if count is None else f"{count:,}"
