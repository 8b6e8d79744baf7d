"""Slow GPUs, ports, nodes and jobs of a cluster, kept in `slow_finding`. Running it again changes nothing but what lasts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clusterctl.analytics.slow import questions
from clusterctl.analytics.slow.detect import Found, Group, Rules, detect, own_past
from clusterctl.analytics.slow.evidence import baselines_of, held_back, row_of
from clusterctl.analytics.slow.groups import ALONE, CROWD, Untold, gpu_groups, port_groups
from clusterctl.analytics.slow.jobs import WHOLE_NODES, Job, holders, jobs_of, looked_at
from clusterctl.analytics.slow.keep import merged
from clusterctl.analytics.slow.loss import with_loss
from clusterctl.analytics.slow.metrics import GPU_METRICS, JOB, PORT_METRICS, STEP_TIME
from clusterctl.analytics.slow.nodes import by_node
from clusterctl.analytics.slow.series import Series, Window, gpus, ports
from clusterctl.analytics.write import insert_rows
from clusterctl.clock import MS_PER_MINUTE, MS_PER_S, to_ms, utc
from clusterctl.config import AnalyticsConfig
from clusterctl.schema import ROLLUP_RUN, SLOW_FINDING
from clusterctl.store import Store

NAME, PASS = "slow_finding", "pass"
SETTLE_MS = 60 * MS_PER_S
"""A minute is looked at when it has been over for so long: what agents hold back to send together is in."""
RAW_MS = 180 * MS_PER_MINUTE
"""How far back samples that are not rolled up are looked through for suspects."""
SUSPECT_SHARE = 0.3
"""An hour is suspect that is this share of the least slowness slow: twenty minutes of it."""
USUAL_GPUS = 8
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a pass over one cluster did, and what it could not tell of how many units."""

    cluster: str
    changed: int
    compared: int
    untold: dict[str, int]


def refresh(store: Store, config: AnalyticsConfig, now_ms: int) -> int:
    """Look again if the last pass is older than `slow_period_s`; how many rows changed."""
    passed = {row.rollup: row for row in questions.PASSED.run(store)}
    mark = passed.get(NAME)
    if mark is not None and 0 <= now_ms - mark.at_ms < config.slow_period_s * MS_PER_S:
        return 0
    return sum(outcome.changed for outcome in look(store, config, now_ms))


def look(store: Store, config: AnalyticsConfig, now_ms: int) -> list[Outcome]:
    """Look at every cluster now, whenever the last pass was."""
    minutes = max(1, round(config.slow_window_h * 60))
    until_ms = (now_ms - SETTLE_MS) // MS_PER_MINUTE * MS_PER_MINUTE
    since_ms = max(0, until_ms - minutes * MS_PER_MINUTE)
    done = [
        _Search(store, config, Window(row.cluster, since_ms, minutes), now_ms).run()
        for row in questions.CLUSTERS.run(store)
    ]
    note = {"rollup": NAME, "scope": PASS, "period": 0, "until": until_ms, "settled_at": since_ms, "hosts": 0}
    insert_rows(store, ROLLUP_RUN, [{**note, "took_ms": 0, "version": now_ms}])
    return done


class _Search:
    """One pass over one cluster."""

    def __init__(self, store: Store, config: AnalyticsConfig, window: Window, now_ms: int) -> None:
        self._store, self._config, self._window, self._now_ms = store, config, window, now_ms
        rows = questions.JOBS.run(store, **window.params())
        self._jobs = jobs_of(rows, window.since_ms, window.minutes)
        self._standing = questions.STANDING.run(store, **window.params())
        self._baselines = baselines_of(self._standing)
        self._held = holders(self._jobs)
        self._untold = Untold()
        self._compared = 0
        self._looked: set[tuple[str, str]] = set()
        self._rules = Rules(
            ratio=config.slow_ratio,
            min_minutes=max(1, round(config.slow_min_s / 60)),
            min_peers=config.slow_peers_count,
            false_alarm=config.slow_false_alarm_ratio,
            comparisons=self._comparisons(),
        )

    def _comparisons(self) -> int:
        """Of all units under jobs, looked at closely or not: choosing whom to look at is a look."""
        nodes = sum(len(job.spans) for job in self._jobs)
        devices = sum(job.gpus or USUAL_GPUS * len(job.spans) for job in self._jobs)
        return max(1, devices * len(GPU_METRICS) + USUAL_GPUS * nodes * len(PORT_METRICS) + len(self._jobs))

    def run(self) -> Outcome:
        """Find, keep, write."""
        fresh = [row for job in self._peered() for row in self._of_job(job)]
        fresh += self._of_steps()
        counted = with_loss(fresh, {job.job_id: job.gpus for job in self._jobs}, self._now_ms)
        rows = merged(counted, self._seen_again(), self._window.cluster, self._window.since_ms)
        insert_rows(self._store, SLOW_FINDING, [{**row, "version": self._now_ms} for row in rows])
        return Outcome(self._window.cluster, len(rows), self._compared, dict(self._untold.counts))

    def _seen_again(self) -> list[questions.StandingRow]:
        """Findings that this pass can say something about: their node was looked at, or their job is gone."""
        known = {(job.job_id, host) for job in self._jobs for host in job.spans}
        at = [(row, (row.job_id, row.host)) for row in self._standing]
        return [row for row, place in at if row.subject_kind == JOB or place in self._looked or place not in known]

    def _peered(self) -> list[tuple[Job, list[str]]]:
        """Jobs with the nodes to read."""
        jobs = [job for job in self._jobs if len(job.spans) > 1]
        self._untold.add(ALONE, sum(job.gpus for job in self._jobs if len(job.spans) == 1))
        whole = sum(len(job.spans) for job in jobs) <= WHOLE_NODES
        suspects = {} if whole else self._suspects()
        chosen = [(job, looked_at(job, None if whole else suspects.get(job.job_id, []))) for job in jobs]
        self._untold.add(CROWD, sum((len(job.spans) - len(hosts)) * USUAL_GPUS for job, hosts in chosen))
        return [(job, hosts) for job, hosts in chosen if hosts]

    def _suspects(self) -> dict[str, list[str]]:
        """Suspect nodes by job, those that stand as slow first, so that they can be found well again."""
        passed = {row.rollup: row for row in questions.PASSED.run(self._store)}
        rolled_ms = to_ms(passed["gpu_hour"].until) if "gpu_hour" in passed else 0
        rolled_ms = min(self._window.until_ms, max(rolled_ms, self._window.until_ms - RAW_MS))
        given = {**self._window.params(), "suspect_ratio": SUSPECT_SHARE * self._config.slow_ratio}
        rows = [
            *questions.GPU_SUSPECTS.run(self._store, rolled_until=utc(rolled_ms), **given),
            *questions.PORT_SUSPECTS.run(self._store, **given),
        ]
        found: dict[str, list[str]] = {}
        for job_id, host in [(row.job_id, row.host) for row in self._standing if row.subject_kind != JOB] + [
            (row.job_id, row.host) for row in sorted(rows, key=lambda row: (-row.score, row.job_id, row.host))
        ]:
            hosts = found.setdefault(job_id, [])
            if host not in hosts:
                hosts.append(host)
        return found

    def _of_job(self, chosen: tuple[Job, list[str]]) -> list[Row]:
        job, hosts = chosen
        self._looked |= {(job.job_id, host) for host in hosts}
        series = [one for one in gpus(self._store, self._window, hosts) if one.job_id == job.job_id]
        kinds = questions.GPU_KINDS.run(self._store, **self._hosts(hosts))
        known = {(kind.host, kind.gpu_uuid): kind for kind in kinds}
        rows = self._of_groups(gpu_groups(series, known, self._rules.min_peers, self._untold), series)
        wires = list(ports(self._store, self._window, hosts))
        self._compared += len(series) + len(wires)
        return rows + self._of_groups(port_groups(wires, job, self._held, self._window.minutes), [])

    def _hosts(self, hosts: Sequence[str]) -> dict[str, Any]:
        return {"hosts": json.dumps(list(hosts)), **self._window.params()}

    def _of_groups(self, groups: Iterable[Group], series: Sequence[Series]) -> list[Row]:
        rows = []
        for group in groups:
            known = self._baselines.get((group.job_id, group.metric.name), {})
            single = detect(replace(group, baselines=known), self._rules)
            own = {one.unit: one.baseline for one in single}
            for found in by_node(single, group.units):
                rows.append(row_of(found, self._window, _baselines(found, own), held_back(found, series)))
        return rows

    def _of_steps(self) -> list[Row]:
        rows = []
        for steps in questions.STEPS.run(self._store, **self._window.params()):
            values = np.full((1, self._window.minutes), np.nan)
            values[0, np.asarray(steps.minutes, dtype=np.int64)] = steps.step_time_us
            known = self._baselines.get((steps.job_id, STEP_TIME.name), {})
            group = Group(steps.job_id, STEP_TIME, (("", steps.job_id),), values, baselines=known)
            rows += [row_of(found, self._window, {}, {}) for found in own_past(group, self._rules)]
        return rows


def _baselines(found: Found, own: dict[tuple[str, str], float]) -> dict[str, float]:
    host = found.unit[0]
    return {device: own[host, device] for device in (found.members or (found.unit[1],))}
