"""Splits, trend, cohorts, lemons, repairs and worst nodes of a report, from the evidence by unit."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from clusterctl.analytics.reports import unit_rows as rows
from clusterctl.analytics.reports.model_faults import Split, SplitRow
from clusterctl.analytics.reports.model_nodes import NodeLine
from clusterctl.analytics.reports.units import KIND_PART, NODE_DAY_PART, Evidence, last_repaired, recent_of
from clusterctl.analytics.stats import Tally, Units, rate_of
from clusterctl.analytics.stats.cohort import Cohort, Pair, cohorts_of
from clusterctl.analytics.stats.lemon import Lemons, lemons_of
from clusterctl.analytics.stats.repair import Repair, Repaired, repairs_of
from clusterctl.analytics.stats.trend import Step, Trend, trend_of
from clusterctl.store import Param, Reader

BASIS = "in_service"
TOP_SPLIT, TOP_COHORTS = 12, 6
WEEKLY_FROM_DAYS = 90
"""Longer windows have a point a week."""
AGES = ((90, "under 90 days"), (360, "90 days to a year"), (720, "one to two years"))
OLDEST = "over two years"
UNKNOWN = "unknown"
UNDATED = "only a count over the whole period is known"
Attribute = Callable[[rows.ExposureRow | rows.FaultRow], str]


def _age_name(days: float | None) -> str:
    if days is None:
        return UNKNOWN
    return next((name for limit, name in AGES if days < limit), OLDEST)


def _age(row: rows.ExposureRow | rows.FaultRow) -> str:
    if isinstance(row, rows.ExposureRow):
        return _age_name(row.age_days)
    if row.installed is None:
        return UNKNOWN
    # as the exposure counts them: midnights in between, the same for all of a day
    days = max(0, (row.opened_at.date() - row.installed.date()).days)
    return _age_name(days // 90 * 90)


DIMENSIONS: Mapping[str, Attribute] = {
    "gpu_model": lambda row: row.model or UNKNOWN,
    "driver": lambda row: row.driver or UNKNOWN,
    "firmware": lambda row: row.firmware or UNKNOWN,
    "rack": lambda row: row.rack or UNKNOWN,
    "batch": lambda row: row.batch or UNKNOWN,
    "node_age": _age,
}
COMPARED = ("gpu_model", "driver", "firmware", "batch", "node_age")


def tallies_of(evidence: Evidence) -> dict[str, dict[str, Tally]]:
    """Faults and exposure by dimension and value. What no inventory tells is unknown; a fault of a fabric element, which is
    no node's, is left out of all."""
    found: dict[str, dict[str, Tally]] = {dimension: {} for dimension in DIMENSIONS}
    if len(evidence.dated) < len(evidence.faults):
        return found  # nobody knows on which nodes a published count was
    for dimension, name_of in DIMENSIONS.items():
        exposure: dict[str, float] = defaultdict(float)
        for row in evidence.exposure.get(KIND_PART, ()):
            exposure[name_of(row)] += row.gpu_days or 0.0
        counts = Counter(name_of(fault) for fault in evidence.dated if fault.node)
        found[dimension] = {name: Tally(counts[name], exposure.get(name, 0.0)) for name in {*exposure, *counts}}
    return found


def splits_of(tallies: Mapping[str, Mapping[str, Tally]], phi: float) -> list[Split]:
    """One split a dimension that anything is known of, the largest exposure first."""
    made = []
    for dimension, values in tallies.items():
        if not values or set(values) == {UNKNOWN}:
            continue
        total = sum(tally.count for tally in values.values())
        ordered = sorted(values.items(), key=lambda item: (-item[1].count, -item[1].gpu_days, item[0]))
        listed = [
            SplitRow(
                name,
                tally.count,
                tally.gpu_days,
                tally.count / total if total else 0.0,
                rate_of(tally.count, tally.gpu_days, BASIS, phi),
            )
            for name, tally in ordered[:TOP_SPLIT]
        ]
        more = len(ordered) - len(listed)
        made.append(Split(dimension, listed, f"{more} more" if more else ""))
    return made


def cohorts(tallies: Mapping[str, Mapping[str, Tally]], phi: float) -> list[Cohort]:
    """Each value of a dimension against all the others; two values against each other."""
    pairs = []
    for dimension in COMPARED:
        known = {name: tally for name, tally in tallies[dimension].items() if name != UNKNOWN and tally.gpu_days > 0}
        largest = sorted(known, key=lambda name: (-known[name].gpu_days, name))[:TOP_COHORTS]
        if len(known) == 2:
            a, b = sorted(known)
            pairs.append(Pair(dimension, a, known[a], b, known[b]))
        elif len(known) > 2:
            pairs += [Pair(dimension, name, known[name], "all others", _others(known, name)) for name in largest]
    return cohorts_of(pairs, phi)


def _others(known: Mapping[str, Tally], name: str) -> Tally:
    rest = [tally for other, tally in known.items() if other != name]
    return Tally(sum(tally.count for tally in rest), sum(tally.gpu_days for tally in rest))


def trend(evidence: Evidence) -> Trend:
    """A point a day, or a week in long windows. A count over a whole period has no days, and a zero is never made up."""
    if len(evidence.dated) < len(evidence.faults):
        return Trend(1, [], [], UNDATED)
    daily = evidence.daily
    width = 7 if len(daily) > WEEKLY_FROM_DAYS else 1
    steps = []
    for first in range(0, len(daily), width):
        part = daily[first : first + width]
        tally = Tally(sum(t.count for _, t in part), sum(t.gpu_days for _, t in part))
        since = max(part[0][0], evidence.since)
        until = min(part[-1][0] + timedelta(days=1), evidence.until)
        steps.append(Step(_iso(since), _iso(until), tally))
    return trend_of(steps, width, BASIS)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def lemons(store: Reader, evidence: Evidence, cluster: str) -> list[Lemons]:
    """Nodes and GPUs of the last 28 days of the window, ranked."""
    recent = recent_of(evidence)
    window: dict[str, Param] = {"cluster": cluster, "since": recent.since, "until": evidence.until}
    days = (evidence.until - recent.since) / timedelta(days=1)
    repeated = {fault.node for fault in recent.dated if fault.repeat_of and fault.node}
    nodes, gpus = recent.by_node, recent.by_gpu
    found = []
    for kind, units, counters in (("node", nodes, _counters(store, window, nodes)), ("gpu", gpus, {})):
        if len(units.names) > 1:
            confirmed = repeated if kind == "node" else ()
            found.append(
                lemons_of(kind, units, BASIS, window_days=days, counters=counters, confirmed=confirmed, most_listed=20)
            )
    return found


def _counters(store: Reader, window: Mapping[str, Param], units: Units) -> dict[str, list[float]]:
    """The counters of docs/kpi.md that are known; a node without any has zeros, since its incidents would be known."""
    seen = {row.node: row for row in rows.COUNTERS.run(store, **window)}
    out = {row.node: row.jobs for row in rows.EXCLUDED.run(store, **window)}
    columns: dict[str, list[float]] = defaultdict(list)
    for name in units.names:
        row = seen.get(name)
        columns["jobs_excluding"].append(out.get(name, 0))
        columns["xid_episodes"].append(row.xid_episodes if row else 0)
        columns["times_out_of_service"].append(row.times_out if row else 0)
        columns["multi_node_job_failures"].append((row.multi_node_failures or 0) if row else 0)
        columns["single_node_job_failures"].append((row.single_node_failures or 0) if row else 0)
    return dict(columns)


def repairs(evidence: Evidence, phi: float) -> list[Repair]:
    """Repairs after faults: the node came back into service. Before and after are within the window."""
    done = last_repaired(evidence.faults, evidence.until)
    if not done:
        return []
    exposed: dict[str, list[tuple[datetime, float]]] = defaultdict(list)
    for row in evidence.exposure.get(NODE_DAY_PART, ()):
        exposed[row.node].append((row.since, row.gpu_days or 0.0))
    return repairs_of([_repaired(fault, evidence, exposed[fault.node]) for fault in done], BASIS, phi)


def _repaired(fault: rows.FaultRow, evidence: Evidence, exposed: Sequence[tuple[datetime, float]]) -> Repaired:
    at = fault.repaired_at or fault.opened_at
    times = [other.opened_at for other in evidence.dated if other.node == fault.node]
    edge = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return Repaired(
        fault.node,
        _iso(at),
        f"back in service after {fault.cause}",
        Tally(sum(when < at for when in times), sum(days for since, days in exposed if since < edge)),
        Tally(sum(when >= at for when in times), sum(days for since, days in exposed if since >= edge)),
    )


def worst_nodes(store: Reader, window: Mapping[str, Param], top: int) -> list[NodeLine]:
    """Nodes by their faults, then by their incidents."""
    now = {row.node: row for row in rows.NOW.run(store, cluster=window["cluster"], until=window["until"])}
    made = []
    for row in rows.WORST.run(store, **window, top=top):
        known = now.get(row.node)
        made.append(
            NodeLine(
                row.node,
                row.faults,
                row.incidents,
                row.open_now,
                known.state if known else "",
                row.out_h,
                row.last_cause,
                known.rack if known else "",
            )
        )
    return made


__all__ = ["cohorts", "lemons", "repairs", "splits_of", "tallies_of", "trend", "worst_nodes"]
