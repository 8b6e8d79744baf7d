"""From evidence to incidents. Pure: the same evidence, in any order and with any repeats, gives the same incidents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from clusterctl.analytics.incidents.episodes import episodes
from clusterctl.analytics.incidents.evidence import PLANNED, Evidence, JobRun, Rules
from clusterctl.analytics.incidents.items import Item, Part, items_of
from clusterctl.analytics.incidents.join import ELEMENT, Group, groups_of
from clusterctl.analytics.incidents.judge import FAULT, Judgement, judge
from clusterctl.analytics.incidents.runs import FOREVER, NODE, Ends
from clusterctl.analytics.incidents.service import Holders, Out, Service
from clusterctl.analytics.incidents.shared import hardware_after_all
from clusterctl.clock import MS_PER_MINUTE

ANNOUNCED_TOGETHER_MS = 10 * MS_PER_MINUTE
JOB_ENDED = "job_ended"


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident of a cluster. `closed_ms` is None while nothing that is known would close it."""

    node: str
    """Root node; empty where a fabric element or a whole job is the root."""
    element: str
    items: tuple[Item, ...]
    jobs: tuple[JobRun, ...]
    nodes: tuple[str, ...]
    """Nodes affected, the root first."""
    judged: Judgement
    opened_ms: int
    last_signal_ms: int
    closed_ms: int | None
    closed_by: str
    multi_root: bool
    in_service_before: bool | None
    allocated_before: bool | None
    told: bool
    """Whether a scheduler spoke about its nodes: then no job end means that none ended."""
    repeats: bool = True
    """Whether a later incident on its root may be its repeat."""

    @property
    def incident_class(self) -> str:
        return self.judged.incident_class

    @property
    def impact(self) -> str:
        return self.judged.impact

    @property
    def first_ms(self) -> int:
        return self.opened_ms

    @property
    def root(self) -> str:
        """What a later incident repeats."""
        return ELEMENT + self.element if self.element else NODE + self.node if self.node else ""

    def identity(self, cluster: str) -> str:
        """Stable while its first item is."""
        first = self.items[0] if self.items else None
        said = first.episode if first else None
        key = [
            cluster,
            self.root,
            self.opened_ms,
            said.device if said else "",
            f"{said.kind} {said.code}" if said else self.judged.cause,
            self.jobs[0].job_id if self.jobs and not self.items else "",
            first.node if first and not self.root else self.nodes[0] if not first and not self.jobs else "",
        ]
        return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]


def compute(evidence: Evidence, rules: Rules) -> list[Incident]:
    """Incidents in the order in which they opened, announced ones included."""
    service, holders = Service(evidence.states), Holders(evidence.jobs)
    outs = service.outs()
    found = episodes(evidence.signals, rules.episode_gap_ms)
    items = items_of(found, outs, evidence.gaps, rules)
    ends = Ends(evidence.restarts, evidence.closings)
    shared = hardware_after_all(items, holders, rules)
    jobs = _not_by_plan(evidence.jobs, outs, rules)
    whole = [_incident(group, service, holders, shared, rules) for group in groups_of(items, jobs, ends, rules)]
    whole += _announced(outs)
    return sorted(whole, key=lambda i: (i.opened_ms, i.root, i.judged.cause, i.jobs[0].job_id if i.jobs else ""))


def _not_by_plan(jobs: Iterable[JobRun], outs: Iterable[Out], rules: Rules) -> list[JobRun]:
    """Jobs, those excepted that ended because planned work began on one of their nodes: an announced end."""
    planned: dict[str, list[Out]] = {}
    for out in outs:
        if out.planned:
            planned.setdefault(out.node, []).append(out)
    return [job for job in jobs if not any(_ended_by(job, out, rules) for n in job.nodes for out in planned.get(n, ()))]


def _ended_by(job: JobRun, out: Out, rules: Rules) -> bool:
    ended_ms = job.ended_ms
    return (
        ended_ms is not None and out.at_ms - rules.after_job_end_ms <= ended_ms <= out.at_ms + rules.before_job_end_ms
    )


def _incident(group: Group, service: Service, holders: Holders, shared: Mapping[int, str], rules: Rules) -> Incident:
    items, jobs = group.items, tuple(sorted(group.jobs, key=lambda j: (j.ended_ms or 0, j.job_id)))
    elements = sorted({run.root.removeprefix(ELEMENT) for run in group.runs if run.root.startswith(ELEMENT)})
    named = _root_nodes(group, items)
    told = holders.told and any(holders.at(node, item.at_ms) for node, item in ((i.node, i) for i in items[:8]))
    judged = judge(items, jobs, elements, shared, rules, told=told or bool(jobs))
    decisive = judged.decisive or (items[0] if items else None)
    element = elements[0] if elements else ""
    root = "" if element else decisive.node if decisive and (group.runs or len({i.node for i in items}) == 1) else ""
    if not root and not element and judged.incident_class == "user" and decisive:
        root = decisive.node
    if not root and not element and not items and jobs and len(jobs[0].nodes) == 1:
        root = jobs[0].nodes[0]
    opened = items[0].at_ms if items else (jobs[0].ended_ms or 0)
    last = max([item.last_ms for item in items] + [job.ended_ms or 0 for job in jobs if not items])
    closes, by = max(((run.closes_ms, run.closed_by) for run in group.runs), default=(max(last, opened), JOB_ENDED))
    blamed = root or (items[0].node if items else "")
    state = service.state_before(blamed, opened) if blamed else ""
    return Incident(
        root,
        element,
        tuple(items),
        jobs,
        _affected(root, named, jobs),
        judged,
        opened,
        last,
        None if closes >= FOREVER else closes,
        "" if closes >= FOREVER else by,
        multi_root=not element and len({run.root for run in group.runs if _has_hardware(run.items)}) > 1,
        in_service_before=None if state in ("", "unknown") else state == "in_service",
        allocated_before=(holders.at(blamed, opened) is not None) if told and blamed else bool(jobs) or None,
        told=told or bool(jobs),
    )


def _root_nodes(group: Group, items: Iterable[Item]) -> list[str]:
    return list(dict.fromkeys(item.node for item in items)) or [node for job in group.jobs for node in job.nodes]


def _affected(root: str, named: Iterable[str], jobs: Iterable[JobRun]) -> tuple[str, ...]:
    first = [root] if root else []
    return tuple(dict.fromkeys([*first, *named, *(node for job in jobs for node in job.nodes)]))


def _has_hardware(items: Iterable[Item]) -> bool:
    return any(item.part is Part.BLAMES and item.episode for item in items)


def _announced(outs: Iterable[Out]) -> list[Incident]:
    """Planned work: nodes that were taken out for one reason within a few minutes are one piece of it."""
    found: list[list[Out]] = []
    for out in sorted((o for o in outs if o.planned), key=lambda o: (o.reason, o.at_ms, o.node)):
        last = found[-1][-1] if found else None
        if last and last.reason == out.reason and out.at_ms - last.at_ms <= ANNOUNCED_TOGETHER_MS:
            found[-1].append(out)
        else:
            found.append([out])
    return [_planned(same) for same in found]


def _planned(outs: list[Out]) -> Incident:
    backs = [out.back_ms for out in outs]
    closed = None if None in backs else max(back for back in backs if back is not None)
    nodes = tuple(dict.fromkeys(out.node for out in outs))
    judged = Judgement(PLANNED, "MAINTENANCE", FAULT, outs[0].reason[:200] or "announced", "", None)
    opened = min(out.at_ms for out in outs)
    return Incident(
        nodes[0] if len(nodes) == 1 else "",
        "",
        (),
        (),
        nodes,
        judged,
        opened,
        opened,
        closed,
        "" if closed is None else "back_in_service",
        multi_root=False,
        in_service_before=True,
        allocated_before=None,
        told=True,
        repeats=False,
    )
