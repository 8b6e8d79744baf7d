"""Jobs that a report tells of by themselves: their sources, trend, spread, who is late, and a hint."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from clusterctl.analytics.communication.estimate import LABEL
from clusterctl.analytics.communication.grade import Grade
from clusterctl.analytics.reports.communication import hint, queries
from clusterctl.analytics.reports.communication.queries import JobsRow, SourceRow, TrendRow
from clusterctl.analytics.reports.communication.trend import Stretch, segments, stretches
from clusterctl.analytics.reports.communication.verdicts import LINES, against, halving
from clusterctl.analytics.reports.model_comm import CommJob, Exposed, RankSpread, SlowLink, SlowRank, Traced
from clusterctl.analytics.reports.model_nodes import Slow
from clusterctl.clock import iso_text
from clusterctl.store import Param, Reader

TOP_SLOW = 5
MAX_ASKED = 5
"""Jobs whose ports are asked for: those whose transfer grew, the largest first."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the store has of the chosen jobs, by job."""

    sources: Mapping[str, Sequence[SourceRow]]
    trends: Mapping[str, Sequence[Stretch]]
    ranks: Mapping[str, queries.RanksRow]
    traced: Mapping[str, queries.TracedRow]
    calibrations: Mapping[str, Sequence[datetime]]


def jobs_of(store: Reader, window: Mapping[str, Param], rows: Sequence[JobsRow], slow: Sequence[Slow]) -> list[CommJob]:
    """In the order of `rows`, which are of one job each. `slow` are the cluster's fail-slow findings."""
    known = _known(store, window, [row.job for row in rows])
    asked = 0
    jobs = []
    for row in rows:
        if row.job not in known.sources:
            continue
        stretch = _telling(known, row.job)
        found = stretch.rows if stretch else []
        ports = None
        if hint.transfer_grew(found) and asked < MAX_ASKED:
            asked += 1
            ports = _ports(store, window, row.job, found)
        jobs.append(_job(row, known, found, ports, [one for one in slow if one.job_id == row.job]))
    return jobs


def _known(store: Reader, window: Mapping[str, Param], jobs: Sequence[str]) -> Known:
    given = {**window, "jobs": json.dumps(jobs)}
    sources: dict[str, list[SourceRow]] = defaultdict(list)
    for source in queries.SOURCES.run(store, **given):
        sources[source.job_id].append(source)
    calibrations: dict[str, list[datetime]] = defaultdict(list)
    asked = {name: given[name] for name in queries.CALIBRATIONS.parameters()}
    for calibration in queries.CALIBRATIONS.run(store, **asked):
        calibrations[calibration.job_id].append(calibration.at)
    trends: dict[str, list[TrendRow]] = defaultdict(list)
    for point in queries.TREND.run(store, **given, points=queries.MAX_POINTS):
        trends[point.job_id].append(point)
    return Known(
        sources,
        {job: stretches(points, sorted(calibrations.get(job, []))) for job, points in trends.items()},
        {row.job_id: row for row in queries.RANKS.run(store, **given)},
        {row.job_id: row for row in queries.TRACED.run(store, **given)},
        calibrations,
    )


def _telling(known: Known, job: str) -> Stretch | None:
    """The stretch that a hint is read from: the newest with enough points, of the job's best source that has one. Else the
    newest of its best source, which then says what is missing."""
    stretches = known.trends.get(job, ())
    for source in known.sources[job]:
        found = [one for one in stretches if _is_of(one, source)]
        enough = [one for one in found if len(one.rows) >= hint.MIN_POINTS and source.held_grade in hint.TELLING]
        if enough:
            return enough[-1]
    best = [one for one in stretches if _is_of(one, known.sources[job][0])]
    return best[-1] if best else None


def _is_of(stretch: Stretch, source: SourceRow) -> bool:
    return (stretch.rows[0].source, stretch.rows[0].held_grade) == (source.source, source.held_grade)


def _job(
    row: JobsRow, known: Known, found: Sequence[TrendRow], ports: hint.Ports | None, slow: Sequence[Slow]
) -> CommJob:
    best, *others = known.sources[row.job]
    exposed = exposed_of(best)
    links = [one for one in slow if one.kind == "port"]
    units = [one for one in slow if one.kind in ("gpu", "node")]
    calibrated = known.calibrations.get(row.job, [])
    return CommJob(
        job_id=row.job,
        gpus=row.gpus,
        gpu_hours=row.gpu_hours,
        gpu_hours_from="scheduler" if row.told_jobs else "windows",
        gpu_model=best.model,
        layout=best.layout_now,
        configurations=best.layouts,
        calibrated_at=iso_text(max(calibrated)) if calibrated else None,
        calibration_age_s=_age_s(calibrated, known.sources[row.job]),
        exposed=exposed,
        others=[exposed_of(other) for other in others],
        spread=_spread(best, known.ranks.get(row.job)),
        verdicts=[against(exposed, line) for line in LINES],
        halving=halving(exposed, row.gpu_hours),
        slow_ranks=_slow_ranks(found, known.ranks.get(row.job)),
        slow_links=[SlowLink(one.node, one.name, one.slow_ratio, one.onset) for one in links[:TOP_SLOW]],
        hint=hint.hint_of(found, ports, links[0].name if links else "", units[0].name if units else ""),
        trend=segments(known.trends.get(row.job, [])),
        traced=_traced(known.traced.get(row.job)),
    )


def _age_s(calibrated: Sequence[datetime], sources: Sequence[SourceRow]) -> float | None:
    ends = [source.last_until for source in sources if source.held_grade == Grade.A.value]
    return max(0.0, (max(ends) - max(calibrated)).total_seconds()) if ends and calibrated else None


def _traced(row: queries.TracedRow | None) -> Traced | None:
    if row is None:
        return None
    return Traced(
        row.told_by,
        iso_text(row.at),
        row.families if row.families or row.families_told else None,
        row.unplaced if row.unplaced or row.unplaced_told else None,
        row.waited_for,
        row.waited_for_share,
        row.tables,
    )


def exposed_of(row: SourceRow) -> Exposed:
    """A line of a source, with the label that a value from a model has until hardware says otherwise."""
    return Exposed(
        source=row.source,
        grade=row.held_grade,
        value=row.value,
        low=row.low,
        high=row.high,
        reason=row.why,
        since=iso_text(row.first_ts),
        until=iso_text(row.last_until),
        windows=row.windows,
        window_hours=row.window_hours,
        steps=row.steps_seen or None,
        ranks=row.ranks_seen,
        ranks_of_job=row.ranks_of_job,
        total=_total(row),
        total_mark=row.mark,
        overlap=row.hidden,
        wait=row.wait,
        transfer=row.transfer,
        fused=row.fused_share,
        idle=row.idle_share,
        busbw_gbs=row.busbw,
        label="" if row.held_grade == Grade.EXACT.value else LABEL if row.low is not None else "",
    )


def _total(row: SourceRow) -> float | None:
    """What bytes prove is often less than what is exposed, and all communication is no less than that."""
    if row.mark != "at least" or row.total is None or row.low is None:
        return row.total
    return max(row.total, row.low)


def _spread(best: SourceRow, ranks: queries.RanksRow | None) -> RankSpread | None:
    """Of exact rows what single ranks told; of an estimate what its newest window told of its GPUs."""
    if best.held_grade == Grade.EXACT.value:
        return (
            None
            if ranks is None
            else RankSpread(ranks.median, ranks.low, ranks.high, ranks.ranks_told, iso_text(ranks.at))
        )
    if best.median_over is None or best.low_over is None or best.high_over is None:
        return None
    return RankSpread(best.median_over, best.low_over, best.high_over, best.ranks_seen or 0, iso_text(best.last_until))


def _slow_ranks(found: Sequence[TrendRow], ranks: queries.RanksRow | None) -> list[SlowRank]:
    """Those that are late at the most points of the stretch."""
    hosts = dict(ranks.late_hosts) if ranks else {}
    counts = Counter(name for row in found for name in hint.late_ranks(row))
    listed = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:TOP_SLOW]
    return [SlowRank(name, hosts.get(name) or name.rpartition("/")[0], count, len(found)) for name, count in listed]


def _ports(store: Reader, window: Mapping[str, Param], job: str, found: Sequence[TrendRow]) -> hint.Ports | None:
    """Of the job's nodes, a day from the start of the stretch and the day until its end; None where none was read."""
    _earlier, later = hint.halves(found)
    given: dict[str, Param] = {
        "cluster": window["cluster"],
        "jobs": json.dumps([job]),
        "since": found[0].at,
        "cut": later[0].at,
        "until": found[-1].at + timedelta(hours=1),
    }
    rows = queries.PORT_GROWTH.run(store, **given)
    if not rows:
        return None
    return hint.Ports(
        sum(row.errors_before for row in rows),
        sum(row.errors_after for row in rows),
        sum(row.waits_before for row in rows),
        sum(row.waits_after for row in rows),
    )
