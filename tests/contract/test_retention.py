"""Samples go after the configured days, or move to the cold volume; rollups stay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import chdb
import pytest

from clusterctl.analytics import retention, rollup
from clusterctl.analytics.migrate import migrate
from clusterctl.config import Config
from clusterctl.errors import ConfigError, StoreError
from clusterctl.schema import GPU_SAMPLE
from clusterctl.store import Store
from clusterctl.store.embedded import EmbeddedStore
from clusterctl.store.remote import RemoteStore
from tests.support.rolled import DAY_MS, T0, gpu, insert

NOW_MS = T0 + 10 * DAY_MS


def keeping(**store: object) -> Config:
    return replace(Config(), store=replace(Config().store, **store))  # type: ignore[arg-type]


def count(store: Store, table: str) -> int:
    return int(store.query(f"SELECT count() AS n FROM {table}").rows[0][0])


def test_samples_go_after_the_configured_days_and_hours_stay(store: Store) -> None:
    if isinstance(store, RemoteStore):
        pytest.skip("the engine behind the socket is the embedded one")
    migrate(store)
    assert len(retention.apply(store, keeping(raw_days=90))) == len(retention.aged())
    assert retention.apply(store, keeping(raw_days=90)) == [], "applying again changes nothing"
    insert(store, GPU_SAMPLE, [gpu(NOW_MS - 40 * DAY_MS), gpu(NOW_MS - 2 * DAY_MS)], stored_ms=NOW_MS)
    rollup.refresh(store, Config().analytics, now_ms=NOW_MS)
    store.execute("OPTIMIZE TABLE gpu_sample FINAL")
    assert (count(store, "gpu_sample"), count(store, "gpu_hour")) == (2, 2)
    retention.apply(store, keeping(raw_days=30))
    store.execute("OPTIMIZE TABLE gpu_sample FINAL")
    assert (count(store, "gpu_sample"), count(store, "gpu_hour")) == (1, 2)
    rollup.recompute(store, Config(), NOW_MS - 60 * DAY_MS, NOW_MS, now_ms=NOW_MS)
    assert count(store, "gpu_hour FINAL WHERE retired = 0") == 2, "what has no source any more is not taken back"


POLICY = """<clickhouse><storage_configuration>
<disks><cold><path>{cold}/</path></cold></disks>
<policies><tiered><volumes><default><disk>default</disk></default><cold><disk>cold</disk></cold></volumes></tiered></policies>
</storage_configuration></clickhouse>"""


def test_old_parts_move_to_the_cold_volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cold").mkdir()
    settings = tmp_path / "engine.xml"
    settings.write_text(POLICY.format(cold=tmp_path / "cold"), encoding="utf-8")
    connect = chdb.connect
    monkeypatch.setattr(chdb, "connect", lambda path: connect(f"{path}?config-file={settings}"))
    store = EmbeddedStore(tmp_path / "store")
    migrate(store)
    assert len(retention.apply(store, keeping(storage_policy="tiered"))) == len(retention.aged())
    assert retention.apply(store, keeping(storage_policy="tiered")) == []
    insert(store, GPU_SAMPLE, [gpu(NOW_MS - 9 * DAY_MS), gpu(NOW_MS - 2 * DAY_MS)], stored_ms=NOW_MS)
    store.execute("OPTIMIZE TABLE gpu_sample FINAL")
    rows = store.query(
        "SELECT disk_name, sum(rows) AS n FROM system.parts WHERE table = 'gpu_sample' AND active GROUP BY 1 ORDER BY 1"
    ).rows
    assert rows == [("cold", 1), ("default", 1)]
    with pytest.raises(StoreError, match="no storage policy"):
        retention.apply(store, keeping(storage_policy="other"))
    with pytest.raises(StoreError, match="no volume"):
        retention.apply(store, keeping(storage_policy="tiered", cold_volume="frozen"))
    store.close()


@pytest.mark.parametrize(
    "config",
    [
        keeping(storage_policy="it's", cold_volume="cold"),
        keeping(storage_policy="tiered", cold_volume="a'); DROP TABLE x"),
        keeping(storage_policy="tiered", raw_days=8, hot_days=8),
        replace(keeping(raw_days=8), collector=replace(Config().collector, late_bound_h=200.0)),
    ],
)
def test_a_retention_that_cannot_be_is_refused(config: Config) -> None:
    with pytest.raises(ConfigError):
        retention.require_sound(config)
