"""What was observed of GPU-minutes, ticks and kernel logs, with numbers that can be counted on fingers."""

from __future__ import annotations

from clusterctl.analytics import rollup
from clusterctl.analytics.reports.build import Asked, build
from clusterctl.analytics.write import insert_rows
from clusterctl.config import AnalyticsConfig
from clusterctl.schema import EXPOSURE, PRESENCE
from clusterctl.store import Store
from tests.support.rolled import DAY_MS, MINUTE_MS, T0, Row, insert

UNTIL = T0 + 2 * DAY_MS


def minute(host: str, number: int, **told: object) -> Row:
    return {"cluster": "c", "host": host, "boot_id": "b", "seq": number, "ts": T0 + number * MINUTE_MS, "gpus_expected": 8,
            "gpus_seen": 8, "gpus_in_service": 8, "ticks_expected": 6, "ticks_done": 6, **told}  # fmt: skip


def test_shares_of_what_was_due(engine: Store) -> None:
    """Two nodes for two days. One loses kernel-log records, and half a minute's ticks, on the first; the other cannot read
    its log, does not know of its GPUs for half of the first day, and is silent on the second."""
    seen = [minute("a", number) for number in range(2 * 1440)]
    seen[700] |= {"log_records_lost": 3, "ticks_done": 3}
    blind = [minute("b", number, blind="kmsg:no_permission") for number in range(1440)]
    blind[720:] = [{**row, "gpus_in_service": None, "blind": "gpu:no_driver,kmsg:no_permission"} for row in blind[720:]]
    insert(engine, PRESENCE, seen + blind, stored_ms=UNTIL)

    for rolled in (False, True):
        if rolled:
            rollup.refresh(engine, AnalyticsConfig(), now_ms=UNTIL + DAY_MS)
        made = build(engine, AnalyticsConfig(), Asked(T0, UNTIL, cluster="c"), UNTIL + DAY_MS)
        told = made.clusters[0].coverage
        assert told.share == 4320 / 5760
        assert told.ticks_share == (4320 * 6 - 3) / (4320 * 6)
        assert told.log_share == 1440 / 5760, "only the second day of a"
        assert told.gpu_minutes_share == (2880 + 720) / 5760
        assert told.blind == ["gpu:no_driver", "kmsg:no_permission"]


def test_an_import_says_nothing_of_what_was_observed(engine: Store) -> None:
    engine.execute("TRUNCATE TABLE presence")
    engine.execute("TRUNCATE TABLE kpi_day")
    stated = {"since": T0, "until": UNTIL, "gpu": "", "node": "", "gpus": 8, "all_bases": 1, "divisible": 1}
    block = {"cluster": "i", "source": "x", "version": 1, "retired": 0, **stated}
    insert_rows(engine, EXPOSURE, [block])
    told = build(engine, AnalyticsConfig(), Asked(T0, UNTIL, cluster="i"), UNTIL + DAY_MS).clusters[0].coverage
    assert (told.source, told.share) == ("imported", None)
    assert (told.gpu_minutes_share, told.ticks_share, told.log_share) == (None, None, None)
