"""`clusterctl comm watch`: new traces and logs of jobs on a node become rows of `collective`, through the node's agent."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from clusterctl.clock import Clock, SystemClock
from clusterctl.commands.common import FINDINGS, OK, UNKNOWN, ShortFormat, config_of, stop_on_signals
from clusterctl.config import Config
from clusterctl.errors import InputError
from clusterctl.terminal import Sheet, clean, harmless, say

if TYPE_CHECKING:
    from clusterctl.communication.watch.watcher import Outcome, Send

NAME = "watch"
LOWEST = 19
MIB = 1 << 20


def watch(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where jobs leave traces and logs: DIR/JOB/anything.")],
    job: Annotated[str, typer.Option(help="Job of all files; else the first folder below DIR names it.")] = "",
    layout: Annotated[str, typer.Option(help="Parallel layout, such as tp8.pp4.dp16, kept with the rows.")] = "",
    every_s: Annotated[float, typer.Option(min=0.1, help="How often to look, seconds.")] = 10.0,
    settled_s: Annotated[float, typer.Option(min=0.0, help="A file unchanged for so long is complete.")] = 20.0,
    once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False,
    remove: Annotated[
        bool, typer.Option("--remove/--keep", help="Delete traces and summaries, never logs, once handed over.")
    ] = False,
    max_bytes: Annotated[int, typer.Option(min=1, help="Larger files are not read.")] = 4 << 30,
    memory_mib: Annotated[int, typer.Option(min=256, help="What reading one capture may take, MiB.")] = 4_096,
    time_s: Annotated[int, typer.Option(min=1, help="How long it may take, seconds.")] = 900,
    format: Annotated[ShortFormat, typer.Option(help="With --once: table or json.")] = ShortFormat.TABLE,
) -> None:
    """Measure new traces, NCCL Inspector and other logs, and summaries of jobs; hand the results to the node's agent.

    The traces stay where they are. Files are read by a child process of lowest priority with a bound of memory and time.
    With --once: exit code 1 if files are damaged or of no known job, 2 if nothing could be told or handed over."""
    if importlib.util.find_spec("numpy") is None:
        raise InputError("this takes NumPy, which is not installed here", hint="pip install 'clusterctl[collector]'")
    from clusterctl.agent.handover import MEMORY
    from clusterctl.communication.watch.memory import Memory
    from clusterctl.communication.watch.watcher import Watcher, Wishes

    os.nice(LOWEST)
    config, clock = config_of(context), SystemClock()
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    wishes = Wishes(job, layout, settled_s, every_s, remove, max_bytes, memory_mib * MIB, time_s, once)
    memory = Memory(config.site.data_path() / MEMORY, folder)
    if memory.lost:
        say("what was done before is not known any more: files are read again, and their rows replace the earlier ones")
    watcher = Watcher(folder, wishes, _sender(config, clock), memory, clock, lambda line: say(clean(line, 1_000)))
    stop_on_signals(watcher.stop)
    outcome = watcher.run()
    memory.close()
    if once:
        _show(outcome, format)
        raise typer.Exit(UNKNOWN if outcome.full else FINDINGS if outcome.bad else OK)


def _sender(config: Config, clock: Clock) -> Send:
    """Rows on their way to the agent: judged here, so that their file can be named, and again by the agent."""
    from clusterctl.agent.handover import HandOver, Times, judge
    from clusterctl.communication.watch.watcher import Sent

    hand_over = HandOver(config, clock)

    def send(rows: Sequence[Mapping[str, Any]]) -> Sent | None:
        judged = judge(rows, Times.now(config, clock))
        if not hand_over.put(judged.good):
            return None
        return Sent(len(judged.good), judged.untimely, judged.wrong)

    return send


def _show(outcome: Outcome, format: ShortFormat) -> None:
    if format is ShortFormat.JSON:
        typer.echo(harmless(msgspec.json.format(msgspec.json.encode(outcome), indent=2).decode()))
        return
    Sheet().facts(
        [
            ("files", f"{outcome.files:,}"),
            ("read now", f"{outcome.read:,}"),
            ("rows handed over", f"{outcome.rows:,}" + (" (no room: is an agent running?)" if outcome.full else "")),
            ("too old to be taken", f"{outcome.untimely:,} rows"),
            ("still being written", f"{outcome.unsettled:,}"),
            ("of no known kind", f"{outcome.not_ours:,}"),
            ("damaged, or of no job", f"{len(outcome.bad):,}"),
        ]
    )
