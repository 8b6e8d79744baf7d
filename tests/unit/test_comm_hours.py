"""Which windows of a job are estimated, from how many of its GPUs; layouts in words; line rates of products."""

from __future__ import annotations

import pytest

from clusterctl.analytics.communication.hours import HOUR_MS, Piece, pieces
from clusterctl.analytics.communication.link_rates import link_rates
from clusterctl.analytics.communication.signatures import is_fine
from clusterctl.analytics.slow.questions import JobRow
from clusterctl.clock import MS_PER_MINUTE, utc

T0 = 400_000 * HOUR_MS


def held(host: str, began_min: float, ended_min: float | None, gpus: int = 8, job_id: str = "j") -> JobRow:
    began, ended = (None if at is None else utc(T0 + int(at * MS_PER_MINUTE)) for at in (began_min, ended_min))
    assert began is not None
    return JobRow(job_id, host, began, ended, gpus)


def found(
    rows: list[JobRow], until_min: float, most_gpus: int = 64, done: dict[str, set[int]] | None = None
) -> list[Piece]:
    return list(pieces(rows, T0, T0 + int(until_min * MS_PER_MINUTE), 10, most_gpus, done or {}))


def minutes(one: Piece) -> tuple[float, float]:
    return (one.since_ms - T0) / MS_PER_MINUTE, (one.until_ms - T0) / MS_PER_MINUTE


def test_the_last_minutes_of_each_whole_hour() -> None:
    rows = [held("a", 5, None)]
    assert [minutes(one) for one in found(rows, 119)] == [(50, 60)]
    assert [minutes(one) for one in found(rows, 120)] == [(50, 60), (110, 120)]


def test_a_job_that_ends_within_an_hour_is_looked_at_before_its_end() -> None:
    assert [minutes(one) for one in found([held("a", 5, 25)], 40)] == [(15, 25)]
    assert [minutes(one) for one in found([held("a", 20, 25)], 40)] == [(20, 25)]
    assert found([held("a", 5, 5.5)], 40) == [], "half a minute is nothing to estimate from"


def test_the_window_begins_when_all_nodes_are_there_and_has_only_those_that_stay() -> None:
    [one] = found([held("a", 0, 60), held("b", 55, 60), held("c", 0, 58)], 60)
    assert minutes(one) == (55, 60)
    assert one.gpus_of == {"a": 8, "b": 8}
    assert one.gpus == 16


def test_what_is_done_is_not_done_again() -> None:
    rows = [held("a", 0, None)]
    [first, second] = found(rows, 120)
    assert found(rows, 120, done={"j": {first.since_ms}}) == [second]


def test_of_many_gpus_some_nodes_by_lot_and_always_the_same() -> None:
    rows = [held(f"n{number}", 0, None) for number in range(40)]
    [one] = found(rows, 60, most_gpus=64)
    assert sum(one.gpus_of.values()) == 64
    assert one.gpus == 320
    assert found(list(reversed(rows)), 60, most_gpus=64) == [one]
    [single] = found(rows, 60, most_gpus=1)
    assert len(single.gpus_of) == 1, "never none"


@pytest.mark.parametrize(
    ("layout", "fine"),
    [("tp8.pp4.dp16", True), ("tp1.pp4.dp16", False), ("dp16", False), ("EP=32", True), ("TP 4", True), ("", False),
     ("http8", False), ("fsdp", False), ("cp2", True)],
)  # fmt: skip
def test_a_layout_in_words(layout: str, fine: bool) -> None:
    assert is_fine(layout) is fine


def test_line_rates_of_products() -> None:
    assert link_rates("NVIDIA H100 80GB HBM3").nvlink_bytes_per_s == 450e9
    assert link_rates("NVIDIA H100 PCIe").nvlink_bytes_per_s is None
    assert link_rates("NVIDIA H100 PCIe").pcie_bytes_per_s == 64e9
    assert link_rates("NVIDIA A100-SXM4-80GB").nvlink_bytes_per_s == 300e9
    assert link_rates("NVIDIA H20").nvlink_bytes_per_s == 450e9
    assert link_rates("NVIDIA H200").nvlink_bytes_per_s == 450e9
    assert link_rates("something else").pcie_bytes_per_s is None
