"""A part's turns: late ones are replaced and counted, slow work is carried over, and a hang is seen from outside."""

from __future__ import annotations

import threading
import time

from clusterctl.agent.beat import Beat
from clusterctl.clock import SystemClock


class Part:
    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.served: list[tuple[int, int]] = []

    def tick(self, tick_ms: int, level: int) -> None:
        self.served.append((tick_ms, level))
        self.gate.wait()


class Running:
    def __init__(self, beat: Beat) -> None:
        self.beat, self.stop = beat, threading.Event()
        self.thread = threading.Thread(target=beat.run, args=(self.stop,))

    def __enter__(self) -> Beat:
        self.thread.start()
        return self.beat

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.beat.wake()
        self.thread.join(5.0)
        assert not self.thread.is_alive()


def settled(part: Part, count: int) -> bool:
    deadline = time.monotonic() + 5.0
    while len(part.served) < count and time.monotonic() < deadline:
        time.sleep(0.005)
    return len(part.served) == count


def test_every_tick_is_served_in_order() -> None:
    part = Part()
    with Running(Beat("x", part.tick, SystemClock())) as beat:
        for number in range(1, 6):
            beat.want(number, 0)
            assert settled(part, number)
    assert part.served == [(number, 0) for number in range(1, 6)]
    assert beat.missed == 0


def test_ticks_that_come_while_one_hangs_are_replaced_counted_and_slow_work_is_carried_over() -> None:
    part = Part()
    with Running(Beat("x", part.tick, SystemClock())) as beat:
        part.gate.clear()
        beat.want(1, 0)
        assert settled(part, 1)
        for number, level in ((2, 2), (3, 0), (4, 1)):
            beat.want(number, level)
        time.sleep(0.05)
        assert beat.busy_s() > 0.04
        part.gate.set()
        assert settled(part, 2)
    assert part.served == [(1, 0), (4, 2)], "the latest tick, with the slow work of the one that was replaced"
    assert beat.missed == 2
    assert beat.busy_s() == 0.0


def test_a_part_for_slow_ticks_is_not_woken_for_others() -> None:
    part = Part()
    with Running(Beat("x", part.tick, SystemClock(), from_level=2)) as beat:
        for number in range(5):
            beat.want(number, 0)
        beat.want(5, 2)
        assert settled(part, 1)
    assert part.served == [(5, 2)]
    assert beat.missed == 0
