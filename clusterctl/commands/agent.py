"""`clusterctl agent`: the node agent, and orders to one that runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from clusterctl.commands.common import FINDINGS, OK, ShortFormat, config_of, stop_on_signals
from clusterctl.config import Config
from clusterctl.errors import InputError
from clusterctl.log_lines import log_to_stderr
from clusterctl.terminal import Sheet, clean

NAME = "agent"
app = typer.Typer(no_args_is_help=True, help="The agent that runs on every node.")

SysfsRoot = Annotated[str | None, typer.Option(help="Where sysfs is mounted (agent.sysfs_root).")]
ProcfsRoot = Annotated[str | None, typer.Option(help="Where procfs is mounted (agent.procfs_root).")]
KmsgPath = Annotated[
    str | None,
    typer.Option(
        help="Kernel log: the device, or a file to follow, raw, text or journal export; empty reads none (agent.kmsg_path)."
    ),
]
OutputFormat = Annotated[ShortFormat, typer.Option("--format", help="table or json.")]
UNITS_S = {"s": 1.0, "m": 60.0, "h": 3_600.0}


def _with_roots(config: Config, sysfs_root: str | None, procfs_root: str | None, kmsg_path: str | None) -> Config:
    given = {"sysfs_root": sysfs_root, "procfs_root": procfs_root, "kmsg_path": kmsg_path}
    chosen = {name: value for name, value in given.items() if value is not None}
    return replace(config, agent=replace(config.agent, **chosen))  # type: ignore[arg-type]


@app.command()
def run(
    context: typer.Context,
    sysfs_root: SysfsRoot = None,
    procfs_root: ProcfsRoot = None,
    kmsg_path: KmsgPath = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what it does.")] = False,
) -> None:
    """Sample this node until stopped: host, network ports, kernel log and, in a process of its own, GPUs.

    Batches go to a bounded spool on disk, and from there to Kafka, or to a collector on this machine."""
    from clusterctl.agent.main import Agent

    log_to_stderr(verbose)
    agent = Agent(_with_roots(config_of(context), sysfs_root, procfs_root, kmsg_path))
    stop_on_signals(agent.stop)
    agent.run()


@app.command()
def once(
    context: typer.Context,
    sysfs_root: SysfsRoot = None,
    procfs_root: ProcfsRoot = None,
    format: OutputFormat = ShortFormat.TABLE,
) -> None:
    """Read everything once, judge it and print it; nothing is sent or kept. JSON has every reading.

    Exit code 0 when no check warns or fails, 1 when one does."""
    from clusterctl.agent import once as reading
    from clusterctl.agent.once_page import show

    tick = reading.read_once(_with_roots(config_of(context), sysfs_root, procfs_root, None))
    if format is ShortFormat.JSON:
        print(reading.as_json(tick))
    else:
        show(tick)
    raise typer.Exit(FINDINGS if reading.failing(tick) else OK)


@app.command()
def status(context: typer.Context, format: OutputFormat = ShortFormat.TABLE) -> None:
    """Ask the running agent how it is. Exit code 1 when it is blind to something or a check warns or fails."""
    found = _order(context, "status")
    bad = [check for check in found["checks"] if check["state"] in ("warn", "fail")]
    if format is ShortFormat.JSON:
        print(json.dumps(found, indent=2))
    else:
        _show_status(found, bad)
    raise typer.Exit(FINDINGS if bad or found["blind"] else OK)


@app.command()
def release(
    context: typer.Context,
    for_: Annotated[str, typer.Option("--for", help="How long to stay away: 90s, 10m, 2h; a day at most.")] = "10m",
) -> None:
    """Let go of the GPUs, so that one can be reset or the driver reloaded. Everything else goes on.

    The agent's NVML process holds /dev/nvidia*; it is gone when this returns, and comes back by itself. Exit code 1 when a
    process of ours could not be ended, since it sits in the driver."""
    answer = _order(context, "release", _seconds(for_))
    if answer["still_held_by"]:
        typer.echo(
            f"not released: process {', '.join(map(str, answer['still_held_by']))} sits in the driver and cannot be ended"
        )
        raise typer.Exit(FINDINGS)
    typer.echo(f"released for {answer['released_for_s']:.0f} s; clusterctl agent resume takes them back sooner")


@app.command()
def resume(context: typer.Context) -> None:
    """Take the GPUs back before the time of `release` has passed."""
    _order(context, "resume")
    typer.echo("the GPUs are asked again from the next tick on")


def _order(context: typer.Context, word: str, argument: Any = None) -> Any:
    from clusterctl.agent.local import CONTROL, order

    path: Path = config_of(context).site.data_path() / CONTROL
    try:
        return order(path, word, argument)
    except OSError as error:
        raise InputError(
            f"no agent answers at {path}: {error.strerror or error}",
            hint="is it running, with this data directory, and are you its user or root?",
        ) from error
    except (ValueError, EOFError) as error:
        raise InputError(f"the agent did not take the order: {error}") from error


def _seconds(text: str) -> float:
    number, unit = text.strip()[:-1], text.strip()[-1:]
    try:
        return float(number) * UNITS_S[unit]
    except (KeyError, ValueError):
        raise InputError(f"not a time span: {text[:40]!r}", hint="write 90s, 10m or 2h") from None


def _show_status(found: dict[str, Any], bad: list[dict[str, str]]) -> None:
    gpus = found["gpus"]
    sheet = Sheet()
    sheet.title(f"agent on {clean(found['host'])}, process {found['pid']}")
    answering = gpus["missing"].replace("_", " ") if gpus["answering"] is None else f"{gpus['answering']} answer"
    sheet.facts(
        [
            ("GPUs", f"{answering}, {gpus['on_bus']} on the bus, {gpus['expected']} expected"),
            ("driver", clean(gpus["driver_version"]) or "unknown"),
            ("blind", ", ".join(clean(reason).replace("_", " ") for reason in found["blind"]) or "nothing"),
            *((name.replace("_", " "), f"{value:,}") for name, value in found["counters"].items()),
        ]
    )
    if bad:
        sheet.title("Checks")
        rows = [(v["state"], v["check"], clean(v["subject"]), clean(v["detail"]), v["action"]) for v in bad]
        sheet.table(("state", "check", "where", "what", "do"), rows)
