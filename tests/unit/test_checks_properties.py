"""What holds for any readings: no exception, no comfort from what is missing, and heat never helps."""

from __future__ import annotations

from statistics import median
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clusterctl.agent.checks import CHECKS, Around, NodeFacts
from clusterctl.agent.checks.readings import growth, middle, within
from clusterctl.agent.checks.registry import FACTS, PORTS, PortsSeen
from clusterctl.config import ChecksConfig
from clusterctl.schema import GPU_HEALTH, GPU_SAMPLE, HOST_SAMPLE, NIC_LINK_SAMPLE, TABLE_BY_NAME, Table
from clusterctl.schema.verdict import State, Verdict
from tests.support.readings import NEEDED, START_MS, judge, series

TOP = 2**64 - 1
LIMITS = ChecksConfig()


def value_of(field: Any) -> st.SearchStrategy[Any]:
    """None, the ends of what the wire carries, and small numbers."""
    if field.type.python is int:
        low = int(field.type.low or 0)
        high = int(field.type.high if field.type.high is not None else TOP)
        return st.none() | st.sampled_from([low, 0, 1, 2, 3, high]) | st.integers(max(low, -50), min(high, 400))
    if field.type.python is float:
        return st.none() | st.sampled_from([0.0, 1.0, -1.0, 3.4e38]) | st.floats(0, 1)
    return st.none() | st.text(max_size=5)


@st.composite
def rows_of(draw: st.DrawFn, table: Table, most: int = 4) -> list[Any]:
    stamps = sorted(draw(st.lists(st.integers(0, 600_000), min_size=1, max_size=most)))
    nullable = {field.name: value_of(field) for field in table.fields if field.nullable}
    layer = draw(st.sampled_from(["infiniband", "ethernet", "roce"]))
    fixed = {**NEEDED[table.name], **({"link_layer": layer} if "link_layer" in NEEDED[table.name] else {})}
    few = draw(st.sampled_from([0.0, 1.0])) == 0.0
    chosen = list(nullable) if not few else draw(st.lists(st.sampled_from(list(nullable)), unique=True))
    return [
        table.row(
            ts=START_MS + stamp, **fixed, **draw(st.fixed_dictionaries({name: nullable[name] for name in chosen}))
        )
        for stamp in stamps
    ]


@st.composite
def facts_of(draw: st.DrawFn) -> list[Any]:
    count = st.none() | st.integers(0, 16)
    return [
        NodeFacts(
            START_MS, draw(count), draw(count), draw(count), draw(st.sampled_from([(), ("GPU-1",)])), draw(st.text())
        )
    ]


@st.composite
def ports_of(draw: st.DrawFn) -> list[Any]:
    seen = draw(st.lists(st.frozensets(st.text(max_size=3), max_size=12), min_size=1, max_size=6))
    return [PortsSeen(START_MS + n, ports) for n, ports in enumerate(seen)]


@st.composite
def situations(draw: st.DrawFn) -> tuple[str, list[Any], Around]:
    """A check, and anything that it could be shown."""
    check = draw(st.sampled_from(sorted(CHECKS.values(), key=lambda check: check.name)))
    table = check.table
    made = {FACTS: facts_of, PORTS: ports_of}.get(table)
    recent = draw(made() if made else rows_of(TABLE_BY_NAME[table]))
    neighbours = {}
    if "neighbours" in check.asks:
        neighbours = {str(n): draw(rows_of(TABLE_BY_NAME[table], 2)) for n in range(draw(st.integers(0, 3)))}
    samples = draw(rows_of(GPU_SAMPLE)) if "samples" in check.asks and draw(st.booleans()) else []
    health = draw(rows_of(GPU_HEALTH, 1))[0] if "health" in check.asks and draw(st.booleans()) else None
    counters = draw(rows_of(NIC_LINK_SAMPLE)) if "counters" in check.asks and draw(st.booleans()) else []
    host = draw(rows_of(HOST_SAMPLE, 1))[0] if "host" in check.asks and draw(st.booleans()) else None
    return check.name, recent, Around(neighbours, samples, health, counters, host)


def verdict_on(name: str, recent: list[Any], around: Around) -> Verdict:
    return CHECKS[name](recent, LIMITS, around)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(situations())
def test_any_reading_has_a_verdict(situation: tuple[str, list[Any], Around]) -> None:
    verdict = verdict_on(*situation)
    assert isinstance(verdict, Verdict)
    assert verdict.state is State.OK or verdict.detail, "what is not fine says why"


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(situations(), st.data())
def test_what_is_unknown_does_not_become_fine_by_losing_readings(
    situation: tuple[str, list[Any], Around], data: st.DataObject
) -> None:
    name, recent, around = situation
    if verdict_on(name, recent, around).state is not State.UNKNOWN or CHECKS[name].table not in TABLE_BY_NAME:
        return
    table = TABLE_BY_NAME[CHECKS[name].table]
    lost = data.draw(st.lists(st.sampled_from([field.name for field in table.fields if field.nullable]), unique=True))
    poorer = [*recent[:-1], msgspec.structs.replace(recent[-1], **dict.fromkeys(lost))]
    assert verdict_on(name, poorer, around).state is not State.OK


@given(
    st.integers(-20, 110),
    st.integers(-20, 110),
    st.integers(0, 40),
    st.none() | st.integers(-40, 60),
    st.none() | st.integers(80, 95),
)
def test_more_heat_never_helps(core: int, memory: int, hotter: int, margin: int | None, threshold: int | None) -> None:
    health = series(GPU_HEALTH, temp_slowdown_c=threshold)[0]

    def state(extra: int) -> State:
        left = None if margin is None else margin - extra
        return judge(
            "thermal_margin", health=health, temp_c=core + extra, memory_temp_c=memory + extra, temp_margin_c=left
        ).state

    assert state(hotter) >= state(0)


@given(st.lists(st.none() | st.integers(0, 1_000), min_size=1, max_size=20))
def test_growth_is_the_sum_of_known_steps_up(values: list[int | None]) -> None:
    rows = series(GPU_SAMPLE, ecc_uncorrected=values)
    grown = growth(rows, "ecc_uncorrected", 10_000.0)
    known = [value for value in values if value is not None]
    if values[-1] is None or len(known) < 2:
        assert grown.gap
        assert grown.count == 0
        return
    steps = [known[n + 1] - known[n] for n in range(len(known) - 1)]
    assert grown.count == sum(max(0, step) for step in steps)
    assert bool(grown.gap) == any(step < 0 for step in steps)


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=30), st.floats(1, 200))
def test_a_window_has_the_row_that_growth_starts_from(stamps: list[int], window_s: float) -> None:
    rows = [GPU_SAMPLE.row(ts=ts, **NEEDED["gpu_sample"]) for ts in sorted(stamps)]
    kept = within(rows, window_s)
    since = rows[-1].ts - window_s * 1_000
    assert list(kept) == rows[len(rows) - len(kept) :]
    assert len(kept) == len(rows) or kept[0].ts <= since
    assert all(row.ts > since for row in kept[1:]) or kept is rows


@given(st.lists(st.integers(-1_000, 1_000)))
def test_the_middle_is_the_median(values: list[int]) -> None:
    assert middle(values) == (median(values) if values else None)


def test_one_error_in_a_short_time_is_no_rate() -> None:
    """Ten seconds after the agent's start one symbol error would be 360 an hour."""
    rows = series(GPU_SAMPLE, pcie_replays=[0, 1])
    assert not growth(rows, "pcie_replays", 300.0).above(120 / 3_600, 300.0)
