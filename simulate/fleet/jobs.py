"""The scheduler: whoever is free gets work, in sizes and lengths as fleets have them."""

from __future__ import annotations

from functools import partial

from clusterctl.clock import MS_PER_MINUTE
from clusterctl.simulate.fleet.stage import HOUR_MS, Stage
from clusterctl.simulate.fleet.world import Run

OWNER, OWNERS = "user", 40
LOOK_EVERY_MS = 5 * MS_PER_MINUTE
SIZES, SHARES = (1, 2, 4, 8, 16, 32), (0.46, 0.2, 0.14, 0.1, 0.06, 0.04)
CANCELLED_SHARE = 0.1
FIRST_JOB = 41_000


class Scheduler:
    """Starts runs on the stage and lets them end well, if nothing ends them before."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._started = 0
        most = max(1, stage.settings.nodes // 4)
        fitting = [(size, share) for size, share in zip(SIZES, SHARES, strict=True) if size <= most]
        total = sum(share for _, share in fitting)
        self._sizes = [size for size, _ in fitting]
        self._shares = [share / total for _, share in fitting]
        self._wanted = self._next_size()

    def look(self, at_ms: int) -> None:
        """Give work to the free, then look again later."""
        stage = self._stage
        free = [node for node in dict.fromkeys(stage.free) if stage.serving[node] and stage.job_of[node] is None]
        while len(free) >= self._wanted:
            chosen, free = free[: self._wanted], free[self._wanted :]
            self._start(at_ms, tuple(sorted(chosen)))
            self._wanted = self._next_size()
        stage.free.clear()
        stage.free.extend(free)
        stage.at(at_ms + LOOK_EVERY_MS, self.look)

    def _next_size(self) -> int:
        return int(self._stage.chance.choice(self._sizes, p=self._shares))

    def _start(self, at_ms: int, nodes: tuple[int, ...]) -> None:
        stage, chance = self._stage, self._stage.chance
        length_ms = int(chance.exponential(stage.settings.job_h) * HOUR_MS) + 10 * MS_PER_MINUTE
        self._started += 1
        run = Run(
            str(FIRST_JOB + self._started),
            f"{OWNER}{int(chance.integers(OWNERS)):02}",
            nodes,
            at_ms - int(chance.exponential(0.5) * HOUR_MS),
            at_ms,
            at_ms + length_ms,
        )
        stage.begin(run)
        cancelled = bool(chance.random() < CANCELLED_SHARE)
        stage.at(run.due_ms, partial(self._end, run, cancelled))

    def _end(self, run: Run, cancelled: bool, at_ms: int) -> None:
        if cancelled:
            self._stage.end(run, at_ms, "CANCELLED", 0, True)
        else:
            self._stage.end(run, at_ms, "COMPLETED", 0)
