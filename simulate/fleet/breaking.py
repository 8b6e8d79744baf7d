"""What breaks, and what follows: lines that repeat, peers that time out, the job's end, drain, repair, back in service."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from clusterctl.clock import MS_PER_MINUTE, MS_PER_S
from clusterctl.simulate.fleet.stage import HOUR_MS, Stage
from clusterctl.simulate.fleet.symptoms import PEER, Symptom
from clusterctl.simulate.fleet.world import DRAINED, IN_SERVICE, REPAIR, Incident, Run, Told

NOT_DRAINED_SHARE = 0.1
"""Faults after which nobody takes the node out, where a job ended."""
PEERS_TOLD, PEER_XID_SHARE, PEERS_BEFORE_MS = 8, 0.3, 3_000
STORM_H = 3.0


def broken(stage: Stage, mechanism: str, symptoms: Sequence[Symptom], node: int, at_ms: int) -> None:
    """A node in service breaks in one of these ways; one that is out of service is spared."""
    if not stage.serving[node]:
        return
    symptom = stage.pick(symptoms)
    gpu = -1 if symptom.subject == "host" else int(stage.chance.integers(stage.settings.gpus_per_node))
    signals = stage.show(node, gpu, at_ms, symptom)
    run = stage.job_of[node]
    root = gpu if symptom.subject == "gpu" else -1
    incident = Incident(mechanism, symptom.cls, node, "", root, at_ms, at_ms, True, True, (node,), signals=signals)
    stage.world.incidents.append(incident)
    ended_ms = at_ms
    if run is not None:
        ended_ms = job_lost(stage, run, node, at_ms, incident)
    drained = run is None or stage.chance.random() >= NOT_DRAINED_SHARE
    acted_ms = ended_ms + stage.uniform_ms(60, 1_200) if drained else ended_ms + stage.uniform_ms(60, 7_200)
    repeats(stage, incident, symptom, gpu, acted_ms)
    if drained:
        stage.hold(node)
        out_of_service(stage, node, acted_ms, f"health check: {symptom.name}")


def job_lost(stage: Stage, run: Run, node: int, at_ms: int, incident: Incident) -> int:
    """The run ends a few minutes after the fault, its peers first; when. One that ends by itself before that is not lost."""
    ended_ms = min(at_ms + stage.uniform_ms(4, 240), stage.settings.end_ms - 1)
    stage.at(ended_ms - PEERS_BEFORE_MS, partial(_peers_first, stage, run, node, ended_ms, incident))
    return ended_ms


def _peers_first(stage: Stage, run: Run, node: int, ended_ms: int, incident: Incident, at_ms: int) -> None:
    if run.ended_ms is not None or run.due_ms <= ended_ms:
        return
    incident.jobs = (*incident.jobs, run.job_id)
    incident.nodes = tuple(dict.fromkeys((*incident.nodes, *run.nodes)))
    for peer in [peer for peer in run.nodes if peer != node][:PEERS_TOLD]:
        time_out(stage, run, peer, at_ms + stage.uniform_ms(0, PEERS_BEFORE_MS / MS_PER_S))
        if stage.chance.random() < PEER_XID_SHARE:
            gpu = int(stage.chance.integers(stage.settings.gpus_per_node))
            stage.say(peer, ended_ms + stage.uniform_ms(0, 3), PEER.format(**stage.words(gpu)), gpu)
    state = "NODE_FAIL" if incident.gpu < 0 else "FAILED"
    stage.end(run, ended_ms, state, 0 if state == "NODE_FAIL" else 1)


def time_out(stage: Stage, run: Run, node: int, at_ms: int) -> None:
    """A collective gives up on this node, as the job's own log tells."""
    text = "Watchdog caught collective operation timeout: WorkNCCL(OpType=ALLREDUCE, Timeout(ms)=600000)"
    stage.world.told.append(Told(at_ms, node, "", "collective_timeout", "", "warn", "", run.job_id, text))


def repeats(stage: Stage, incident: Incident, symptom: Symptom, gpu: int, until_ms: int) -> None:
    """The line comes again until somebody acts: now and then, or as a storm that nothing stops."""
    if not symptom.again:
        return
    chance, shape, begin_ms = stage.chance, stage.settings.shape, incident.first_ms + 60_000
    text = symptom.again.format(**stage.words(gpu))
    if chance.random() < shape.storm_share:
        lines = int(shape.storm_lines ** chance.uniform(0.5, 1.0))
        until_ms = min(begin_ms + int(chance.uniform(0.2, 1.0) * STORM_H * HOUR_MS), stage.settings.end_ms - 1)
        stage.say(incident.node, begin_ms, text, gpu, lines, until_ms)
        incident.signals, incident.last_ms = incident.signals + lines, until_ms
        return
    at_ms = begin_ms
    while at_ms < until_ms:
        stage.say(incident.node, at_ms, text, gpu)
        incident.signals, incident.last_ms = incident.signals + 1, at_ms
        at_ms += int(chance.exponential(8 * MS_PER_MINUTE)) + 7 * MS_PER_S


def out_of_service(stage: Stage, node: int, at_ms: int, reason: str, back_ms: int = 0) -> None:
    """Drained, in repair after a while, and back."""
    chance, settings = stage.chance, stage.settings
    hours = settings.repair_h * float(chance.lognormal(0.0, 0.6))
    back_ms = back_ms or at_ms + int(hours * HOUR_MS)
    stage.at(at_ms, partial(_turn, stage, node, DRAINED, reason))
    stage.at(at_ms + (back_ms - at_ms) // 4, partial(_turn, stage, node, REPAIR, reason))
    stage.at(back_ms, partial(_turn, stage, node, IN_SERVICE, ""))


def _turn(stage: Stage, node: int, state: str, reason: str, at_ms: int) -> None:
    stage.turn(node, at_ms, state, reason)
