"""Who stores blocks: threads beside the one that polls, each over stores of its own, or nobody but the caller.

Compressing, sending and waiting for the server leave the interpreter to others, so that the next block is decoded
meanwhile.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Protocol

from clusterctl.collector.sink import Sink

Job = Callable[[Sink], None]


class Writers(Protocol):
    """A bounded number of jobs at a time."""

    def room(self) -> bool:
        """Whether a job would begin at once."""
        ...

    def submit(self, job: Job) -> Future[None]:
        """Begin a job; its error is the future's. Only when there is room."""
        ...

    def close(self) -> None:
        """Begin nothing more. What is under way is left to itself: the journal knows of it."""
        ...


class Inline:
    """The caller does it: for a store that lives in this process, and for tests."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def room(self) -> bool:
        return True

    def submit(self, job: Job) -> Future[None]:
        future: Future[None] = Future()
        _run(job, self._sink, future)
        return future

    def close(self) -> None:
        return


class Threads:
    """A thread a sink. They are daemons: a server that hangs does not keep a stopped collector."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._jobs: queue.SimpleQueue[tuple[Job, Future[None]] | None] = queue.SimpleQueue()
        self._free = threading.Semaphore(len(sinks))
        self._threads = [
            threading.Thread(target=self._work, args=(sink,), name=f"writer-{number}", daemon=True)
            for number, sink in enumerate(sinks)
        ]
        for thread in self._threads:
            thread.start()

    def room(self) -> bool:
        if self._free.acquire(blocking=False):
            self._free.release()
            return True
        return False

    def submit(self, job: Job) -> Future[None]:
        self._free.acquire()
        future: Future[None] = Future()
        self._jobs.put((job, future))
        return future

    def _work(self, sink: Sink) -> None:
        while (taken := self._jobs.get()) is not None:
            try:
                _run(taken[0], sink, taken[1])
            finally:
                self._free.release()
        sink.close()

    def close(self) -> None:
        for _ in self._threads:
            self._jobs.put(None)


def _run(job: Job, sink: Sink, future: Future[None]) -> None:
    try:
        job(sink)
    except Exception as error:  # handed to whoever reads the future, where fate_of decides
        future.set_exception(error)
    else:
        future.set_result(None)
