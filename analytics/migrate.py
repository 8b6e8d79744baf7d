"""Bring a database to what this version declares: numbered migrations once, views each time.

Migrations are frozen text: a file that was applied may never change, and its hash is kept beside its number. Views are
re-applied whole. Running it again changes nothing; two at once do the same work twice, harmlessly.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from clusterctl.analytics.query import SQL, sql_text
from clusterctl.errors import SchemaBehind, ServerError
from clusterctl.schema import POISSON_LIMIT
from clusterctl.schema.cluster import ClusterDdl, Layout
from clusterctl.store import Store

LEDGER = """CREATE TABLE IF NOT EXISTS schema_migration (
  number UInt32, name String, sha256 String, applied_at DateTime('UTC') DEFAULT now()
) ENGINE = ReplacingMergeTree ORDER BY number"""
UNKNOWN_TABLE, UNKNOWN_DATABASE = 60, 81
POISSON_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Migration:
    """One frozen step."""

    number: int
    name: str
    sha256: str
    statements: tuple[str, ...]


def migrations() -> list[Migration]:
    """All steps, in order."""
    found = []
    for name in sorted(entry.name for entry in (SQL / "migrations").iterdir() if entry.name.endswith(".sql")):
        text = sql_text(f"migrations/{name}")
        digest = hashlib.sha256(text.encode()).hexdigest()
        found.append(Migration(int(name.split("_", 1)[0]), name, digest, statements(text)))
    return found


def views() -> list[str]:
    """Statements of all views, in the order of their file names."""
    names = sorted(entry.name for entry in (SQL / "views").iterdir() if entry.name.endswith(".sql"))
    return [statement for name in names for statement in statements(sql_text(f"views/{name}"))]


def statements(text: str) -> tuple[str, ...]:
    """Statements of a file; each ends with a semicolon at the end of a line."""
    return tuple(part.strip() for part in text.split(";\n") if _has_sql(part))


def _has_sql(part: str) -> bool:
    return any(line.strip() and not line.strip().startswith("--") for line in part.splitlines())


def applied(store: Store) -> dict[int, str]:
    """Number and hash of the migrations that the database has; empty for a new one."""
    try:
        rows = store.query("SELECT number, sha256 FROM schema_migration FINAL ORDER BY number").rows
    except ServerError as error:
        if error.code in (UNKNOWN_TABLE, UNKNOWN_DATABASE):
            return {}
        raise
    return {int(number): str(sha256) for number, sha256 in rows}


def ddl_of(layout: Layout | None) -> ClusterDdl | None:
    """How statements are rewritten for a cluster; None on a single server, where they run as they are."""
    if layout is None:
        return None
    return ClusterDdl(layout, [LEDGER, *(statement for step in migrations() for statement in step.statements)])


def script(layout: Layout | None = None) -> list[str]:
    """Every statement of a migration from nothing, in order, as it would be run."""
    ddl = ddl_of(layout)
    written = [LEDGER, *(statement for step in migrations() for statement in step.statements), *views()]
    if ddl is None:
        return written
    return [ddl.database(), *(each for statement in written for each in ddl.rewritten(statement))]


def migrate(store: Store, layout: Layout | None = None) -> list[str]:
    """Apply what is missing; the names of the migrations applied. Raises SchemaBehind if history was rewritten."""
    ddl = ddl_of(layout)
    if ddl is not None:
        store.execute(ddl.database())
    _run(store, ddl, LEDGER)
    known = applied(store)
    done = []
    for step in migrations():
        if step.number in known:
            if known[step.number] != step.sha256:
                raise SchemaBehind(
                    f"{step.name} differs from what this database was migrated with",
                    hint="migrations are frozen: restore the file, put the change in a new one",
                )
            continue
        for statement in step.statements:
            _run(store, ddl, statement)
        store.insert("schema_migration", {"number": [step.number], "name": [step.name], "sha256": [step.sha256]})
        done.append(step.name)
    for statement in views():
        _run(store, ddl, statement)
    _fill_poisson_limits(store)
    return done


def _run(store: Store, ddl: ClusterDdl | None, statement: str) -> None:
    for each in [statement] if ddl is None else ddl.rewritten(statement):
        store.execute(each)


def require_current(store: Store) -> None:
    """Raises SchemaBehind unless every migration of this version has been applied."""
    known = applied(store)
    missing = [step.name for step in migrations() if step.number not in known]
    if missing:
        raise SchemaBehind(f"the database lacks {', '.join(missing)}", hint="run: clusterctl migrate")


def _fill_poisson_limits(store: Store) -> None:
    have = store.query("SELECT count() FROM poisson_limit FINAL").rows[0][0]
    if have >= POISSON_ROWS:
        return
    from clusterctl.analytics.stats import garwood  # it loads scipy, a third of the time of a short command

    limits = [garwood(k) for k in range(POISSON_ROWS)]
    store.insert(
        POISSON_LIMIT.name,
        {
            "k": list(range(POISSON_ROWS)),
            "low": [limit.low for limit in limits],
            "high": [limit.high for limit in limits],
            "version": [int(time.time())] * POISSON_ROWS,
        },
    )
