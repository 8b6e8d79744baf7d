"""Stage 2: episodes become incidents, judged by the catalogue. Pure but for `refresh`; the rules are in docs/kpi.md."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import groupby
from typing import Any

from clusterctl.analytics.episodes import Episode, Signal, episodes
from clusterctl.analytics.query import Query
from clusterctl.analytics.write import replace_source
from clusterctl.catalog import Catalogue, Fields, Weight, class_of, fields_in, load, shipped, weight_of
from clusterctl.clock import MS_PER_DAY, to_ms
from clusterctl.config import AnalyticsConfig
from clusterctl.schema import INCIDENT
from clusterctl.store import Store

SOURCE = "events"
REPEAT_WITHIN_MS = 7 * MS_PER_DAY
EVIDENCE_LINES = 10


@dataclass
class Incident:
    """Episodes of one node that belong together."""

    node: str
    episodes: list[Episode]
    catalogue: Catalogue = field(default_factory=shipped)

    @property
    def first_ms(self) -> int:
        return self.episodes[0].first_ms

    @property
    def last_ms(self) -> int:
        return max(episode.last_ms for episode in self.episodes)

    @cached_property
    def _decided(self) -> tuple[Episode, Weight, Fields]:
        """Asked for only when the incident is whole; every episode is then weighed once."""
        weighed = [(episode, *_judged(episode, self.catalogue)) for episode in self.episodes]
        return max(weighed, key=lambda item: (item[1], -item[0].first_ms))

    @property
    def decisive(self) -> Episode:
        """The weightiest episode, the first of equals: it names cause and class."""
        return self._decided[0]

    @property
    def weight(self) -> Weight:
        return self._decided[1]

    @property
    def impact(self) -> str:
        """A degradation goes on its own line; everything weightier, and a program's doing, is an incident."""
        return "degradation" if self.weight is Weight.DEGRADATION else "fault"

    @property
    def incident_class(self) -> str:
        """A conditional code blames nobody until a second sign is there."""
        if self.weight is Weight.CONDITIONAL:
            return "unknown"
        decisive, _, fields = self._decided
        return class_of(decisive.kind, decisive.code, decisive.driver_version, fields, self.catalogue)

    def identity(self, cluster: str) -> str:
        """Stable while the first episode is."""
        first = self.episodes[0]
        key = json.dumps([cluster, self.node, first.first_ms, first.device, first.kind, first.code])
        return hashlib.sha256(key.encode()).hexdigest()[:16]


def _judged(episode: Episode, catalogue: Catalogue) -> tuple[Weight, Fields]:
    """An episode's weight and the fields that gave it; where words decide, its weightiest line speaks."""

    def weight(fields: Fields) -> Weight:
        return weight_of(episode.kind, episode.code, episode.severity, episode.driver_version, fields, catalogue)

    return max(
        ((weight(fields), fields) for fields in map(fields_in, episode.lines or ("",))), key=lambda pair: pair[0]
    )


def incidents(found: Sequence[Episode], quiet_ms: int, catalogue: Catalogue | None = None) -> list[Incident]:
    """Incidents by node. An episode joins while the incident is open, that is until `quiet_ms` pass without one; a code
    that says nothing by itself joins what is open and opens nothing."""
    by_node = sorted(found, key=lambda e: (e.node, e.first_ms, e.device, e.kind, e.code))
    return [
        incident
        for node, same in groupby(by_node, key=lambda e: e.node)
        for incident in _of_node(node, list(same), quiet_ms, catalogue or shipped())
    ]


def _of_node(node: str, found: list[Episode], quiet_ms: int, catalogue: Catalogue) -> Iterator[Incident]:
    current: Incident | None = None
    for episode in found:
        if current and episode.first_ms - current.last_ms <= quiet_ms:
            current.episodes.append(episode)
        elif _judged(episode, catalogue)[0] is not Weight.NONE:
            if current:
                yield current
            current = Incident(node, [episode], catalogue)
    if current:
        yield current


def rows(cluster: str, found: Sequence[Incident], quiet_ms: int, as_of_ms: int) -> list[dict[str, Any]]:
    """Incidents as rows of the `incident` table."""
    written = []
    previous: dict[str, tuple[str, int]] = {}
    for incident in found:
        name = incident.identity(cluster)
        closed = incident.last_ms + quiet_ms
        before, before_closed = previous.get(incident.node, ("", 0))
        repeat = before if before and incident.first_ms - before_closed <= REPEAT_WITHIN_MS else ""
        previous[incident.node] = (name, closed)
        decisive = incident.decisive
        written.append(
            {
                "cluster": cluster,
                "incident_id": name,
                "source": SOURCE,
                "class": incident.incident_class,
                "cause": f"{'XID' if decisive.kind == 'xid' else decisive.kind.upper()} {decisive.code}".strip(),
                "category": "",
                "impact": incident.impact,
                "count": 1,
                "opened_at": incident.first_ms,
                "dated": 1,
                "node": incident.node,
                "gpu": decisive.device,
                "repeat_of": repeat,
                "nodes_affected": 1,
                "episodes": len(incident.episodes),
                "signals": sum(e.signals for e in incident.episodes),
                "evidence": json.dumps([e.text[:400] for e in incident.episodes[:EVIDENCE_LINES]]),
                "catalog_version": incident.catalogue.version,
                "note": "",
                "retired": 0,
                "closed_at": closed if closed <= as_of_ms else None,
                "period_until": None,
            }
        )
    return written


@dataclass(frozen=True, slots=True)
class SignalRow:
    """A row of reports/signals.sql."""

    host: str
    source: str
    device: str
    kind: str
    code: str
    severity: str
    ts: datetime
    last_ts: datetime
    count: int
    boot_id: str
    text: str
    driver_version: str

    def signal(self) -> Signal:
        """The row as a signal, its times in milliseconds."""
        return Signal(
            self.host,
            self.device,
            self.kind,
            self.code,
            self.severity,
            to_ms(self.ts),
            to_ms(self.last_ts),
            self.count,
            self.text,
            self.source,
            self.driver_version,
        )


SIGNALS = Query("reports/signals.sql", SignalRow)


def refresh(store: Store, cluster: str, config: AnalyticsConfig, as_of_ms: int) -> int:
    """Recompute a cluster's incidents from its events; how many rows changed. Running it again changes nothing.

    Raises ConfigError when the site's catalogue file cannot be used."""
    quiet_ms = int(config.incident_quiet_h * 3_600_000)
    signals = [row.signal() for row in SIGNALS.run(store, cluster=cluster)]
    catalogue = load(config.catalog_overrides)
    found = incidents(episodes(signals, int(config.episode_gap_s * 1_000)), quiet_ms, catalogue)
    change = replace_source(store, INCIDENT, cluster, SOURCE, rows(cluster, found, quiet_ms, as_of_ms), as_of_ms)
    return change.written + change.retired
