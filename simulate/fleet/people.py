"""What is nobody's hardware: programs, job ends without a word, hangs, codes that stay ambiguous; and what only looks so."""

from __future__ import annotations

from functools import partial

from clusterctl.clock import MS_PER_DAY
from clusterctl.simulate.fleet.breaking import out_of_service, time_out
from clusterctl.simulate.fleet.stage import HOUR_MS, Stage
from clusterctl.simulate.fleet.symptoms import AMBIGUOUS, DEGRADED, USER
from clusterctl.simulate.fleet.world import Incident, Run

TIMES = 3
"""How often an owner submits a broken program, and in how many owners' jobs a bad GPU shows before it is found."""
AGAIN_H = (26.0, 34.0)
"""Longer than the day for which an incident stays open, shorter than the week in which repeats are looked for."""
GIVE_UP_MS = 6 * MS_PER_DAY
LOOK_AGAIN_MS = 2 * HOUR_MS


def user_error(stage: Stage, node: int, at_ms: int) -> None:
    """The program on this node breaks itself."""
    run = stage.job_of[node]
    if run is not None:
        _program_breaks(stage, "user", run, at_ms)


def bad_code(stage: Stage, node: int, at_ms: int) -> None:
    """The owner of what runs here breaks it, and submits it again."""
    run = stage.job_of[node]
    if run is not None:
        _submit_again(stage, run.owner, 0, at_ms + GIVE_UP_MS, at_ms)


def _submit_again(stage: Stage, owner: str, times: int, until_ms: int, at_ms: int) -> None:
    mine = next((run for run in stage.job_of if run is not None and run.owner == owner), None)
    if mine is not None:
        _program_breaks(stage, "bad_code", mine, at_ms)
        times += 1
    if times < TIMES and at_ms < until_ms:
        wait_ms = int(stage.chance.uniform(*AGAIN_H) * HOUR_MS) if mine else LOOK_AGAIN_MS
        stage.at(at_ms + wait_ms, partial(_submit_again, stage, owner, times, until_ms))


def _program_breaks(stage: Stage, mechanism: str, run: Run, at_ms: int) -> None:
    symptom = stage.pick(USER)
    signals = 0
    for node in run.nodes:
        for gpu in range(stage.settings.gpus_per_node):
            signals += stage.show(node, gpu, at_ms + stage.uniform_ms(0, 2), symptom)
    incident = Incident(mechanism, "user", run.nodes[0], "", -1, at_ms, at_ms + 2_000, False, True, run.nodes)
    incident.jobs, incident.signals = (run.job_id,), signals
    stage.world.incidents.append(incident)
    stage.at(at_ms + stage.uniform_ms(5, 60), partial(_fails, stage, run, 134))


def _fails(stage: Stage, run: Run, exit_code: int, at_ms: int) -> None:
    stage.end(run, at_ms, "FAILED", exit_code)


def bad_gpu(stage: Stage, node: int, at_ms: int) -> None:
    """From now on a GPU of this node shows user codes in whoever's job it gets."""
    gpu = int(stage.chance.integers(stage.settings.gpus_per_node))
    _strikes(stage, node, gpu, [], [], at_ms + GIVE_UP_MS, at_ms)


def _strikes(
    stage: Stage, node: int, gpu: int, owners: list[str], found: list[Incident], until_ms: int, at_ms: int
) -> None:
    run = stage.job_of[node]
    hit = run is not None and run.owner not in owners
    if run is not None and hit:
        signals = stage.show(node, gpu, at_ms, USER[1])
        incident = Incident("bad_gpu", "hardware", node, "", gpu, at_ms, at_ms, True, False, run.nodes)
        incident.nodes = tuple(dict.fromkeys((node, *run.nodes)))
        incident.jobs, incident.signals = (run.job_id,), signals
        stage.world.incidents.append(incident)
        stage.end(run, at_ms + 1_000, "FAILED", 134)
        owners.append(run.owner)
        found.append(incident)
        for one in found:
            one.attributable = len(found) > 1
    if len(found) >= TIMES:
        stage.hold(node)
        out_of_service(stage, node, at_ms + 600_000, "user codes in jobs of different owners")
    elif at_ms < until_ms:
        wait_ms = int(stage.chance.uniform(*AGAIN_H) * HOUR_MS) if hit else LOOK_AGAIN_MS
        stage.at(at_ms + wait_ms, partial(_strikes, stage, node, gpu, owners, found, until_ms))


def software(stage: Stage, node: int, at_ms: int) -> None:
    """The run on this node ends with an exit code and nothing else."""
    _ends_alone(stage, "software", "software", node, at_ms)


def hang(stage: Stage, node: int, at_ms: int) -> None:
    """Its collectives time out, for no reason that anything shows."""
    run = stage.job_of[node]
    if run is not None:
        for peer in run.nodes:
            time_out(stage, run, peer, at_ms - stage.uniform_ms(0, 5))
        _ends_alone(stage, "hang", "unknown", node, at_ms)


def _ends_alone(stage: Stage, mechanism: str, cls: str, node: int, at_ms: int) -> None:
    run = stage.job_of[node]
    if run is not None and stage.end(run, at_ms, "FAILED", 1):
        incident = Incident(mechanism, cls, run.nodes[0], "", -1, at_ms, at_ms, False, False, run.nodes)
        incident.jobs = (run.job_id,)
        stage.world.incidents.append(incident)


def ambiguous(stage: Stage, node: int, at_ms: int) -> None:
    """A code that waits for a second sign, which never comes: nothing ends, or what ends says nothing of memory."""
    run = stage.job_of[node]
    if run is None:
        return
    gpu, symptom = int(stage.chance.integers(stage.settings.gpus_per_node)), stage.pick(AMBIGUOUS)
    incident = Incident("ambiguous", "unknown", node, "", gpu, at_ms, at_ms, False, False, (node,))
    incident.signals = stage.show(node, gpu, at_ms, symptom)
    stage.world.incidents.append(incident)
    if symptom is AMBIGUOUS[-1]:
        incident.jobs, incident.nodes = (run.job_id,), tuple(dict.fromkeys((node, *run.nodes)))
        stage.at(at_ms + stage.uniform_ms(10, 200), partial(_fails, stage, run, 1))


def degraded(stage: Stage, node: int, at_ms: int) -> None:
    """Capability is lost while service goes on."""
    if not stage.serving[node]:
        return
    gpu = int(stage.chance.integers(stage.settings.gpus_per_node))
    signals = stage.show(node, gpu, at_ms, stage.pick(DEGRADED))
    incident = Incident("degradation", "degradation", node, "", gpu, at_ms, at_ms, False, True, (node,))
    incident.signals = signals
    stage.world.incidents.append(incident)


def pulled(stage: Stage, node: int, at_ms: int) -> None:
    """An operator takes the node out because of something that no log has."""
    if not stage.serving[node]:
        return
    incident = Incident("pulled", "maintenance", node, "", -1, at_ms, at_ms, True, True, (node,))
    stage.world.incidents.append(incident)
    run = stage.job_of[node]
    if run is not None and stage.end(run, at_ms + 1_000, "NODE_FAIL", 0):
        incident.jobs, incident.nodes = (run.job_id,), tuple(dict.fromkeys((node, *run.nodes)))
    stage.hold(node)
    out_of_service(stage, node, at_ms + 2, "fan noise, pulled by operations")
