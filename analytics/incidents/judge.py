"""What an incident is: its class and cause with the reason, and whether it cost anything. The rules are in docs/kpi.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from clusterctl.analytics.incidents.evidence import BY_THE_SCHEDULER, JobRun, Rules
from clusterctl.analytics.incidents.items import LINK_KINDS, TIMEOUT_KINDS, Item
from clusterctl.catalog import Weight, action_of, class_of
from clusterctl.schema.verdict import Action

FAULT, DEGRADATION, GAP, NO_LOSS = "fault", "degradation", "gap", "none"
KIND_CLASS = {
    "aer": "hardware", "cxl": "hardware", "pcie_dpc": "hardware", "mce": "hardware", "ghes": "hardware", "edac": "hardware",
    "ib_link": "network", "eth_link": "network", "nic_health": "network", "nic_cmd": "network", "nic_txq": "network",
    "power_lost": "facility", "nvme": "storage", "fs_error": "storage", "io_error": "storage",
}  # fmt: skip
"""Whose a failure without an Xid is, once a second sign says that it cost something. Others stay unknown: a panic or a
lock-up has hardware and software causes alike."""
REMAPS = frozenset({"63", "64"})
CONTAINED = "94"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was decided, and by which rule."""

    incident_class: str
    cause: str
    impact: str
    reason: str
    action: str
    decisive: Item | None


def judge(
    items: Sequence[Item],
    jobs: Sequence[JobRun],
    elements: Sequence[str],
    shared: Mapping[int, str],
    rules: Rules,
    *,
    told: bool,
) -> Judgement:
    """Judge one incident. `elements` are its fabric roots; `shared` names, by item, the rule under which a program's code
    is a matter of hardware; `told` says whether a scheduler spoke of its nodes: then no job end means that none ended."""
    outs = [item for item in items if item.out]
    lost = bool(jobs or outs)
    remapped = _remapped(items)
    weighed = [(_weight(item, remapped, shared, lost=lost, elements=elements), item) for item in items if item.episode]
    if not weighed:
        return _without_episode(items, jobs)
    weight, decisive = max(weighed, key=lambda pair: (pair[0], pair[1].weight, -pair[1].at_ms))
    if weight is Weight.NONE:
        return _symptoms(items, jobs, decisive)
    cls, reason = _class(weight, decisive, shared, rules, lost=lost, elements=elements)
    impact = FAULT
    if weight is Weight.DEGRADATION:
        impact = DEGRADATION
    elif weight in (Weight.CONDITIONAL, Weight.USER) and told and not lost:
        impact, reason = NO_LOSS, f"{reason}; no job ended and no node left service"
    return Judgement(cls, _cause(decisive, elements), impact, reason, _action(decisive, rules), decisive)


def _weight(
    item: Item, remapped: Set[tuple[str, str]], shared: Mapping[int, str], *, lost: bool, elements: Sequence[str]
) -> Weight:
    """The weight of an episode among the others of its incident: the second sign of a conditional code is looked for. A
    contained error counts with the memory code beside it on the same GPU, which `remapped` holds."""
    episode = item.episode
    if episode is None or (item.weight is not Weight.CONDITIONAL and episode.kind not in LINK_KINDS):
        return Weight.FAULT if id(item) in shared else item.weight
    if episode.kind in LINK_KINDS:
        return Weight.FAULT if lost or elements else Weight.DEGRADATION
    beside = (episode.node, episode.device) in remapped
    if lost and (episode.kind == "xid" or KIND_CLASS.get(episode.kind)):
        return Weight.FAULT if episode.code != CONTAINED or beside else Weight.CONDITIONAL
    return Weight.FAULT if episode.code == CONTAINED and beside else Weight.CONDITIONAL


def _remapped(items: Iterable[Item]) -> Set[tuple[str, str]]:
    """GPUs that show a memory code, with their node: a PCI address is one only within it."""
    said = (item.episode for item in items if item.episode)
    return {(e.node, e.device) for e in said if e.kind == "xid" and e.code in REMAPS}


def _class(
    weight: Weight, item: Item, shared: Mapping[int, str], rules: Rules, *, lost: bool, elements: Sequence[str]
) -> tuple[str, str]:
    episode = item.episode
    assert episode is not None, "only episodes are weighed"
    if id(item) in shared:
        return "hardware", shared[id(item)]
    if episode.kind in LINK_KINDS:
        return "network", "several nodes name one element" if elements else "a link went down"
    if weight is Weight.CONDITIONAL:
        return "unknown", "needs a second sign, and none came"
    cls = class_of(episode.kind, episode.code, episode.driver_version, item.fields, rules.catalogue)
    cls = KIND_CLASS.get(episode.kind, cls) if episode.kind != "xid" else cls
    if item.weight is Weight.CONDITIONAL:
        return cls, "second sign: " + (
            "a job ended or a node left service" if lost else "a memory code on the same GPU"
        )
    return cls, "the code says so"


def _symptoms(items: Sequence[Item], jobs: Sequence[JobRun], decisive: Item) -> Judgement:
    """Only what every rank of a dying job shows: nobody is blamed."""
    impact = FAULT if jobs or any(i.episode and i.episode.kind in TIMEOUT_KINDS for i in items) else NO_LOSS
    return Judgement(
        "unknown", _cause(decisive, ()), impact, "symptoms alone: no peer, link or host signal", "", decisive
    )


def _without_episode(items: Sequence[Item], jobs: Sequence[JobRun]) -> Judgement:
    out = next((item.out for item in items if item.out), None)
    gap = next((item.gap for item in items if item.gap), None)
    if out and gap:
        return Judgement(
            "hardware", "NODE SILENT", FAULT, "the node fell silent and left service", Action.REBOOT_NODE.meaning, None
        )
    if out:
        down = "DOWN" in out.raw.upper() or "NOT_RESPONDING" in out.raw.upper()
        reason = "the scheduler lost the node" if down else "an operator pulled the node"
        return Judgement(
            "maintenance", "NODE DOWN" if down else "NODE DRAINED", FAULT, reason, Action.RUN_DIAGNOSTICS.meaning, None
        )
    if gap and any(job.end_state.startswith("NODE_FAIL") for job in jobs):
        return Judgement(
            "hardware",
            "NODE SILENT",
            FAULT,
            "the node fell silent as its job ended by NODE_FAIL",
            Action.REBOOT_NODE.meaning,
            None,
        )
    if gap:
        reason = "the node fell silent as its job ended" if jobs else "telemetry gap: what happened in it was not seen"
        return Judgement(
            "unknown", "NODE SILENT", FAULT if jobs else GAP, reason, Action.DRAIN_NODE.meaning if jobs else "", None
        )
    word = jobs[0].end_state.split(" ", 1)[0] if jobs else ""
    if word in BY_THE_SCHEDULER:
        return Judgement("planned", f"JOB {word}", FAULT, "announced by the scheduler", "", None)
    return Judgement("unknown", f"JOB {word}".strip(), FAULT, "an outcome label alone is no cause", "", None)


def _cause(item: Item, elements: Sequence[str]) -> str:
    episode = item.episode
    assert episode is not None, "only episodes are weighed"
    if elements and episode.kind in LINK_KINDS:
        return "FABRIC " + episode.code.upper()
    return f"{'XID' if episode.kind == 'xid' else episode.kind.upper()} {episode.code}".strip()


def _action(item: Item, rules: Rules) -> str:
    episode = item.episode
    if episode is None:
        return ""
    if episode.kind in LINK_KINDS:
        return Action.CHECK_FABRIC.meaning if episode.element else Action.REPLACE_CABLE_OR_OPTICS.meaning
    return action_of(episode.kind, episode.code, episode.driver_version, item.fields, rules.catalogue)
