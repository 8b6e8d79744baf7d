"""How columns are stored: what rounding may cost, what is declared, and that the benchmarks' telemetry is what it claims."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterctl.agent.nvml.gpm import METRICS, MIB, RATE_BITS, RATIO_BITS
from clusterctl.agent.rounding import significant
from clusterctl.schema import GPU_HEALTH, GPU_LINK_SAMPLE, GPU_SAMPLE, TABLES, Lane, Table
from clusterctl.schema.field import Kind
from tests.bench.remotewrite import Series, request, snappy
from tests.bench.telemetry import A100, H100, Board, Columns, Fleet, telemetry
from tests.bench.telemetry import significant as of_many

METRIC = st.just(0.0) | st.floats(min_value=1e-30, max_value=1e13)


@given(value=METRIC, bits=st.sampled_from((RATIO_BITS, RATE_BITS)))
def test_rounding_costs_no_more_than_it_says(value: float, bits: int) -> None:
    rounded = significant(value, bits)
    assert abs(rounded - value) <= value * 2.0**-bits
    assert significant(rounded, bits) == rounded, "what is rounded stays"
    assert struct.unpack("f", struct.pack("f", rounded))[0] == rounded, "Float32 has it exactly"


EXAMPLES = [(0.0, 8, 0.0), (1.0, 8, 1.0), (0.9125, 8, 0.9140625), (123456789.0, 7, 123731968.0), (1_877.0, 5, 1_856.0),
            (27.0, 5, 27.0)]  # fmt: skip


@pytest.mark.parametrize(("value", "bits", "rounded"), EXAMPLES)
def test_rounding_by_example(value: float, bits: int, rounded: float) -> None:
    assert significant(value, bits) == rounded


def test_order_survives_rounding() -> None:
    values = np.sort(np.random.default_rng(1).uniform(0, 1, 1_000))
    assert np.all(np.diff(of_many(values, RATIO_BITS)) >= 0)


def test_the_simulator_rounds_as_the_agent_does() -> None:
    values = np.random.default_rng(2).lognormal(0, 9, 500)
    assert of_many(values, RATE_BITS).tolist() == [significant(value, RATE_BITS) for value in values]


def test_every_ratio_and_rate_of_gpm_is_stored_alike() -> None:
    codecs = {column.name: column.type.codec for column in GPU_SAMPLE.columns}
    assert {codecs[column] for _, column, _ in METRICS} == {"ZSTD(3)"}
    assert {unit == MIB for _, _, unit in METRICS} == {True, False}


@pytest.mark.parametrize(
    "table", [table for table in TABLES if table.lane is Lane.SAMPLES], ids=lambda table: table.name
)
def test_what_is_about_the_batch_sees_all_gpus_of_a_node(table: Table) -> None:
    types = {column.name: column.type for column in table.columns}
    assert types["seq"].block_bytes == types["bus_offset"].block_bytes == 4 << 20
    assert "SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304)" in table.ddl()


def node(board: Board) -> dict[Table, Columns]:
    return next(iter(telemetry(Fleet(hosts=1, seconds=1_800, board=board))))


@pytest.mark.parametrize("table", [GPU_SAMPLE, GPU_LINK_SAMPLE, GPU_HEALTH], ids=lambda table: table.name)
def test_simulated_readings_are_ones_that_their_columns_can_carry(table: Table) -> None:
    columns = node(H100)[table]
    assert set(columns) <= {column.name for column in table.columns}
    for column in table.columns:
        values = np.ma.ravel(columns.get(column.name, 0))
        if column.type.python is str or column.name not in columns:
            continue
        low = column.type.low if column.type.low is not None else 0
        assert np.ma.min(values) >= low, column.name
        assert column.type.high is None or np.ma.max(values) <= column.type.high, column.name


def test_simulated_counters_never_fall_and_power_keeps_to_its_limit() -> None:
    columns = node(H100)[GPU_SAMPLE]
    for column in GPU_SAMPLE.fields:
        if column.kind is Kind.COUNTER:
            of_gpus = np.ma.getdata(columns[column.name]).reshape(8, -1)
            assert np.all(np.diff(of_gpus, axis=1) >= 0), column.name
    energy_j = np.ma.getdata(columns["energy_mj"]).reshape(8, -1) / 1_000
    mean_w = (energy_j[:, -1] - energy_j[:, 0]) / (energy_j.shape[1] - 1)
    assert np.all((mean_w > 60) & (mean_w < 710))


def test_an_a100_has_no_gpm_and_no_margin() -> None:
    columns = node(A100)[GPU_SAMPLE]
    assert not {"sm_active_ratio", "temp_margin_c", "power_average_mw"} & set(columns)
    assert "power_mw" in columns


def test_a_remote_write_request_is_the_protobuf_that_prometheus_reads() -> None:
    body = request([Series("up", {"host": "a"}, np.array([1_700_000_000_123]), np.array([2.5]))])
    labels = b"\x0a\x0e\x0a\x08__name__\x12\x02up" + b"\x0a\x09\x0a\x04host\x12\x01a"
    sample = b"\x12\x10\x09" + struct.pack("<d", 2.5) + b"\x10" + b"\xfb\xd0\x95\xff\xbc\x31"
    message = b"\x0a" + bytes((len(labels + sample),)) + labels + sample
    assert body == snappy(message)
    assert snappy(message) == bytes((len(message), 61 << 2, len(message) - 1, 0)) + message
