"""End to end: is what agents see readable, from which hosts, and how much of it never came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clusterctl.analytics import doctor as asked
from clusterctl.config import Config
from clusterctl.doctor.finding import Finding, fail, graded, ok, span, unknown, warn
from clusterctl.doctor.patient import Patient
from clusterctl.doctor.registry import Needs, check
from clusterctl.schema import HOST_SAMPLE, PRESENCE, TABLES, Lane
from clusterctl.terminal import clean

STEADY = (HOST_SAMPLE.name, PRESENCE.name)
"""Every agent writes these each minute or more often; the others may have nothing to say."""
LISTED = 5


@dataclass(frozen=True, slots=True)
class TableSeen:
    """A table's newest rows."""

    table: str
    lane: str
    newest: asked.NewestRow


def _newest(patient: Patient) -> tuple[TableSeen, ...]:
    with patient.store() as store:
        return tuple(
            TableSeen(table.name, table.lane.value, asked.NEWEST.one(store, table=table.name))
            for table in TABLES
            if table.lane is not None
        )


@check("freshness", read=_newest, needs=Needs.STORE, knobs=("doctor.fresh_warn_s", "doctor.fresh_fail_s"))
def freshness(found: Sequence[TableSeen], config: Config) -> Iterator[Finding]:
    """When the newest row of each table was stored and seen. host_sample and presence, which every agent writes each minute,
    are judged; the others may have nothing to say, and are told in a line a stream."""
    yield from (_steady(seen, config) for seen in found if seen.table in STEADY)
    for lane in Lane:
        others = [seen for seen in found if seen.lane == lane.value and seen.table not in STEADY]
        if others:
            yield ok(f"other tables of {lane.value}", "; ".join(f"{seen.table} {_age(seen.newest)}" for seen in others))


def _age(row: asked.NewestRow) -> str:
    if not row.row_count:
        return "has no rows"
    stored_s, seen_s = (row.now - row.ingested_at).total_seconds(), (row.now - row.newest_ts).total_seconds()
    return f"stored {span(max(0.0, stored_s))} ago, of {span(seen_s)} {'ago' if seen_s >= 0 else 'ahead'}"


def _steady(seen: TableSeen, config: Config) -> Finding:
    row, subject = seen.newest, f"{seen.table} ({seen.lane})"
    if not row.row_count:
        return fail(subject, "has no rows", "start agents and a collector: clusterctl up, or see docs/deployment.md")
    oldest_s = max((row.now - row.ingested_at).total_seconds(), (row.now - row.newest_ts).total_seconds())
    return graded(
        subject,
        f"the newest row was {_age(row)}",
        "see the findings on collectors, lag and arrival; on a node: clusterctl agent status",
        oldest_s,
        config.doctor.fresh_warn_s,
        config.doctor.fresh_fail_s,
    )


def _hosts(patient: Patient) -> asked.HostsRow:
    silent_s = int(patient.config.doctor.silent_after_s)
    with patient.store() as store:
        return asked.HOSTS.one(store, silent_s=silent_s, top=LISTED)


@check("hosts", read=_hosts, needs=Needs.STORE, knobs=("doctor.silent_after_s", "doctor.coverage_warn_ratio"))
def hosts(row: asked.HostsRow, config: Config) -> Iterator[Finding]:
    """Hosts that spoke today and have fallen silent, and node-minutes of the last hour against those that there should be."""
    if not row.hosts:
        yield fail("hosts", "none has been heard of in a day", "start agents: clusterctl agent run")
        return
    silent = row.hosts - row.speaking
    if silent:
        names = ", ".join(clean(name, 64) for name in row.silent)
        more = f" and {silent - len(row.silent)} more" if silent > len(row.silent) else ""
        text = (
            f"{silent} of {row.hosts} hosts have said nothing for {span(config.doctor.silent_after_s)}: {names}{more}"
        )
        do = "on the node: systemctl status clusterctl-agent; clusterctl agent status"
        yield fail("hosts", text, do) if not row.speaking else warn("hosts", text, do)
    else:
        yield ok("hosts", f"all {row.hosts} hosts of the last day speak")
    if not row.minutes_expected:
        yield unknown("coverage", "no full minute of the last hour is to be judged yet", "look again in a few minutes")
        return
    share = min(1.0, row.minutes / row.minutes_expected)
    text = f"{row.minutes:,} of {row.minutes_expected:,} node-minutes of the last hour were seen ({share:.1%})"
    low = share < config.doctor.coverage_warn_ratio
    yield (
        warn("coverage", text, "clusterctl report shows which nodes, and what they are blind to")
        if low
        else ok("coverage", text)
    )


def _batches(patient: Patient) -> asked.BatchesRow:
    names = "|".join(table.name for table in TABLES if table.lane is Lane.SAMPLES)
    with patient.store() as store:
        return asked.BATCHES.one(store, tables=f"^({names})$", host_count=patient.config.doctor.sampled_hosts_count)


@check(
    "batches lost",
    read=_batches,
    needs=Needs.STORE,
    knobs=("doctor.lost_warn_ratio", "doctor.lost_fail_ratio", "doctor.sampled_hosts_count"),
)
def batches(row: asked.BatchesRow, config: Config) -> Iterator[Finding]:
    """Numbers missing between the batches of samples of the last hour, on hosts chosen anew each hour."""
    if not row.arrived:
        yield unknown("batches", "none of the last hour has come", "see the findings on freshness and lag")
        return
    share = row.lost / (row.lost + row.arrived)
    where = f", most on {', '.join(clean(name, 64) for name in row.worst)}" if row.lost else ""
    yield graded(
        "batches",
        f"{row.lost:,} of {row.lost + row.arrived:,} never came ({share:.2%}), on {row.hosts} hosts{where}",
        "on the node: clusterctl agent status (spool_lost_batches); enlarge agent.spool_max_bytes",
        share,
        config.doctor.lost_warn_ratio,
        config.doctor.lost_fail_ratio,
    )
