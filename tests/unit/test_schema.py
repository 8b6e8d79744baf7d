"""The declaration keeps its own rules."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from clusterctl.schema import (
    BATCH_DAY,
    CLUSTER_DAY,
    GPU_HOUR,
    KPI_DAY,
    NIC_HOUR,
    NIC_LINK_SAMPLE,
    NIC_SAMPLE,
    PRESENCE,
    SATURATING,
    SATURATING_SLOW,
    SCHEMA_VERSION,
    TABLES,
    Lane,
    Table,
)
from clusterctl.schema.field import Kind

MIGRATIONS = Path(__file__).resolve().parents[2] / "analytics" / "sql" / "migrations"
each_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


@each_table
def test_fields_are_appended_never_inserted(table: Table) -> None:
    versions = [field.since for field in table.fields]
    assert versions == sorted(versions)
    assert max(versions) <= SCHEMA_VERSION
    assert all(field.nullable for field in table.fields if field.since > 1), "an old agent does not send it"


@each_table
def test_required_fields_come_first(table: Table) -> None:
    assert table.struct.__struct_fields__ == tuple(field.name for field in table.fields)


@each_table
def test_the_key_is_made_of_columns_that_are_always_there(table: Table) -> None:
    columns = {column.name: column for column in table.columns}
    assert all(not columns[name].nullable for name in table.key)


@each_table
def test_rows_of_one_key_meet_in_one_partition(table: Table) -> None:
    """ReplacingMergeTree keeps one row a key within a partition only."""
    if table.partition_by:
        assert table.partition_by.partition("(")[2].rstrip(")") in table.key


@each_table
def test_readings_are_nullable(table: Table) -> None:
    if table.lane is Lane.SAMPLES:
        names = {"gpu_index", "pci", "link_layer", "period_ms", "mig_uuid", "device", "fstype", "count"}
        assert {field.name for field in table.fields if not field.nullable} <= names | set(table.key)


@each_table
def test_every_field_is_explained(table: Table) -> None:
    for field in table.fields:
        assert field.doc.endswith("."), f"{table.name}.{field.name}"
        assert field.kind is not Kind.COUNTER or field.type.clickhouse == "UInt64"


@pytest.mark.parametrize(("table", "saturating"), [(NIC_SAMPLE, SATURATING), (NIC_LINK_SAMPLE, SATURATING_SLOW)])
def test_saturating_counters_are_columns_of_the_table_that_has_their_mask(
    table: Table, saturating: dict[str, int]
) -> None:
    assert {*saturating, "saturated_mask"} <= {field.name for field in table.fields}


def test_a_counter_of_a_port_is_read_at_one_cadence_only() -> None:
    shared = {field.name for field in NIC_SAMPLE.fields} & {field.name for field in NIC_LINK_SAMPLE.fields}
    assert shared == {"ts", "port", "pci", "saturated_mask"}


def test_bits_of_the_mask_that_version_1_wrote_still_mean_the_same() -> None:
    assert list(SATURATING) == [
        "symbol_error", "link_error_recovery", "link_downed", "port_rcv_errors", "port_xmit_discards",
        "local_link_integrity_errors", "excessive_buffer_overrun_errors",
    ]  # fmt: skip


def test_migrations_are_frozen() -> None:
    listed = dict(
        reversed(line.split())
        for line in (MIGRATIONS / "SHA256SUMS").read_text().splitlines()  # type: ignore[misc]
    )
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in MIGRATIONS.glob("*.sql")}
    assert found == listed, "a migration that was released never changes: write a new one"


def test_every_table_of_the_samples_stream_is_looked_at_for_lost_batches() -> None:
    sql = (MIGRATIONS.parent / "views" / "003_sample_batch.sql").read_text().replace(";", "")
    for table in TABLES:
        assert (f" FROM {table.name}\n" in sql) == (table.lane is Lane.SAMPLES), table.name


@pytest.mark.parametrize("table", [GPU_HOUR, NIC_HOUR, KPI_DAY, CLUSTER_DAY, BATCH_DAY], ids=lambda table: table.name)
def test_a_rollup_fills_every_column_in_order(table: Table) -> None:
    sql = (MIGRATIONS.parent / "rollups" / f"{table.name}.sql").read_text()
    named = re.search(rf"INSERT INTO {table.name} \(([^)]*)\)", sql)
    assert named is not None
    assert tuple(name.strip() for name in named[1].split(",")) == table.inserted
    assert table.version is not None
    assert "retired" in table.inserted


def test_everything_that_rollups_look_through_for_late_rows_has_the_index() -> None:
    sql = (MIGRATIONS / "0003_rollups.sql").read_text()
    for table in TABLES:
        wanted = table is PRESENCE or table.lane is Lane.SAMPLES
        assert (f"ALTER TABLE {table.name} ADD INDEX" in sql) == wanted, table.name
