"""A column is added to a running fleet, in the documented order: the table, the collectors, the agents (docs/upgrades.md)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from clusterctl import packs, wire
from clusterctl.analytics.drift import drift
from clusterctl.analytics.migrate import migrate
from clusterctl.bus import Partition, Record
from clusterctl.collector.block import Block
from clusterctl.collector.decode import TimeBounds, decode
from clusterctl.schema import HOST_SAMPLE, TABLE_BY_NAME, Table
from clusterctl.schema.field import UINT16, Unit, gauge
from clusterctl.store import Store
from tests.support.wirehelp import now_ms

PARTITION = Partition("t", 0)
NEW = dataclasses.replace(HOST_SAMPLE, fields=(*HOST_SAMPLE.fields, gauge("of_tomorrow", UINT16, Unit.NONE, "x")))


class Fleet:
    """An agent and a collector, each of the old or of the new version."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self._store = store
        self._monkeypatch = monkeypatch
        self._offset = 0
        self._now_ms = now_ms() - 60_000

    def runs(self, table: Table) -> None:
        """From here on the code is of this version."""
        self._monkeypatch.setitem(TABLE_BY_NAME, table.name, table)
        packs.shape_of.cache_clear()
        wire._row_decoders.clear()

    def sends(self, agent: Table, *, pack: bool) -> bytes:
        """A message of an agent of this version."""
        self.runs(agent)
        readings = {"of_tomorrow": 7} if agent is NEW else {}
        row = agent.row(ts=self._now_ms + self._offset, period_ms=1_000, uptime_s=self._offset, **readings)
        one = wire.encode(agent, [row], cluster="c", host="h", boot_id="b", seq=self._offset, sent_ms=1)
        return wire.gather([one]) if pack else one

    def stores(self, collector: Table, message: bytes) -> None:
        """A collector of this version takes the message."""
        self.runs(collector)
        item, reason = decode(Record(PARTITION, self._offset, now_ms(), b"h", message), TimeBounds(10**6, 10**6))
        assert reason == ""
        block = Block(PARTITION, self._offset, self._offset + 1, (item,))
        self._store.insert(collector.name, block.columns(collector), block.token(collector))
        self._offset += 1


@pytest.fixture
def fleet(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    migrate(store)
    made = Fleet(store, monkeypatch)
    yield made
    made.runs(HOST_SAMPLE)


def test_a_column_is_rolled_out_without_a_stop(store: Store, fleet: Fleet) -> None:
    for pack in (False, True):
        fleet.stores(HOST_SAMPLE, fleet.sends(HOST_SAMPLE, pack=pack))
    store.execute("ALTER TABLE host_sample ADD COLUMN of_tomorrow Nullable(UInt16) AFTER agent_pss_bytes")
    assert drift(store) == ["host_sample.of_tomorrow: not declared"]
    for collector, agent in ((HOST_SAMPLE, HOST_SAMPLE), (NEW, HOST_SAMPLE), (NEW, NEW), (HOST_SAMPLE, NEW)):
        for pack in (False, True):
            fleet.stores(collector, fleet.sends(agent, pack=pack))
    rows = store.query("SELECT uptime_s, of_tomorrow FROM host_sample ORDER BY uptime_s").rows
    only_both_new_know_it = [None] * 6 + [7, 7] + [None] * 2
    assert rows == list(enumerate(only_both_new_know_it))
