"""The last rows of one subject, thinned with age so that minutes of eight GPUs stay small."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from clusterctl.agent.checks.registry import PORTS, Row
from clusterctl.clock import MS_PER_S
from clusterctl.schema import FILESYSTEM_SAMPLE, GPU_HEALTH, NIC_HEALTH, NIC_LINK_SAMPLE, NIC_SAMPLE, NVLINK_SAMPLE

FINE_STEP_MS = 10 * MS_PER_S
COARSE_STEP_MS = 300 * MS_PER_S
NEWEST = 10
"""Rows kept as they come: ten seconds at 1 Hz."""


@dataclass(frozen=True, slots=True)
class Depth:
    """Rows kept beyond the newest: one in ten seconds, then one in five minutes."""

    newest: int = NEWEST
    fine: int = 31
    coarse: int = 0


DEPTHS: dict[str, Depth] = {
    NIC_SAMPLE.name: Depth(coarse=72),
    PORTS: Depth(coarse=72),
    FILESYSTEM_SAMPLE.name: Depth(newest=2, fine=5, coarse=72),
    GPU_HEALTH.name: Depth(newest=2, fine=0),
    NIC_LINK_SAMPLE.name: Depth(newest=2),
    NIC_HEALTH.name: Depth(newest=2, fine=0),
    NVLINK_SAMPLE.name: Depth(newest=1, fine=0),
}
"""Six hours for what is judged over hours, five minutes and a half for the others, and the latest of what is a state."""
USUAL = Depth()


class History:
    """Rows of one subject, oldest first. A row from before the newest one empties it: the clock was set back."""

    __slots__ = ("_coarse", "_depth", "_fine", "_newest", "gpu_uuid", "pci")

    def __init__(self, table: str, gpu_uuid: str = "", pci: str = "") -> None:
        self.gpu_uuid = gpu_uuid
        self.pci = pci
        self._depth = DEPTHS.get(table, USUAL)
        self._newest: deque[Row] = deque()
        self._fine: deque[Row] = deque()
        self._coarse: deque[Row] = deque(maxlen=self._depth.coarse)

    def add(self, row: Row) -> None:
        """Keep a row; the oldest give way."""
        newest = self._newest
        if newest and row.ts < newest[-1].ts:
            newest.clear()
            self._fine.clear()
            self._coarse.clear()
        newest.append(row)
        if len(newest) > self._depth.newest:
            self._thin(newest.popleft())

    def _thin(self, row: Row) -> None:
        fine, coarse = self._fine, self._coarse
        if self._depth.fine and (not fine or row.ts - fine[-1].ts >= FINE_STEP_MS):
            fine.append(row)
            if len(fine) > self._depth.fine:
                oldest = fine.popleft()
                if not coarse or oldest.ts - coarse[-1].ts >= COARSE_STEP_MS:
                    coarse.append(oldest)

    def rows(self) -> list[Row]:
        """All of them, oldest first."""
        return [*self._coarse, *self._fine, *self._newest]

    @property
    def last_ms(self) -> int:
        """Time of the newest row; a history has one."""
        return int(self._newest[-1].ts)

    @property
    def last(self) -> Row:
        """The newest row."""
        return self._newest[-1]
