"""When a worker that answers is replaced all the same, because only a new one can see what is there now. Never often."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clusterctl.agent.gpu import GpuReading

LOST_FIRST_S, LOST_MOST_S = 60.0, 3_600.0
"""A lost GPU is looked for after a minute, then after twice as long each time."""
DRIVER_EVERY_S = 30.0


class Patience:
    """Remembers what it has tried."""

    def __init__(self) -> None:
        self._bus_tried = -1
        self._driver_next_s = 0.0
        self._lost_since_s: float | None = None
        self._lost_wait_s = LOST_FIRST_S

    def is_over(self, reading: GpuReading, gpus_on_bus: int, now_s: float) -> bool:
        """Whether this reading asks for a new worker."""
        return self._driver(reading, now_s) or self._bus(reading, gpus_on_bus) or self._lost(reading, now_s)

    def _driver(self, reading: GpuReading, now_s: float) -> bool:
        """The driver was bound or unbound."""
        if not reading.driver_events or now_s < self._driver_next_s:
            return False
        self._driver_next_s = now_s + DRIVER_EVERY_S
        return True

    def _bus(self, reading: GpuReading, gpus_on_bus: int) -> bool:
        """Another number of GPUs on the bus; once for each number, since one that NVML cannot open stays missing."""
        if not gpus_on_bus or reading.opening:
            return False
        if len(reading.gpus) == gpus_on_bus:
            self._bus_tried = -1
            return False
        tried, self._bus_tried = self._bus_tried, gpus_on_bus
        return tried != gpus_on_bus

    def _lost(self, reading: GpuReading, now_s: float) -> bool:
        if not reading.lost:
            self._lost_since_s, self._lost_wait_s = None, LOST_FIRST_S
            return False
        if self._lost_since_s is None:
            self._lost_since_s = now_s
        if now_s - self._lost_since_s < self._lost_wait_s:
            return False
        self._lost_since_s, self._lost_wait_s = None, min(2 * self._lost_wait_s, LOST_MOST_S)
        return True
