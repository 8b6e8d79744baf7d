"""What every store promises, held against each: embedded, behind a socket, and a real server."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clusterctl.analytics.migrate import migrate
from clusterctl.errors import QueryTooDear, ServerError
from clusterctl.schema import EVENT, PRESENCE
from clusterctl.store import Bounds, Result, Store
from clusterctl.store.bounded import BoundedReader

HOSTILE = [
    "it's",
    'a "b"',
    "back\\slash",
    "tab\tnew\nline\rreturn",
    "nul\0byte",
    "{x:String}",
    "中文 — é",
    "'; DROP TABLE x",
    "",
]


def presence(count: int, **given: list[Any]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {
        "cluster": ["c"] * count, "host": [f"h{i}" for i in range(count)], "boot_id": ["b"] * count, "seq": [0] * count,
        "ts": [1_700_000_000_123] * count, "gpus_expected": [8] * count, "ticks_expected": [6] * count,
        "ticks_done": [6] * count, "log_records_lost": [0] * count, "node_state": [""] * count, "blind": [""] * count,
        "gpus_seen": [8] * count, "gpus_in_service": [8] * count, "gpus_allocated": [None] * count,
        "schema_version": [1] * count, "bus_partition": [0] * count, "bus_offset": [0] * count,
    }  # fmt: skip
    assert tuple(columns) == PRESENCE.inserted
    return {**columns, **given}


def count(store: Store, table: str = "presence") -> int:
    return int(store.query(f"SELECT count() FROM {table}").rows[0][0])


@pytest.mark.parametrize("text", HOSTILE)
def test_parameters_are_data(store: Store, text: str) -> None:
    assert store.query("SELECT {x:String} AS x", {"x": text}).rows == [(text,)]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(st.characters(codec="utf-8"), max_size=40))
def test_any_text_comes_back_as_it_was(store: Store, text: str) -> None:
    assert store.query("SELECT {x:String} AS x", {"x": text}).rows == [(text,)]


def test_values_have_python_types(store: Store) -> None:
    result = store.query(
        "SELECT toUInt64(18446744073709551615) AS u, toInt16(-3) AS i, toFloat32(0.5) AS f, "
        "CAST(NULL AS Nullable(Float64)) AS n,"
        " toDateTime64('2026-11-01 10:00:00.123', 3, 'UTC') AS t, ['a', 'b'] AS a, 1.0 AS whole"
    )
    assert result.names == ("u", "i", "f", "n", "t", "a", "whole")
    row = result.rows[0]
    assert row[:4] == (2**64 - 1, -3, 0.5, None)
    assert row[4] == datetime(2026, 11, 1, 10, 0, 0, 123_000, tzinfo=timezone.utc)
    assert list(row[5]) == ["a", "b"]
    assert isinstance(row[6], float)


def test_a_time_parameter_keeps_its_milliseconds(store: Store) -> None:
    moment = datetime(2026, 11, 1, 10, 0, 0, 7_000, tzinfo=timezone.utc)
    assert store.query("SELECT {t:DateTime64(3, 'UTC')} AS t", {"t": moment}).rows == [(moment,)]


def test_a_query_without_rows_still_has_names(store: Store) -> None:
    result = store.query("SELECT 1 AS one WHERE 0")
    assert (result.names, result.rows) == (("one",), [])


def test_null_stays_null_and_milliseconds_stay(store: Store) -> None:
    migrate(store)
    store.insert("presence", presence(2, gpus_seen=[None, 7]))
    rows = store.query("SELECT host, ts, gpus_seen FROM presence ORDER BY host").rows
    moment = datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=timezone.utc)
    assert rows == [("h0", moment, None), ("h1", moment, 7)]


def test_the_callers_lists_are_left_alone(store: Store) -> None:
    migrate(store)
    columns = presence(2, gpus_seen=[None, 7])
    store.insert("presence", columns)
    assert columns == presence(2, gpus_seen=[None, 7])


def test_the_same_token_stores_once_even_for_other_rows_between(store: Store) -> None:
    migrate(store)
    store.insert("presence", presence(3), "token-1")
    store.insert("presence", presence(1, host=["other"]), "token-2")
    store.insert("presence", presence(3), "token-1")
    assert count(store) == 4


def test_another_token_is_another_block(store: Store) -> None:
    migrate(store)
    store.insert("presence", presence(3), "token-1")
    store.insert("presence", presence(3), "token-2")
    assert count(store) == 6
    assert count(store, "presence FINAL") == 3, "and the natural key still tells them apart from new rows"


def test_hostile_text_is_stored_as_it_is(store: Store) -> None:
    migrate(store)
    kept = [text for text in HOSTILE if text]
    size = len(kept)
    columns: dict[str, list[Any]] = {}
    for column in EVENT.columns:
        if not column.default:
            columns[column.name] = [0] * size if column.type.python is int else [""] * size
    columns.update(ts=[1_700_000_000_000 + i for i in range(size)], text=kept, process=kept, pid=[None] * size)
    store.insert("event", columns)
    assert [row[0] for row in store.query("SELECT text FROM event ORDER BY ts").rows] == kept


def test_errors_carry_the_engines_code(store: Store) -> None:
    with pytest.raises(ServerError) as unknown_table:
        store.query("SELECT * FROM no_such_table")
    assert unknown_table.value.code == 60
    with pytest.raises(ServerError) as unknown_column:
        store.query("SELECT nothing")
    assert unknown_column.value.code == 47
    assert store.query("SELECT 1 AS one").rows == [(1,)], "and the store goes on"


def test_inserting_nothing_is_nothing(store: Store) -> None:
    migrate(store)
    store.insert("presence", presence(0))
    assert count(store) == 0


BOUNDS = Bounds(timeout_s=1.0, memory_bytes=64 << 20, rows=1_000)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO presence (host) SELECT 'x'",
        "DROP TABLE presence",
        "ALTER TABLE presence DELETE WHERE 1",
        "SET readonly = 0",
        "CREATE TABLE other (x UInt8) ENGINE = Memory",
    ],
)
def test_under_bounds_nothing_can_be_written(store: Store, statement: str) -> None:
    migrate(store)
    with pytest.raises(QueryTooDear) as refused:
        BoundedReader(store, BOUNDS).query(statement)
    assert "write" in str(refused.value)
    store.insert("presence", presence(1))
    assert BoundedReader(store, BOUNDS).query("SELECT count() AS n FROM presence").rows == [(1,)]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT count() AS n FROM numbers(1000000000000) WHERE sipHash64(number) = 1", "report_timeout_s"),
        ("SELECT length(groupArray(number)) AS n FROM numbers(100000000)", "report_memory_bytes"),
        ("SELECT number FROM numbers(2000)", "ask for less"),
    ],
)
def test_a_query_that_costs_too_much_ends_with_a_hint(store: Store, sql: str, said: str) -> None:
    reader = BoundedReader(store, BOUNDS)
    with pytest.raises(QueryTooDear) as reached:
        reader.query(sql)
    assert said in reached.value.hint
    assert reader.query("SELECT {x:String} AS x", {"x": "it's"}).rows == [("it's",)], "and the store goes on"
    assert len(store.query("SELECT number FROM numbers(2000)").rows) == 2_000, "without bounds it is as before"


def test_threads_ask_a_bounded_store_at_once_and_each_gets_its_own_answer(store: Store) -> None:
    def asked(text: str) -> Result:
        return reader.query("SELECT {x:String} AS x, throwIf({x:String} = '13') AS t", {"x": text})

    with BoundedReader(store, BOUNDS) as reader, ThreadPoolExecutor(4) as pool:
        answers = {text: pool.submit(asked, text) for text in map(str, range(40))}
        for text, answer in answers.items():
            if text == "13":
                with pytest.raises(ServerError):
                    answer.result()
            else:
                assert answer.result().rows == [(text, 0)]
        began = time.monotonic()
        assert list(pool.map(lambda _: reader.query("SELECT sleep(0.7) AS s").rows, range(2))) == [[(0,)], [(0,)]]
        assert time.monotonic() - began < 1.35, "one waited for the other"
    assert store.query("SELECT 1 AS one").rows == [(1,)], "the store itself stays open"


def test_a_query_that_fails_midway_leaves_nothing_behind(store: Store) -> None:
    with pytest.raises(ServerError):
        store.query("SELECT number AS n, throwIf(number = 150000) AS t FROM numbers(200000)")
    assert store.query("SELECT 1 AS one") == Result(("one",), ("UInt8",), [(1,)])
