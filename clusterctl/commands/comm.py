"""`clusterctl comm`: the share of a job's time that goes to communication."""

from __future__ import annotations

import enum
import importlib.util
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from clusterctl.commands import comm_watch
from clusterctl.commands.comm_sheet import show
from clusterctl.commands.comm_summarize import summarize
from clusterctl.commands.common import FINDINGS, OK, UNKNOWN, ShortFormat
from clusterctl.errors import InputError
from clusterctl.terminal import harmless, progress

NAME = "comm"
app = typer.Typer(no_args_is_help=True, help="Time that goes to communication, exactly, from what jobs leave behind.")


class Window(str, enum.Enum):
    """Over which time."""

    STEPS = "steps"
    SPAN = "span"


@app.callback()
def comm() -> None:
    """Time that goes to communication, exactly, from what jobs leave behind."""


@app.command("analyze")
def analyze(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, or folders of one job's ranks.")],
    window: Annotated[
        Window | None,
        typer.Option(help="steps, or span: first to last GPU work. Else steps where a trace marks them."),
    ] = None,
    format: Annotated[ShortFormat, typer.Option(help="table or json.")] = ShortFormat.TABLE,
    drop_last_step: Annotated[bool, typer.Option(help="Leave out the last step of each trace.")] = False,
    salvage: Annotated[
        bool, typer.Option(help="Measure what can be read of damaged files, and say what was left out.")
    ] = False,
    kernels: Annotated[
        Path | None, typer.Option(help="CSV of kernel names of this site, looked at before the shipped table.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Processes that read; 0: the machine's cores, where it pays.")] = 0,
    at_most: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Exit code 1 if the mean exposed ratio over ranks is above this."),
    ] = None,
) -> None:
    """How much of each step is lost to communication: exposed, total, overlap, wait and transfer, by rank and step.

    Reads Kineto (PyTorch) traces, plain or gzip; Nsight Systems sqlite exports; NCCL Inspector logs; traces of NCCL's
    profiler plugin; PyTorch flight-recorder dumps; NCCL_DEBUG logs. The last four have no compute: no exposed time.
    A damaged file ends it with exit code 2 and the byte at which it is damaged."""
    if importlib.util.find_spec("numpy") is None:
        raise InputError("this takes NumPy, which is not installed here", hint="pip install 'clusterctl[collector]'")
    from clusterctl.communication.analyze import Options, analyze
    from clusterctl.communication.finding import files_of

    options = Options(window.value if window else "", salvage, drop_last_step, kernels, jobs)
    total = sum(file.stat().st_size for file, _ in files_of(paths))
    read = 0
    with progress(max(total, 1), "reading") as move:

        def advance(path: str, count: int) -> None:
            nonlocal read
            read += count
            move(path, read)

        found = analyze(paths, options, advance)
    if format is ShortFormat.JSON:
        typer.echo(harmless(msgspec.json.format(msgspec.json.encode(found), indent=2).decode()))
    else:
        show(found)
    exposed = found.over_ranks.get("exposed_ratio")
    if exposed is None and not found.logs:
        raise typer.Exit(UNKNOWN)
    raise typer.Exit(FINDINGS if at_most is not None and exposed and exposed.mean > at_most else OK)


app.command("summarize")(summarize)
app.command(comm_watch.NAME)(comm_watch.watch)
