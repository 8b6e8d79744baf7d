"""`clusterctl collect accept-loss`: go on after records were deleted before they were read."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from clusterctl.bus import Bus, open_bus
from clusterctl.clock import SystemClock, utc
from clusterctl.commands.common import FINDINGS, ShortFormat, config_of, ready_store
from clusterctl.config import Config
from clusterctl.errors import CommitRefused
from clusterctl.terminal import Sheet, clean, say

if TYPE_CHECKING:
    from clusterctl.collector.gap import Gap

LOOK_EVERY_S = 0.5
GRACE_S = 5.0


def accept_loss(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do it. Without this, only show what would be skipped.")] = False,
    output: Annotated[
        ShortFormat, typer.Option("--format", help="table for people, json for programs.")
    ] = ShortFormat.TABLE,
) -> None:
    """Move the collectors' group to the oldest records kept, where it stands before them.

    Stop the collectors first. The loss is written to the store as an event before the group moves. Exit code 1 if there is
    a gap and --yes was not given."""
    from clusterctl.collector.gap import gaps_of, record

    config = config_of(context)
    bus = open_bus(config)
    gaps = gaps_of(bus, config)
    if yes and gaps:
        store = ready_store(config)
        try:
            record(gaps, store, config, SystemClock())
        finally:
            store.close()
        for gap in gaps:
            _move(bus, config, gap)
    _tell(gaps, yes, output)
    if gaps and not yes:
        raise typer.Exit(FINDINGS)


def _move(bus: Bus, config: Config, gap: Gap) -> None:
    """A static member that has stopped counts as a member until its session ends: wait for that, and no longer. Raises
    CommitRefused when collectors are running."""
    deadline_s = time.monotonic() + config.bus.session_timeout_s + GRACE_S
    told = False
    while True:
        try:
            bus.move(config.bus.group, gap.partition, gap.end)
            return
        except CommitRefused as error:
            if time.monotonic() > deadline_s:
                hint = "stop every collector of this group, then run it again"
                raise CommitRefused(f"the group {config.bus.group} still has members", hint=hint) from error
        if not told:
            say(f"waiting for the session of a stopped collector to end, up to {config.bus.session_timeout_s:.0f} s")
            told = True
        time.sleep(LOOK_EVERY_S)


def _tell(gaps: Sequence[Gap], moved: bool, output: ShortFormat) -> None:
    if output is ShortFormat.JSON:
        listed = [{**asdict(gap), "lost": gap.lost} for gap in gaps]
        typer.echo(json.dumps({"moved": moved and bool(gaps), "gaps": listed}))
        return
    sheet = Sheet()
    if not gaps:
        sheet.line("nothing to accept: the group stands within what the bus has")
        return
    numbers = ("stands at", "oldest kept", "lost")
    rows = [
        [
            clean(gap.partition.topic),
            f"{gap.partition.number}",
            f"{gap.begin}",
            f"{gap.end}",
            "?" if gap.lost is None else f"{gap.lost}",
            "" if gap.ended_ms is None else f"{utc(gap.ended_ms):%Y-%m-%d %H:%M:%S}",
        ]
        for gap in gaps
    ]
    sheet.table(("topic", "partition", *numbers, "oldest (UTC)"), rows, right=numbers)
    sheet.line("moved to the oldest records kept" if moved else "nothing is moved yet: run it again with --yes")
