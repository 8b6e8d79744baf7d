"""One pass: what was stored since the last one, what it may change, and those incidents computed anew.

The result is that of computing everything from the beginning; tests hold the two against each other. A pass takes the hosts
that something new speaks of, and the hosts that share an incident, a job that ended or a fabric element with them, back to
where the first of their incidents opened. Another catalogue or other windows compute everything anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clusterctl.analytics.incidents.evidence import Rules
from clusterctl.analytics.incidents.incident import ANNOUNCED_TOGETHER_MS, compute
from clusterctl.analytics.incidents.join import ELEMENT
from clusterctl.analytics.incidents.load import evidence_of, gaps_of, hosts_param, moment
from clusterctl.analytics.incidents.rows import SOURCE, judged_rows, rows_of
from clusterctl.analytics.incidents.runs import NODE
from clusterctl.analytics.query import Query
from clusterctl.analytics.rollup import NOW, SETTLE_MS
from clusterctl.analytics.write import current_rows, insert_rows
from clusterctl.catalog import load as load_catalogue
from clusterctl.clock import MS_PER_DAY, MS_PER_MINUTE, to_ms
from clusterctl.config import AnalyticsConfig
from clusterctl.schema import INCIDENT, INCIDENT_JUDGED, INCIDENT_RUN
from clusterctl.store import Store

CODE = 4
"""Raised when the rules of this package change, so that every incident is judged anew."""
BESIDE_MS = 15 * MS_PER_MINUTE
OPENED_SINCE = "opened_at >= {cut:DateTime64(3, 'UTC')}"
NEVER_BACK = "isNull(closed_at) AND class != 'planned' AND isNotNull(service_lost_at) AND isNull(service_back_at)"
WAITING = "isNull(closed_at) AND class != 'planned' AND (isNull(service_lost_at) OR isNotNull(service_back_at))"
"""Open until time alone, or a restart, closes them: at most a quiet time old, and looked at in each pass."""


@dataclass(frozen=True, slots=True)
class DirtyRow:
    host: str
    earliest: datetime


@dataclass(frozen=True, slots=True)
class RunRow:
    rules: str
    settled_at: datetime


@dataclass(frozen=True, slots=True)
class BeforeRow:
    node: str
    element: str
    incident_id: str
    closed: datetime | None


DIRTY = Query("incidents/dirty.sql", DirtyRow)
LINKED = Query("incidents/linked.sql", DirtyRow)
LAST_RUN = Query("incidents/last_run.sql", RunRow)
BEFORE = Query("incidents/before.sql", BeforeRow)


@dataclass(frozen=True, slots=True)
class _Reach:
    """What a pass computes anew: hosts (None: all) from a moment on."""

    hosts: frozenset[str] | None
    cut_ms: int


@dataclass(frozen=True, slots=True)
class _Pass:
    """What one pass works with. `version` is the server's clock when it began: of two passes the later holds."""

    store: Store
    cluster: str
    rules: Rules
    config: AnalyticsConfig
    as_of_ms: int
    version: int

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """The judgements first: the table that reports read is the last that changes."""
        judged = [{**row, "version": self.version} for row in judged_rows(self.cluster, rows)]
        insert_rows(self.store, INCIDENT_JUDGED, judged)
        insert_rows(self.store, INCIDENT, [{**row, "version": self.version} for row in rows])


def rules_of(config: AnalyticsConfig) -> Rules:
    """The configured windows and catalogue. Raises ConfigError when the site's catalogue file cannot be used."""
    return Rules(
        episode_gap_ms=int(config.episode_gap_s * 1_000),
        quiet_ms=int(config.incident_quiet_h * 3_600_000),
        longest_ms=int(config.incident_longest_h * 3_600_000),
        catalogue=load_catalogue(config.catalog_overrides),
    )


def refresh(store: Store, cluster: str, config: AnalyticsConfig, as_of_ms: int) -> int:
    """Bring a cluster's incidents up to date; how many rows changed. Running it again changes nothing."""
    rules = rules_of(config)
    name = _name(rules, config)
    now_ms = NOW.one(store).now_ms
    done = LAST_RUN.run(store, cluster=cluster)
    settled_ms = to_ms(done[0].settled_at) if done and done[0].rules == name else 0
    reach = _reach(store, cluster, settled_ms, as_of_ms, config, rules) if settled_ms else _Reach(None, 0)
    pass_ = _Pass(store, cluster, rules, config, as_of_ms, now_ms)
    changed = 0 if reach is None else _compute(pass_, reach)
    changed += _give_up(pass_)
    run = {"cluster": cluster, "rules": name, "settled_at": max(0, now_ms - SETTLE_MS), "version": now_ms}
    insert_rows(store, INCIDENT_RUN, [run])
    return changed


def _name(rules: Rules, config: AnalyticsConfig) -> str:
    """What the result depends on beside the evidence."""
    windows = [rules.episode_gap_ms, rules.quiet_ms, rules.longest_ms, config.telemetry_gap_min]
    key = json.dumps([CODE, rules.catalogue.version, windows])
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _reach(
    store: Store, cluster: str, settled_ms: int, as_of_ms: int, config: AnalyticsConfig, rules: Rules
) -> _Reach | None:
    """What the rows stored since `settled_ms` may change; None if nothing."""
    found = {
        row.host: to_ms(row.earliest)
        for row in DIRTY.run(store, cluster=cluster, settled=moment(settled_ms))
        if row.host
    }
    for gap in gaps_of(store, cluster, None, max(0, settled_ms - BESIDE_MS), as_of_ms, config.telemetry_gap_min):
        found[gap.node] = min(gap.first_ms, found.get(gap.node, gap.first_ms))
    for row in current_rows(store, INCIDENT, cluster, SOURCE, WAITING):
        for node in [row["node"], *json.loads(row["nodes"] or "[]")]:
            found[node] = min(row["opened_at"], found.get(node, row["opened_at"]))
    found.pop("", None)
    if not found:
        return None
    hosts, cut_ms = frozenset(found), min(found.values()) - BESIDE_MS
    shared = moment(max(0, cut_ms - rules.repeat_ms - rules.quiet_ms))
    while True:
        linked = LINKED.run(
            store,
            cluster=cluster,
            hosts=hosts_param(hosts),
            since=moment(max(0, cut_ms)),
            shared=shared,
            together_ms=ANNOUNCED_TOGETHER_MS,
        )
        wider = hosts | {row.host for row in linked}
        earlier_ms = min([cut_ms] + [to_ms(row.earliest) - BESIDE_MS for row in linked])
        if wider == hosts and earlier_ms == cut_ms:
            return _Reach(hosts, max(0, cut_ms))
        hosts, cut_ms = wider, earlier_ms


def _compute(pass_: _Pass, reach: _Reach) -> int:
    store, cluster, rules = pass_.store, pass_.cluster, pass_.rules
    since_ms = max(0, reach.cut_ms - rules.repeat_ms - MS_PER_DAY)
    evidence = evidence_of(store, cluster, reach.hosts, since_ms, pass_.as_of_ms, pass_.config.telemetry_gap_min)
    found = [incident for incident in compute(evidence, rules) if incident.opened_ms >= reach.cut_ms]
    before = {
        (ELEMENT + row.element if row.element else NODE + row.node): (row.incident_id, to_ms(row.closed))
        for row in BEFORE.run(store, cluster=cluster, cut=moment(reach.cut_ms), since=moment(since_ms))
        if row.closed is not None and (row.node or row.element)
    }
    wanted = {row["incident_id"]: row for row in rows_of(cluster, found, rules, pass_.as_of_ms, before)}
    standing = {
        row["incident_id"]: row
        for row in current_rows(store, INCIDENT, cluster, SOURCE, OPENED_SINCE, cut=moment(reach.cut_ms))
        if _within(row, reach)
    }
    changed = [row for name, row in wanted.items() if name not in standing or _differs(row, standing[name])]
    gone = [{**row, "retired": 1} for name, row in standing.items() if name not in wanted]
    pass_.write([*changed, *gone])
    return len(changed) + len(gone)


def _within(row: Mapping[str, Any], reach: _Reach) -> bool:
    """Whether an incident that stands is of the hosts that were computed anew."""
    if reach.hosts is None:
        return True
    return row["node"] in reach.hosts or any(node in reach.hosts for node in json.loads(row["nodes"] or "[]"))


def _differs(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    return any(new.get(name) != value for name, value in old.items() if name != "version")


def _give_up(pass_: _Pass) -> int:
    """Close what has waited for its node for too long: no incident stays open for ever."""
    closed = []
    for row in current_rows(pass_.store, INCIDENT, pass_.cluster, SOURCE, NEVER_BACK):
        closes_ms = max(row["last_signal_at"] or 0, row["service_lost_at"]) + pass_.rules.longest_ms
        if closes_ms <= pass_.as_of_ms:
            closed.append({**row, "closed_at": closes_ms, "closed_by": "given_up"})
    pass_.write(closed)
    return len(closed)
