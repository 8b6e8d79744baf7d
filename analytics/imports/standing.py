"""What stands about nodes: the last word of each source, and the one that counts, which is the last of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from clusterctl.analytics.imports.node_said import Said
from clusterctl.analytics.imports.node_words import DRAINED, PLANNED, REPAIR, UNKNOWN
from clusterctl.analytics.query import Query
from clusterctl.clock import utc
from clusterctl.store import Store


@dataclass(frozen=True, slots=True)
class StateRow:
    host: str
    source: str
    since: datetime
    state: str
    raw_state: str
    reason: str
    said_by: str
    gpus: int | None


@dataclass(frozen=True, slots=True)
class GpusRow:
    host: str
    gpus: int


STANDING = Query("imports/standing_states.sql", StateRow)
KNOWN_GPUS = Query("imports/known_gpus.sql", GpusRow)


class Standing:
    """The words that stand at a moment."""

    def __init__(self, rows: Sequence[StateRow]) -> None:
        self._own = {(row.host, row.source): row for row in rows}
        self._last: dict[str, StateRow] = {}
        for row in rows:
            if row.host not in self._last or row.since > self._last[row.host].since:
                self._last[row.host] = row

    @classmethod
    def at(cls, store: Store, cluster: str, at_ms: int) -> Standing:
        """As of a moment, itself included."""
        return cls(STANDING.run(store, cluster=cluster, until=utc(at_ms)))

    def own(self, host: str, source: str) -> StateRow | None:
        """The last word of this source."""
        return self._own.get((host, source))

    def of(self, host: str) -> StateRow | None:
        """The word that counts."""
        return self._last.get(host)

    def nodes(self) -> list[StateRow]:
        """The word that counts, for every node, by name."""
        return [self._last[host] for host in sorted(self._last)]

    def listed(self, source: str) -> list[str]:
        """Nodes that a source knows, gone ones left out."""
        return sorted(host for (host, by), row in self._own.items() if by == source and row.raw_state != GONE)

    def resolved(self, said: Said, source: str) -> str:
        """The state to store. What was announced before it began stays planned, whatever another source calls it; a node
        that was broken before is not repaired by a window that opens."""
        other = self.of(said.host)
        if other is None:
            return said.state
        if said.state in (DRAINED, REPAIR) and other.state == PLANNED and other.source != source:
            return PLANNED
        return REPAIR if said.state == PLANNED and other.state == REPAIR else said.state

    def is_news(self, said: Said, source: str) -> bool:
        """Whether the source says something else than it did, or knows a node that has become unknown."""
        own, last = self.own(said.host, source), self.of(said.host)
        if own is None or (own.raw_state, own.reason) != (said.raw_state, said.reason):
            return True
        if said.gpus is not None and own.gpus != said.gpus:
            return True
        return last is not None and last.source != source and last.state == UNKNOWN and said.state != UNKNOWN


GONE = "left the listing"
"""raw_state of a node that its source does not list any more."""


def known_gpus(store: Store, cluster: str) -> dict[str, int]:
    """GPUs of nodes, as agents or an inventory know them."""
    return {row.host: row.gpus for row in KNOWN_GPUS.run(store, cluster=cluster)}
