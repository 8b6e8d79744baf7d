"""Incidents on a terminal and as JSON."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import typer

from clusterctl.analytics.incidents.lifecycle import (
    ActionRow,
    ComparedRow,
    ListedRow,
    TimelineRow,
    VersionRow,
    state_of,
    tried_before,
)
from clusterctl.clock import to_ms
from clusterctl.commands.common import ShortFormat
from clusterctl.terminal import Sheet, clean, harmless

TRIED = 10


def _time(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _age(since: datetime, now_ms: int) -> str:
    minutes = max(0, now_ms - to_ms(since)) // 60_000
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 2_880 else f"{minutes // 1_440} d"


def _short(name: str) -> str:
    """As much of an id as names one: ours are hashes, those of others are whole."""
    return name[:8] if name.isalnum() else clean(name, 40)


def _by_incident(actions: Sequence[ActionRow]) -> dict[str, list[ActionRow]]:
    found: dict[str, list[ActionRow]] = defaultdict(list)
    for row in actions:
        found[row.incident_id].append(row)
    return found


def show_list(found: Sequence[ListedRow], actions: Sequence[ActionRow], now_ms: int) -> None:
    """The night shift's page: what is open, where, since when, and what to do."""
    sheet = Sheet()
    if not found:
        sheet.line("no incident matches")
        return
    said = _by_incident(actions)
    sheet.table(
        ["id", "opened (UTC)", "age", "state", "class", "cause", "where", "nodes", "jobs", "to do"],
        [
            [
                _short(row.incident_id),
                _time(row.opened_at)[5:16],
                _age(row.opened_at, now_ms) if row.closed_at is None else "",
                state_of(row, said[row.incident_id]),
                row.cls if row.impact == "fault" else f"{row.cls}, {row.impact}",
                clean(row.cause, 24),
                clean(row.where, 28),
                str(row.nodes_affected),
                "" if row.jobs_ended is None else str(row.jobs_ended),
                clean(row.advice, 60),
            ]
            for row in found
        ],
        right=["age", "nodes", "jobs"],
    )
    is_open, pressing = sum(row.closed_at is None for row in found), sum(row.pressing for row in found)
    counts = f"{is_open} open, {pressing} of them need somebody; {len(found) - is_open} closed"
    sheet.line(f" {counts}; clusterctl incidents show ID tells more", style="dim")


def show_one(row: ListedRow, actions: Sequence[ActionRow], happened: Sequence[TimelineRow]) -> None:
    """Everything about one incident."""
    sheet = Sheet()
    sheet.title(f"{clean(row.cause)} on {clean(row.where)} ({row.incident_id})")
    sheet.facts(_facts(row, actions))
    sheet.title("Evidence")
    for line in json.loads(row.lines):
        sheet.line(f" {clean(str(line), 240)}")
    sheet.title("Timeline (UTC)")
    own = [(a.at, f"{a.said_by}: {a.action}", a.words, row.node) for a in actions if a.incident_id == row.incident_id]
    seen = [(t.at, t.what + (f" x{t.times}" if t.times > 1 else ""), t.words, t.node) for t in happened]
    sheet.table(
        ["at", "node", "what", ""],
        [
            [_time(at), clean(node, 30), clean(what, 40), clean(words, 120)]
            for at, what, words, node in sorted(own + seen)
        ],
    )
    before = tried_before(row, actions)
    sheet.title("Tried before here")
    for action in before[-TRIED:]:
        sheet.line(f" {_time(action.at)} {clean(action.said_by, 40)}: {action.action} {clean(action.words, 200)}")
    if not before:
        sheet.line(" nothing is on record", style="dim")


def _facts(row: ListedRow, actions: Sequence[ActionRow]) -> list[tuple[str, str]]:
    facts = [
        ("state", state_of(row, actions) + (f", by {row.closed_how.replace('_', ' ')}" if row.closed_how else "")),
        ("opened", _time(row.opened_at)),
        ("last signal", _time(row.last_signal)),
        ("closed", _time(row.closed_at)),
        ("class", f"{row.cls}: {row.why}" if row.why else row.cls),
        ("counts as", row.impact),
        ("what to do", clean(row.advice, 300)),
        ("GPU or device", clean(row.gpu, 64)),
        ("driver", clean(row.driver, 40)),
        ("nodes affected", f"{row.nodes_affected}: {clean(', '.join(json.loads(row.node_names)), 160)}"),
        (
            "jobs ended",
            "" if row.jobs_ended is None else clean(f"{row.jobs_ended} {', '.join(json.loads(row.job_names))}"),
        ),
        ("out of service", f"{_time(row.lost_at)} to {_time(row.back_at) or 'now'}" if row.lost_at else ""),
        ("signals", f"{row.signals:,} in {row.episodes:,} episodes"),
        ("repeat of", row.repeat_of[:8]),
        ("judged by", f"catalogue {row.catalog_version}"),
    ]
    return [(name, text) for name, text in facts if text]


def _data(row: ListedRow, actions: Sequence[ActionRow]) -> dict[str, Any]:
    return {
        "id": row.incident_id,
        "cluster": row.cluster,
        "state": state_of(row, actions),
        "needs_somebody": bool(row.pressing),
        "opened_at": _iso(row.opened_at),
        "closed_at": _iso(row.closed_at),
        "closed_by": row.closed_how,
        "last_signal_at": _iso(row.last_signal),
        "domain": row.domain,
        "class": row.cls,
        "cause": row.cause,
        "impact": row.impact,
        "reason": row.why,
        "action": row.advice,
        "node": row.node,
        "element": row.fabric,
        "gpu": row.gpu,
        "nodes": json.loads(row.node_names),
        "nodes_affected": row.nodes_affected,
        "jobs": json.loads(row.job_names),
        "jobs_ended": row.jobs_ended,
        "nodes_out": row.nodes_out,
        "episodes": row.episodes,
        "signals": row.signals,
        "repeat_of": row.repeat_of,
        "evidence": json.loads(row.lines),
        "service_lost_at": _iso(row.lost_at),
        "service_back_at": _iso(row.back_at),
        "driver_version": row.driver,
        "catalog_version": row.catalog_version,
        "actions": [
            {"at": _iso(a.at), "action": a.action, "by": a.said_by, "text": a.words}
            for a in actions
            if a.incident_id == row.incident_id
        ],
    }


def list_json(found: Sequence[ListedRow], actions: Sequence[ActionRow]) -> str:
    """All of them, nothing shortened."""
    said = _by_incident(actions)
    listed = {"incidents": [_data(row, said[row.incident_id]) for row in found]}
    return harmless(json.dumps(listed, indent=2, ensure_ascii=False))


def one_json(row: ListedRow, actions: Sequence[ActionRow], happened: Sequence[TimelineRow]) -> str:
    """One, with its timeline and what was tried before."""
    data = _data(row, actions)
    data["timeline"] = [
        {"at": _iso(t.at), "node": t.node, "what": t.what, "text": t.words, "count": t.times} for t in happened
    ]
    data["tried_before"] = [
        {"at": _iso(a.at), "action": a.action, "by": a.said_by, "text": a.words, "incident": a.incident_id}
        for a in tried_before(row, actions)
    ]
    return harmless(json.dumps(data, indent=2, ensure_ascii=False))


def show_versions(versions: Sequence[VersionRow], format: ShortFormat) -> None:
    """Which catalogues have judged."""
    if format is ShortFormat.JSON:
        rows = [{"version": v.catalog_version, "incidents": v.incidents, "last": _iso(v.last_judged)} for v in versions]
        typer.echo(json.dumps({"versions": rows}, indent=2))
        return
    Sheet().table(
        ["catalogue", "incidents", "last judged (UTC)"],
        [[v.catalog_version, str(v.incidents), _time(v.last_judged)] for v in versions],
        right=["incidents"],
    )


def show_compared(rows: Sequence[ComparedRow], old: str, new: str, format: ShortFormat) -> None:
    """Where two catalogues differ."""
    if format is ShortFormat.JSON:
        typer.echo(json.dumps({"old": old, "new": new, "differences": [_difference(row) for row in rows]}, indent=2))
        return
    sheet = Sheet()
    sheet.title(f"Catalogue {old} against {new}: {len(rows)} incidents differ")
    if rows:
        sheet.table(
            ["id", "opened (UTC)", "node", "old", "new"],
            [
                [
                    row.incident_id[:8],
                    _time(row.opened)[5:16],
                    clean(row.root, 30),
                    _judgement(row.old_cause, row.old_class, row.old_impact),
                    _judgement(row.new_cause, row.new_class, row.new_impact),
                ]
                for row in rows
            ],
        )


def _judgement(cause: str, cls: str, impact: str) -> str:
    return f"{clean(cause, 24)}: {cls}, {impact}" if cause else "no incident"


def _difference(row: ComparedRow) -> dict[str, Any]:
    return {
        "id": row.incident_id,
        "opened_at": _iso(row.opened),
        "node": row.root,
        "old": {"cause": row.old_cause, "class": row.old_class, "impact": row.old_impact},
        "new": {"cause": row.new_cause, "class": row.new_class, "impact": row.new_impact},
    }
