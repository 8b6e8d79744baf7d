"""Incidents as rows of the tables `incident` and `incident_judged`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from clusterctl.analytics.incidents.evidence import Rules
from clusterctl.analytics.incidents.incident import Incident
from clusterctl.analytics.incidents.items import Part

SOURCE = "events"
EVIDENCE_LINES = 10
NAMES = 512
NAMES_CHARS = 15_000
"""So many names of nodes or jobs a row holds; the counts are of all."""

GAPS_MS = {"5s": 5_000, "3min": 180_000, "15min": 900_000}
"""How others join episodes: NVSentinel by three minutes, gpud by fifteen; docs/kpi.md prints what that would make."""


def gap_groups(incident: Incident, gap_ms: int) -> int:
    """What its hardware episodes would count if those of one node were joined by gap alone."""
    last: dict[str, int] = {}
    groups = 0
    for item in incident.items:
        if item.episode and item.part is Part.BLAMES:
            before = last.get(item.node)
            groups += before is None or item.at_ms - before > gap_ms
            last[item.node] = max(item.last_ms, before or 0)
    return groups


def rows_of(
    cluster: str, found: Sequence[Incident], rules: Rules, as_of_ms: int, before: Mapping[str, tuple[str, int]]
) -> list[dict[str, Any]]:
    """Rows of `incident`, in the order of `found`. `before` has the last incident of each root that opened earlier, and
    when it closed."""
    last = dict(before)
    written = []
    for incident in found:
        name = incident.identity(cluster)
        closed = incident.closed_ms if incident.closed_ms is not None and incident.closed_ms <= as_of_ms else None
        earlier, earlier_closed = last.get(incident.root, ("", 0))
        repeat = incident.repeats and earlier and incident.opened_ms - earlier_closed <= rules.repeat_ms
        if incident.repeats and incident.root and incident.closed_ms is not None:
            last[incident.root] = (name, incident.closed_ms)
        written.append(_row(cluster, incident, name, closed, earlier if repeat else "", rules))
    return written


def _row(cluster: str, incident: Incident, name: str, closed: int | None, repeat: str, rules: Rules) -> dict[str, Any]:
    judged, said = incident.judged, [item.episode for item in incident.items if item.episode]
    decisive = judged.decisive.episode if judged.decisive else None
    outs = [item.out for item in incident.items if item.out]
    backs = [out.back_ms for out in outs]
    return {
        "cluster": cluster,
        "incident_id": name,
        "source": SOURCE,
        "class": judged.incident_class,
        "cause": judged.cause,
        "category": "",
        "impact": judged.impact,
        "count": 1,
        "opened_at": incident.opened_ms,
        "dated": 1,
        "node": incident.node,
        "gpu": decisive.device if decisive and decisive.node == incident.node else "",
        "repeat_of": repeat,
        "nodes_affected": len(incident.nodes),
        "episodes": len(said),
        "signals": sum(episode.signals for episode in said),
        "evidence": json.dumps(_evidence(incident)),
        "catalog_version": rules.catalogue.version,
        "note": "",
        "retired": 0,
        "closed_at": closed,
        "period_until": None,
        "element": incident.element or None,
        "nodes": _names(incident.nodes),
        "jobs": _names([job.job_id for job in incident.jobs]),
        "closed_by": incident.closed_by if closed is not None else None,
        "action": judged.action or None,
        "reason": judged.reason,
        "driver_version": decisive.driver_version if decisive and decisive.driver_version else None,
        "last_signal_at": incident.last_signal_ms,
        "service_lost_at": min((out.at_ms for out in outs), default=None),
        "service_back_at": None if not backs or None in backs else max(back for back in backs if back is not None),
        "jobs_ended": len(incident.jobs) if incident.told else None,
        "nodes_out": len({out.node for out in outs}) if outs or incident.in_service_before is not None else None,
        **{f"gap_groups_{name}": gap_groups(incident, gap_ms) for name, gap_ms in GAPS_MS.items()},
        "multi_root": int(incident.multi_root),
        "in_service_before": _flag(incident.in_service_before),
        "allocated_before": _flag(incident.allocated_before),
    }


def _flag(value: bool | None) -> int | None:
    return None if value is None else int(value)


def _names(names: Sequence[str]) -> str:
    """A JSON array that fits its column, the first names first."""
    kept: list[str] = []
    size = 2
    for name in names[:NAMES]:
        size += len(json.dumps(name)) + 2
        if size > NAMES_CHARS:
            break
        kept.append(name)
    return json.dumps(kept)


def _evidence(incident: Incident) -> list[str]:
    lines = []
    for item in incident.items:
        if item.episode:
            lines.append(item.episode.text[:400])
        elif item.out:
            lines.append(f"{item.node} left service: {item.out.raw or 'drained'} {item.out.reason}"[:400])
        elif item.gap:
            lines.append(f"{item.node} said nothing for {(item.gap.last_ms - item.gap.first_ms) // 60_000} minutes")
        if len(lines) == EVIDENCE_LINES:
            return lines
    lines += [f"job {job.job_id} ended: {job.end_state}"[:400] for job in incident.jobs]
    return lines[:EVIDENCE_LINES]


def judged_rows(cluster: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What this version of the catalogue made of them, for `incident_judged`."""
    names = ("cluster", "catalog_version", "incident_id", "class", "cause", "impact", "node", "opened_at", "retired")
    return [{name: row[name] for name in names} for row in rows]
