"""Blocks: tokens are made of offsets, halves meet, columns are fresh and complete."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from clusterctl.bus import Partition, Record
from clusterctl.collector.block import Block, BlockBuilder, Dead, Limits
from clusterctl.collector.decode import Item, TimeBounds, decode
from clusterctl.schema import NIC_SAMPLE
from tests.support.wirehelp import host_batch, nic_batch

PARTITION = Partition("t", 3)
BOUNDS = TimeBounds(1_000, 1_000)


def item(offset: int) -> Item:
    make = host_batch if offset % 2 else nic_batch
    return decode(Record(PARTITION, offset, offset, b"h", make("h", offset, offset)), BOUNDS)[0]


def dead(offset: int) -> Dead:
    return Dead(Record(PARTITION, offset, 0, b"h", b"junk"), "junk")


blocks = st.lists(st.tuples(st.integers(0, 500), st.booleans()), min_size=1, max_size=30, unique_by=lambda x: x[0]).map(
    lambda drawn: Block(
        PARTITION,
        min(drawn)[0],
        max(drawn)[0] + 1,
        tuple(item(offset) for offset, good in sorted(drawn) if good),
        tuple(dead(offset) for offset, good in sorted(drawn) if not good),
    )
)


@given(blocks)
def test_halves_meet_and_lose_nothing(block: Block) -> None:
    halves = block.halves()
    assert halves[0].begin == block.begin
    assert halves[-1].end == block.end
    assert all(a.end == b.begin for a, b in pairwise(halves))
    assert [i.offset for half in halves for i in half.items] == [i.offset for i in block.items]
    assert sorted(d.record.offset for half in halves for d in half.dead) == sorted(d.record.offset for d in block.dead)
    for half in halves:
        assert all(half.begin <= i.offset < half.end for i in half.items)


@given(blocks, blocks)
def test_the_same_token_means_the_same_range(one: Block, two: Block) -> None:
    same = (one.begin, one.end) == (two.begin, two.end)
    assert (one.token(NIC_SAMPLE) == two.token(NIC_SAMPLE)) == same


@given(blocks)
def test_columns_are_complete(block: Block) -> None:
    for table in block.tables():
        columns = block.columns(table)
        assert tuple(columns) == table.inserted
        assert len({len(values) for values in columns.values()}) == 1
        assert {len(values) for values in columns.values()} == {sum(i.rows for i in block.items if i.table is table)}


def test_a_missing_reading_is_none_in_its_column() -> None:
    block = Block(PARTITION, 0, 1, (item(0),))
    assert list(block.columns(NIC_SAMPLE)["tx_bytes"]) == [None, None]


def test_the_first_block_after_a_crash_is_exactly_the_promised_one() -> None:
    builder = BlockBuilder(PARTITION, Limits(rows=2, bytes=1, age_s=0.0), 10, forced_end=16)
    for offset in (10, 12, 15):
        assert not builder.due(1e9), "neither rows nor bytes nor age may cut it"
        builder.add(item(offset).record, item(offset), None, 0.0)
    assert builder.due(0.0)
    block = builder.cut()
    assert (block.begin, block.end) == (10, 16)
    assert builder.begin == 16


def test_a_promised_range_whose_last_offsets_are_holes_is_cut_before_what_follows() -> None:
    builder = BlockBuilder(PARTITION, Limits(100, 100_000, 60.0), 10, forced_end=16)
    builder.add(item(12).record, item(12), None, 0.0)
    assert not builder.due(0.0)
    assert builder.closes_before(item(17).record)
    assert (builder.cut().begin, builder.begin) == (10, 16)


def test_blocks_are_cut_by_rows_bytes_or_age() -> None:
    for limits, due in ((Limits(2, 10**9, 1e9), True), (Limits(100, 10, 1e9), True), (Limits(100, 10**9, 5.0), False)):
        builder = BlockBuilder(PARTITION, limits, None)
        builder.add(item(4).record, item(4), None, 100.0)
        assert builder.due(100.0) is due
        assert builder.due(106.0)
