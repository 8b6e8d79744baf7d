"""When a worker is replaced that answers: once for each reason, and ever more rarely."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from clusterctl.agent.gpu import GpuReading
from clusterctl.agent.patience import Patience


def reading(count: int, *, lost: int = 0, **more: Any) -> GpuReading:
    gpus = [{"uuid": f"GPU-{n}", "lost": n < lost, "sample": {}} for n in range(count)]
    return GpuReading(gpus=gpus, **more)


def restarts(patience: Patience, found: GpuReading, bus: int, seconds: int) -> list[int]:
    return [second for second in range(seconds) if patience.is_over(found, bus, float(second))]


def test_a_healthy_node_keeps_its_worker() -> None:
    assert restarts(Patience(), reading(8), 8, 7_200) == []
    assert restarts(Patience(), reading(8), 0, 7_200) == [], "no bus to compare with"


def test_another_number_on_the_bus_is_tried_once() -> None:
    patience = Patience()
    assert restarts(patience, reading(7), 8, 7_200) == [0]
    assert restarts(patience, reading(8), 8, 10) == []
    assert restarts(patience, reading(7), 8, 10) == [0], "and again after it had been right"


def test_gpus_that_are_still_being_found_are_waited_for() -> None:
    assert restarts(Patience(), reading(7, opening=1), 8, 7_200) == []


def test_a_lost_gpu_is_looked_for_ever_more_rarely() -> None:
    times = restarts(Patience(), reading(8, lost=1), 8, 4 * 3_600)
    gaps = [b - a for a, b in pairwise(times)]
    assert 60 <= times[0] <= 61
    assert all(b > a for a, b in pairwise(gaps) if a < 3_600)
    assert len(times) <= 9


def test_a_driver_that_never_rests_costs_a_worker_in_half_a_minute() -> None:
    times = restarts(Patience(), reading(8, driver_events=["bind"]), 8, 120)
    assert times == [0, 30, 60, 90]
