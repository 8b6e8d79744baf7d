"""Packs: many batches in columns. What goes in comes out, whatever is missing; damage is refused in one way; columns may be
appended in either direction."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clusterctl.schema
from clusterctl import packs, wire
from clusterctl.bus import Partition, Record
from clusterctl.collector.assemble import columns_of
from clusterctl.collector.decode import Item, TimeBounds, decode
from clusterctl.errors import DecodeError, Unencodable
from clusterctl.schema import EVENT, GPU_SAMPLE, HOST_SAMPLE, TABLE_BY_NAME, Table
from clusterctl.schema.field import UINT16, Unit, gauge
from tests.unit.test_wire import SENT, encoded, rows

PARTITION = Partition("t", 3)
WIDE = TimeBounds(2**62, 2**62)


def packed(table: Table, batches: list[list[Any]]) -> bytes:
    return wire.gather(
        [
            wire.encode(table, batch, cluster="c", host="h", boot_id="b", seq=seq, sent_ms=seq)
            for seq, batch in enumerate(batches)
        ]
    )


def sorted_by_key(table: Table, pairs: list[tuple[int, Any]]) -> list[tuple[int, Any]]:
    names = [name for name in table.key if any(field.name == name for field in table.fields)]
    return sorted(pairs, key=lambda pair: tuple(getattr(pair[1], name) for name in names))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_what_goes_in_comes_out_in_the_order_of_the_key(data: st.DataObject) -> None:
    table = data.draw(st.sampled_from(SENT))
    batches = data.draw(st.lists(st.lists(rows(table), min_size=1, max_size=3), min_size=1, max_size=3))
    pack, shape = wire.receive(packed(table, batches))
    seqs, found = packs.unpack(pack, shape)
    sent = [(seq, row) for seq, batch in enumerate(batches) for row in batch]
    assert list(zip(seqs, found, strict=True)) == sorted_by_key(table, sent)
    assert (pack.cluster, pack.host, pack.boot_id, shape.table) == ("c", "h", "b", table)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_columns_of_many_packs_are_what_was_sent(data: st.DataObject) -> None:
    """Of several hosts, lengths and shapes; batches that were never packed among them."""
    table = data.draw(st.sampled_from(SENT))
    sent, items = [], []
    for offset in range(data.draw(st.integers(1, 5))):
        host = data.draw(st.sampled_from(["h1", "h2"]))
        batch = data.draw(st.lists(rows(table), min_size=1, max_size=3))
        one = wire.encode(table, batch, cluster="c", host=host, boot_id="b", seq=offset, sent_ms=1)
        value = wire.gather([one]) if data.draw(st.booleans()) else one
        items.append(decode(Record(PARTITION, offset, 0, b"", value), WIDE)[0])
        sent += [(host, offset, *msgspec.structs.astuple(row)) for row in batch]
    columns = columns_of(table, items, 3)
    assert tuple(columns) == table.inserted
    names = ["host", "bus_offset", *(field.name for field in table.fields)]
    found = list(zip(*(list(columns[name]) for name in names), strict=True))
    assert sorted(map(repr, found)) == sorted(map(repr, sent))
    assert set(columns["bus_partition"]) == {3}


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_pack_is_refused_or_read_and_never_fails_in_another_way(data: st.DataObject) -> None:
    row = EVENT.row(**{f.name: 5 if f.type.python is not str else "x" for f in EVENT.fields if not f.nullable})
    good = bytearray(packed(EVENT, [[row], [row]]))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(good)))
    with contextlib.suppress(DecodeError, Unencodable):
        item, _ = decode(Record(PARTITION, 0, 0, b"", bytes(good[:cut])), WIDE)
        columns = columns_of(item.table, [item], 0)
        assert {len(values) for values in columns.values()} == {item.rows}


def item(value: bytes) -> Item:
    return decode(Record(PARTITION, 0, 0, b"", value), WIDE)[0]


def changed(value: bytes, **fields: Any) -> bytes:
    pack = msgspec.msgpack.decode(value, type=packs.Pack)
    return msgspec.msgpack.encode(msgspec.structs.replace(pack, **fields))


HOST = packed(HOST_SAMPLE, [[HOST_SAMPLE.row(ts=5, period_ms=1_000, load_1m=0.5)]])


def test_what_is_not_a_number_is_not_a_reading() -> None:
    pack = item(HOST).pack
    blob = bytes(pack.blob).replace(np.float32(0.5).tobytes(), np.float32("nan").tobytes())
    with pytest.raises(Unencodable, match="load_1m: nan is not a reading"):
        columns_of(HOST_SAMPLE, [item(changed(HOST, blob=memoryview(blob)))], 0)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"version": 3}, "wire version 3"),
        ({"table": "incident"}, "not one that agents send"),
        ({"rows": 2}, "the layout has"),
        ({"layout": b"\x18"}, "ts: form 0"),
        ({"layout": b"\x28"}, "seq: form 2"),
        ({"texts": []}, "dictionaries"),
        ({"host": ""}, "not a pack"),
    ],
)
def test_reasons_say_what_is_wrong(fields: dict[str, Any], reason: str) -> None:
    row = GPU_SAMPLE.row(ts=5, gpu_uuid="GPU-1", gpu_index=0, pci="")
    with pytest.raises(DecodeError, match=reason):
        wire.receive(changed(packed(GPU_SAMPLE, [[row]]), **fields))


def test_text_beyond_its_bound_or_dictionary_is_refused() -> None:
    sent = packed(GPU_SAMPLE, [[GPU_SAMPLE.row(ts=5, gpu_uuid="GPU-1", gpu_index=0, pci="")]])
    for texts, reason in (
        ([["x" * 300], [""]], "at most 256"),
        ([[], [""]], "beyond"),
        ([[None], [""]], "missing text"),
    ):
        with pytest.raises(Unencodable, match=reason):
            columns_of(GPU_SAMPLE, [item(changed(sent, texts=texts))], 0)


def test_rows_with_a_wrong_clock_are_left_out_and_told() -> None:
    sent = packed(HOST_SAMPLE, [[HOST_SAMPLE.row(ts=ts, period_ms=1, uptime_s=ts)] for ts in (100, 200, 9_000_000)])
    made, reason = decode(Record(PARTITION, 0, 150, b"", sent), TimeBounds(1_000, 1_000))
    assert "1 of 3 rows is too far off" in reason
    assert list(columns_of(HOST_SAMPLE, [made], 0)["uptime_s"]) == [100, 200]
    with pytest.raises(DecodeError, match="3 of 3"):
        decode(Record(PARTITION, 0, 90_000_000, b"", sent), TimeBounds(1_000, 1_000))


@pytest.fixture
def tomorrow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    """host_sample with a column more, as a later version declares it."""
    later = dataclasses.replace(HOST_SAMPLE, fields=(*HOST_SAMPLE.fields, gauge("of_tomorrow", UINT16, Unit.NONE, "x")))
    yield later
    packs.shape_of.cache_clear()
    wire._row_decoders.clear()


def declared(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABLE_BY_NAME, table.name, table)
    assert clusterctl.schema.TABLE_BY_NAME[table.name] is table
    packs.shape_of.cache_clear()
    wire._row_decoders.clear()


def test_an_old_collector_reads_what_it_knows_of_a_new_agents_pack(
    tomorrow: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared(tomorrow, monkeypatch)
    sent = packed(tomorrow, [[tomorrow.row(ts=5, period_ms=1, load_1m=0.5, of_tomorrow=7)]])
    declared(HOST_SAMPLE, monkeypatch)
    columns = columns_of(HOST_SAMPLE, [item(sent)], 0)
    assert "of_tomorrow" not in columns
    assert list(columns["load_1m"]) == [0.5]


def test_a_new_collector_finds_an_old_agents_new_columns_missing(
    tomorrow: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_pack, old_batch = HOST, encoded(HOST_SAMPLE, [HOST_SAMPLE.row(ts=5, period_ms=1_000, load_1m=0.5)])
    declared(tomorrow, monkeypatch)
    for sent in (old_pack, old_batch):
        columns = columns_of(tomorrow, [item(sent)], 0)
        assert list(columns["of_tomorrow"]) == [None]
        assert list(columns["load_1m"]) == [0.5]


def test_texts_that_would_fill_the_memory_once_written_out_are_refused() -> None:
    needed = {f.name: 5 if f.type.python is not str else "x" for f in EVENT.fields if not f.nullable}
    many = [EVENT.row(**{**needed, "text": "x"}) for _ in range(5_000)]
    sent = packed(EVENT, [many])
    longest = [["x" * 4_096 if text == "x" else text for text in texts] for texts in item(sent).pack.texts]
    with pytest.raises(DecodeError, match="written out"):
        wire.receive(changed(sent, texts=longest))
    few = packed(EVENT, [[EVENT.row(**{**needed, "text": "x" * 4_096})] * 100])
    assert item(few).size_bytes > 100 * 4_096, "and what passes counts as what it becomes"


def test_more_rows_than_any_agent_sends_are_refused() -> None:
    one = HOST_SAMPLE.row(ts=1, period_ms=1)
    with pytest.raises(DecodeError, match="more than any agent sends"):
        wire.receive(encoded(HOST_SAMPLE, [one] * (packs.MAX_ROWS + 1)))


def test_rows_of_one_host_stay_in_the_order_of_their_offsets_whatever_their_shapes() -> None:
    """Of two rows with one key the later counts: here the second lacks a reading, and so has another shape."""
    sent = [
        HOST_SAMPLE.row(ts=5, period_ms=1, load_1m=load, uptime_s=n) for n, load in enumerate((0.5, None, 0.25, None))
    ]
    items = [decode(Record(PARTITION, n, 0, b"", packed(HOST_SAMPLE, [[row]])), WIDE)[0] for n, row in enumerate(sent)]
    columns = columns_of(HOST_SAMPLE, items, 0)
    assert list(columns["uptime_s"]) == [0, 1, 2, 3]
    assert list(columns["load_1m"]) == [0.5, None, 0.25, None]
    assert list(columns["bus_offset"]) == [0, 1, 2, 3]
