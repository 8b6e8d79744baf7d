"""A simulated fleet as evidence for the incident engine: kernel lines go through the agent's own grammar."""

from __future__ import annotations

import random
from collections.abc import Iterator

from clusterctl.analytics.incidents import Evidence, Gap, JobRun, NodeState, Signal
from clusterctl.clock import MS_PER_MINUTE
from clusterctl.commands.simulate_fleet import read_line
from clusterctl.simulate.fleet.layout import pci
from clusterctl.simulate.fleet.seen import Eyes, skewed
from clusterctl.simulate.fleet.world import AGENT, IN_SERVICE, SILENT, Line, Run, World

SYMPTOMS = frozenset({"collective_timeout", "collective_abort", "peer_reset"})
XIDS, LINKS = frozenset({"xid", "sxid", "gpu_off_bus"}), frozenset({"ib_link", "eth_link"})
GAP_MS = 10 * MS_PER_MINUTE
"""analytics.telemetry_gap_min."""


def evidence_of(world: World, eyes: Eyes) -> Evidence:
    """What analytics would read from the store: some of it twice, and in no order."""
    chance = random.Random(world.settings.seed)
    names = [node.name for node in world.fleet.nodes]
    signals = [*_signals(world, eyes), *_told(world, names)]
    signals += chance.sample(signals, int(len(signals) * world.settings.shape.duplicate_share))
    chance.shuffle(signals)
    states = [NodeState(name, world.settings.start_ms, IN_SERVICE, "slurm") for name in names]
    states += [NodeState(names[s.node], s.since_ms, s.state, "slurm", s.reason) for s in world.states]
    runs = [_run(world, names, run) for run in world.runs]
    chance.shuffle(runs)
    gaps = [
        Gap(names[gap.node], gap.first_ms, gap.last_ms, gap.last_ms < world.settings.end_ms)
        for gap in world.gaps
        if gap.what in (AGENT, SILENT) and gap.last_ms - gap.first_ms > GAP_MS
    ]
    return Evidence(world.settings.cluster, tuple(signals), tuple(states), tuple(runs), tuple(gaps))


def counts(kind: str, code: str, severity: str) -> bool:
    """Whether incidents are made of it: the rule of analytics/sql/incidents/signals.sql."""
    return (
        kind in XIDS | SYMPTOMS
        or (kind in LINKS and code == "link_down")
        or (severity == "fail" and kind != "offsets_lost")
    )


def _signals(world: World, eyes: Eyes) -> Iterator[Signal]:
    for line in eyes.lines:
        signal = _signal(world, line)
        if signal is not None:
            yield signal
    for echo in eyes.echoes:
        node, at_ms = world.fleet.nodes[echo.node], skewed(world, echo.node, echo.at_ms)
        uuid = world.fleet.gpu_uuid(echo.node, echo.gpu)
        yield Signal(node.name, uuid, "xid", str(echo.code), "fail", at_ms, at_ms, 1, "", "nvml", node.driver)


def _signal(world: World, line: Line) -> Signal | None:
    node = world.fleet.nodes[line.node]
    first_ms, last_ms = skewed(world, line.node, line.at_ms), skewed(world, line.node, line.until_ms)
    row = read_line(line.text, first_ms, last_ms, line.count, 1, "", node.driver)
    assert row is None or row.pci or "NVRM" not in line.text, f"a line of a GPU without its address: {line.text}"
    if row is None or not counts(row.kind, row.code, row.severity):
        return None
    ours = line.gpu >= 0 and row.pci == f"{pci(line.gpu)}.0"
    device = world.fleet.gpu_uuid(line.node, line.gpu) if ours else row.pci
    return Signal(
        node.name,
        device,
        row.kind,
        row.code,
        row.severity,
        first_ms,
        last_ms,
        line.count,
        line.text,
        "kmsg",
        node.driver,
    )


def _told(world: World, names: list[str]) -> Iterator[Signal]:
    for told in world.told:
        yield Signal(
            names[told.node], told.device, told.kind, told.code, told.severity, told.at_ms, told.at_ms, 1, told.text,
            "import:events", "", told.element, told.job_id,
        )  # fmt: skip


def _run(world: World, names: list[str], run: Run) -> JobRun:
    nodes = tuple(names[node] for node in run.nodes)
    gpus = len(nodes) * world.settings.gpus_per_node
    state = "CANCELLED by 1000" if run.end_state == "CANCELLED" else run.end_state
    return JobRun(
        run.job_id, run.owner, nodes, gpus, run.started_ms, run.ended_ms, state, run.exit_code, run.wanted_end
    )
