"""One declaration, many servers: what each statement of a migration becomes on a cluster.

A table with a `host` column is sharded by host: `NAME_local`, replicated within its shard, and `NAME`, Distributed over
it. A table without one is small and joined with everything (incidents, exposure, limits, the ledger of migrations): it is
replicated to every server whole, so that joins and reads stay on one server. docs/cluster.md says more.

The forms below are all that a migration may use; anything else raises, in a unit test first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from clusterctl.schema.table import Table

SHARDING_KEY = "cityHash64(host)"
LOCAL = "_local"
EVERYWHERE = "all"
"""Stands for the shard in the Keeper path of a table that every server has whole."""

_NAME = r"(?P<name>\w+)"
_CREATE = re.compile(
    rf"CREATE TABLE IF NOT EXISTS {_NAME} \((?P<columns>.*?)\n\)\s+"
    r"ENGINE = (?P<engine>(?!Replicated|Shared)\w*MergeTree)(?:\((?P<arguments>[\w, ]*)\))?(?P<rest>\s.*)",
    re.DOTALL,
)
_ALTER = re.compile(rf"ALTER TABLE {_NAME}\s+(?P<actions>.*)", re.DOTALL)
_DROP = re.compile(rf"DROP TABLE IF EXISTS {_NAME}")
_VIEW = re.compile(rf"CREATE OR REPLACE VIEW {_NAME} AS\s(?P<query>.*)", re.DOTALL)
_DROP_VIEW = re.compile(rf"DROP VIEW IF EXISTS {_NAME}")
_HOST = re.compile(r"^\s*host ", re.MULTILINE)

_ADDS = re.compile(r"(ADD COLUMN IF NOT EXISTS|MODIFY COLUMN IF EXISTS|COMMENT COLUMN IF EXISTS)\s")
_DROPS = re.compile(r"DROP COLUMN IF EXISTS\s")
_LOCALLY = re.compile(
    r"(MODIFY TTL|REMOVE TTL|MODIFY SETTING|RESET SETTING|ADD (INDEX|PROJECTION) IF NOT EXISTS"
    r"|DROP (INDEX|PROJECTION) IF EXISTS|MATERIALIZE (COLUMN|INDEX|TTL))\b"
)


class UnknownStatement(ValueError):
    """A migration says something that nobody has thought through for a cluster."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A cluster as the servers' own configuration names it. `keeper_path` and `replica` hold macros, which each server
    fills in for itself."""

    cluster: str
    database: str
    keeper_path: str
    replica: str

    @property
    def on_cluster(self) -> str:
        """The clause that sends a statement to every server."""
        return f"ON CLUSTER `{self.cluster}`"


def is_sharded(table: Table) -> bool:
    """Whether its rows belong to hosts, and so to shards."""
    return any(column.name == "host" for column in table.columns)


def local_name(table: str) -> str:
    """The shard's own part of a sharded table, which collectors write to."""
    return table + LOCAL


class ClusterDdl:
    """Rewrites statements. `history` is every statement of every migration: from it follows which tables are sharded."""

    def __init__(self, layout: Layout, history: Iterable[str]) -> None:
        self._layout = layout
        created = [found for statement in history if (found := _CREATE.fullmatch(_bare(statement)))]
        self._names = {found["name"] for found in created}
        self.sharded = frozenset(found["name"] for found in created if _HOST.search(found["columns"]))

    def database(self) -> str:
        """The database itself, on every server."""
        return f"CREATE DATABASE IF NOT EXISTS `{self._layout.database}` {self._layout.on_cluster}"

    def rewritten(self, statement: str) -> list[str]:
        """What to run instead, in this order. Raises UnknownStatement."""
        text = _bare(statement)
        if found := _CREATE.fullmatch(text):
            return self._create(found)
        if found := _ALTER.fullmatch(text):
            return self._alter(self._known(found), found["actions"])
        if found := _DROP.fullmatch(text):
            return self._drop(self._known(found))
        if found := _VIEW.fullmatch(text):
            return [f"CREATE OR REPLACE VIEW {found['name']} {self._layout.on_cluster} AS\n{found['query']}"]
        if found := _DROP_VIEW.fullmatch(text):
            return [f"DROP VIEW IF EXISTS {found['name']} {self._layout.on_cluster}"]
        raise UnknownStatement(f"no cluster form is known for: {text[:200]}")

    def _known(self, found: re.Match[str]) -> str:
        if found["name"] not in self._names:
            raise UnknownStatement(f"{found['name']}: no migration creates this table")
        return found["name"]

    def _create(self, found: re.Match[str]) -> list[str]:
        name, layout = found["name"], self._layout
        if name not in self.sharded:
            path, replica = layout.keeper_path.replace("{shard}", EVERYWHERE), f"{{shard}}-{layout.replica}"
            return [self._replicated(found, name, path, replica)]
        over = f"'{layout.cluster}', '{layout.database}', '{local_name(name)}', {SHARDING_KEY}"
        return [
            self._replicated(found, local_name(name), layout.keeper_path, layout.replica),
            f"CREATE TABLE IF NOT EXISTS {name} {layout.on_cluster} AS {local_name(name)}\nENGINE = Distributed({over})",
        ]

    def _replicated(self, found: re.Match[str], name: str, path: str, replica: str) -> str:
        arguments = [f"'{path}'", f"'{replica}'", *filter(None, [found["arguments"]])]
        return (
            f"CREATE TABLE IF NOT EXISTS {name} {self._layout.on_cluster} ({found['columns']}\n)\n"
            f"ENGINE = Replicated{found['engine']}({', '.join(arguments)}){found['rest']}"
        )

    def _alter(self, name: str, actions: str) -> list[str]:
        both = _reach(name, actions)
        if name not in self.sharded:  # every server holds the same table, and Keeper carries the change to all of them
            return [f"ALTER TABLE {name}\n  {actions}\nSETTINGS alter_sync = 2"]
        local = f"ALTER TABLE {local_name(name)} {self._layout.on_cluster}\n  {actions}"
        if both is None:
            return [local]
        distributed = f"ALTER TABLE {name} {self._layout.on_cluster}\n  {actions}"
        return [local, distributed] if both is _ADDS else [distributed, local]

    def _drop(self, name: str) -> list[str]:
        names = [name, local_name(name)] if name in self.sharded else [name]
        # SYNC: the Keeper path is free when it returns, and the same migration may make the table anew
        return [f"DROP TABLE IF EXISTS {each} {self._layout.on_cluster} SYNC" for each in names]


def _bare(statement: str) -> str:
    """Without the comment above it."""
    lines = statement.strip().splitlines()
    while lines and (not lines[0].strip() or lines[0].startswith("--")):
        lines.pop(0)
    return "\n".join(lines).rstrip(";")


def _reach(name: str, actions: str) -> re.Pattern[str] | None:
    """Whether an ALTER adds to both tables, drops from both, or (None) concerns the local one alone."""
    kinds = {_kind(name, action) for action in _split(actions)}
    if len(kinds) > 1:
        raise UnknownStatement(f"{name}: one ALTER adds, another drops, a third changes storage")
    return kinds.pop()


def _kind(name: str, action: str) -> re.Pattern[str] | None:
    for pattern, kind in ((_ADDS, _ADDS), (_DROPS, _DROPS), (_LOCALLY, None)):
        if pattern.match(action):
            return kind
    raise UnknownStatement(f"{name}: no cluster form is known for: {action[:100]}")


def _split(actions: str) -> Iterator[str]:
    """Actions of one ALTER: at commas outside brackets and quotes."""
    depth, quoted, begin = 0, False, 0
    for at, char in enumerate(actions):
        if char == "'":
            quoted = not quoted
        elif not quoted:
            depth += (char == "(") - (char == ")")
            if char == "," and depth == 0:
                yield actions[begin:at].strip()
                begin = at + 1
    yield actions[begin:].strip()
