"""What the engine keeps: parts, work in the background, replicas, retention, disks, memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from clusterctl.analytics import doctor as asked
from clusterctl.config import Config
from clusterctl.doctor.finding import Finding, fail, ok, size, span, unknown, warn
from clusterctl.doctor.patient import Patient
from clusterctl.doctor.registry import Needs, check, on_server
from clusterctl.doctor.server import store_name
from clusterctl.terminal import clean

TOP = 20
DELAY, REFUSE = "parts_to_delay_insert", "parts_to_throw_insert"
STOPS_BELOW_BYTES = 1 << 30
"""A disk with less left cannot finish a merge of any size."""


@dataclass(frozen=True, slots=True)
class PartsSeen:
    """The fullest partitions, and the server's limits."""

    fullest: tuple[asked.PartsRow, ...]
    limits: Mapping[str, int]


def _parts(patient: Patient) -> PartsSeen:
    with patient.store() as store:
        limits = {row.name: int(row.value) for row in asked.SETTINGS.run(store) if row.name in (DELAY, REFUSE)}
        return PartsSeen(tuple(asked.PARTS.run(store, top=TOP)), limits)


@check("parts", read=_parts, needs=Needs.STORE, knobs=("doctor.parts_warn_count",))
def parts(seen: PartsSeen, config: Config) -> Iterator[Finding]:
    """Parts of a partition against the limits at which the server slows inserts down (1,000) and refuses them (3,000)."""
    if not {DELAY, REFUSE} <= seen.limits.keys():
        yield unknown(
            store_name(config), "the server does not show its limits", "grant SELECT on system.merge_tree_settings"
        )
        return
    delay, refuse = seen.limits[DELAY], seen.limits[REFUSE]
    full = [row for row in seen.fullest if row.parts > min(config.doctor.parts_warn_count, delay)]
    do = "see whether merges keep up (system.merges, disk); make blocks larger (collector.samples_age_s, block_rows)"
    for row in full:
        text = (
            f"partition {row.partition} has {row.parts:,} parts; inserts are slowed at {delay:,}, refused at {refuse:,}"
        )
        yield fail(row.table, text, do) if row.parts >= delay else warn(row.table, text, do)
    if not full:
        most = max((row.parts for row in seen.fullest), default=0)
        yield ok(store_name(config), f"at most {most:,} parts in a partition, of {delay:,} that slow inserts down")


@dataclass(frozen=True, slots=True)
class WorkSeen:
    """Mutations that wait, merges that run, parts set aside."""

    mutations: tuple[asked.MutationRow, ...]
    merges: asked.MergesRow
    detached: tuple[asked.DetachedRow, ...]


def _work(patient: Patient) -> WorkSeen:
    with patient.store() as store:
        return WorkSeen(
            tuple(asked.MUTATIONS.run(store, top=TOP)),
            asked.MERGES.one(store),
            tuple(asked.DETACHED.run(store, top=TOP)),
        )


@check("background work", read=_work, needs=Needs.STORE, knobs=("doctor.stuck_warn_s",))
def work(seen: WorkSeen, config: Config) -> Iterator[Finding]:
    """Mutations and merges come to an end, and no part was set aside as broken: rows in it are not read."""
    limit_s, wrong = config.doctor.stuck_warn_s, 0
    for row in seen.mutations:
        if row.reason or row.age_s > limit_s:
            wrong += 1
            why = f": {clean(row.reason, 120)}" if row.reason else ""
            yield warn(
                row.table,
                f"mutation {row.mutation_id} has {row.parts_to_do} parts to do after {span(row.age_s)}{why}",
                f"cure the reason, or KILL MUTATION WHERE mutation_id = '{row.mutation_id}'",
            )
    if seen.merges.longest_s > limit_s:
        wrong += 1
        yield warn(
            store_name(config),
            f"a merge has been running for {span(seen.merges.longest_s)}",
            "see system.merges and the disk",
        )
    for part in seen.detached:
        if part.why and not part.why.startswith(("ignored", "covered")):  # those have been replaced by others
            wrong += 1
            yield fail(
                part.table,
                f"{part.parts} detached parts ({clean(part.why, 60)}), the first since {part.since:%Y-%m-%d %H:%M}",
                "see system.detached_parts and the server's log; what they held is missing from reports",
            )
    if not wrong:
        yield ok(
            store_name(config),
            f"{seen.merges.running} merges and {len(seen.mutations)} mutations under way, no broken part",
        )


def _replicas(patient: Patient) -> tuple[asked.ReplicaRow, ...]:
    with patient.store() as store:
        return tuple(asked.REPLICAS.run(store))


@check("replicas of tables", read=_replicas, needs=Needs.STORE, left_out=on_server, knobs=("doctor.stuck_warn_s",))
def replicas(found: tuple[asked.ReplicaRow, ...], config: Config) -> Iterator[Finding]:
    """Replicated tables can be written, are complete, and are not far behind."""
    wrong = 0
    for row in found:
        if row.read_only:
            wrong += 1
            yield fail(
                row.table, "this replica is read-only: it has lost its Keeper", "see Keeper; SYSTEM RESTORE REPLICA"
            )
        elif row.delay_s > config.doctor.stuck_warn_s or row.active < row.total:
            wrong += 1
            yield warn(
                row.table,
                f"{row.active} of {row.total} replicas active, {row.queue} entries queued, {span(row.delay_s)} behind",
                "see system.replication_queue (last_exception)",
            )
    if not wrong:
        yield ok(
            store_name(config),
            f"{len(found)} replicated tables, all in step" if found else "a single server: no replicas",
        )


@dataclass(frozen=True, slots=True)
class RetentionSeen:
    """The oldest day of each table, and for how many days its engine keeps rows; a table that keeps all is not in it."""

    oldest: tuple[asked.OldestRow, ...]
    kept_days: Mapping[str, int]


def _oldest(patient: Patient) -> RetentionSeen:
    with patient.store() as store:
        kept = {row.name: days for row in asked.ENGINES.run(store) if (days := kept_days(row.engine))}
        return RetentionSeen(tuple(asked.OLDEST.run(store)), kept)


def kept_days(engine: str) -> int:
    """Days after which a table drops its rows, by its engine clause; 0 when it never does."""
    clause = engine.partition(" TTL ")[2].partition(" SETTINGS ")[0]
    return max(map(int, re.findall(r"toIntervalDay\((\d+)\)", clause)), default=0)


@check("retention", read=_oldest, needs=Needs.STORE, knobs=("doctor.ttl_slack_h",))
def retention(seen: RetentionSeen, config: Config) -> Iterator[Finding]:
    """No data is much older than its table keeps it, as the server has it: retention that lags fills the disk."""
    kept, slack_days = seen.kept_days, config.doctor.ttl_slack_h / 24
    judged = [row for row in seen.oldest if row.table in kept]
    old = [row for row in judged if row.age_days > kept[row.table] + slack_days]
    for row in old:
        yield warn(
            row.table,
            f"has data {row.age_days} days old, {kept[row.table]} are kept",
            f"ALTER TABLE {row.table} MATERIALIZE TTL; see whether merges run",
        )
    if not old:
        most = max((row.age_days for row in judged), default=0)
        yield ok(
            store_name(config),
            f"of {len(kept)} tables that drop old rows none has more than it keeps; the oldest day is {most} days old",
        )


def _disks(patient: Patient) -> tuple[asked.DiskRow, ...]:
    with patient.store() as store:
        return tuple(asked.DISKS.run(store))


@check("disks", read=_disks, needs=Needs.STORE, knobs=("doctor.disk_warn_ratio", "doctor.disk_fail_ratio"))
def disks(found: tuple[asked.DiskRow, ...], config: Config) -> Iterator[Finding]:
    """The server's disks can be written and have room."""
    for row in found:
        subject = f"disk {row.name}"
        if row.read_only or row.broken:
            yield fail(
                subject,
                f"{row.path} is {'broken' if row.broken else 'read-only'}: nothing can be stored",
                "see the kernel log of that machine, then remount or replace the disk",
            )
            continue
        if not row.total_bytes:
            yield unknown(subject, "its size is not known", "see the disk's own monitoring")
            continue
        free = row.free_bytes / row.total_bytes
        text = f"{size(row.free_bytes)} of {size(row.total_bytes)} free ({free:.0%})"
        do = "add disk, or keep samples for less long (ALTER TABLE … MODIFY TTL)"
        if free < config.doctor.disk_fail_ratio or row.free_bytes < STOPS_BELOW_BYTES:
            yield fail(subject, text, do)
        elif free < config.doctor.disk_warn_ratio:
            yield warn(subject, text, do)
        else:
            yield ok(subject, text)


def _memory(patient: Patient) -> asked.MemoryRow:
    with patient.store() as store:
        return asked.MEMORY.one(store)


@check("memory", read=_memory, needs=Needs.STORE, left_out=on_server, knobs=("doctor.memory_warn_ratio",))
def memory(found: asked.MemoryRow, config: Config) -> Iterator[Finding]:
    """The server's memory against its own limit, beyond which it refuses inserts (code 241)."""
    name = store_name(config)
    if found.used_bytes is None or found.limit_bytes is None:
        yield unknown(
            name, "the server does not show its memory", "grant SELECT on system.metrics, system.server_settings"
        )
    elif not found.limit_bytes:
        yield warn(
            name, f"{size(found.used_bytes)} in use, and no limit", "set max_server_memory_usage_to_ram_ratio = 0.9"
        )
    else:
        share = found.used_bytes / found.limit_bytes
        text = f"{size(max(0, found.used_bytes))} of {size(found.limit_bytes)} in use ({max(0.0, share):.0%})"
        wide = share > config.doctor.memory_warn_ratio
        yield warn(name, text, "see system.processes; add memory, or smaller queries") if wide else ok(name, text)
