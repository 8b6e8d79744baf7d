"""Incidents as lines of a report: the newest of its window, and everything that is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from clusterctl.analytics.incidents.lifecycle import (
    OPEN,
    ActionRow,
    ListedRow,
    actions_of,
    listed,
    state_of,
    tried_before,
)
from clusterctl.analytics.reports import model
from clusterctl.clock import to_ms
from clusterctl.store import Param, Reader


def in_window(store: Reader, window: Mapping[str, Param], top: int) -> list[model.IncidentLine]:
    """The newest incidents that began in the window."""
    since, until = _moments(window)
    found = listed(store, str(window["cluster"]), since_ms=to_ms(since), until_ms=to_ms(until), top=2 * top)
    inside = [row for row in found if row.opened_at >= since][:top]
    return _lines(store, str(window["cluster"]), inside)


def still_open(store: Reader, window: Mapping[str, Param], top: int) -> list[model.IncidentLine]:
    """Incidents that are open, whenever they began: those that nobody looks after first, then by age."""
    until = _moments(window)[1]
    found = listed(store, str(window["cluster"]), until_ms=to_ms(until), open_only=True)
    lines = _lines(store, str(window["cluster"]), sorted(found, key=lambda row: (row.opened_at, row.incident_id)))
    weighty = [line for line in lines if line.impact in ("fault", "gap") and line.domain != "planned"]
    return sorted(weighty, key=lambda line: line.state != OPEN)[:top]


def _moments(window: Mapping[str, Param]) -> tuple[datetime, datetime]:
    since, until = window["since"], window["until"]
    assert isinstance(since, datetime), "a window has moments"
    assert isinstance(until, datetime), "a window has moments"
    return since, until


def _lines(store: Reader, cluster: str, found: Sequence[ListedRow]) -> list[model.IncidentLine]:
    actions = actions_of(store, cluster) if found else []
    by_root: dict[str, list[ActionRow]] = {}
    for action in actions:
        by_root.setdefault(action.root, []).append(action)
    return [_line(row, by_root.get(row.root, [])) for row in found]


def _line(row: ListedRow, actions: Sequence[ActionRow]) -> model.IncidentLine:
    before = tried_before(row, actions)
    return model.IncidentLine(
        opened_at=_iso(row.opened_at),
        closed_at=_iso(row.closed_at) if row.closed_at else None,
        domain=row.domain,
        cls=row.cls,
        cause=row.cause,
        impact=row.impact,
        node=row.node,
        gpu=row.gpu,
        nodes_affected=row.nodes_affected,
        episodes=row.episodes,
        signals=row.signals,
        repeat_of=row.repeat_of,
        note=row.note,
        incident_id=row.incident_id,
        state=state_of(row, actions),
        closed_by=row.closed_how,
        action=row.advice,
        reason=row.why,
        element=row.fabric,
        jobs_ended=row.jobs_ended,
        tried_before="; ".join(f"{a.at:%Y-%m-%d} {a.action} {a.words}".strip() for a in before[-3:]),
    )


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
