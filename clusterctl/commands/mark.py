"""`clusterctl mark`: what a job says of itself, from a shell script."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from clusterctl import hook

NAME = "mark"
app = typer.Typer(no_args_is_help=True, help="Mark steps and checkpoints of a running job, from its own script.")

Job = Annotated[str | None, typer.Option(help="Job id; else from the environment (SLURM_JOB_ID and others).")]
Rank = Annotated[int | None, typer.Option(min=0, help="Global rank; else from the environment (RANK and others).")]
Step = Annotated[int | None, typer.Option(min=0, help="Number of the step.")]
NOBODY_LISTENS = 2


@app.callback()
def marks() -> None:
    """Mark steps and checkpoints of a running job, from its own script. A program marks with `clusterctl.hook`.

    Exit code 2 if no agent listens."""


def _send(kind: str, step: int | None, size_bytes: int | None, job: str | None, rank: int | None) -> None:
    if hook.mark(kind, step, size_bytes, rank=rank, job_id=job):
        return
    path = os.environ.get("CLUSTERCTL_HOOK_SOCKET") or hook.DEFAULT_SOCKET
    typer.echo(
        f"clusterctl: no agent took the mark at {path}: start one there, or set CLUSTERCTL_HOOK_SOCKET", err=True
    )
    raise typer.Exit(NOBODY_LISTENS)


@app.command()
def step(
    number: Annotated[int, typer.Argument(min=0, help="Number of the step.")], job: Job = None, rank: Rank = None
) -> None:
    """A training step has ended."""
    _send("step", number, None, job, rank)


@app.command("first-step")
def first_step(step: Step = None, job: Job = None, rank: Rank = None) -> None:
    """The first step of this run has ended."""
    _send("first_step", step, None, job, rank)


@app.command("checkpoint-begin")
def checkpoint_begin(step: Step = None, job: Job = None, rank: Rank = None) -> None:
    """Training stops for a checkpoint."""
    _send("checkpoint_begin", step, None, job, rank)


@app.command("checkpoint-end")
def checkpoint_end(
    step: Step = None,
    bytes: Annotated[int | None, typer.Option(min=0, help="Size of the checkpoint.")] = None,
    job: Job = None,
    rank: Rank = None,
) -> None:
    """Training goes on, the checkpoint is written."""
    _send("checkpoint_end", step, bytes, job, rank)


@app.command("checkpoint-durable")
def checkpoint_durable(
    step: Step = None,
    bytes: Annotated[int | None, typer.Option(min=0, help="Size of the checkpoint.")] = None,
    job: Job = None,
    rank: Rank = None,
) -> None:
    """The checkpoint of that step is whole on shared storage."""
    _send("checkpoint_durable", step, bytes, job, rank)


@app.command("checkpoint-failed")
def checkpoint_failed(step: Step = None, job: Job = None, rank: Rank = None) -> None:
    """The checkpoint of that step will never be usable."""
    _send("checkpoint_failed", step, None, job, rank)


@app.command("run-begin")
def run_begin(job: Job = None, rank: Rank = None) -> None:
    """The program has started, or started again, on all the nodes it needs."""
    _send("run_begin", None, None, job, rank)


@app.command("restore-begin")
def restore_begin(step: Step = None, job: Job = None, rank: Rank = None) -> None:
    """Loading a checkpoint begins."""
    _send("restore_begin", step, None, job, rank)


@app.command("restore-end")
def restore_end(step: Step = None, job: Job = None, rank: Rank = None) -> None:
    """The checkpoint is loaded, and the next thing is a step."""
    _send("restore_end", step, None, job, rank)


@app.command("data-begin")
def data_begin(step: Step = None, job: Job = None, rank: Rank = None) -> None:
    """Training waits for data."""
    _send("data_begin", step, None, job, rank)


@app.command("data-end")
def data_end(step: Step = None, job: Job = None, rank: Rank = None) -> None:
    """The data is there."""
    _send("data_end", step, None, job, rank)
