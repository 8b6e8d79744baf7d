"""A simulated fleet on disk: everything below one new folder, the same bytes for the same arguments."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from clusterctl.errors import InputError
from clusterctl.schema import Lane
from clusterctl.simulate.fleet.events import Reader, event_rows
from clusterctl.simulate.fleet.files import write_files
from clusterctl.simulate.fleet.seen import Eyes, mark
from clusterctl.simulate.fleet.spool import Spool
from clusterctl.simulate.fleet.truth import truth_of
from clusterctl.simulate.fleet.world import World

TRUTH = "truth.json"
SPOOL = "spool"


@dataclass(frozen=True, slots=True)
class Done:
    """What was written."""

    nodes: int
    gpus: int
    incidents: int
    faults: int
    blind: int
    """Incidents that no observer could have seen."""
    runs: int
    kernel_lines: int
    events: int
    messages: int
    rows: int
    gpu_days: float
    rate_per_1000_gpu_days: float
    """As set, not as it came out."""


def write(
    world: World, out: Path, topics: Mapping[Lane, str], read: Reader, *, every_s: int, sampled: int,
    tell: Callable[[float], None],
) -> Done:  # fmt: skip
    """Write the files that importers take, the spool that a collector takes, and the truth. Raises InputError if the folder
    is there and not empty."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is there already", hint="give a new folder: nothing is overwritten")
    out.mkdir(parents=True, exist_ok=True)
    eyes = Eyes(world)
    mark(world, eyes)
    lines = write_files(world, eyes, out)
    events = event_rows(world, eyes, read)
    spool = Spool(world, out / SPOOL, topics, every_s)
    try:
        spool.write(events, range(min(sampled, world.settings.nodes)), tell)
    finally:
        spool.close()
    truth = truth_of(world)
    (out / TRUTH).write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    return Done(
        world.settings.nodes,
        world.settings.gpus,
        len(world.incidents),
        sum(one.is_fault for one in world.incidents),
        sum(not one.seen_by for one in world.incidents),
        len(world.runs),
        lines,
        sum(map(len, events.values())),
        spool.written.messages,
        spool.written.rows,
        truth["gpu_days"]["in_service"],
        truth["rate_per_1000_gpu_days"]["faults"],
    )
