"""`clusterctl calc mttf`: from a rate to the time to failure of a job, by its size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from clusterctl.commands.calc_input import (
    MOST,
    STATED,
    FormatOption,
    GpuDaysOption,
    GpusPerNodeOption,
    NodeRateOption,
    RateOption,
    bare_rate,
    exposure,
    number,
)
from clusterctl.commands.calc_output import as_json, limits, percent, short
from clusterctl.commands.common import ShortFormat
from clusterctl.errors import InputError
from clusterctl.terminal import Sheet

if TYPE_CHECKING:
    from clusterctl.analytics.stats import Rate

SIZES = (1000, 4096, 10_000, 16_384, 100_000)


def mttf(
    rate: RateOption = None,
    node_rate: NodeRateOption = None,
    faults: Annotated[
        int | None, typer.Option(min=0, max=MOST, help="Or faults counted, in --gpu-days of exposure.")
    ] = None,
    gpu_days: GpuDaysOption = None,
    gpus_per_node: GpusPerNodeOption = 8,
    gpus: Annotated[list[int] | None, typer.Option(min=1, max=MOST, help="Sizes of the job; may be repeated.")] = None,
    measured_gpus: Annotated[float | None, typer.Option(help="The size at which the rate was measured.")] = None,
    hours: Annotated[float, typer.Option(help="For the chance that nothing interrupts so long a run.")] = 24.0,
    output: FormatOption = ShortFormat.TABLE,
) -> None:
    """Mean time to failure of a job by its size: a model, which takes the rate per GPU as the same at every size.

    Sizes over four times --measured-gpus are called projected. With --faults the interval is carried along.

    Example: clusterctl calc mttf --node-rate 6.5 --measured-gpus 1024"""
    from clusterctl.analytics.stats.scaling import mttf_of

    known = _rate(rate, node_rate, faults, gpu_days, gpus_per_node)
    size = None if measured_gpus is None else number("--measured-gpus", measured_gpus, over=True)
    span = number("--hours", hours)
    found = [(one, _survival(known, one.gpus, span)) for one in (mttf_of(known, at, size) for at in gpus or SIZES)]
    listed = [
        {"gpus": one.gpus, "mttf_hours": one.hours, "label": one.label, "no_interruption": chance}
        for one, chance in found
    ]
    remarks = _remarks(known, size)
    made = {"faults": faults, "gpu_days": gpu_days, "per_1000_gpu_days": known, "hours": span, "sizes": listed}
    if as_json(output, {**made, "remarks": remarks}):
        return
    rows = [
        [
            f"{one.gpus:,}",
            short(one.hours.value, 3),
            limits(one.hours.low, one.hours.high, 3),
            one.label,
            percent(chance["value"], 1),
            " to ".join(percent(chance[end], 1) for end in ("low", "high") if chance[end] is not None),
        ]
        for one, chance in found
    ]
    right = ("GPUs", "MTTF, h", "95 %", f"no interruption in {span:g} h", "95 % ")
    sheet = Sheet()
    sheet.table((*right[:3], "is", *right[3:]), rows, right=right)
    for remark in remarks:
        sheet.line(f" {remark}", style="dim")


def _survival(known: Rate, gpus: int, hours: float) -> dict[str, float | None]:
    """The chance that nothing interrupts; of its limits the lower is that of the higher rate."""
    from clusterctl.analytics.stats.scaling import no_interruption

    ends = {"value": known.value, "low": known.high, "high": known.low}
    return {end: None if per is None else no_interruption(per, gpus, hours) for end, per in ends.items()}


def _rate(
    rate: float | None, node_rate: float | None, faults: int | None, gpu_days: float | None, gpus_per_node: int
) -> Rate:
    from clusterctl.analytics.stats import Rate, rate_of

    if faults is None:
        if gpu_days is not None:
            raise InputError("--gpu-days without --faults", hint="or give a --rate")
        return Rate(bare_rate(rate, node_rate, gpus_per_node), None, None, STATED, "none: a bare rate was given")
    if rate is not None or node_rate is not None:
        raise InputError("--faults and a rate say the same twice", hint="give one of them")
    return rate_of(faults, exposure(gpu_days, None, None), STATED)


def _remarks(known: Rate, measured_gpus: float | None) -> list[str]:
    said = []
    if known.low is None:
        said.append("no interval: a bare rate was given; --faults with --gpu-days have one")
    if measured_gpus is None:
        said.append("not known whether a size is far from where the rate was measured: give --measured-gpus")
    return said
