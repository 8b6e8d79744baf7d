"""Lanes: a question that hangs costs its own answer, and the others a moment, once."""

from __future__ import annotations

import threading
import time

import pytest

from clusterctl.agent.nvml.lanes import Failure, Job, Lanes

STALL_S = 0.05


class Gpu:
    """Something to ask, that hangs while `gate` is closed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.gate = threading.Event()
        self.gate.set()
        self.asked_s = 0.0
        self.asked = 0
        self.pause_s = 0.0

    def job(self) -> Job:
        return Job(self.name, self.read, lambda: self.asked_s)

    def read(self) -> str:
        self.asked += 1
        for _ in range(3):  # several questions, each of which may be slow by itself
            self.asked_s = time.monotonic()
            time.sleep(self.pause_s)
            self.gate.wait()
        return f"answer of {self.name}"


@pytest.fixture
def gpus() -> list[Gpu]:
    return [Gpu(str(number)) for number in range(8)]


def test_everything_answers_on_one_lane(gpus: list[Gpu]) -> None:
    before = threading.active_count()
    lanes = Lanes(STALL_S)
    for _ in range(20):
        assert lanes.run([gpu.job() for gpu in gpus]) == {gpu.name: f"answer of {gpu.name}" for gpu in gpus}
    assert threading.active_count() == before + 1
    assert lanes.stuck_s() == {}


def test_one_that_hangs_costs_the_others_a_moment_once(gpus: list[Gpu]) -> None:
    lanes = Lanes(STALL_S)
    gpus[3].gate.clear()
    began = time.monotonic()
    first = lanes.run([gpu.job() for gpu in gpus])
    assert set(first) == {gpu.name for gpu in gpus} - {"3"}
    assert time.monotonic() - began < STALL_S + 1.0
    for _ in range(10):
        began = time.monotonic()
        again = lanes.run([gpu.job() for gpu in gpus])
        assert set(again) == set(first)
        assert time.monotonic() - began < STALL_S, "and then no more"
    assert gpus[3].asked == 1, "it is not asked again while it hangs"
    assert set(lanes.stuck_s()) == {"3"}
    assert lanes.stuck_s()["3"] >= STALL_S


def test_what_comes_back_is_asked_again_and_its_late_answer_is_thrown_away(gpus: list[Gpu]) -> None:
    lanes = Lanes(STALL_S)
    gpus[0].gate.clear()
    assert "0" not in lanes.run([gpu.job() for gpu in gpus])
    gpus[0].gate.set()
    deadline = time.monotonic() + 5.0
    while lanes.stuck_s() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert lanes.run([gpu.job() for gpu in gpus])["0"] == "answer of 0"
    assert gpus[0].asked == 2


def test_all_may_hang_and_the_caller_still_returns(gpus: list[Gpu]) -> None:
    before = threading.active_count()
    lanes = Lanes(STALL_S)
    for gpu in gpus:
        gpu.gate.clear()
    assert lanes.run([gpu.job() for gpu in gpus]) == {}
    assert lanes.run([gpu.job() for gpu in gpus]) == {}
    assert set(lanes.stuck_s()) == {gpu.name for gpu in gpus}
    assert threading.active_count() <= before + len(gpus) + 1, "no more lanes than things to ask, and one"
    for gpu in gpus:
        gpu.gate.set()


def test_many_quick_questions_are_no_stall(gpus: list[Gpu]) -> None:
    lanes = Lanes(STALL_S)
    for gpu in gpus:
        gpu.pause_s = STALL_S / 3  # a GPU takes as long as a stall, each of its questions does not
    assert len(lanes.run([gpu.job() for gpu in gpus])) == len(gpus)


def test_what_a_job_raises_is_its_own_affair(gpus: list[Gpu]) -> None:
    class Broken(Exception):
        pass

    def fail() -> None:
        raise Broken("odd")

    lanes = Lanes(STALL_S)
    found = lanes.run([Job("x", fail, time.monotonic), *[gpu.job() for gpu in gpus]])
    assert isinstance(found.pop("x"), Failure)
    assert found == {gpu.name: f"answer of {gpu.name}" for gpu in gpus}
