"""True incidents against found ones: by root and time, each at most once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from clusterctl.analytics.incidents import Incident as Found
from clusterctl.clock import MS_PER_MINUTE
from clusterctl.simulate.fleet.seen import KERNEL, NVML
from clusterctl.simulate.fleet.world import Incident, World

EARLY_MS, LATE_MS = 5 * MS_PER_MINUTE, 30 * MS_PER_MINUTE
"""A clock may be two minutes ahead; a fault that only the scheduler saw is known when the node is drained."""
INFRASTRUCTURE = frozenset({"hardware", "driver", "network", "storage", "facility", "maintenance"})
SAYS_NOTHING = frozenset({"gap", "none"})


@dataclass
class Matched:
    """Pairs, and what is left on either side."""

    pairs: list[tuple[Incident, Found]] = field(default_factory=list)
    missed: list[Incident] = field(default_factory=list)
    extra: list[Found] = field(default_factory=list)


def is_headline(found: Found) -> bool:
    """Whether the product counts it in its headline rate."""
    return found.impact == "fault" and found.incident_class in INFRASTRUCTURE


def is_planned(one: Incident | Found) -> bool:
    """Announced work, which is judged by itself."""
    return (one.cls if isinstance(one, Incident) else one.incident_class) == "planned"


def match(world: World, truths: Iterable[Incident], found: Iterable[Found]) -> Matched:
    """Earliest truth first, each with the nearest incident of its root that began within the window. What says that nothing
    was lost needs no partner."""
    by_root: dict[str, list[Found]] = defaultdict(list)
    listed = sorted(found, key=lambda one: (one.first_ms, one.root, str(one.jobs[:1])))
    for one in listed:
        for root in _roots_of(one):
            by_root[root].append(one)
    result, taken = Matched(), set[int]()
    for truth in sorted(truths, key=lambda one: (one.first_ms, one.node)):
        candidates = [
            one
            for root in _roots(world, truth)
            for one in by_root.get(root, ())
            if id(one) not in taken and -EARLY_MS <= one.first_ms - truth.first_ms <= LATE_MS
        ]
        if candidates:
            best = min(candidates, key=lambda one: abs(one.first_ms - truth.first_ms))
            taken.add(id(best))
            result.pairs.append((truth, best))
        else:
            result.missed.append(truth)
    result.extra = [one for one in listed if id(one) not in taken and one.impact not in SAYS_NOTHING]
    return result


def _roots_of(found: Found) -> Sequence[str]:
    jobs = [f"job {job.job_id}" for job in found.jobs]
    return [f"element {found.element}"] if found.element else [f"node {found.node}", *jobs] if found.node else jobs


def _roots(world: World, truth: Incident) -> Sequence[str]:
    """What may stand for its root: the element; the node; the job where a job is all that anyone saw of it, or where the
    program is the root."""
    if truth.element:
        return [f"element {truth.element}"]
    node = f"node {world.fleet.nodes[truth.node].name}"
    jobs = [f"job {job}" for job in truth.jobs]
    programs = truth.cls in ("user", "software") or truth.mechanism == "hang"
    unseen = KERNEL not in truth.seen_by and NVML not in truth.seen_by
    return jobs if programs else [node, *jobs] if unseen else [node]
