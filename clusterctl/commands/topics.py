"""`clusterctl topics`: the Kafka topics."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer

from clusterctl.bus import open_bus
from clusterctl.bus.topics import Topic, declared_topics, differences
from clusterctl.commands.common import FINDINGS, ShortFormat, config_of
from clusterctl.config import Config
from clusterctl.terminal import Sheet

NAME = "topics"
FORMAT = Annotated[ShortFormat, typer.Option("--format", help="Output format.")]
app = typer.Typer(no_args_is_help=True, help="Kafka topics.")


@app.callback()
def topics() -> None:
    """Kafka topics: samples, events, dead letters."""


@app.command()
def apply(context: typer.Context) -> None:
    """Create the topics that are missing. Existing ones are left as they are."""
    config = config_of(context)
    if _is_local(config):
        return
    created = open_bus(config).ensure_topics()
    for name in created:
        typer.echo(f"created {name}")
    if not created:
        typer.echo("nothing to create")


@app.command()
def show(context: typer.Context, output: FORMAT = ShortFormat.TABLE) -> None:
    """Each of our topics as the brokers have it: partitions, replicas, settings, and what is out of step."""
    config = config_of(context)
    if _is_local(config):
        return
    found = _found(config)
    if output is ShortFormat.JSON:
        typer.echo(json.dumps([dataclasses.asdict(topic) for topic in found.values()], indent=2))
        return
    sheet = Sheet()
    names = list(declared_topics(config)[0].configs)
    sheet.table(("topic", "partitions", "replicas", "lagging", "leaderless"), [_row(topic) for topic in found.values()])
    for topic in found.values():
        sheet.title(topic.name)
        sheet.facts([(name, topic.configs.get(name, "nothing")) for name in names])


@app.command()
def check(context: typer.Context, output: FORMAT = ShortFormat.TABLE) -> None:
    """Where topics differ from the configuration, and what to do about it. Changes nothing.

    Exit code 1 if they differ or a replica is out of step, 2 if the brokers do not answer."""
    config = config_of(context)
    if _is_local(config):
        return
    found = _found(config)
    differ = [each for topic in declared_topics(config) for each in differences(topic, found.get(topic.name))]
    if output is ShortFormat.JSON:
        typer.echo(json.dumps([dataclasses.asdict(each) for each in differ], indent=2))
    elif not differ:
        typer.echo("topics are as configured, all replicas in step")
    else:
        for each in differ:
            typer.echo(f"{each.topic}: {each.what}: expected {each.wanted}, found {each.found}\n    {each.advice}")
    if differ:
        raise typer.Exit(FINDINGS)


def _is_local(config: Config) -> bool:
    if config.bus.kind == "kafka":
        return False
    typer.echo("the local bus has no topics (bus.kind is local)")
    return True


def _found(config: Config) -> dict[str, Topic]:
    from clusterctl.bus.kafka import KafkaBus

    return KafkaBus(config).found_topics()


def _row(topic: Topic) -> tuple[str, ...]:
    out_of_step = (str(len(topic.lagging) or ""), str(len(topic.leaderless) or ""))
    return (topic.name, str(topic.partitions), str(topic.replication_factor), *out_of_step)
