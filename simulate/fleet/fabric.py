"""One root, many nodes: a leaf switch or a power unit fails, or a rack is taken out on purpose."""

from __future__ import annotations

from functools import partial

from clusterctl.simulate.fleet.breaking import job_lost, out_of_service
from clusterctl.simulate.fleet.stage import HOUR_MS, Stage
from clusterctl.simulate.fleet.symptoms import LINK_DOWN
from clusterctl.simulate.fleet.world import IN_SERVICE, PLANNED, Incident, Told

ALL_DOWN_S = 2.0


def switch_dies(stage: Stage, number: int, at_ms: int) -> None:
    """All nodes of a leaf switch lose their link within two seconds; the subnet manager names the switch."""
    name = list(stage.fleet.by_switch)[number % len(stage.fleet.by_switch)]
    _element_fails(stage, "switch", "network", name, stage.fleet.by_switch[name], at_ms)


def power_goes(stage: Stage, number: int, at_ms: int) -> None:
    """A power unit takes its rack; the building's own system names it."""
    name = list(stage.fleet.by_rack)[number % len(stage.fleet.by_rack)]
    nodes = stage.fleet.by_rack[name]
    _element_fails(stage, "power", "facility", stage.fleet.nodes[nodes[0]].pdu, nodes, at_ms)


def _element_fails(
    stage: Stage, mechanism: str, cls: str, element: str, all_nodes: tuple[int, ...], at_ms: int
) -> None:
    nodes = tuple(node for node in all_nodes if stage.serving[node])
    if not nodes or stage.chance.random() > len(nodes) / len(all_nodes):
        return  # what is out of service cannot fail: rates are per time in service
    incident = Incident(mechanism, cls, nodes[0], element, -1, at_ms, at_ms, True, True, nodes)
    stage.world.incidents.append(incident)
    runs = {run.job_id: run for node in nodes if (run := stage.job_of[node]) is not None}
    back_ms = at_ms + int(stage.chance.uniform(0.5, 3.0) * HOUR_MS)
    for node in nodes:
        _node_told(stage, incident, node, at_ms + stage.uniform_ms(0, ALL_DOWN_S))
        stage.hold(node)
        out_of_service(stage, node, at_ms + stage.uniform_ms(120, 400), f"not responding: {element}", back_ms)
    for run in runs.values():
        job_lost(stage, run, nodes[0], at_ms, incident)


def _node_told(stage: Stage, incident: Incident, node: int, at_ms: int) -> None:
    network = incident.mechanism == "switch"
    kind, code, device = ("ib_link", "link_down", "mlx5_0") if network else ("power_lost", "", "")
    text = f"port of {stage.fleet.nodes[node].name} on {incident.element} is down" if network else "no power"
    stage.world.told.append(Told(at_ms, node, device, kind, code, "fail", incident.element, "", text))
    incident.signals += 1
    incident.last_ms = max(incident.last_ms, at_ms)
    if network:
        stage.say(node, at_ms, LINK_DOWN.format(**stage.words(0)))
        incident.signals += 1


def planned(stage: Stage, number: int, at_ms: int) -> None:
    """A rack goes out for maintenance that was announced; its jobs are stopped for it."""
    name = list(stage.fleet.by_rack)[number % len(stage.fleet.by_rack)]
    nodes = tuple(node for node in stage.fleet.by_rack[name] if stage.serving[node])
    if not nodes:
        return
    incident = Incident("maintenance", "planned", nodes[0], name, -1, at_ms, at_ms, False, True, nodes)
    stage.world.incidents.append(incident)
    runs = {run.job_id: run for node in nodes if (run := stage.job_of[node]) is not None}
    back_ms = at_ms + int(stage.chance.uniform(3, 9) * HOUR_MS)
    for node in nodes:
        stage.turn(node, at_ms, PLANNED, "planned maintenance, announced")
        stage.at(back_ms, partial(_back, stage, node))
    for run in runs.values():
        stage.end(run, at_ms + 1_000, "PREEMPTED", 0)
    incident.jobs, incident.last_ms = tuple(runs), back_ms


def _back(stage: Stage, node: int, at_ms: int) -> None:
    stage.turn(node, at_ms, IN_SERVICE)
