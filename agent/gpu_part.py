"""GPUs at one tick: the reading, its rows and events, and who owns each GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from clusterctl.agent.facts import Facts
from clusterctl.agent.gpu import GpuReading, GpuWorker
from clusterctl.agent.gpu_rows import GpuNews, LinkBook, mig_pids_of, pids_of, sample_rows
from clusterctl.agent.jobs.book import JobBook
from clusterctl.agent.jobs.owner import JobResolver
from clusterctl.agent.tiers import MEDIUM
from clusterctl.clock import Clock
from clusterctl.schema import EVENT, JOB, NVLINK_SAMPLE, Table

NOT_ASKED = "not_asked_yet"
Put = Callable[[Table, Sequence[msgspec.Struct]], None]


class GpuPart:
    """One node's GPUs, whatever state they are in."""

    def __init__(
        self, worker: GpuWorker, resolver: JobResolver, facts: Facts, clock: Clock, put: Put, hung_after_s: float
    ) -> None:
        self.worker = worker
        self.last = GpuReading(missing=NOT_ASKED)
        self.news = GpuNews(facts, hung_after_s)
        self._jobs, self._mig_jobs = JobBook(clock, resolver), JobBook(clock, resolver)
        self._facts = facts
        self._clock = clock
        self._put = put
        self._links = LinkBook()
        self._uuid_of: dict[str, str] = {}

    def tick(self, tick_ms: int, level: int, gpus_on_bus: int) -> GpuReading:
        """Ask all GPUs for one tick; their rows and events have been put when it returns."""
        reading = self.worker.sample(level, gpus_on_bus)
        self._facts.driver_version = self.worker.driver_version
        self._uuid_of.update({gpu["pci"]: gpu["uuid"] for gpu in reading.gpus})
        if level >= MEDIUM and not reading.missing:
            self._put(JOB, self._jobs.observe(pids_of(reading), self._clock.now_ms()))
            self._mig_jobs.observe(mig_pids_of(reading), self._clock.now_ms())  # owners only: its jobs are told already
            self._put(NVLINK_SAMPLE, self._links.rows(reading, tick_ms))
        for table, rows in sample_rows(reading, tick_ms, self._jobs.owner_of, self._mig_jobs.owner_of).items():
            self._put(table, rows)
        self._put(EVENT, self.news.events(reading, self._clock.monotonic_s()))
        self.last = reading
        return reading

    def uuid_of(self, pci: str) -> str:
        """The GPU at an address, where NVML has told it; else empty."""
        return self._uuid_of.get(pci, "")
