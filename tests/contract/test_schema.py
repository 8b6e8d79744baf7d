"""The declaration is the database, on every store."""

from __future__ import annotations

import pytest

from clusterctl.analytics.drift import drift
from clusterctl.analytics.migrate import applied, migrate, migrations, require_current
from clusterctl.errors import SchemaBehind
from clusterctl.schema import TABLES
from clusterctl.schema.table import DEDUPLICATION
from clusterctl.store import Store


def test_the_database_is_what_we_declared(store: Store) -> None:
    migrate(store)
    assert drift(store) == []


def test_drift_is_seen(store: Store) -> None:
    migrate(store)
    store.execute("ALTER TABLE gpu_sample DROP COLUMN power_mw")
    store.execute("ALTER TABLE presence ADD COLUMN stray UInt8")
    assert drift(store) == [
        "gpu_sample.power_mw: declared Nullable(UInt32), found nothing",
        "presence.stray: not declared",
    ]


def test_another_codec_is_drift(store: Store) -> None:
    migrate(store)
    store.execute("ALTER TABLE gpu_sample MODIFY COLUMN energy_mj CODEC(DoubleDelta, LZ4)")
    store.execute("ALTER TABLE presence MODIFY COLUMN seq REMOVE CODEC")
    store.execute("ALTER TABLE gpu_sample RESET SETTING min_compress_block_size")
    store.execute("ALTER TABLE nic_sample MODIFY COLUMN bus_offset RESET SETTING max_compress_block_size")
    blocks = "SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304)"
    assert drift(store) == [
        "gpu_sample: declared min_compress_block_size = 262144, not found",
        "gpu_sample.energy_mj: declared CODEC(Delta, ZSTD(1)), found CODEC(DoubleDelta, LZ4)",
        f"nic_sample.bus_offset: declared {blocks}, not found",
        "presence.seq: declared CODEC(Delta, ZSTD(1)), found no codec",
    ]


def test_keys_codecs_and_windows_are_as_declared(store: Store) -> None:
    migrate(store)
    rows = store.query(
        "SELECT name, sorting_key, engine_full FROM system.tables WHERE database = currentDatabase()"
    ).rows
    found = {name: (key, engine) for name, key, engine in rows}
    for table in TABLES:
        key, engine = found[table.name]
        assert key.strip("()") == ", ".join(table.key)
        for name, value in DEDUPLICATION.items():
            assert f"{name} = {value}" in engine, f"{table.name}: a target without a window forgets tokens"


def test_migrating_twice_changes_nothing(store: Store) -> None:
    assert migrate(store) == [step.name for step in migrations()]
    assert migrate(store) == []
    assert applied(store) == {step.number: step.sha256 for step in migrations()}


def test_an_empty_database_is_behind(store: Store) -> None:
    with pytest.raises(SchemaBehind) as behind:
        require_current(store)
    assert "clusterctl migrate" in behind.value.hint
    migrate(store)
    require_current(store)


def test_rewritten_history_is_refused(store: Store) -> None:
    migrate(store)
    store.insert("schema_migration", {"number": [1], "name": ["0001_initial.sql"], "sha256": ["0" * 64]})
    with pytest.raises(SchemaBehind) as rewritten:
        migrate(store)
    assert "frozen" in rewritten.value.hint
