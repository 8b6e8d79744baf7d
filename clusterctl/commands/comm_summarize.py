"""`clusterctl comm summarize`: what a job's profiler schedule left becomes summaries. Started by the job itself."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from clusterctl.errors import InputError
from clusterctl.hook_reduce import Claim, drain, humble, place, summary


def summarize(
    work: Annotated[
        Path, typer.Argument(help="Where the job leaves traces: the folder .work-HOST-UID of its results.")
    ],
    into: Annotated[Path, typer.Option(help="Folder for the summaries.")],
) -> None:
    """Reduce traces of `hook.profile` to summaries and delete them. Jobs start it themselves, at the lowest priority.

    Ranks of one node and window are read together, so that waiting is told from transfer. One process at a time works on
    a folder; a second one ends at once, with exit code 0."""
    for folder in (work, into):
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder")
    if importlib.util.find_spec("numpy") is None:
        raise InputError("this takes NumPy, which is not installed here", hint="pip install 'clusterctl[collector]'")
    humble()
    if not drain(str(work), str(into), _put):
        typer.echo("another process reads this folder")


def _put(into: str, group: list[Claim]) -> None:
    import msgspec

    from clusterctl.communication.analyze import Options, analyze

    traces = [Path(claim.trace) for claim in group if claim.trace is not None]
    analysis, error = None, ""
    if traces:
        try:
            found = analyze(traces, Options(jobs=1), lambda path, count: None)
            analysis = msgspec.to_builtins(found)
        except InputError as refused:
            error = str(refused)
    place(into, summary(group, analysis, error))
