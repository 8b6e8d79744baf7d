"""Closed hours and days, computed whole from their source and replaced whole (docs/rollups.md, docs/decisions/017).

A pass does what is due: periods that closed since the last pass, and the hosts that had late rows in older ones. The order
makes it safe to kill, and to run twice: rows first, then what they make stale is taken back, then the note that the period
is done, and the pass's own note last. A greater version replaces; the version is the server's clock before it was read.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from clusterctl.analytics.query import Query, Row, sql_text
from clusterctl.analytics.write import insert_rows
from clusterctl.clock import MS_PER_DAY, MS_PER_MINUTE, MS_PER_S, to_ms, utc
from clusterctl.config import AnalyticsConfig, Config
from clusterctl.schema import PRESENCE, ROLLUP_RUN
from clusterctl.store import Param, Store

SETTLE_MS = 120 * MS_PER_S
"""How long an insert may take from the moment that it is stamped with to the moment that its rows can be read."""
MS_PER_HOUR = 60 * MS_PER_MINUTE
CHUNK_ROWS, CHUNK_HOSTS = 500_000, 350
"""One statement takes so many rows at most, or one host: what bounds memory, and how long others wait for the engine."""
PERIOD, PASS = "period", "pass"
Told = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Rollup:
    """A table of hours or days, the table that it is computed from, and what tells its devices apart."""

    name: str
    source: str
    period: str
    step_ms: int
    device: str = ""
    of_cluster: str = ""
    """A table of whole clusters that goes with it."""
    touched: bool = False
    """Whether other tables than its source decide too which periods and hosts are due (the view kpi_touched)."""


ROLLUPS = (
    Rollup("gpu_hour", "gpu_sample", "hour", MS_PER_HOUR, device="gpu_uuid"),
    Rollup("nic_hour", "nic_sample", "hour", MS_PER_HOUR, device="port"),
    Rollup("kpi_day", "presence", "day", MS_PER_DAY, of_cluster="cluster_day", touched=True),
    Rollup("batch_day", "sample_batch", "day", MS_PER_DAY),
)


@dataclass(frozen=True, slots=True)
class PeriodRow:
    number: int


@dataclass(frozen=True, slots=True)
class HostRow:
    cluster: str
    host: str
    rows: int


@dataclass(frozen=True, slots=True)
class NextRow:
    host: str
    next: datetime


@dataclass(frozen=True, slots=True)
class RunRow:
    scope: str
    period: datetime
    until: datetime
    settled_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class OldestRow:
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class NowRow:
    now_ms: int


NOW = Query("rollups/now.sql", NowRow)
RUNS = Query("rollups/runs.sql", RunRow)
PERIODS = Query("rollups/periods.sql", PeriodRow)
HOSTS = Query("rollups/hosts.sql", HostRow)
PERIODS_TOUCHED = Query("rollups/periods_touched.sql", PeriodRow)
HOSTS_TOUCHED = Query("rollups/hosts_touched.sql", HostRow)
ROLLED_HOSTS = Query("rollups/rolled_hosts.sql", HostRow)
NEXT = Query("rollups/next.sql", NextRow)
ROLLED_PERIODS = Query("rollups/rolled_periods.sql", PeriodRow)
OLDEST = Query("rollups/oldest.sql", OldestRow)
OLDEST_TOUCHED = Query("rollups/oldest_touched.sql", OldestRow)


@dataclass(frozen=True, slots=True)
class Done:
    """What a pass over one rollup did."""

    rollup: str
    periods: int
    host_periods: int
    rows_read: int
    took_s: float


def refresh(
    store: Store,
    config: AnalyticsConfig,
    *,
    now_ms: int | None = None,
    told: Told | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> list[Done]:
    """Do what is due in every rollup; the next pass goes on where `stop` ended this one. `now_ms` is the server's clock
    unless a test sets it."""
    now = NOW.one(store).now_ms if now_ms is None else now_ms
    return [_Pass(store, rollup, config, now, told).due(stop) for rollup in ROLLUPS]


def catch_up(store: Store, config: AnalyticsConfig) -> Done:
    """Compute the rolled-up days again that states and jobs came into late: what an import does, so that the next report has
    it. A pass that is due anyway is left to whoever makes passes."""
    now = NOW.one(store).now_ms
    rollup = next(one for one in ROLLUPS if one.touched)
    return _Pass(store, rollup, config, now, None).late()


def recompute(
    store: Store,
    config: Config,
    since_ms: int,
    until_ms: int,
    *,
    now_ms: int | None = None,
    told: Told | None = None,
) -> list[Done]:
    """Compute the closed hours and days that lie in a window again, whether anything is due or not, and take back rows
    that do not follow any more. Periods from before the oldest sample, or from before store.raw_days, stay as they are:
    that is what rollups are kept for."""
    now = NOW.one(store).now_ms if now_ms is None else now_ms
    kept_since_ms = now - config.store.raw_days * MS_PER_DAY
    done = []
    for rollup in ROLLUPS:
        oldest = OLDEST_TOUCHED.one(store).oldest if rollup.touched else OLDEST.one(store, source=rollup.source).oldest
        first_ms = max(since_ms, to_ms(oldest) // rollup.step_ms * rollup.step_ms if oldest else until_ms)
        if rollup.source != PRESENCE.name:
            first_ms = max(first_ms, kept_since_ms)
        done.append(_Pass(store, rollup, config.analytics, now, told).again(first_ms, until_ms))
    return done


class _Pass:
    """One pass over one rollup."""

    def __init__(self, store: Store, rollup: Rollup, config: AnalyticsConfig, now_ms: int, told: Told | None) -> None:
        self._store = store
        self._rollup = rollup
        self._told = told or (lambda _text, _share: None)
        self._began_s = time.monotonic()
        runs = RUNS.run(store, rollup=rollup.name)
        mark = next((run for run in runs if run.scope == PASS), None)
        self._known = {to_ms(run.period): run for run in runs if run.scope == PERIOD}
        self._closed_before_ms = to_ms(mark.until) if mark else 0
        self._settled_ms = to_ms(mark.settled_at) if mark else 0
        self._closed_ms = (now_ms - round(config.late_bound_min * MS_PER_MINUTE)) // rollup.step_ms * rollup.step_ms
        self._version = max(now_ms, mark.version + 1 if mark else 0)
        self._done = Done(rollup.name, 0, 0, 0, 0.0)
        self._there = HOSTS_TOUCHED if rollup.touched else HOSTS

    def due(self, stop: Callable[[], bool]) -> Done:
        """Periods that closed since the last pass, and older ones that late rows came into."""
        before = min(self._closed_before_ms, self._closed_ms)
        new = self._periods(before, self._closed_ms, 0)
        late = self._periods(0, before, self._settled_ms) if before else []
        for at, period_ms in self._counted([*late, *new]):
            if stop():
                return self._finished()
            self._told(f"{self._rollup.name} {utc(period_ms):%Y-%m-%d %H:%M}", at)
            run = self._known.get(period_ms)
            hosts = self._hosts(self._there, period_ms, to_ms(run.settled_at) if run else 0)
            self._period(period_ms, hosts)
        self._note(PASS, 0, max(self._closed_ms, self._closed_before_ms), self._done.host_periods)
        return self._finished()

    def late(self) -> Done:
        """Periods of earlier passes that rows came into since. The pass's own mark stays where it is."""
        for period_ms in self._periods(0, self._closed_before_ms, self._settled_ms) if self._closed_before_ms else []:
            run = self._known.get(period_ms)
            self._period(period_ms, self._hosts(self._there, period_ms, to_ms(run.settled_at) if run else 0))
        return self._finished()

    def again(self, since_ms: int, until_ms: int) -> Done:
        """Closed periods within the window, whole."""
        step = self._rollup.step_ms
        first = -(-since_ms // step) * step
        last = max(first, min(until_ms // step * step, self._closed_ms))
        rolled = ROLLED_PERIODS.run(
            self._store,
            rollup=self._rollup.name,
            period=self._rollup.period,
            step_ms=step,
            since=utc(first),
            until=utc(last),
        )
        periods = sorted({*self._periods(first, last, 0), *(row.number * step for row in rolled)})
        for at, period_ms in self._counted(periods):
            self._told(f"{self._rollup.name} {utc(period_ms):%Y-%m-%d %H:%M}", at)
            hosts = self._hosts(self._there, period_ms, 0)
            there = {(row.cluster, row.host) for row in hosts}
            gone = [row for row in self._hosts(ROLLED_HOSTS, period_ms, 0) if (row.cluster, row.host) not in there]
            self._period(period_ms, [*hosts, *gone])
        return self._finished()

    def _counted(self, periods: Sequence[int]) -> Iterator[tuple[float, int]]:
        for index, period_ms in enumerate(periods):
            yield index / len(periods), period_ms

    def _finished(self) -> Done:
        return replace(self._done, took_s=time.monotonic() - self._began_s)

    def _periods(self, since_ms: int, until_ms: int, stored_since_ms: int) -> list[int]:
        """Starts of the periods with rows stored since a moment, oldest first."""
        given: dict[str, Param] = {
            "source": self._rollup.source,
            "step_ms": self._rollup.step_ms,
            "since": utc(since_ms),
            "until": utc(max(since_ms, until_ms)),
            "stored_since": utc(stored_since_ms),
        }
        rows = self._asked(PERIODS_TOUCHED if self._rollup.touched else PERIODS, given)
        return [row.number * self._rollup.step_ms for row in rows]

    def _hosts(self, query: Query[HostRow], period_ms: int, stored_since_ms: int) -> list[HostRow]:
        given: dict[str, Param] = {
            "source": self._rollup.source,
            "rollup": self._rollup.name,
            "period": self._rollup.period,
            "stored_since": utc(stored_since_ms),
            **self._window(period_ms),
        }
        return self._asked(query, given)

    def _asked(self, query: Query[Row], given: Mapping[str, Param]) -> list[Row]:
        return query.run(self._store, **{name: given[name] for name in query.parameters()})

    def _window(self, period_ms: int) -> dict[str, Param]:
        return {"since": utc(period_ms), "until": utc(period_ms + self._rollup.step_ms)}

    def _period(self, period_ms: int, hosts: Sequence[HostRow]) -> None:
        """Compute these hosts of a period, then the hours whose first step starts in it, then note it as done."""
        if not hosts:
            return
        for cluster, chunk in _chunks(hosts):
            self._chunk(period_ms, cluster, chunk)
            for next_ms, followers in self._followers(period_ms, cluster, chunk):
                self._chunk(next_ms, cluster, followers)
        if self._rollup.of_cluster:
            for cluster in dict.fromkeys(row.cluster for row in hosts):
                params = {"cluster": cluster, "version": self._version, **self._window(period_ms)}
                self._store.execute(sql_text(f"rollups/{self._rollup.of_cluster}.sql"), params)
        self._note(PERIOD, period_ms, period_ms + self._rollup.step_ms, len(hosts))
        self._done = replace(
            self._done,
            periods=self._done.periods + 1,
            host_periods=self._done.host_periods + len(hosts),
            rows_read=self._done.rows_read + sum(row.rows for row in hosts),
        )

    def _chunk(self, period_ms: int, cluster: str, hosts: Sequence[str]) -> None:
        given: dict[str, Param] = {"cluster": cluster, "hosts": json.dumps(list(hosts)), "version": self._version}
        window = self._window(period_ms)
        self._store.execute(sql_text(f"rollups/{self._rollup.name}.sql"), {**given, **window})
        stale: dict[str, Param] = {"rollup": self._rollup.name, "period": self._rollup.period, "since": window["since"]}
        self._store.execute(sql_text("rollups/retire.sql"), {**given, **stale})

    def _followers(self, period_ms: int, cluster: str, hosts: Sequence[str]) -> list[tuple[int, list[str]]]:
        """Hours already computed that go on from this one, with the hosts to compute there again."""
        if not self._rollup.device:
            return []
        rows = NEXT.run(
            self._store,
            rollup=self._rollup.name,
            device=self._rollup.device,
            cluster=cluster,
            hosts=json.dumps(list(hosts)),
            since=utc(period_ms),
        )
        return [(to_ms(moment), [row.host for row in same]) for moment, same in groupby(rows, key=lambda row: row.next)]

    def _note(self, scope: str, period_ms: int, until_ms: int, hosts: int) -> None:
        took_ms = round((time.monotonic() - self._began_s) * MS_PER_S)
        insert_rows(
            self._store,
            ROLLUP_RUN,
            [
                {
                    "rollup": self._rollup.name,
                    "scope": scope,
                    "period": period_ms,
                    "until": until_ms,
                    "settled_at": max(0, self._version - SETTLE_MS),
                    "hosts": hosts,
                    "took_ms": took_ms,
                    "version": self._version,
                }
            ],
        )


def _chunks(hosts: Sequence[HostRow]) -> Iterator[tuple[str, list[str]]]:
    """Hosts of one cluster that one statement takes together."""
    for cluster, same in groupby(sorted(hosts, key=lambda row: (row.cluster, row.host)), key=lambda row: row.cluster):
        chunk: list[str] = []
        rows = 0
        for row in same:
            if chunk and (rows + row.rows > CHUNK_ROWS or len(chunk) == CHUNK_HOSTS):
                yield cluster, chunk
                chunk, rows = [], 0
            chunk.append(row.host)
            rows += row.rows
        yield cluster, chunk
