"""Where rows of all parts go: to the outbox, to the checks, and to what people look at on the node."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import msgspec

from clusterctl.agent.checks.events import CheckEvent, event_values
from clusterctl.agent.checks.registry import NodeFacts
from clusterctl.agent.checks.runner import CheckRunner
from clusterctl.agent.facts import Facts
from clusterctl.agent.latest import Latest
from clusterctl.agent.outbox import Outbox
from clusterctl.schema import EVENT, Lane, Table

MAX_GPUS = 64


class Sink:
    """Threads may share it."""

    def __init__(self, outbox: Outbox, checks: CheckRunner, latest: Latest, facts: Facts) -> None:
        self._outbox = outbox
        self._checks = checks
        self._latest = latest
        self._facts = facts
        self._turn = threading.Lock()
        self.events = 0
        """Rows of `event` since the start."""
        self.last_xid: dict[str, int] = {}
        """By GPU."""

    def put(self, table: Table, rows: Sequence[msgspec.Struct]) -> None:
        """Send rows of one table."""
        self._outbox.put(table, rows)
        if table is EVENT:
            self.events += len(rows)
            self._note_xids(rows)
        elif table.lane is Lane.SAMPLES and rows:
            self._latest.note(table, rows)
            with self._turn:
                self._checks.note(table.name, rows)

    def _note_xids(self, rows: Sequence[msgspec.Struct]) -> None:
        for row in rows:
            kind, uuid, code = getattr(row, "kind", ""), getattr(row, "gpu_uuid", ""), getattr(row, "code", "")
            if kind == "xid" and uuid and code.isdigit() and (uuid in self.last_xid or len(self.last_xid) < MAX_GPUS):
                self.last_xid[uuid] = int(code)

    def judge(self, now_ms: int, facts: NodeFacts) -> list[CheckEvent]:
        """Run the checks over what has come; changes have been sent as events when it returns."""
        with self._turn:
            self._checks.facts(facts)
            changes = self._checks.run(now_ms)
        self.put(EVENT, [self._facts.event(**event_values(change)) for change in changes])
        return changes
