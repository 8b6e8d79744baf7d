"""Packs made of columns: a reader finds the rows that were meant, as if they had been made one by one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterctl import packs, wire
from clusterctl.schema import GPU_SAMPLE, JOB_MARK, NIC_SAMPLE, PRESENCE
from clusterctl.simulate.fleet.columns import packed
from clusterctl.simulate.fleet.happenings import simulate
from clusterctl.simulate.fleet.marks import marks
from clusterctl.simulate.fleet.settings import Rates, Settings
from clusterctl.simulate.fleet.telemetry import Rows, lives, presence, samples
from clusterctl.simulate.fleet.world import AGENT, Gap, Run, Slow, World

ENVELOPE = {"cluster": "c", "host": "h", "boot_id": "b", "sent_ms": 9}
QUIET = Rates(**dict.fromkeys(Rates.__dataclass_fields__, 0.0))


def rows_of(made: Rows) -> list[packs.Any]:
    """As a collector reads them."""
    table, columns, count = made
    pack, shape = wire.receive(packed(table, columns, np.arange(count), **ENVELOPE))
    return packs.unpack(pack, shape)[1]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 10**12), st.integers(0, 8), st.sampled_from(["", "a", "bb"])), min_size=1, max_size=50
    )
)
def test_a_pack_of_columns_is_a_pack_of_rows(values: list[tuple[int, int, str]]) -> None:
    values = sorted(dict((ts, (ts, gpus, blind)) for ts, gpus, blind in values).values())
    ts, gpus, blind = (list(column) for column in zip(*values, strict=True))
    columns = {
        "ts": np.array(ts), "gpus_expected": 8, "ticks_expected": 1, "ticks_done": 1, "log_records_lost": 0,
        "node_state": "in_service", "blind": blind, "gpus_seen": np.array(gpus), "gpus_in_service": 8,
    }  # fmt: skip
    made = packed(PRESENCE, columns, np.arange(len(ts)), **ENVELOPE)
    rows = [
        PRESENCE.row(ts=at, gpus_expected=8, ticks_expected=1, ticks_done=1, log_records_lost=0, node_state="in_service",
                     blind=one, gpus_seen=seen, gpus_in_service=8)
        for at, seen, one in values
    ]  # fmt: skip
    pack, shape = wire.receive(made)
    again = packs.pack(PRESENCE, rows, list(range(len(ts))), schema=pack.schema, **ENVELOPE)
    assert packs.unpack(pack, shape) == packs.unpack(again, packs.shape_of_pack(again))
    assert bytes(pack.blob) == bytes(again.blob)


def test_columns_that_the_table_does_not_have_are_refused() -> None:
    with pytest.raises(KeyError):
        packed(PRESENCE, {"tse": 1}, np.arange(1), **ENVELOPE)
    with pytest.raises(ValueError, match="rows for one pack"):
        packed(PRESENCE, {"ts": 1}, np.arange(0), **ENVELOPE)


@pytest.fixture
def world() -> World:
    """Two nodes for a day under one job of 20 hours; GPU 3 of the first is slow for two, and its agent dead for one."""
    made = simulate(Settings(2, 1.0, rates=QUIET))
    start, hour = made.settings.start_ms, 3_600_000
    made.runs[:] = [Run("41001", "a", (0, 1), start, start, 0, start + 20 * hour)]
    made.slow[:] = [Slow(0, "gpu", 3, start + 4 * hour, start + 6 * hour, 0.3)]
    made.gaps[:] = [Gap(0, start + 10 * hour, start + 11 * hour, AGENT)]
    return made


def test_a_gap_has_no_minutes(world: World) -> None:
    node, other = lives(world, (0, 1))
    assert len(rows_of(presence(node, world.settings.start_ms, 60))) == 1_440 - 60
    assert len(rows_of(presence(other, world.settings.start_ms, 60))) == 1_440


def test_the_slow_gpu_is_slow_and_the_others_are_not(world: World) -> None:
    node, _ = lives(world, (0, 1))
    gpus, ports = samples(node, world.settings.start_ms, 600, np.random.default_rng(1))
    assert (gpus[0], ports[0]) == (GPU_SAMPLE, NIC_SAMPLE)
    rows = rows_of(gpus)
    keys = [(row.gpu_uuid, row.ts) for row in rows]
    assert keys == sorted(keys)
    start, hour = world.settings.start_ms, 3_600_000
    slow = [row.sm_clock_mhz for row in rows if row.gpu_index == 3 and start + 4 * hour <= row.ts < start + 6 * hour]
    rest = [row.sm_clock_mhz for row in rows if row.gpu_index != 3 and row.job_id]
    assert len(slow) == 12
    assert max(slow) < 0.8 * min(rest)
    assert {row.job_id for row in rows} == {"41001", ""}
    counters = [row.tx_bytes for row in rows_of(ports) if row.port == "mlx5_0/1"]
    assert counters == sorted(counters)


def test_marks_count_every_step_once(world: World) -> None:
    days = list(marks(world.runs[0], world.settings.end_ms))
    assert {table for table, _, _ in days} == {JOB_MARK}
    rows = [row for day in days for row in rows_of(day)]
    steps = sorted((row for row in rows if row.mark == "step"), key=lambda row: row.ts)
    assert steps[0].step == 1
    assert all(row.last_step == row.step + row.count - 1 for row in steps)
    assert all(later.step == row.last_step + 1 for row, later in pairwise(steps))
    begun, ended = ([row.ts for row in rows if row.mark == mark] for mark in ("checkpoint_begin", "checkpoint_end"))
    assert len(begun) == len(ended) == 19
    assert not list(marks(Run("1", "a", (0,), 0, 0, 0, 1_000), 2_000)), "it did not get to its first step"
