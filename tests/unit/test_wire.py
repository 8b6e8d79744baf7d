"""The wire format: what goes in comes out, and nothing else does."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterctl import wire
from clusterctl.errors import DecodeError
from clusterctl.schema import HOST_SAMPLE, SCHEMA_VERSION, TABLES, Table
from clusterctl.schema.field import Field

SENT = [table for table in TABLES if table.lane]


def values(field: Field) -> st.SearchStrategy[Any]:
    kind = field.type
    if kind.python is int:
        base: st.SearchStrategy[Any] = st.integers(int(kind.low or 0), int(kind.high or 2**63 - 1))
    elif kind.python is float:
        base = st.floats(-(2.0**60), 2.0**60, width=32)
    else:
        base = st.text(max_size=kind.max_length and min(kind.max_length, 30))
    return st.none() | base if field.nullable else base


def rows(table: Table) -> st.SearchStrategy[msgspec.Struct]:
    return st.builds(table.row, **{field.name: values(field) for field in table.fields})


def encoded(table: Table, batch: list[msgspec.Struct]) -> bytes:
    return wire.encode(table, batch, cluster="c", host="h", boot_id="b", seq=7, sent_ms=1)


@given(st.data())
def test_what_goes_in_comes_out(data: st.DataObject) -> None:
    table = data.draw(st.sampled_from(SENT))
    batch = data.draw(st.lists(rows(table), max_size=3))
    decoded = wire.decode(encoded(table, batch))
    assert decoded.table is table
    assert decoded.rows == batch
    assert (decoded.batch.cluster, decoded.batch.host, decoded.batch.seq) == ("c", "h", 7)


@given(st.binary(max_size=300))
def test_noise_is_refused_in_one_way(data: bytes) -> None:
    with pytest.raises(DecodeError):
        wire.decode(data)


@given(st.data())
def test_a_damaged_batch_never_fails_in_another_way(data: st.DataObject) -> None:
    good = bytearray(encoded(HOST_SAMPLE, [HOST_SAMPLE.row(ts=1, period_ms=1_000)]))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(good)))
    with contextlib.suppress(DecodeError):
        wire.decode(bytes(good[:cut]))


def test_out_of_range_is_refused_with_its_place() -> None:
    bad = HOST_SAMPLE.row(ts=1, period_ms=1_000, temp_max_c=40_000)
    with pytest.raises(DecodeError, match=r"host_sample: .*<= 32767"):
        wire.decode(encoded(HOST_SAMPLE, [bad]))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_a_number_is_not_a_reading(value: float) -> None:
    with pytest.raises(DecodeError):
        wire.decode(encoded(HOST_SAMPLE, [HOST_SAMPLE.row(ts=1, period_ms=1, load_1m=value)]))


def raw(**changed: Any) -> bytes:
    fields = {
        "version": wire.VERSION, "cluster": "c", "host": "h", "boot_id": "b", "seq": 1, "sent_ms": 1,
        "table": "host_sample", "schema": SCHEMA_VERSION, "rows": [[1, 1_000]],
    }  # fmt: skip
    return msgspec.msgpack.encode(list({**fields, **changed}.values()))


def test_a_later_schema_appends_and_an_earlier_one_leaves_out() -> None:
    count = len(HOST_SAMPLE.fields)
    longer = wire.decode(raw(schema=9, rows=[[1, 1_000] + [None] * (count - 2) + ["of tomorrow", 5]]))
    assert longer.rows == [HOST_SAMPLE.row(ts=1, period_ms=1_000)]
    assert wire.decode(raw(rows=[[1, 1_000]])).rows == [HOST_SAMPLE.row(ts=1, period_ms=1_000)]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"version": 2}, "wire version 2"),
        ({"table": "incident"}, "not one that agents send"),
        ({"table": "nonsense"}, "not one that agents send"),
        ({"host": ""}, "not a batch"),
        ({"seq": -1}, "not a batch"),
        ({"rows": [["x"]]}, "host_sample"),
        ({"rows": "x"}, "host_sample"),
    ],
)
def test_reasons_say_what_is_wrong(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        wire.decode(raw(**changed))
