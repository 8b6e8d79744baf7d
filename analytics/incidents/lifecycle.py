"""The life of an incident: open, acknowledged, in repair, closed, reopened; from evidence and from what people did."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clusterctl.analytics.incidents.join import ELEMENT
from clusterctl.analytics.incidents.load import moment
from clusterctl.analytics.incidents.runs import NODE
from clusterctl.analytics.query import Query
from clusterctl.analytics.write import insert_rows
from clusterctl.clock import to_ms, utc
from clusterctl.errors import InputError
from clusterctl.schema import INCIDENT_ACTION
from clusterctl.schema.field import LATEST_MS
from clusterctl.store import Reader, Store

ACK, REPAIR, CLOSE, REOPEN, NOTE = "ack", "repair", "close", "reopen", "note"
OPEN, ACKNOWLEDGED, IN_REPAIR, CLOSED, REOPENED = "open", "acknowledged", "in repair", "closed", "reopened"
_STATES = {ACK: ACKNOWLEDGED, REPAIR: IN_REPAIR, REOPEN: REOPENED}
LISTED = 10_000
SHOWN = 200
ROOT_CHARS = 4_096
LEAST_PREFIX = 4
"""Fewer characters of an id are more likely a slip than a choice."""


@dataclass(frozen=True, slots=True)
class ListedRow:
    """One incident with everything that is known of it."""

    cluster: str
    incident_id: str
    source: str
    domain: str
    cls: str
    cause: str
    impact: str
    opened_at: datetime
    closed_at: datetime | None
    node: str
    fabric: str
    gpu: str
    node_names: str
    nodes_affected: int
    job_names: str
    jobs_ended: int | None
    nodes_out: int | None
    episodes: int
    signals: int
    repeat_of: str
    lines: str
    closed_how: str
    advice: str
    why: str
    last_signal: datetime | None
    lost_at: datetime | None
    back_at: datetime | None
    catalog_version: str
    driver: str
    note: str
    pressing: int
    """1 if it is open and needs somebody: no planned work, no user's own program, no degradation."""

    @property
    def root(self) -> str:
        """What later incidents repeat, and what people's actions are about."""
        return ELEMENT + self.fabric if self.fabric else NODE + self.node if self.node else ""

    @property
    def where(self) -> str:
        """The root for people."""
        if self.fabric:
            return self.fabric
        names = json.loads(self.node_names)
        return self.node or ", ".join(names[:3]) + (" …" if len(names) > 3 else "")


@dataclass(frozen=True, slots=True)
class ClusterRow:
    cluster: str


@dataclass(frozen=True, slots=True)
class ActionRow:
    incident_id: str
    at: datetime
    action: str
    said_by: str
    root: str
    words: str


@dataclass(frozen=True, slots=True)
class TimelineRow:
    at: datetime
    node: str
    what: str
    words: str
    times: int


@dataclass(frozen=True, slots=True)
class ComparedRow:
    incident_id: str
    opened: datetime
    root: str
    old_cause: str
    old_class: str
    old_impact: str
    new_cause: str
    new_class: str
    new_impact: str


@dataclass(frozen=True, slots=True)
class VersionRow:
    catalog_version: str
    incidents: int
    last_judged: datetime


CLUSTERS = Query("incidents/clusters.sql", ClusterRow)
LIST = Query("incidents/list.sql", ListedRow)
ACTIONS = Query("incidents/actions.sql", ActionRow)
TIMELINE = Query("incidents/timeline.sql", TimelineRow)
COMPARED = Query("incidents/compared.sql", ComparedRow)
VERSIONS = Query("incidents/versions.sql", VersionRow)


def listed(
    store: Reader,
    cluster: str = "",
    *,
    name: str = "",
    node: str = "",
    since_ms: int = 0,
    until_ms: int = LATEST_MS,
    open_only: bool = False,
    pressing_only: bool = False,
    top: int = LISTED,
) -> list[ListedRow]:
    """Incidents that match, the newest first; the one whose id is `name` before those whose ids begin so."""
    return LIST.run(
        store,
        cluster=cluster,
        name=name,
        node=node,
        since=moment(since_ms),
        until=utc(until_ms),
        open_only=int(open_only),
        pressing_only=int(pressing_only),
        top=top,
    )


def is_known(store: Reader, cluster: str) -> bool:
    """Whether anything at all is known of a cluster, or of any if none is named: without that, no incident proves nothing."""
    known = {row.cluster for row in CLUSTERS.run(store)}
    return (cluster in known if cluster else bool(known)) or bool(listed(store, cluster, top=1))


def named(store: Reader, cluster: str, name: str) -> ListedRow:
    """The one incident with this id, of whatever characters, else the one whose id begins so. Raises InputError if none
    does, or several do."""
    found = listed(store, cluster, name=_storable(name), top=2) if name else []
    whole = [row for row in found if row.incident_id == name]
    if len(whole) == 1:
        return whole[0]
    if len(name) < LEAST_PREFIX:
        raise InputError(f"{name!r} is no incident id", hint="give at least four of its characters; see incidents list")
    if len(found) != 1:
        many = "none" if not found else "several"
        hint = "more than one cluster has it; say which with --cluster" if whole else "incidents list shows their ids"
        raise InputError(f"{many} of the incidents begins with {name!r}", hint=hint)
    return found[0]


def _storable(text: str) -> str:
    """The text, if a store can hold it. Raises InputError for bytes that are no text, as a terminal may send them."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{text[:SHOWN]!r} is no text", hint="it has bytes that are not UTF-8") from error
    return text


def state_now(store: Reader, incident: ListedRow) -> str:
    """Its state as the store has it; empty if it no longer follows from the evidence."""
    same = listed(store, incident.cluster, name=incident.incident_id, top=1)
    if not same or same[0].incident_id != incident.incident_id:
        return ""
    return state_of(same[0], actions_of(store, incident.cluster, name=incident.incident_id))


def actions_of(store: Reader, cluster: str, *, name: str = "", root: str = "") -> list[ActionRow]:
    """What people did about one incident, or on one root, in order of time."""
    return ACTIONS.run(store, cluster=cluster, name=name, root=root, top=LISTED)


def state_of(incident: ListedRow, actions: Sequence[ActionRow]) -> str:
    """Its state: closed by evidence or by a person; else what was last said of it; else in repair while its node is out
    of service, else open."""
    if incident.closed_at is not None:
        return CLOSED
    said = [_STATES[row.action] for row in actions if row.action in _STATES and row.incident_id == incident.incident_id]
    if said:
        return said[-1]
    return IN_REPAIR if incident.lost_at is not None and incident.back_at is None else OPEN


def tried_before(incident: ListedRow, actions: Sequence[ActionRow]) -> list[ActionRow]:
    """What people did about earlier incidents of the same root."""
    return [row for row in actions if row.incident_id != incident.incident_id and row.at < incident.opened_at]


def timeline(store: Reader, incident: ListedRow, now_ms: int) -> list[TimelineRow]:
    """What happened on its nodes from ten minutes before it opened until an hour after its last word."""
    until = incident.closed_at or incident.last_signal or incident.opened_at
    return TIMELINE.run(
        store,
        cluster=incident.cluster,
        hosts=incident.node_names if incident.node_names != "[]" else json.dumps([incident.node]),
        since=utc(to_ms(incident.opened_at) - 600_000),
        until=utc(min(now_ms, to_ms(until) + 3_600_000)),
        top=SHOWN,
    )


def act(store: Store, incident: ListedRow, action: str, by: str, text: str, now_ms: int) -> None:
    """Note what a person did. Raises InputError where it makes no sense."""
    if incident.source != "events" and action in (CLOSE, REOPEN):
        raise InputError("an imported incident is closed by its file", hint="import the file again with closed_at")
    if action == CLOSE and incident.closed_at is not None:
        raise InputError(f"{incident.incident_id} is closed already, by {incident.closed_how or 'its import'}")
    if action == REOPEN and incident.closed_how != "operator":
        raise InputError(
            f"{incident.incident_id} was not closed by a person",
            hint="what is closed by evidence opens again as a repeat when its root shows something new",
        )
    row: dict[str, Any] = {
        "cluster": incident.cluster,
        "incident_id": incident.incident_id,
        "at": now_ms,
        "action": action,
        "said_by": _storable(by)[:256],
        "node": incident.root[:256],
        "text": _storable(text)[:ROOT_CHARS],
        "version": now_ms,
    }
    insert_rows(store, INCIDENT_ACTION, [row])
