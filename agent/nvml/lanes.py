"""Threads that talk to the driver, and the patience that the rest has with them. Knows nothing of NVML.

One lane does all the work as long as every question is answered. When one question takes longer than `stall_s`, its lane is
left standing there, and a new lane goes on with the rest: a hung GPU costs its neighbours a fraction of one tick, once.
While a lane stands at a GPU, that GPU is not asked again; when it comes back, its late answer is thrown away and the GPU is
asked as before. There are never more lanes than things to ask, and one.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Job:
    """Something to ask. `asked_s` tells when its latest single question was put, monotonic."""

    key: Hashable
    run: Callable[[], Any]
    asked_s: Callable[[], float]


@dataclass(frozen=True)
class Failure:
    """Stands for the result of a job that raised."""

    error: Exception


@dataclass
class Work:
    """Jobs of one lane, how far it has come, and whether anybody still waits for it."""

    jobs: Sequence[Job]
    turn: threading.Lock = field(default_factory=threading.Lock)
    done: list[Any] = field(default_factory=list)
    abandoned: bool = False

    def serve(self) -> bool:
        """Do the jobs; whether somebody waited to the end."""
        for job in self.jobs:
            try:
                result = job.run()
            except Exception as error:  # handed on: the other jobs of this lane have nothing to do with it
                result = Failure(error)
            with self.turn:
                if self.abandoned:
                    return False
                self.done.append(result)
        return not self.abandoned


class Lane(threading.Thread):
    """A daemon thread: one that sits in the driver must not keep the process from ending."""

    def __init__(self) -> None:
        super().__init__(name="nvml", daemon=True)
        self.inbox: queue.SimpleQueue[Work] = queue.SimpleQueue()
        self.outbox: queue.SimpleQueue[Work] = queue.SimpleQueue()
        self.start()

    def run(self) -> None:
        """Until abandoned."""
        while True:
            work = self.inbox.get()
            if not work.serve():
                return
            self.outbox.put(work)


class Lanes:
    """Run jobs, leaving behind those that hang."""

    def __init__(self, stall_s: float) -> None:
        self._stall_s = stall_s
        self._lane = Lane()
        self._stuck: dict[Hashable, tuple[Lane, float]] = {}

    def stuck_s(self) -> dict[Hashable, float]:
        """For how long each key has been stuck."""
        now_s = time.monotonic()
        self._stuck = {key: (lane, since) for key, (lane, since) in self._stuck.items() if lane.is_alive()}
        return {key: now_s - since for key, (_, since) in self._stuck.items()}

    def run(self, jobs: Sequence[Job]) -> dict[Hashable, Any]:
        """Results by key, of the jobs that came back in time; a Failure for one that raised."""
        stuck = self.stuck_s()
        waiting = [job for job in jobs if job.key not in stuck]
        results: dict[Hashable, Any] = {}
        while waiting:
            work = Work(waiting)
            began_s = time.monotonic()
            self._lane.inbox.put(work)
            finished = self._wait(work, began_s)
            results.update(zip((job.key for job in waiting), work.done, strict=False))
            # what stands behind the one that hangs is for the next lane
            waiting = [] if finished else list(waiting[len(work.done) + 1 :])
        return results

    def _wait(self, work: Work, began_s: float) -> bool:
        """Whether the lane finished; if not, it has been left behind."""
        patience_s = self._stall_s
        while True:
            try:
                self._lane.outbox.get(timeout=patience_s)
            except queue.Empty:
                with work.turn:
                    at = len(work.done)
                    job = work.jobs[min(at, len(work.jobs) - 1)]
                    waited_s = time.monotonic() - max(began_s, job.asked_s())
                    if at < len(work.jobs) and waited_s >= self._stall_s:
                        work.abandoned = True
                        self._stuck[job.key] = (self._lane, time.monotonic() - waited_s)
                        self._lane = Lane()
                        return False
                patience_s = max(0.01, self._stall_s - waited_s)
            else:
                return True
