"""Open-loop load: every host's messages at their time, whether or not Kafka keeps up; what comes late is counted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from clusterctl import wire
from clusterctl.bus import topic_of
from clusterctl.clock import MS_PER_S, Clock
from clusterctl.config import Config
from clusterctl.schema import Lane
from clusterctl.simulate.events import Events
from clusterctl.simulate.plan import Plan
from clusterctl.simulate.sender import Sender
from clusterctl.simulate.traffic import Traffic

LATE_S = 1.0
"""Handed over to Kafka later than this after its time, a tick is late."""
TELL_EVERY_S = 5.0
SETTLE_S = 30.0
EVENT_HEADERS = (("v", str(wire.VERSION).encode()),)


@dataclass(slots=True)
class Pace:
    """How well the clock was kept. A tick is one host's."""

    ticks: int = 0
    late_ticks: int = 0
    worst_late_s: float = 0.0
    seconds: float = 0.0
    cpu_s: float = 0.0


class Load:
    """One run. `tell` is called every few seconds."""

    def __init__(self, config: Config, plan: Plan, sender: Sender, clock: Clock, tell: Callable[[Load], None]) -> None:
        self.plan, self.sender, self.pace = plan, sender, Pace()
        self._samples, self._events = topic_of(Lane.SAMPLES, config), topic_of(Lane.EVENTS, config)
        self._clock = clock
        self._tell = tell

    @property
    def kept_up(self) -> bool:
        """All in time, and all acknowledged."""
        return not (self.pace.late_ticks or self.sender.refused or self.sender.unheard)

    def run(self, duration_s: float, stop: Callable[[], bool]) -> None:
        """Until `stop` or for `duration_s`; then what is under way may arrive."""
        traffic = Traffic(self.plan, self._clock.now_ms())
        cpu_s, began_s, began_ms = time.process_time(), self._clock.monotonic_s(), self._clock.now_ms()
        events = Events(self.plan, traffic.slots, began_ms)
        slot_ms = self.plan.round_ms / self.plan.slots
        number, told_s = 0, began_s
        while number * slot_ms < duration_s * MS_PER_S and not stop():
            due_s, due_ms, slot = (
                began_s + number * slot_ms / MS_PER_S,
                began_ms + int(number * slot_ms),
                number % self.plan.slots,
            )
            self._wait(due_s)
            self.sender.send(self._events, events.messages(slot, due_ms), EVENT_HEADERS, due_ms)
            self.sender.send(self._samples, traffic.packs(slot, due_ms), wire.PACK_HEADERS, due_ms)
            self._note(sum(len(squad.hosts) for squad in traffic.slots[slot]), due_s)
            number += 1
            now_s = self._clock.monotonic_s()
            self.pace.seconds, self.pace.cpu_s = now_s - began_s, time.process_time() - cpu_s
            if now_s - told_s >= TELL_EVERY_S:
                told_s = now_s
                self._tell(self)
        self._wait(began_s + number * slot_ms / MS_PER_S)
        self.pace.seconds = self._clock.monotonic_s() - began_s
        self.sender.settle(SETTLE_S)
        self.pace.cpu_s = time.process_time() - cpu_s

    def _wait(self, due_s: float) -> None:
        """Hear verdicts until it is time."""
        while (left_s := due_s - self._clock.monotonic_s()) > 0:
            self.sender.listen(left_s)

    def _note(self, hosts: int, due_s: float) -> None:
        late_s = self._clock.monotonic_s() - due_s
        self.pace.ticks += hosts * self.plan.ticks
        self.pace.worst_late_s = max(self.pace.worst_late_s, late_s)
        if late_s > LATE_S:
            self.pace.late_ticks += hosts * self.plan.ticks
