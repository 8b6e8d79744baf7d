"""`clusterctl simulate`: a fleet that is not there."""

from __future__ import annotations

import json
import threading
from importlib.util import find_spec
from math import inf
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clusterctl.bus import topic_of
from clusterctl.clock import SystemClock
from clusterctl.commands.common import FINDINGS, OK, ShortFormat, config_of, stop_on_signals
from clusterctl.commands.simulate_fleet import fleet
from clusterctl.commands.simulate_training import training
from clusterctl.config import Config
from clusterctl.errors import ClusterctlError, ConfigError, InputError
from clusterctl.schema import Lane
from clusterctl.terminal import Sheet, say

if TYPE_CHECKING:
    from clusterctl.simulate.load import Load
    from clusterctl.simulate.plan import Plan

NAME = "simulate"
app = typer.Typer(
    no_args_is_help=True, help="A fleet that is not there: as load for Kafka and server, or with faults that are known."
)
app.command("fleet", short_help="Write what a fleet with known faults leaves behind.")(fleet)
app.command("training", short_help="Write what a job whose communication is known leaves behind.")(training)


@app.command(short_help="Send what a whole fleet would send to Kafka.")
def load(
    context: typer.Context,
    gpus: Annotated[int, typer.Option(min=1, help="GPUs of the whole fleet.")],
    hz: Annotated[float, typer.Option(min=0.01, max=10.0, help="Ticks a second of every node.")] = 1.0,
    duration_s: Annotated[float, typer.Option(min=0.0, help="How long; 0 goes on until stopped.")] = 0.0,
    gpus_per_node: Annotated[int, typer.Option(min=1, max=64, help="GPUs of a node.")] = 8,
    ports_per_node: Annotated[int, typer.Option(min=1, max=64, help="Network ports of a node.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Another number, another fleet.")] = 1,
    cluster: Annotated[str, typer.Option(help="Cluster name in all rows.")] = "sim",
    part: Annotated[
        str, typer.Option(help="Which share of the hosts, as 1/2: several processes share a fleet.")
    ] = "1/1",
    format_: Annotated[ShortFormat, typer.Option("--format", help="Of the summary.")] = ShortFormat.TABLE,
) -> None:
    """Send what the agents of a whole fleet would send, in their wire form and at their times.

    Never slows down: what is handed over more than a second late is counted. Exit codes: 0 kept up, 1 did not,
    2 could not."""
    if find_spec("numpy") is None:
        raise ClusterctlError("simulate needs NumPy", hint="pip install 'clusterctl[collector]'")
    from clusterctl.simulate.plan import Plan

    config = config_of(context)
    first, parts = _part(part)
    plan = Plan(
        cluster, gpus, hz, gpus_per_node, ports_per_node, seed, first, parts,
        pack_s=min(config.bus.samples_every_s, config.agent.medium_period_s, config.agent.slow_period_s),
        medium_ms=int(config.agent.medium_period_s * 1_000), slow_ms=int(config.agent.slow_period_s * 1_000),
    )  # fmt: skip
    done = _run(config, plan, duration_s or inf)
    _show(done, format_)
    raise typer.Exit(OK if done.kept_up else FINDINGS)


def _part(text: str) -> tuple[int, int]:
    first, _, parts = text.partition("/")
    if not (first.isdecimal() and parts.isdecimal()):
        raise InputError(f"--part {text!r}", hint="such as --part 1/2")
    return int(first), int(parts)


def _run(config: Config, plan: Plan, duration_s: float) -> Load:
    if config.bus.kind != "kafka":
        raise ConfigError("simulate load sends to Kafka, and bus.kind is local", hint="set bus.kind = 'kafka'")
    from clusterctl.bus.kafka import KafkaBus
    from clusterctl.simulate.load import Load
    from clusterctl.simulate.sender import Sender

    stop = threading.Event()
    stop_on_signals(stop)
    topics = [topic_of(lane, config) for lane in Lane]
    made = Load(config, plan, Sender(KafkaBus(config).bulk(topics), topics), SystemClock(), _tell)
    made.run(duration_s, stop.is_set)
    return made


def _tell(load: Load) -> None:
    sender, pace = load.sender, load.pace
    say(
        f"{pace.seconds:5.0f} s  {sender.messages:,} messages, {sum(sender.rows.values()):,} rows, "
        f"{sum(sender.rows.values()) / pace.seconds:,.0f} rows/s, {sender.unheard:,} batches under way, "
        f"{pace.late_ticks:,} ticks late, CPU {100 * pace.cpu_s / pace.seconds:.0f} %"
    )


def _summary(load: Load) -> dict[str, Any]:
    sender, pace = load.sender, load.pace
    return {
        "kept_up": load.kept_up,
        "seconds": round(pace.seconds, 3),
        "messages": sender.messages,
        "rows": {table.name: rows for table, rows in sorted(sender.rows.items(), key=lambda item: item[0].name)},
        "rows_with_an_older_key": sum(sender.again.values()),
        "values": sender.values,
        "raw_bytes": sender.raw_bytes,
        "sent_bytes": sender.sent_bytes,
        "batches": sender.batches,
        "acknowledged": sender.acknowledged,
        "refused": sender.refused,
        "ticks": pace.ticks,
        "late_ticks": pace.late_ticks,
        "worst_late_s": round(pace.worst_late_s, 3),
        "cpu_s": round(pace.cpu_s, 3),
    }


def _show(load: Load, format_: ShortFormat) -> None:
    found = _summary(load)
    if format_ is ShortFormat.JSON:
        typer.echo(json.dumps(found))
        return
    sheet = Sheet()
    sheet.facts(
        [(name.replace("_", " "), f"{value:,}" if not isinstance(value, dict) else "") for name, value in found.items()]
    )
    sheet.table(("table", "rows"), [(name, f"{rows:,}") for name, rows in found["rows"].items()], ("rows",))
