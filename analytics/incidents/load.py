"""Evidence from the store."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from clusterctl.analytics.incidents.episodes import Signal
from clusterctl.analytics.incidents.evidence import Closing, Evidence, Gap, JobRun, NodeState, Restart
from clusterctl.analytics.query import Query
from clusterctl.clock import to_ms, utc
from clusterctl.store import Param, Reader


@dataclass(frozen=True, slots=True)
class SignalRow:
    """A row of incidents/signals.sql."""

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
    element: str
    job: str

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
            self.element,
            self.job,
        )


@dataclass(frozen=True, slots=True)
class StateRow:
    node: str
    since: datetime
    state: str
    source: str
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class JobRow:
    job_id: str
    owner: str
    nodes: list[str]
    gpus: int
    started: datetime
    ended: datetime | None
    end_state: str
    exit_code: int | None
    wanted_end: int | None

    def run(self) -> JobRun:
        """The row as a run of a job."""
        return JobRun(
            self.job_id,
            self.owner,
            tuple(self.nodes),
            self.gpus,
            to_ms(self.started),
            None if self.ended is None else to_ms(self.ended),
            self.end_state,
            self.exit_code,
            None if self.wanted_end is None else bool(self.wanted_end),
        )


@dataclass(frozen=True, slots=True)
class GapRow:
    node: str
    first: datetime
    until: datetime
    ended: int


@dataclass(frozen=True, slots=True)
class RestartRow:
    node: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ClosingRow:
    root: str
    closed: datetime


SIGNALS = Query("incidents/signals.sql", SignalRow)
STATES = Query("incidents/states.sql", StateRow)
JOBS = Query("incidents/jobs.sql", JobRow)
GAPS = Query("incidents/gaps.sql", GapRow)
RESTARTS = Query("incidents/restarts.sql", RestartRow)
CLOSINGS = Query("incidents/closings.sql", ClosingRow)


BEGINNING_MS = 1_000_000_000_000
"""2001: before any of this. A server hands moments to other servers as numbers, and takes none of fewer than ten digits."""


def moment(at_ms: int) -> datetime:
    """A moment as queries take it; what is before everything is the beginning."""
    return utc(max(BEGINNING_MS, at_ms))


def hosts_param(hosts: Collection[str] | None) -> str:
    """Hosts as the queries take them; None is every host."""
    return "" if hosts is None else json.dumps(sorted(hosts))


def gaps_of(
    store: Reader, cluster: str, hosts: Collection[str] | None, since_ms: int, as_of_ms: int, gap_min: int
) -> list[Gap]:
    """Silences that ended since a moment, or go on."""
    rows = GAPS.run(
        store,
        cluster=cluster,
        hosts=hosts_param(hosts),
        since=moment(since_ms),
        as_of=moment(as_of_ms),
        gap_min=gap_min,
    )
    return [Gap(row.node, to_ms(row.first), to_ms(row.until), bool(row.ended)) for row in rows]


def evidence_of(
    store: Reader, cluster: str, hosts: Collection[str] | None, since_ms: int, as_of_ms: int, gap_min: int
) -> Evidence:
    """What is known of some hosts since a moment; of all, if `hosts` is None. What is dated after `as_of_ms`, announced or by
    a clock that is wrong, has not happened yet."""
    where: dict[str, Param] = {"cluster": cluster, "hosts": hosts_param(hosts), "since": moment(since_ms)}
    signals = [row.signal() for row in SIGNALS.run(store, **where) if to_ms(row.ts) <= as_of_ms]
    states = [
        NodeState(row.node, to_ms(row.since), row.state, row.source, row.reason, row.raw)
        for row in STATES.run(store, cluster=cluster, hosts=where["hosts"])
        if to_ms(row.since) <= as_of_ms
    ]
    gaps = gaps_of(store, cluster, hosts, since_ms, as_of_ms, gap_min)
    spoken = {one.node for same in (signals, states, gaps) for one in same}
    return Evidence(
        cluster,
        tuple(signals),
        tuple(states),
        tuple(row.run() for row in JOBS.run(store, **where, signal_hosts=json.dumps(sorted(spoken)))),
        tuple(gaps),
        tuple(Restart(row.node, to_ms(row.at)) for row in RESTARTS.run(store, **where)),
        tuple(Closing(row.root, to_ms(row.closed)) for row in CLOSINGS.run(store, cluster=cluster)),
    )
