"""What a migration becomes on a cluster: golden text, every form in use, and refusals of what nobody thought through."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clusterctl.analytics.migrate import LEDGER, ddl_of, migrations, script, statements, views
from clusterctl.schema import TABLES
from clusterctl.schema.cluster import ClusterDdl, Layout, UnknownStatement, is_sharded, local_name

GOLDEN = Path(__file__).parent / "data" / "cluster"
LAYOUT = Layout("fleet", "clusterctl", "/clickhouse/tables/{shard}/{database}/{table}", "{replica}")
FROZEN = [statement for step in migrations() for statement in step.statements]
TWO = (
    "CREATE TABLE IF NOT EXISTS sharded (\n  host String,\n  v UInt8\n)\nENGINE = MergeTree\nORDER BY host",
    "CREATE TABLE IF NOT EXISTS whole (\n  k UInt8\n)\nENGINE = ReplacingMergeTree(k)\nORDER BY k",
)


def rewritten(statement: str) -> list[str]:
    """On a cluster with one sharded table and one that every server has whole."""
    return ClusterDdl(LAYOUT, TWO).rewritten(statement)


@pytest.mark.parametrize("name", ["ledger", "event", "incident", "nic_sample"])
def test_the_produced_text_is_as_it_was_read_and_agreed(name: str) -> None:
    """A sharded table, a whole one, an ALTER and the ledger, each statement in full."""
    table = "schema_migration" if name == "ledger" else name
    ddl = ddl_of(LAYOUT)
    assert ddl is not None
    chosen = [text for text in (LEDGER, *FROZEN[:13]) if re.search(rf"TABLE (IF NOT EXISTS )?{table}\b", text)]
    produced = ";\n\n".join(each for text in chosen for each in ddl.rewritten(text)) + ";\n"
    assert produced == (GOLDEN / f"{name}.sql").read_text(encoding="utf-8")


@pytest.mark.parametrize("statement", [*FROZEN, *views()], ids=lambda text: " ".join(text.split()[:6])[:60])
def test_every_statement_of_every_migration_has_a_cluster_form(statement: str) -> None:
    """If this fails for a new migration: give clusterctl/schema/cluster.py the form, thinking about order and repeats."""
    ddl = ddl_of(LAYOUT)
    assert ddl is not None
    for each in ddl.rewritten(statement):
        name = re.findall(r"(?:TABLE|VIEW) (?:IF (?:NOT )?EXISTS )?(\w+)", each)[0]
        assert "ON CLUSTER `fleet`" in each or name.removesuffix("_local") not in ddl.sharded


def test_the_declaration_and_the_migrations_agree_on_what_is_sharded() -> None:
    ddl = ddl_of(LAYOUT)
    assert ddl is not None
    assert {table.name for table in TABLES if is_sharded(table)} == ddl.sharded
    assert {table.name for table in TABLES if not is_sharded(table)} >= {"incident", "exposure", "poisson_limit"}


def test_rows_of_one_key_meet_on_one_shard() -> None:
    """FINAL merges within a shard only, and the shard follows from the host."""
    for table in TABLES:
        assert not is_sharded(table) or "host" in table.key, table.name


def test_a_column_arrives_below_before_it_is_seen_above_and_goes_the_other_way_round() -> None:
    adding = rewritten("ALTER TABLE sharded\n  ADD COLUMN IF NOT EXISTS w Enum8('a,' = 1, 'b' = 2) AFTER v,\n"
                       "  ADD COLUMN IF NOT EXISTS x Decimal(9, 2)")  # fmt: skip
    assert [text.split()[2] for text in adding] == ["sharded_local", "sharded"]
    dropping = rewritten("ALTER TABLE sharded DROP COLUMN IF EXISTS v")
    assert [text.split()[2] for text in dropping] == ["sharded", "sharded_local"]
    gone = rewritten("DROP TABLE IF EXISTS sharded")
    assert gone == [f"DROP TABLE IF EXISTS {name} ON CLUSTER `fleet` SYNC" for name in ("sharded", "sharded_local")]


def test_what_concerns_storage_reaches_the_local_table_alone() -> None:
    for action in ("MODIFY TTL ts + INTERVAL 1 DAY", "MODIFY SETTING x = 1", "ADD INDEX IF NOT EXISTS i v TYPE minmax",
                   "MATERIALIZE COLUMN v"):  # fmt: skip
        assert rewritten(f"ALTER TABLE sharded {action}") == [
            f"ALTER TABLE sharded_local ON CLUSTER `fleet`\n  {action}"
        ]


def test_a_table_that_every_server_has_is_one_table_to_keeper() -> None:
    """ON CLUSTER would send its ALTER to each shard, and they would race for the same table."""
    assert rewritten("ALTER TABLE whole ADD COLUMN IF NOT EXISTS v UInt8") == [
        "ALTER TABLE whole\n  ADD COLUMN IF NOT EXISTS v UInt8\nSETTINGS alter_sync = 2"
    ]
    [created] = rewritten(TWO[1])
    assert (
        "ReplicatedReplacingMergeTree('/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}', k)" in created
    )


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO sharded SELECT * FROM whole",
        "CREATE TABLE sharded (\n  host String\n)\nENGINE = MergeTree ORDER BY host",
        "CREATE TABLE IF NOT EXISTS t (\n  host String\n)\nENGINE = ReplicatedMergeTree\nORDER BY host",
        "CREATE TABLE IF NOT EXISTS t (\n  host String\n)\nENGINE = Memory",
        "CREATE MATERIALIZED VIEW v AS SELECT 1",
        "RENAME TABLE sharded TO other",
        "ALTER TABLE sharded ADD COLUMN v UInt8",
        "ALTER TABLE sharded RENAME COLUMN v TO w",
        "ALTER TABLE sharded DELETE WHERE v = 1",
        "ALTER TABLE sharded ADD COLUMN IF NOT EXISTS w UInt8, DROP COLUMN IF EXISTS v",
        "ALTER TABLE stranger ADD COLUMN IF NOT EXISTS w UInt8",
        "DROP TABLE IF EXISTS stranger",
        "DROP TABLE sharded",
    ],
)
def test_an_unknown_statement_is_refused(statement: str) -> None:
    with pytest.raises(UnknownStatement):
        rewritten(statement)


def test_the_printed_script_is_what_a_single_server_runs() -> None:
    assert script() == [LEDGER, *FROZEN, *views()]
    assert statements(";\n\n".join(script()) + ";\n") == tuple(script())
    assert script(LAYOUT)[0] == "CREATE DATABASE IF NOT EXISTS `clusterctl` ON CLUSTER `fleet`"


def test_local_before_distributed_throughout_the_script() -> None:
    order = [re.findall(r"TABLE IF NOT EXISTS (\w+)", text) for text in script(LAYOUT)]
    names = [found[0] for found in order if found]
    for table in TABLES:
        if is_sharded(table):
            assert names.index(local_name(table.name)) < names.index(table.name)
