"""The failure table, row by row: also those that tests/contract/test_fate_server.py cannot bring a server to say."""

from __future__ import annotations

import pytest

from clusterctl.collector.fate import OVERLOADED, SPOILED, TOO_MANY_PARTS, Fate, fate_of
from clusterctl.errors import (
    BusUnavailable,
    ConfigError,
    OffsetsLost,
    QuotaExceeded,
    RecordTooLarge,
    SchemaBehind,
    ServerError,
    StoreLocked,
    StoreUnavailable,
    Unencodable,
)

TABLE = {
    Fate.RETRY: (75, 159, 173, 198, 201, 202, 209, 210, 225, 236, 241, 242, 243, 279, 285, 286, 319, 394, 425, 439, 499,
                 733, 745, 774, 999),
    Fate.SPLIT: (6, 27, 53, 70, 117, 321, 349),
    Fate.STOP: (0, 1, 16, 36, 47, 57, 60, 62, 81, 101, 115, 164, 192, 218, 344, 452, 469, 497, 516, 1001, 1002),
}  # fmt: skip
CODES = [(code, fate) for fate, codes in TABLE.items() for code in codes]


@pytest.mark.parametrize(("code", "fate"), CODES)
def test_every_code_has_its_fate(code: int, fate: Fate) -> None:
    assert fate_of(ServerError(code, "DB::Exception: any text")) is fate


def test_the_table_here_is_the_whole_table() -> None:
    assert set(TABLE[Fate.RETRY]) == OVERLOADED
    assert set(TABLE[Fate.SPLIT]) == SPOILED
    assert TOO_MANY_PARTS not in OVERLOADED | SPOILED


def test_what_is_not_listed_stops() -> None:
    for code in set(range(1_200)) - OVERLOADED - SPOILED - {TOO_MANY_PARTS}:
        assert fate_of(ServerError(code, "x")) is Fate.STOP, code


@pytest.mark.parametrize(
    ("text", "fate"),
    [
        ("DB::Exception: Too many parts (3000 with average size of 1 MiB) in table 'd.event'.", Fate.RETRY),
        ("DB::Exception: Too many partitions for single INSERT block (more than 100).", Fate.SPLIT),
        ("DB::Exception: TOO MANY PARTITIONS", Fate.SPLIT),
        ("", Fate.RETRY),
    ],
)
def test_the_two_meanings_of_252_are_told_apart_by_their_text(text: str, fate: Fate) -> None:
    assert fate_of(ServerError(252, text)) is fate


@pytest.mark.parametrize(
    ("error", "fate"),
    [
        (StoreUnavailable("x"), Fate.RETRY),
        (BusUnavailable("x"), Fate.RETRY),
        (Unencodable("x"), Fate.SPLIT),
        (RecordTooLarge("x"), Fate.STOP),
        (OffsetsLost("x"), Fate.STOP),
        (QuotaExceeded("x"), Fate.STOP),
        (StoreLocked("x"), Fate.STOP),
        (SchemaBehind("x"), Fate.STOP),
        (ConfigError("x"), Fate.STOP),
        (ValueError("a bug of ours"), Fate.STOP),
    ],
)
def test_what_is_no_answer_of_the_server_has_a_fate_too(error: Exception, fate: Fate) -> None:
    assert fate_of(error) is fate
