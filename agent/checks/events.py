"""A verdict as an event: bounded, printable, and with the repair that it advises."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from clusterctl.schema.verdict import Action, State

MOST_SUBJECT, MOST_DETAIL = 120, 400
"""Characters in an event; with every one escaped, both still fit `event.fields`."""
LAST_PLAIN = "\uffff"
SEVERITY = {State.OK: "info", State.UNKNOWN: "unknown", State.WARN: "warn", State.FAIL: "fail"}
EVENT_KIND = "check"


@dataclass(frozen=True, slots=True)
class CheckEvent:
    """A verdict on a subject: one that has changed, or one that stands."""

    ts: int
    check: str
    kind: str
    """What the subject is: gpu, link, port, mount or node."""
    subject: str
    """GPU UUID, UUID/link, port or mount; empty for the node."""
    state: State
    detail: str
    action: Action
    gpu_uuid: str = ""
    pci: str = ""


def event_values(event: CheckEvent) -> dict[str, Any]:
    """Columns of an `event` row; the caller adds `source_seq` and `driver_version`."""
    fields = {
        "subject_kind": event.kind,
        "subject": _plain(event.subject, MOST_SUBJECT),
        "detail": _plain(event.detail, MOST_DETAIL),
        "action": event.action.word,
    }
    return {
        "ts": event.ts,
        "last_ts": event.ts,
        "count": 1,
        "kind": EVENT_KIND,
        "code": event.check,
        "severity": SEVERITY[event.state],
        "source": "agent",
        "pci": event.pci,
        "gpu_uuid": event.gpu_uuid,
        "process": "",
        "ts_source": "wall",
        "text": fields["detail"],
        "fields": json.dumps(fields),
    }


def _plain(text: str, most: int) -> str:
    """Bounded and printable; what JSON would escape by more than six characters, or UTF-8 not carry, is a question mark."""
    return "".join(char if char.isprintable() and char <= LAST_PLAIN else "?" for char in text[:most])
