"""`clusterctl simulate training`: a job whose communication is known, as telemetry and as traces."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from clusterctl.bus import topic_of
from clusterctl.commands.common import ShortFormat, config_of
from clusterctl.errors import ClusterctlError, InputError
from clusterctl.schema import Lane
from clusterctl.terminal import Sheet, progress
from clusterctl.timetext import parse_moment

MAX_RANK_S = 1_000_000


def training(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="A new folder for everything.")],
    job: Annotated[str, typer.Option(help="Job id.")] = "sim-1",
    layout: Annotated[str, typer.Option(help="tail, fine, mixed, fsdp, pipeline or moe.")] = "tail",
    step_s: Annotated[float, typer.Option(min=0.05, max=600.0, help="Length of a step.")] = 2.0,
    exposed: Annotated[float, typer.Option(min=0.0, max=0.8, help="Share of a step in exposed communication.")] = 0.12,
    hidden: Annotated[float, typer.Option(min=0.0, max=0.95, help="Share of all communication under compute.")] = 0.3,
    nodes: Annotated[int, typer.Option(min=1, max=1_000, help="Nodes.")] = 2,
    gpus_per_node: Annotated[int, typer.Option(min=1, max=64, help="GPUs, and ports, of a node.")] = 8,
    minutes: Annotated[float, typer.Option(min=1.0, max=1_440.0, help="How long it runs.")] = 20.0,
    trace_steps: Annotated[int, typer.Option(min=0, max=1_000, help="Steps to trace on every rank; 0 for none.")] = 0,
    start: Annotated[str, typer.Option(help="When it begins. Fixed, so that bytes repeat.")] = "2026-01-01T00:00:00Z",
    cluster: Annotated[str, typer.Option(help="Cluster name in all rows.")] = "sim",
    seed: Annotated[int, typer.Option(min=0, help="Another number, another job.")] = 1,
    format_: Annotated[ShortFormat, typer.Option("--format", help="Of the summary.")] = ShortFormat.TABLE,
) -> None:
    """Write what a training job leaves behind when its share of communication is known.

    spool/ is for `clusterctl --data-dir OUT collect`, traces/ for `clusterctl comm analyze` and `clusterctl import traces`;
    truth.json says what is true. The same arguments give the same bytes. It is a model: no GPU was asked."""
    if find_spec("numpy") is None:
        raise ClusterctlError("simulate needs NumPy", hint="pip install 'clusterctl[collector]'")
    from clusterctl.simulate.training.plan import JobPlan, Layout
    from clusterctl.simulate.training.rows import Job
    from clusterctl.simulate.training.write import write

    known = [one.value for one in Layout]
    if layout not in known:
        raise InputError(f"--layout {layout[:32]!r}", hint=f"one of {', '.join(known)}")
    if minutes * 60 * nodes * gpus_per_node > MAX_RANK_S:
        raise InputError("too many GPU-seconds for one run", hint=f"at most {MAX_RANK_S:,}: fewer nodes or minutes")
    plan = JobPlan(Layout(layout), step_s, exposed, hidden, seed=seed, window_s=minutes * 60)
    hosts = tuple(f"{cluster}-{number:03}" for number in range(nodes))
    made = Job(job, plan, hosts, gpus_per_node, parse_moment(start, 0))
    topics = {lane: topic_of(lane, config_of(context)) for lane in Lane}
    with progress(1.0, "simulating") as step:
        done = write(made, cluster, out, topics, trace_steps, lambda share: step("writing", share))
    if format_ is ShortFormat.JSON:
        typer.echo(json.dumps({"out": str(out), **asdict(done)}))
        return
    sheet = Sheet()
    sheet.title(f"{out}")
    facts = [(name.replace("_", " "), f"{value:,.4f}" if isinstance(value, float) else f"{value:,}")
             for name, value in asdict(done).items()]  # fmt: skip
    sheet.facts(facts)
