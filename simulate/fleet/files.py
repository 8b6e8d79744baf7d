"""What schedulers, logs and lists would have been exported as: the files that `clusterctl import` takes."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from clusterctl.clock import utc
from clusterctl.simulate.fleet.exposure import service_spans
from clusterctl.simulate.fleet.jobs import OWNER
from clusterctl.simulate.fleet.layout import FIRMWARE, MODEL, PORT_FIRMWARE, Fleet
from clusterctl.simulate.fleet.seen import Eyes, skewed
from clusterctl.simulate.fleet.world import IN_SERVICE, Line, Run, World

STORM_LINES = 2_000
"""A storm has at most so many lines in a text file; truth.json has their true number, the spool has it as counts."""
STATES, JOBS, EVENTS, INVENTORY, EXPOSURE, KMSG = (
    "states.csv", "jobs.txt", "events.jsonl", "inventory.csv", "exposure.csv", "kmsg",
)  # fmt: skip
FIRST_UID = 1_000
JOB_COLUMNS = (
    "JobID",
    "User",
    "UID",
    "State",
    "ExitCode",
    "Submit",
    "Eligible",
    "Start",
    "End",
    "NodeList",
    "AllocTRES",
)


def write_files(world: World, eyes: Eyes, out: Path) -> int:
    """All of them below `out`; how many kernel lines there are as text."""
    names = [node.name for node in world.fleet.nodes]
    begin = [(stamp(world.settings.start_ms), name, IN_SERVICE, "", "slurm") for name in names]
    states = [(stamp(s.since_ms), names[s.node], s.state, s.reason, "slurm") for s in world.states]
    _csv(out / STATES, ("ts", "node", "state", "reason", "by"), [*begin, *states])
    _jobs(world, out / JOBS)
    _events(world, out / EVENTS)
    _inventory(world.fleet, out / INVENTORY)
    _exposure(world, out / EXPOSURE)
    return _kernel_lines(world, eyes, out / KMSG)


def stamp(ms: int) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    return utc(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def node_list(prefix: str, numbers: Sequence[int]) -> str:
    """Slurm's short form: name-[00001-00003,00007]."""
    if len(numbers) == 1:
        return f"{prefix}-{numbers[0]:05}"
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    parts = (f"{first:05}" if first == last else f"{first:05}-{last:05}" for first, last in runs)
    return f"{prefix}-[{','.join(parts)}]"


def _csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _jobs(world: World, path: Path) -> None:
    """As `sacct -P` prints it; times of a scheduler have no zone, and are UTC here."""
    with path.open("w", encoding="utf-8") as file:
        file.write("|".join(JOB_COLUMNS) + "\n")
        for run in world.runs:
            file.write("|".join(_job(world, run)) + "\n")


def _job(world: World, run: Run) -> tuple[str, ...]:
    gpus = len(run.nodes) * world.settings.gpus_per_node
    uid = str(FIRST_UID + int(run.owner.removeprefix(OWNER)))
    state = f"CANCELLED by {uid}" if run.end_state == "CANCELLED" else run.end_state
    code = f"{run.exit_code}:0" if run.exit_code < 128 else f"0:{run.exit_code - 128}"
    times = (run.submitted_ms, run.submitted_ms, run.started_ms, run.ended_ms)
    stamps = tuple("Unknown" if at is None else stamp(at)[:19] for at in times)
    nodes = node_list(world.fleet.cluster, run.nodes)
    return (
        run.job_id,
        run.owner,
        uid,
        state,
        code,
        *stamps,
        nodes,
        f"cpu={gpus * 24},gres/gpu={gpus},node={len(run.nodes)}",
    )


def _events(world: World, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for told in world.told:
            row = {
                "ts": stamp(told.at_ms), "node": world.fleet.nodes[told.node].name, "device": told.device,
                "kind": told.kind, "code": told.code, "severity": told.severity, "element": told.element,
                "job_id": told.job_id, "text": told.text,
            }  # fmt: skip
            file.write(json.dumps(row) + "\n")


def _inventory(fleet: Fleet, path: Path) -> None:
    columns = ("node", "gpu", "port", "model", "serial", "rack", "batch", "switch", "pdu", "driver", "firmware",
               "powered_on_at")  # fmt: skip
    rows = []
    for node in fleet.nodes:
        place = (node.rack, node.batch, node.switch, node.pdu)
        powered = stamp(node.powered_on_ms)
        rows.append((node.name, "", "", "DGX H100", f"S{node.number:08}", *place, node.driver, "1.5.3", powered))
        for gpu in range(fleet.gpus_per_node):
            uuid = fleet.gpu_uuid(node.number, gpu)
            rows.append((node.name, uuid, "", MODEL, f"{node.name}/{gpu}", *place, node.driver, FIRMWARE, powered))
            rows.append((node.name, "", f"mlx5_{gpu}/1", "MT4129", "", *place, "", PORT_FIRMWARE, powered))
    _csv(path, columns, rows)


def _exposure(world: World, path: Path) -> None:
    """In-service intervals, for a cluster that no agent watched."""
    rows = [
        (world.fleet.gpu_uuid(number, gpu), world.fleet.nodes[number].name, stamp(first), stamp(last))
        for number, spans in enumerate(service_spans(world))
        for gpu in range(world.settings.gpus_per_node)
        for first, last, state in spans
        if state == IN_SERVICE and last > first
    ]
    _csv(path, ("gpu", "node", "in_service_from", "in_service_until"), rows)


def _kernel_lines(world: World, eyes: Eyes, folder: Path) -> int:
    """A file a node that said something, as syslog with the node's own clock."""
    folder.mkdir()
    by_node: dict[int, list[tuple[int, str]]] = {}
    for line in eyes.lines:
        by_node.setdefault(line.node, []).extend((at_ms, line.text) for at_ms in moments(line))
    for number, lines in sorted(by_node.items()):
        name = world.fleet.nodes[number].name
        with (folder / f"{name}.log").open("w", encoding="utf-8") as file:
            for at_ms, text in sorted(lines):
                file.write(f"{stamp(skewed(world, number, at_ms))} {name} kernel: {text}\n")
    return sum(map(len, by_node.values()))


def moments(line: Line) -> list[int]:
    """When each line of it was printed, at most STORM_LINES."""
    count = min(line.count, STORM_LINES)
    return [line.at_ms + (line.until_ms - line.at_ms) * place // max(1, count - 1) for place in range(count)]
