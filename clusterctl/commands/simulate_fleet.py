"""`clusterctl simulate fleet`: what a fleet with known faults leaves behind."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from clusterctl.agent.kmsg.grammar import parse
from clusterctl.agent.kmsg.line import LogLine
from clusterctl.agent.kmsg.row import event_row
from clusterctl.bus import topic_of
from clusterctl.commands.common import ShortFormat, config_of
from clusterctl.errors import ClusterctlError, InputError
from clusterctl.schema import Lane
from clusterctl.terminal import Sheet, progress
from clusterctl.timetext import parse_moment

if TYPE_CHECKING:
    from clusterctl.simulate.fleet.write import Done

UNCOUNTED = "sxid_detail"


def fleet(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="A new folder for everything.")],
    nodes: Annotated[int, typer.Option(min=1, help="Nodes of the fleet.")] = 128,
    days: Annotated[float, typer.Option(min=0.01, help="How long it lives.")] = 30.0,
    gpus_per_node: Annotated[int, typer.Option(min=1, max=64, help="GPUs, and ports, of a node.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Another number, another fleet.")] = 1,
    cluster: Annotated[str, typer.Option(help="Cluster name in all rows.")] = "sim",
    start: Annotated[
        str,
        typer.Option(
            help="When its life begins. Fixed, so that bytes repeat; samples older than store.raw_days vanish."
        ),
    ] = "2026-01-01T00:00:00Z",
    telemetry_every_s: Annotated[int, typer.Option(min=1, max=3_600, help="Between two samples.")] = 60,
    telemetry_nodes: Annotated[int, typer.Option(min=0, help="Nodes whose samples and job marks are written.")] = 4,
    rate: Annotated[list[str] | None, typer.Option(help="NAME=VALUE: a mechanism's rate, such as gpu=0.4.")] = None,
    shape: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE: what makes some worse, such as lemon_share=0.02.")
    ] = None,
    format_: Annotated[ShortFormat, typer.Option("--format", help="Of the summary.")] = ShortFormat.TABLE,
) -> None:
    """Write what a fleet with known faults leaves behind, and the truth beside it.

    kmsg/NODE.log, states.csv, jobs.txt, events.jsonl, inventory.csv and exposure.csv are for `clusterctl import`; spool/ is
    for `clusterctl --data-dir OUT collect`; truth.json says what really happened. The same arguments give the same bytes.
    Kernel lines are in kmsg/ and in spool/: take one of the two for a cluster."""
    if find_spec("numpy") is None:
        raise ClusterctlError("simulate needs NumPy", hint="pip install 'clusterctl[collector]'")
    from clusterctl.simulate.fleet.happenings import simulate
    from clusterctl.simulate.fleet.settings import Rates, Settings, Shape
    from clusterctl.simulate.fleet.write import write

    config = config_of(context)
    settings = Settings(
        nodes,
        days,
        seed,
        gpus_per_node,
        cluster,
        parse_moment(start, 0),
        changed(Rates(), rate),
        changed(Shape(), shape),
    )
    with progress(2.0, "simulating") as step:
        world = simulate(settings, lambda done: step("living", done))
        topics = {lane: topic_of(lane, config) for lane in Lane}
        done = write(
            world, out, topics, read_line, every_s=telemetry_every_s, sampled=telemetry_nodes,
            tell=lambda share: step("writing", 1.0 + share),
        )  # fmt: skip
    _show(done, out, format_)


def changed(defaults: Any, given: list[str] | None) -> Any:
    """The defaults with NAME=VALUE in them. Raises InputError for what is no such name or number."""
    values: dict[str, float] = asdict(defaults)
    for text in given or ():
        name, _, value = text.partition("=")
        if name not in values:
            raise InputError(
                f"{name[:50]!r} is not one of them", hint=", ".join(field.name for field in fields(defaults))
            )
        try:
            number = float(value)
        except ValueError:
            raise InputError(f"{name}: {value[:50]!r} is not a number") from None
        if not 0 <= number < 1e9:
            raise InputError(f"{name}: {value[:50]} is out of range", hint="0 switches it off")
        values[name] = type(values[name])(number)
    return type(defaults)(**values)


def read_line(
    text: str, first_ms: int, last_ms: int, count: int, seq: int, gpu_uuid: str, driver: str
) -> msgspec.Struct | None:
    """The row that the agent's own grammar makes of a kernel line."""
    parsed = parse(text)
    if parsed is None or parsed.kind == UNCOUNTED:
        return None
    return event_row(
        LogLine(text, seq, first_ms, "kernel"),
        parsed,
        source="kmsg",
        last_ms=last_ms,
        count=count,
        gpu_uuid=gpu_uuid,
        driver_version=driver,
    )


def _show(done: Done, out: Path, format_: ShortFormat) -> None:
    found = asdict(done)
    if format_ is ShortFormat.JSON:
        typer.echo(json.dumps({"out": str(out), **found}))
        return
    sheet = Sheet()
    sheet.title(f"{out}")
    sheet.facts(
        [
            (name.replace("_", " "), f"{value:,.4f}" if isinstance(value, float) else f"{value:,}")
            for name, value in found.items()
        ]
    )
