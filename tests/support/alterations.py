"""ALTER statements that bring a migrated database to the codecs that the schema declares: the text of a new migration.

`python -m tests.support.alterations` prints them for a database with the migrations that there are. Codecs change how new
parts and merges are written; the statement itself rewrites no row.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from clusterctl.analytics.drift import drift
from clusterctl.analytics.migrate import migrate
from clusterctl.schema import TABLES
from clusterctl.store.embedded import EmbeddedStore


def alterations(lines: list[str]) -> list[str]:
    """A statement for each table that the lines of `drift` name; those of other kinds are not for an ALTER of codecs."""
    statements = []
    for table in TABLES:
        changed = [
            c for c in table.columns if any(line.startswith(f"{table.name}.{c.name}: declared ") for line in lines)
        ]
        actions = [f"MODIFY COLUMN IF EXISTS {column.ddl()}" for column in changed]
        if actions:
            statements.append(f"ALTER TABLE {table.name}\n  " + ",\n  ".join(actions) + ";")
        if any(line.startswith(f"{table.name}: declared ") for line in lines):
            settings = ", ".join(f"{name} = {value}" for name, value in table.block_settings().items())
            statements.append(f"ALTER TABLE {table.name} MODIFY SETTING {settings};")
    return statements


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder))
        migrate(store)
        print("\n\n".join(alterations(drift(store))))
        store.close()
