"""Closed hours and days are what their source says, whatever came late, twice, or in the middle of a kill."""

from __future__ import annotations

import random
from typing import Any

import pytest

from clusterctl.analytics import rollup
from clusterctl.analytics.migrate import migrate
from clusterctl.analytics.reports import queries
from clusterctl.analytics.reports.units import exposure_of
from clusterctl.clock import utc
from clusterctl.config import AnalyticsConfig
from clusterctl.schema import GPU_HOUR, GPU_SAMPLE, HOST_SAMPLE, KPI_DAY, NIC_HOUR, NIC_SAMPLE, PRESENCE
from clusterctl.store import Param, Store
from clusterctl.store.remote import RemoteStore
from tests.support.rolled import DAY_MS, HOUR_MS, MINUTE_MS, T0, gpu, insert, port, standing

CONFIG = AnalyticsConfig()
SOON = T0 + 2 * HOUR_MS
LATER = T0 + 8 * HOUR_MS


def at(hour: int, second: int) -> int:
    return T0 + hour * HOUR_MS + second * 1_000


def test_an_hour_has_sums_with_counts_and_no_increase_falls_between_two(store: Store) -> None:
    migrate(store)
    rows = [
        gpu(at(0, 10), power_mw=400_000, energy_mj=1_000, ecc_uncorrected=2, throttle_mask=0x44, job_id="7"),
        gpu(at(0, 20), power_mw=500_000, energy_mj=6_000, ecc_uncorrected=2, throttle_mask=0x4, temp_c=60),
        gpu(at(0, 30)),
        gpu(at(1, 10), energy_mj=9_000, ecc_uncorrected=5),
        gpu(at(1, 20), energy_mj=500, ecc_uncorrected=1),
        gpu(at(1, 30), energy_mj=None),
        gpu(at(1, 40), energy_mj=700, ecc_uncorrected=1),
        gpu(at(1, 50), boot_id="b2", energy_mj=50),
        gpu(at(0, 10), gpu_uuid="silent"),
    ]
    insert(store, GPU_SAMPLE, [*rows, rows[0]], stored_ms=SOON)
    done = rollup.refresh(store, CONFIG, now_ms=LATER)
    assert [(one.rollup, one.periods) for one in done] == [
        ("gpu_hour", 2),
        ("nic_hour", 0),
        ("kpi_day", 0),
        ("batch_day", 0),
    ]
    first, second, rebooted, silent = standing(store, GPU_HOUR)
    assert (first["ticks"], first["power_mw_sum"], first["power_mw_count"], first["power_mw_max"]) == (
        3,
        900_000,
        2,
        500_000,
    )
    assert (first["energy_mj_increase"], first["energy_mj_last"], first["energy_mj_count"]) == (5_000, 6_000, 2)
    assert (first["throttle_sw_power_cap_ticks"], first["throttle_hw_thermal_ticks"], first["throttle_mask_count"]) == (
        2,
        1,
        2,
    )
    assert (first["job_ticks"], first["temp_c_max"], first["temp_c_count"], first["resets"]) == (1, 60, 1, 0)
    # 6000 to 9000 between the hours, 500 since the reset, 200 more
    assert (second["energy_mj_increase"], second["ecc_uncorrected_increase"], second["resets"]) == (3_700, 4, 1)
    assert (rebooted["boot_id"], rebooted["energy_mj_increase"], rebooted["energy_mj_last"]) == ("b2", None, 50)
    assert (silent["ticks"], silent["power_mw_sum"], silent["power_mw_count"], silent["energy_mj_increase"]) == (
        1,
        None,
        0,
        None,
    )


def test_a_port_that_wrapped_or_stands_at_the_top_grew_by_nobody_knows_what(store: Store) -> None:
    migrate(store)
    rows = [
        port(
            at(0, 1),
            rx_bytes=4_000_000_000,
            tx_bytes=10,
            symbol_error=65_530,
            link_downed=3,
            saturated_mask=0,
            link_up=1,
        ),
        port(at(0, 2), rx_bytes=100, tx_bytes=25, symbol_error=65_535, link_downed=1, saturated_mask=1, link_up=0),
        port(at(1, 1), rx_bytes=300, tx_bytes=40, symbol_error=0, link_downed=1, saturated_mask=0, link_up=1),
    ]
    insert(store, NIC_SAMPLE, rows, stored_ms=SOON)
    rollup.refresh(store, CONFIG, now_ms=LATER)
    first, second = standing(store, NIC_HOUR)
    grown = (
        "rx_bytes_increase",
        "tx_bytes_increase",
        "symbol_error_increase",
        "link_downed_increase",
        "rx_errors_increase",
    )
    assert [first[name] for name in grown] == [None, 15, None, 1, None]
    assert (first["saturated_mask"], first["saturated_ticks"], first["resets"]) == (1, 1, 1)
    assert (first["link_up_ticks"], first["link_up_count"]) == (1, 2)
    assert [second[name] for name in grown] == [200, 15, 0, 0, None]


def test_late_rows_are_taken_in_and_the_hour_that_goes_on_from_them_too(store: Store) -> None:
    migrate(store)
    insert(store, GPU_SAMPLE, [gpu(at(0, 10), energy_mj=100), gpu(at(3, 10), energy_mj=900)], stored_ms=SOON)
    rollup.refresh(store, CONFIG, now_ms=LATER)
    assert [row["energy_mj_increase"] for row in standing(store, GPU_HOUR)] == [None, 800]
    insert(
        store, GPU_SAMPLE, [gpu(at(0, 50), energy_mj=300), gpu(at(1, 10), energy_mj=400)], stored_ms=LATER + MINUTE_MS
    )
    assert rollup.refresh(store, CONFIG, now_ms=LATER + 5 * MINUTE_MS)[0].periods == 2
    assert [row["energy_mj_increase"] for row in standing(store, GPU_HOUR)] == [200, 100, 500]
    assert rollup.refresh(store, CONFIG, now_ms=LATER + 10 * MINUTE_MS)[0].periods == 0, "and then nothing is due"


def minutes(chance: random.Random, count: int) -> list[dict[str, Any]]:
    """Node-minutes of five days, some repeated with other content, a few between two minutes."""
    rows = []
    for _ in range(count):
        gpus = chance.choice([8, 8, 4])
        ts = T0 + chance.randrange(5 * 1_440) // chance.choice([1, 1, 60]) * MINUTE_MS
        rows.append(
            {
                "cluster": chance.choice("ab"),
                "host": f"h{chance.randrange(4)}",
                "boot_id": chance.choice("xy"),
                "ts": ts + (chance.randrange(MINUTE_MS) if chance.random() < 0.05 else 0),
                "gpus_expected": gpus,
                "ticks_expected": 60,
                "ticks_done": chance.randrange(61),
                "log_records_lost": chance.choice([0] * 30 + [1, 2]),
                "blind": chance.choice(["", "gpu:none", "nic:x,kmsg:z"]),
                "gpus_seen": chance.choice([None, gpus]),
                "gpus_in_service": chance.choice([None, gpus, gpus]),
                "gpus_allocated": chance.choice([None, 2]),
            }
        )
    return rows


def batches(chance: random.Random, count: int) -> list[dict[str, Any]]:
    """Ticks of two hosts, numbered in their order, many of them missing; a batch may lie on both sides of midnight."""
    return [
        {
            "cluster": "a",
            "host": f"h{chance.randrange(2)}",
            "boot_id": "x",
            "ts": T0 + number * 3_600_000 + 1_000,
            "seq": number // 3,
        }
        for number in (chance.randrange(5 * 24) for _ in range(count))
    ]


def numbers(store: Store, windows: list[tuple[int, int]]) -> list[str]:
    """All that a report takes from presence, and the batches lost."""
    found = [repr(queries.CLUSTERS.run(store))]
    for since, until in windows:
        window: dict[str, Param] = {"cluster": "a", "since": utc(since), "until": utc(until)}
        found.append(repr(exposure_of(store, window)))
        asked = (queries.MINUTES, queries.COVERAGE, queries.FAULT_RATE, queries.LOST)
        found += [repr(query.one(store, **window)) for query in asked]
    return found


def test_a_report_is_the_same_with_rollups_and_without(store: Store) -> None:
    """Repeats, late rows, several boots, unknown readings, windows that begin and end anywhere."""
    if isinstance(store, RemoteStore):
        pytest.skip("the engine behind the socket is the embedded one")
    migrate(store)
    chance = random.Random(17)
    insert(store, PRESENCE, minutes(chance, 1_500), stored_ms=T0)
    insert(store, GPU_SAMPLE, batches(chance, 100), stored_ms=T0)
    for half_days in (1, 13):
        now_ms = T0 + half_days * DAY_MS // 2 + 20 * MINUTE_MS
        rollup.refresh(store, CONFIG, now_ms=now_ms)
        insert(store, PRESENCE, minutes(chance, 40), stored_ms=now_ms + 5_000)
        insert(
            store,
            HOST_SAMPLE,
            batches(chance, 10),
            stored_ms=now_ms + 5_000,
        )
        edges = [sorted(T0 + chance.randrange(-DAY_MS // 2, 6 * DAY_MS) for _ in range(2)) for _ in range(2)]
        windows = [(since, until) for since, until in edges] + [(T0 + DAY_MS, T0 + 4 * DAY_MS)]
        rolled = numbers(store, windows)
        store.execute("RENAME TABLE rollup_run TO kept")
        store.execute("CREATE TABLE rollup_run AS kept")
        assert rolled == numbers(store, windows)
        store.execute("DROP TABLE rollup_run SYNC")
        store.execute("RENAME TABLE kept TO rollup_run")
    assert len(standing(store, KPI_DAY)) > 30
