"""What retention took: found, stored once as an event, shown by reports, and no incident of the cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clusterctl.analytics.incidents.refresh import refresh
from clusterctl.analytics.migrate import migrate
from clusterctl.bus import Partition, Position
from clusterctl.bus.memory import MemoryBus
from clusterctl.collector.gap import HINT, Gap, gaps_of, noted, record
from clusterctl.collector.replay import origins
from clusterctl.errors import OffsetsLost, StoreUnavailable
from clusterctl.store.embedded import EmbeddedStore
from tests.support.clock import HandClock
from tests.unit.test_collector import TokenStore, collector, configured, drain, fill

CONFIG = configured(samples_age_s="0.01")
SAMPLES, EVENTS = origins(CONFIG)
GROUP = CONFIG.bus.group
P0 = Partition(SAMPLES, 0)


@pytest.fixture
def bus() -> MemoryBus:
    bus = MemoryBus(partitions=2, clock=HandClock())
    fill(bus, 60)
    return bus


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    made = EmbeddedStore(tmp_path / "store")
    migrate(made)
    yield made
    made.close()


def test_a_group_within_the_log_has_no_gap(bus: MemoryBus) -> None:
    assert gaps_of(bus, CONFIG) == [], "a new group begins wherever the log begins"
    bus.positions[GROUP, P0] = Position(5)
    bus.forget(P0, 5)
    assert gaps_of(bus, CONFIG) == [], "the next record is the oldest one"
    bus.positions[GROUP, P0] = Position(len(bus.logs[P0]))
    assert gaps_of(bus, CONFIG) == [], "everything is read"


def test_a_gap_is_what_lies_between_the_position_and_the_oldest_record(bus: MemoryBus) -> None:
    bus.positions[GROUP, P0] = Position(3, '{"end": 9}')
    bus.forget(P0, 7)
    (gap,) = gaps_of(bus, CONFIG)
    assert gap == Gap(P0, "memory", 3, 7, bus.logs[P0][7].timestamp_ms)
    assert gap.lost == 4
    assert "4 records, offsets 3 to 6" in gap.text()


def test_a_log_made_anew_is_a_gap_of_unknown_size(bus: MemoryBus) -> None:
    bus.positions[GROUP, P0] = Position(1_000_000)
    (gap,) = gaps_of(bus, CONFIG)
    assert (gap.end, gap.lost) == (0, None)
    assert "made anew" in gap.text()


def test_the_collector_stops_and_accepting_the_loss_lets_it_go_on(bus: MemoryBus) -> None:
    store = TokenStore()
    bus.positions[GROUP, P0] = Position(3)
    bus.forget(P0, 7)
    for _ in range(3):
        with pytest.raises(OffsetsLost):
            drain(collector(bus, store), bus)
    assert bus.positions[GROUP, P0] == Position(3), "nothing was reset in silence"
    bus.move(GROUP, P0, 7)
    drain(collector(bus, store), bus)
    assert bus.positions[GROUP, P0] == Position(len(bus.logs[P0]))


def rows(store: EmbeddedStore) -> list[tuple[Any, ...]]:
    sql = "SELECT kind, code, severity, source, source_seq, count, ts, last_ts, fields, cluster, host FROM event"
    return store.query(sql).rows


def test_the_event_says_where_how_many_and_until_when(bus: MemoryBus, store: EmbeddedStore) -> None:
    bus.positions[GROUP, P0] = Position(3)
    bus.forget(P0, 7)
    config = replace(CONFIG, site=replace(CONFIG.site, cluster="c", host="collector-1"))
    bus.clock.sleep_s(60.0)
    error = noted(OffsetsLost("x"), bus, store, config, bus.clock)
    assert "4 records, offsets 3 to 6" in str(error)
    assert error.hint == HINT
    ((kind, code, severity, source, seq, count, ts, last_ts, fields, *place),) = rows(store)
    assert (kind, code, severity, source) == ("offsets_lost", f"{SAMPLES}/0", "fail", "collector")
    assert (seq, count, place) == (3, 4, ["c", "collector-1"])
    assert (last_ts - ts).total_seconds() == pytest.approx(60.0, abs=0.1)
    assert json.loads(fields) == {"topic": SAMPLES, "partition": 0, "from": 3, "to": 7, "lost": 4, "bus": "memory"}


def test_a_gap_that_is_met_again_is_stored_once(bus: MemoryBus, store: EmbeddedStore) -> None:
    bus.positions[GROUP, P0] = Position(3)
    for before in (7, 7, 7):
        bus.forget(P0, before)
        noted(OffsetsLost("x"), bus, store, CONFIG, bus.clock)
        bus.clock.sleep_s(5.0)
    assert len(rows(store)) == 1


def test_a_store_that_is_away_is_said_and_the_gap_is_not_forgotten(bus: MemoryBus) -> None:
    bus.positions[GROUP, P0] = Position(3)
    bus.forget(P0, 7)
    store = TokenStore()
    store.errors = [StoreUnavailable("gone")]
    with pytest.raises(StoreUnavailable):
        noted(OffsetsLost("x"), bus, store, CONFIG, bus.clock)
    assert len(gaps_of(bus, CONFIG)) == 1


def test_reports_show_the_loss_once_at_its_largest_and_no_incident_comes_of_it(
    bus: MemoryBus, store: EmbeddedStore
) -> None:
    from clusterctl.analytics.reports.coverage import coverage_of, watched_in
    from clusterctl.clock import utc

    now_ms = bus.clock.now_ms()
    for end in (7, 12):
        record([Gap(P0, "memory", 3, end, now_ms)], store, CONFIG, bus.clock)
    record([Gap(Partition(EVENTS, 1), "memory", 0, 5, now_ms)], store, CONFIG, bus.clock)
    window = {"cluster": "of-an-agent", "since": utc(now_ms - 1_000), "until": utc(now_ms + 1_000)}
    coverage = coverage_of(watched_in(store, window), observed=True, imported=False)
    assert (coverage.messages_lost, coverage.bus_gaps) == (14, 2)
    assert "14 messages deleted by the bus before they were read, in 2 gaps" in coverage.summary
    earlier = {**window, "since": utc(now_ms - 9_000), "until": utc(now_ms)}
    before = coverage_of(watched_in(store, earlier), observed=True, imported=False)
    assert (before.messages_lost, "deleted" in before.summary) == (0, False)
    assert len(rows(store)) == 3
    refresh(store, CONFIG.site.cluster, CONFIG.analytics, now_ms + 1_000)
    assert store.query("SELECT count() FROM incident").rows == [(0,)]
