"""`clusterctl calc ettr` and `checkpoint`: what failures and checkpoints leave of a job's time."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from clusterctl.commands.calc_input import (
    MOST,
    FormatOption,
    GpusPerNodeOption,
    NodeRateOption,
    RateOption,
    bare_rate,
    number,
)
from clusterctl.commands.calc_output import as_json, facts, percent, short
from clusterctl.commands.common import UNKNOWN, ShortFormat
from clusterctl.errors import InputError

JobGpus = Annotated[int | None, typer.Option(min=1, max=MOST, help="GPUs of the job; or --nodes.")]
JobNodes = Annotated[int | None, typer.Option(min=1, max=MOST, help="Nodes of the job.")]
RestartMin = Annotated[float, typer.Option(help="Minutes to restart after a failure.")]


def _failures_per_day(
    gpus: int | None, nodes: int | None, rate: float | None, node_rate: float | None, gpus_per_node: int
) -> float:
    if (gpus is None) == (nodes is None):
        raise InputError("how large is the job?", hint="give --gpus or --nodes")
    size = gpus if gpus is not None else (nodes or 0) * gpus_per_node
    return bare_rate(rate, node_rate, gpus_per_node) * size / 1000


def ettr(
    interval_min: Annotated[float, typer.Option(help="Minutes between checkpoints.")],
    gpus: JobGpus = None,
    nodes: JobNodes = None,
    rate: RateOption = None,
    node_rate: NodeRateOption = None,
    gpus_per_node: GpusPerNodeOption = 8,
    restart_min: RestartMin = 5.0,
    queue_min: Annotated[float, typer.Option(help="Minutes in the queue after a failure.")] = 0.0,
    blocked_min: Annotated[float, typer.Option(help="Minutes that a checkpoint stops training.")] = 0.0,
    output: FormatOption = ShortFormat.TABLE,
) -> None:
    """Expected share of productive time of a job (ETTR), by the linear model.

    Example: clusterctl calc ettr --nodes 2000 --node-rate 6.5 --interval-min 60

    Exit code 2 where failures would take half of the time: the model ends there, and no number is given."""
    from clusterctl.analytics.stats.ettr import Job, best_interval_min, expected_ettr, unproductive_share

    job = Job(
        failures_per_day=_failures_per_day(gpus, nodes, rate, node_rate, gpus_per_node),
        interval_min=number("--interval-min", interval_min, over=True),
        restart_min=number("--restart-min", restart_min),
        queue_min=number("--queue-min", queue_min),
        blocked_min=number("--blocked-min", blocked_min),
    )
    found, best = expected_ettr(job), best_interval_min(job.failures_per_day, job.blocked_min)
    at_best = expected_ettr(replace(job, interval_min=best)) if best else None
    made = {
        "job": job,
        "expected_ettr": found,
        "unproductive_share": unproductive_share(job),
        "best_interval_min": best or None,
        "expected_ettr_at_best": at_best,
    }
    if not as_json(output, made):
        too_much = "no number: failures would take half of the time or more, where the model ends"
        facts(
            ("expected ETTR (model)", too_much if found is None else short(found, 3)),
            ("unproductive share (model)", "" if found is None else percent(unproductive_share(job))),
            ("failures a day", short(job.failures_per_day, 3)),
            ("interval that loses least", f"{short(best, 1)} min" if best else "unknown without --blocked-min"),
            ("expected ETTR with that", "" if at_best is None else short(at_best, 3)),
        )
    if found is None:
        raise typer.Exit(UNKNOWN)


def checkpoint(
    blocked_min: Annotated[float, typer.Option(help="Minutes that a checkpoint stops training.")],
    gpus: JobGpus = None,
    nodes: JobNodes = None,
    rate: RateOption = None,
    node_rate: NodeRateOption = None,
    gpus_per_node: GpusPerNodeOption = 8,
    restart_min: RestartMin = 0.0,
    output: FormatOption = ShortFormat.TABLE,
) -> None:
    """The checkpoint interval that loses least (Young, Daly), and what is lost with it.

    Example: clusterctl calc checkpoint --gpus 16384 --node-rate 6.5 --blocked-min 1

    Exit code 2 without failures: then no checkpoint is needed."""
    from clusterctl.analytics.stats.ettr import Job, best_interval_min, unproductive_share

    per_day = _failures_per_day(gpus, nodes, rate, node_rate, gpus_per_node)
    best = best_interval_min(per_day, number("--blocked-min", blocked_min, over=True))
    job = None if best is None else Job(per_day, best, number("--restart-min", restart_min), 0.0, blocked_min)
    lost = None if job is None else unproductive_share(job)
    mttf = 24 / per_day if per_day else None
    if not as_json(
        output,
        {"failures_per_day": per_day, "mttf_hours": mttf, "best_interval_min": best, "unproductive_share": lost},
    ):
        facts(
            ("interval that loses least", "none: without failures" if best is None else f"{short(best, 1)} min"),
            ("unproductive share (model)", "" if lost is None else percent(lost)),
            ("MTTF of the job (model)", "" if mttf is None else f"{short(mttf, 2)} h"),
            ("failures a day", short(per_day, 3)),
        )
    if best is None:
        raise typer.Exit(UNKNOWN)
