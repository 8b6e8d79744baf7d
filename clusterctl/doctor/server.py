"""The store: does it answer, may we write, is it set up as delivery needs it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from clusterctl.analytics import doctor as asked
from clusterctl.analytics import migrate
from clusterctl.analytics.drift import drift
from clusterctl.config import Config
from clusterctl.doctor.finding import Finding, fail, ok, span, unknown, warn
from clusterctl.doctor.patient import Patient
from clusterctl.doctor.registry import Needs, check
from clusterctl.errors import ServerError, StoreError
from clusterctl.schema import TABLES
from clusterctl.schema.table import DEDUPLICATION

UNKNOWN_DATABASE, AUTHENTICATION_FAILED = 81, 516
OLDEST_MAJOR = 25
"""`deduplicate_insert` and the windows that we set are known from ClickHouse 25.9 on."""
MIGRATE = "run: clusterctl migrate"


def store_name(config: Config) -> str:
    """What people call the store."""
    store = config.store
    return "embedded engine" if store.kind == "chdb" else f"{store.host}:{store.port}/{store.database}"


def _server(patient: Patient) -> asked.ServerRow | StoreError:
    try:
        with patient.store() as store:
            return asked.SERVER.one(store)
    except StoreError as error:
        return error


@check("store", read=_server, opens=Needs.STORE)
def server(found: asked.ServerRow | StoreError, config: Config) -> Iterator[Finding]:
    """The store answers, knows our user and our database, and is new enough."""
    name = store_name(config)
    if isinstance(found, asked.ServerRow):
        text = f"ClickHouse {found.version}, up {span(found.uptime_s)}, as user {found.user}"
        if int(found.version.split(".")[0]) < OLDEST_MAJOR:
            yield warn(name, f"{text}: older than this version was tested with", "update ClickHouse to 25.9 or later")
        else:
            yield ok(name, text)
    elif isinstance(found, ServerError) and found.code == AUTHENTICATION_FAILED:
        yield fail(
            name,
            f"refused user {config.store.user}: wrong password, or no such user",
            "correct store.user and CLUSTERCTL_STORE_PASSWORD",
        )
    elif isinstance(found, ServerError) and found.code == UNKNOWN_DATABASE:
        yield fail(name, f"there is no database {config.store.database}", MIGRATE)
    else:
        yield fail(name, str(found), found.hint or "see the server's log")


@dataclass(frozen=True, slots=True)
class RightsSeen:
    """`granted` is None where the server could not say."""

    readonly: int
    granted: bool | None


def _rights(patient: Patient) -> RightsSeen:
    with patient.store() as store:
        readonly = asked.SERVER.one(store).readonly
        try:
            granted = bool(store.query("CHECK GRANT SELECT, INSERT ON *").rows[0][0])
        except ServerError:
            return RightsSeen(readonly, None)
        return RightsSeen(readonly, granted)


@check("rights", read=_rights, needs=Needs.STORE)
def rights(seen: RightsSeen, config: Config) -> Iterator[Finding]:
    """Our user may read and insert, and is not read-only."""
    subject = f"user {config.store.user}" if config.store.kind == "clickhouse" else "embedded engine"
    if seen.readonly == 1:  # 2 allows nothing but settings beside reading
        yield fail(
            subject, "readonly = 1: nothing can be inserted", "give the collector a user whose profile has readonly = 0"
        )
    elif seen.readonly == 2:
        yield fail(
            subject, "readonly = 2: nothing can be inserted", "give the collector a user whose profile has readonly = 0"
        )
    elif seen.granted is None:
        yield unknown(subject, "the server does not answer CHECK GRANT", "look at SHOW GRANTS")
    elif not seen.granted:
        yield fail(
            subject,
            "lacks SELECT or INSERT on the database",
            f"GRANT SELECT, INSERT ON {config.store.database}.* TO {config.store.user}",
        )
    else:
        yield ok(subject, "may read and insert")


@dataclass(frozen=True, slots=True)
class SchemaSeen:
    """Migrations of this version that the database lacks or has otherwise, and where its tables differ."""

    missing: tuple[str, ...]
    rewritten: tuple[str, ...]
    newer: int
    drift: tuple[str, ...]


def _schema(patient: Patient) -> SchemaSeen:
    with patient.store() as store:
        known = migrate.applied(store)
        steps = migrate.migrations()
        return SchemaSeen(
            tuple(step.name for step in steps if step.number not in known),
            tuple(step.name for step in steps if known.get(step.number, step.sha256) != step.sha256),
            len(known.keys() - {step.number for step in steps}),
            tuple(drift(store)),
        )


@check("schema", read=_schema, needs=Needs.STORE)
def schema(seen: SchemaSeen, config: Config) -> Iterator[Finding]:
    """Every migration of this version is applied, unchanged, and the tables are what is declared."""
    name = store_name(config)
    if seen.missing:
        yield fail(name, f"lacks {len(seen.missing)} migrations: {', '.join(seen.missing)}", MIGRATE)
    if seen.rewritten:
        yield fail(
            name,
            f"was migrated with another text of {', '.join(seen.rewritten)}",
            "migrations are frozen: install the version that this database was made with, or a later one",
        )
    if seen.newer:
        yield warn(
            name, f"has {seen.newer} migrations that this version does not know", "update clusterctl on this machine"
        )
    if seen.drift and not seen.missing:
        more = f" and {len(seen.drift) - 3} more" if len(seen.drift) > 3 else ""
        yield fail(
            name,
            f"{len(seen.drift)} columns differ from the declaration: {'; '.join(seen.drift[:3])}{more}",
            "undo the change by ALTER TABLE; clusterctl migrate lists all of them",
        )
    if not (seen.missing or seen.rewritten or seen.newer or seen.drift):
        yield ok(name, f"{len(TABLES)} tables as declared, all migrations applied")


@dataclass(frozen=True, slots=True)
class SettingsSeen:
    """Settings of the server by name, and the engine clause of each table."""

    settings: Mapping[str, str]
    engines: Mapping[str, str]


def _settings(patient: Patient) -> SettingsSeen:
    with patient.store() as store:
        return SettingsSeen(
            {row.name: row.value for row in asked.SETTINGS.run(store)},
            {row.name: row.engine for row in asked.ENGINES.run(store)},
        )


@check("deduplication", read=_settings, needs=Needs.STORE)
def deduplication(seen: SettingsSeen, config: Config) -> Iterator[Finding]:
    """Tables remember insert tokens as declared, read back from the server: without that a repeated block is stored twice.
    Inserts that ask for nothing else are synchronous."""
    wrong = [line for table in TABLES for line in _windows(table.name, seen.engines.get(table.name))]
    for table, text, do in wrong:
        yield fail(table, text, do)
    if not wrong:
        yield ok(
            f"{len(TABLES)} tables",
            f"deduplication windows as declared: {DEDUPLICATION['non_replicated_deduplication_window']} blocks",
        )
    async_insert = seen.settings.get("async_insert")
    if async_insert is None:
        yield unknown("async_insert", "the server does not show its settings", "grant SELECT on system.settings")
    else:
        yield ok("async_insert", f"{async_insert} by the user's profile; the collector sets 0 on every insert")


def _windows(table: str, engine: str | None) -> Iterator[tuple[str, str, str]]:
    if engine is None:
        return  # the schema check tells of it
    have = dict(re.findall(r"(\w+) = '?([\w.]+)'?", engine.partition(" SETTINGS ")[2]))
    needed = _needed(engine)
    off = {name: have.get(name, "the default") for name in needed if have.get(name) != DEDUPLICATION[name]}
    if off:
        wanted = ", ".join(f"{name} = {DEDUPLICATION[name]}" for name in off)
        yield (
            table,
            "; ".join(f"{name} is {value}" for name, value in off.items()),
            f"ALTER TABLE {table} MODIFY SETTING {wanted}",
        )


def _needed(engine: str) -> Sequence[str]:
    """A replicated table does not use the window of the others."""
    replicated = engine.startswith("Replicated")
    return [name for name in DEDUPLICATION if name.startswith("replicated_") == replicated]
