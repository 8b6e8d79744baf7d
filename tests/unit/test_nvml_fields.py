"""Field ids by driver, raw values, links: what can be decided without a library."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterctl.agent.nvml.fields import GPU_FIELDS, HEALTH, LINK_FIELDS, LINK_STATE, LINKS, NVLINK, SAMPLE
from clusterctl.agent.nvml.links import link_rows, link_sums
from clusterctl.agent.nvml.values import FIELD_VALUE, bit_error_rate, driver_number, normal_pci, union_value
from clusterctl.schema import TABLE_BY_NAME

BY_COLUMN = {spec.column: spec for spec in (*GPU_FIELDS, *LINK_FIELDS)}


@pytest.mark.parametrize(
    ("column", "ids"),
    [
        # driver: 550, 570, 575, 580, 595
        ("sw_thermal_ns", (None, None, 251, 269, 269)),
        ("hw_thermal_ns", (None, None, 252, 270, 270)),
        ("hw_power_brake_ns", (None, None, 253, 271, 271)),
        ("power_smoothing_life_ratio", (None, 258, 263, 258, 258)),
        ("power_mw", (186, 186, 186, 186, 186)),
        ("recovery_action", (None, 230, 230, 230, 230)),
    ],
)
def test_ids_above_250_follow_the_driver_and_not_the_wheel(column: str, ids: tuple[int | None, ...]) -> None:
    drivers = ("550.163.01", "570.172.08", "575.51.03", "580.95.05", "595.45.04")
    assert tuple(BY_COLUMN[column].number(driver) for driver in drivers) == ids


def test_an_unknown_driver_is_asked_only_what_every_driver_means() -> None:
    for spec in (*GPU_FIELDS, *LINK_FIELDS, LINK_STATE):
        number = spec.number("not a version")
        assert number is None or number <= 250


def test_every_field_has_a_column() -> None:
    for spec in (*GPU_FIELDS, *LINK_FIELDS, LINK_STATE):
        if spec.column in ("tx_bytes", "rx_bytes"):  # of single links: only their sums are kept
            assert f"nvlink_{spec.column}" in TABLE_BY_NAME[LINKS].struct.__struct_fields__
        else:
            assert spec.column in TABLE_BY_NAME[spec.table].struct.__struct_fields__, spec.column
    assert {spec.table for spec in GPU_FIELDS} == {SAMPLE, LINKS, HEALTH}
    assert {spec.table for spec in LINK_FIELDS} == {NVLINK}


def test_no_two_fields_fill_one_column_and_no_id_serves_two() -> None:
    keys = [(spec.table, spec.column) for spec in (*GPU_FIELDS, *LINK_FIELDS)]
    assert len(keys) == len(set(keys))
    for driver in ("570.86.15", "575.51.03", "580.95.05"):
        numbers = [spec.number(driver) for spec in GPU_FIELDS]
        asked = [number for number in numbers if number is not None]
        assert len(asked) == len(set(asked)), driver


@pytest.mark.parametrize(
    ("value_type", "raw", "value"),
    [
        (0, struct.pack("<d", 0.25), 0.25),
        (0, struct.pack("<d", math.nan), None),
        (1, struct.pack("<Ixxxx", 4_294_967_293), 4_294_967_293),
        (3, struct.pack("<Q", 2**64 - 1), 2**64 - 1),
        (4, struct.pack("<q", -3), -3),
        (5, struct.pack("<ixxxx", -3), -3),
        (6, struct.pack("<H6x", 65_535), 65_535),
        (7, b"\xff" * 8, None),
    ],
)
def test_the_union_is_read_by_its_type(value_type: int, raw: bytes, value: float | None) -> None:
    assert union_value(value_type, raw) == value
    assert FIELD_VALUE.size == 40


@pytest.mark.parametrize(("raw", "rate"), [(0xFFF, 0.0), (0x10F, 1e-15), (0x50C, 5e-12), (0x0, 0.0)])
def test_bit_error_rates(raw: int, rate: float) -> None:
    assert bit_error_rate(raw) == pytest.approx(rate)


@given(st.integers(0, 2**64 - 1))
def test_any_bits_are_a_rate_that_a_float_column_holds(raw: int) -> None:
    assert 0 <= bit_error_rate(raw) <= 15


@given(st.text(max_size=40))
def test_any_text_is_a_version_or_none(text: str) -> None:
    assert all(part >= 0 for part in driver_number(text))
    normal_pci(text)


def readings(**columns: list[int]) -> dict[tuple[str, str, int | None], int]:
    return {(NVLINK, name, link): value for name, values in columns.items() for link, value in enumerate(values)}


def test_links_are_summed_only_when_all_of_them_answered() -> None:
    found = readings(link_state=[1, 0, 2], crc_errors=[5, 0, 2], replays=[1, 1])
    sums = link_sums(link_rows(found, [0, 1, 2]), 3)
    assert sums == {"nvlink_links": 3, "nvlink_active_mask": 0b101, "nvlink_crc_errors": 7}
    assert "nvlink_replays" not in sums, "one link did not answer: no sum is better than a wrong one"


def test_no_links_have_no_sums() -> None:
    assert link_sums([], 0) == {}


def test_ber_of_a_link_is_decoded_and_never_summed() -> None:
    rows = link_rows(readings(link_state=[1], effective_ber=[0x10F]), [0])
    assert rows == [{"link": 0, "link_state": 1, "effective_ber": pytest.approx(1e-15)}]
    assert set(link_sums(rows, 1)) == {"nvlink_links", "nvlink_active_mask"}
