"""Killed at any statement, run twice at once, fed late rows between: the hours are those of a plain reckoning."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import pytest

from clusterctl.analytics import rollup
from clusterctl.analytics.migrate import migrate
from clusterctl.config import AnalyticsConfig, Config
from clusterctl.errors import StoreUnavailable
from clusterctl.schema import GPU_HOUR, GPU_SAMPLE
from clusterctl.store import Bounds, Columns, Param, Result
from clusterctl.store.embedded import EmbeddedStore
from tests.support.rolled import HOUR_MS, MINUTE_MS, T0, Row, gpu, insert, standing

CONFIG = AnalyticsConfig()
HOURS = 4
AFTER = T0 + (HOURS + 1) * HOUR_MS


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    opened = EmbeddedStore(tmp_path_factory.mktemp("rollup-kills"))
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _empty(store: EmbeddedStore) -> None:
    for table in ("gpu_sample", "gpu_hour", "rollup_run"):
        store.execute(f"TRUNCATE TABLE {table}")


class Killed:
    """A store whose process dies at a statement that writes: before it, or when it is done."""

    def __init__(self, store: EmbeddedStore, writes: int, *, done: bool) -> None:
        self._store = store
        self._left = writes
        self._done = done

    def _step(self) -> bool:
        self._left -= 1
        if self._left < 0 and not self._done:
            raise StoreUnavailable("killed")
        return self._left < 0

    def query(self, sql: str, params: Mapping[str, Param] | None = None, bounds: Bounds | None = None) -> Result:
        return self._store.query(sql, params, bounds)

    def execute(self, sql: str, params: Mapping[str, Param] | None = None) -> None:
        last = self._step()
        self._store.execute(sql, params)
        if last:
            raise StoreUnavailable("killed")

    def insert(self, table: str, columns: Columns, token: str = "") -> None:
        last = self._step()
        self._store.insert(table, columns, token)
        if last:
            raise StoreUnavailable("killed")

    def close(self) -> None: ...


def ticks(chance: random.Random, count: int) -> list[Row]:
    """Readings at any second of four hours, few enough that hours are silent, with resets, reboots and gaps."""
    rows = []
    for _ in range(count):
        second = chance.randrange(HOURS * 3_600)
        epoch, boot = second // 4_000, second // 9_000
        rows.append(
            gpu(
                T0 + second * 1_000,
                host=f"h{chance.randrange(3)}",
                gpu_uuid=f"g{chance.randrange(2)}",
                boot_id=f"b{boot}",
                energy_mj=chance.choice([None, second - 3_700 * epoch, second - 3_700 * epoch]),
            )
        )
    return rows


def reckoned(rows: list[Row]) -> list[Row]:
    """What gpu_hour must say: steps from reading to reading of a boot, each in the hour in which it ends."""
    latest = {(row["host"], row["gpu_uuid"], row["ts"]): row for row in rows}
    found: dict[tuple[Any, ...], Row] = {}

    def device(row: Row) -> tuple[Any, ...]:
        return row["host"], row["gpu_uuid"], row["boot_id"]

    for key, same in groupby(sorted(latest.values(), key=lambda row: (device(row), row["ts"])), key=device):
        before: int | None = None
        for row in same:
            hour = found.setdefault(
                (*key, row["ts"] // HOUR_MS),
                {"ticks": 0, "energy_mj_increase": None, "energy_mj_last": None, "resets": 0},
            )
            hour["ticks"] += 1
            now = row["energy_mj"]
            if now is None:
                continue
            if before is not None:
                step = now - before if now >= before else now
                hour["energy_mj_increase"] = (hour["energy_mj_increase"] or 0) + step
                hour["resets"] += now < before
            before = hour["energy_mj_last"] = now
    return [found[key] for key in sorted(found)]


def rolled(store: EmbeddedStore) -> list[Row]:
    names = ("ticks", "energy_mj_increase", "energy_mj_last", "resets")
    return [{name: row[name] for name in names} for row in standing(store, GPU_HOUR)]


def test_killed_anywhere_and_run_again_it_is_as_if_it_had_not_been(store: EmbeddedStore) -> None:
    chance = random.Random(5)
    rows: list[Row] = []
    now_ms = AFTER
    for kill in (0, 1, 2, 3, 5, 8):
        fresh = ticks(chance, 40 if kill == 0 else 3)
        # of two rows with one key the one stored last counts; here they agree, since a block of one insert keeps no order
        fresh = [row for row in fresh if all(row["ts"] != other["ts"] for other in rows)]
        rows += fresh
        insert(store, GPU_SAMPLE, fresh, stored_ms=now_ms)
        now_ms += 5 * MINUTE_MS
        for attempt in range(2):
            try:
                rollup.refresh(Killed(store, kill + attempt, done=bool(attempt)), CONFIG, now_ms=now_ms + attempt)
            except StoreUnavailable:
                continue
        rollup.refresh(store, CONFIG, now_ms=now_ms + MINUTE_MS)
        assert rolled(store) == reckoned(rows), f"after a kill at statement {kill}"
        now_ms += 5 * MINUTE_MS


def test_two_at_once_agree(store: EmbeddedStore) -> None:
    chance = random.Random(6)
    rows: list[Row] = []
    for turn in range(2):
        fresh = [row for row in ticks(chance, 30) if all(row["ts"] != other["ts"] for other in rows)]
        rows += fresh
        now_ms = AFTER + turn * 10 * MINUTE_MS
        insert(store, GPU_SAMPLE, fresh, stored_ms=now_ms)
        both = [
            threading.Thread(target=rollup.refresh, args=(store, CONFIG), kwargs={"now_ms": now_ms + 5 * MINUTE_MS + n})
            for n in range(2)
        ]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        assert rolled(store) == reckoned(rows)


def test_nothing_is_done_twice_and_rows_that_vanished_are_taken_back(store: EmbeddedStore) -> None:
    rows = ticks(random.Random(7), 60)
    insert(store, GPU_SAMPLE, rows, stored_ms=AFTER)
    rollup.refresh(store, CONFIG, now_ms=AFTER + 5 * MINUTE_MS)
    before = store.query("SELECT * FROM gpu_hour FINAL ORDER BY ALL").rows
    assert [one.periods for one in rollup.refresh(store, CONFIG, now_ms=AFTER + 6 * MINUTE_MS)] == [0, 0, 0, 0]
    assert store.query("SELECT * FROM gpu_hour FINAL ORDER BY ALL").rows == before
    store.execute("ALTER TABLE gpu_sample DELETE WHERE host = 'h1' SETTINGS mutations_sync = 2")
    rollup.recompute(store, Config(), T0, AFTER, now_ms=AFTER + 7 * MINUTE_MS)
    left = [row for row in rows if row["host"] != "h1"]
    assert rolled(store) == reckoned(left)
    assert len(standing(store, GPU_HOUR)) < len(before)
    store.execute("TRUNCATE TABLE gpu_sample")
    rollup.recompute(store, Config(), T0, AFTER, now_ms=AFTER + 8 * MINUTE_MS)
    assert rolled(store) == reckoned(left), "hours whose samples have gone stay as they are"
