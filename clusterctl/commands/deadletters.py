"""`clusterctl collect dead` and `collect replay-dead`: what could not become rows, and putting it back."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

import typer

from clusterctl.bus import Bus, open_bus
from clusterctl.clock import SystemClock, utc
from clusterctl.commands.common import FINDINGS, OK, ShortFormat, config_of
from clusterctl.config import Config
from clusterctl.errors import InputError
from clusterctl.terminal import Sheet, clean
from clusterctl.timetext import parse_moment

if TYPE_CHECKING:
    from clusterctl.collector.letters import Tally, Wanted
    from clusterctl.collector.replay import Done, Plan

Reason = Annotated[str, typer.Option(help="Only letters whose reason has this text in it, in any case.")]
Since = Annotated[str, typer.Option(help="Only letters that died since: 2026-11-01T10:00, or 90m, 24h, 30d ago.")]
Topic = Annotated[str, typer.Option(help="Only letters of this topic.")]
PartitionNumber = Annotated[int | None, typer.Option(min=0, help="Only letters of this partition of it.")]
Output = Annotated[ShortFormat, typer.Option("--format", help="table for people, json for programs.")]


def _opened(config: Config) -> Bus:
    """The bus for a guest: the collector's own name in the group is not ours to use."""
    return open_bus(replace(config, bus=replace(config.bus, instance_id="")))


def _wanted(config: Config, reason: str, since: str, topic: str, partition: int | None, now_ms: int) -> Wanted:
    from clusterctl.collector.letters import Wanted
    from clusterctl.collector.replay import origins

    if topic and topic not in origins(config):
        raise InputError(f"no topic of ours: {topic[:100]!r}", hint=f"one of {', '.join(origins(config))}")
    return Wanted(reason, parse_moment(since, now_ms) if since else 0, topic, partition)


def dead(
    context: typer.Context,
    reason: Reason = "",
    since: Since = "",
    topic: Topic = "",
    partition: PartitionNumber = None,
    output: Output = ShortFormat.TABLE,
) -> None:
    """List the dead letters that were not put back, by topic and reason, with first and last time.

    Reasons that differ only in numbers and quoted text are counted as one. Exit code 1 if there are any."""
    from clusterctl.collector.letters import tally
    from clusterctl.collector.replay import origins

    config, clock = config_of(context), SystemClock()
    wanted = _wanted(config, reason, since, topic, partition, clock.now_ms())
    found = tally(_opened(config), config, origins(config), wanted, clock)
    if output is ShortFormat.JSON:
        heaps = [asdict(heap) for heap in found.heaps.values()]
        typer.echo(json.dumps({"letters": heaps, "foreign": found.foreign, "expired": found.expired}))
    else:
        _show(found)
    raise typer.Exit(FINDINGS if found.heaps or found.foreign else OK)


def _show(found: Tally) -> None:
    sheet = Sheet()
    if not found.heaps and not found.foreign:
        sheet.line("no dead letters")
    else:
        rows = [
            [
                heap.topic,
                f"{heap.letters}",
                f"{heap.truncated or ''}",
                f"{heap.replayed_before or ''}",
                f"{utc(heap.first_ms):%Y-%m-%d %H:%M:%S}",
                f"{utc(heap.last_ms):%Y-%m-%d %H:%M:%S}",
                clean(heap.reason),
            ]
            for heap in sorted(found.heaps.values(), key=lambda heap: -heap.letters)
        ]
        numbers = ("letters", "cut", "replayed before")
        sheet.table(("topic", *numbers, "first (UTC)", "last (UTC)", "reason"), rows, right=numbers)
    _asides(sheet, found.foreign, found.expired)


def _asides(sheet: Sheet, foreign: int, expired: int) -> None:
    if foreign:
        sheet.line(f"{foreign} records in the topic are no letters of this product: left there")
    if expired:
        sheet.line(f"{expired} letters were deleted by retention before anybody put them back", style="red")


def replay_dead(
    context: typer.Context,
    reason: Reason = "",
    since: Since = "",
    topic: Topic = "",
    partition: PartitionNumber = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Put back at most this many, the oldest first.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    output: Output = ShortFormat.TABLE,
) -> None:
    """Send dead letters back to the topic that they came from, with their own bytes and key.

    Mend the cause first: a collector that still cannot read them makes them dead letters again. Repeats are harmless. On
    the local bus, stop `clusterctl up` before: its files have one writer. Exit code 1 if a letter cannot be put back."""
    from clusterctl.collector.replay import Done, plan, replay

    config, clock = config_of(context), SystemClock()
    wanted = _wanted(config, reason, since, topic, partition, clock.now_ms())
    bus = _opened(config)
    planned = plan(bus, config, wanted, limit, clock)
    done = Done() if dry_run else replay(bus, config, wanted, planned, clock)
    if output is ShortFormat.JSON:
        aside = {name: getattr(planned, name) for name in ("truncated", "other", "foreign", "expired")}
        typer.echo(json.dumps({"dry_run": dry_run, "planned": planned.replay, **asdict(done), **aside}))
    else:
        _tell(planned, done, dry_run)
    raise typer.Exit(FINDINGS if planned.truncated else OK)


def _tell(planned: Plan, done: Done, dry_run: bool) -> None:
    sheet = Sheet()
    sheet.line(f"would put back {planned.replay}" if dry_run else f"put back {done.replayed}")
    if planned.other:
        sheet.line(f"{planned.other} others are not meant and stay dead letters")
    if planned.truncated:
        sheet.line(f"{planned.truncated} were cut when they died and cannot be put back: they stay", style="red")
    _asides(sheet, planned.foreign, planned.expired)
