"""What the agent says of itself, to whoever asks on the node: `agent status`, the orders of the control socket, /metrics."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

from clusterctl.agent.jobs.steps import MarkBook
from clusterctl.agent.local import Order
from clusterctl.agent.outbox import Outbox

if TYPE_CHECKING:
    from clusterctl.agent.main import Agent

LONGEST_RELEASE_S = 86_400.0


class Status:
    """Reads the agent's parts from other threads: each value by itself is whole."""

    def __init__(self, agent: Agent, outbox: Outbox, marks: MarkBook) -> None:
        self.agent = agent
        self._outbox = outbox
        self._marks = marks

    def orders(self) -> dict[str, Order]:
        """What the control socket understands."""
        return {"status": lambda _: self.describe(), "release": self._release, "resume": self._resume}

    def _release(self, argument: Any) -> dict[str, Any]:
        for_s = float(argument)
        if not math.isfinite(for_s):
            raise ValueError("not a time span")
        if not self.agent.gpu.worker.enabled:
            raise ValueError("this agent does not ask NVML (agent.nvml)")
        for_s = min(max(for_s, 1.0), LONGEST_RELEASE_S)
        return {"released_for_s": for_s, "still_held_by": self.agent.gpu.worker.release(for_s)}

    def _resume(self, _: Any) -> dict[str, Any]:
        self.agent.gpu.worker.resume()
        return {"pid": os.getpid()}

    def describe(self) -> dict[str, Any]:
        """Everything, for people and for JSON."""
        reading = self.agent.gpu.last
        return {
            "pid": os.getpid(),
            "host": self.agent.config.site.host_name(),
            "last_tick_ms": self.agent.ticker.last_ms,
            "gpus": {
                "expected": self.agent.seen.gpus_expected,
                "on_bus": self.agent.bus.now,
                "answering": None if reading.missing else reading.answering,
                "hung": sorted(self.agent.gpu.news.hung),
                "lost": reading.lost,
                "missing": reading.missing,
                "driver_version": self.agent.facts.driver_version,
            },
            "blind": list(self.agent.seen.blind),
            "counters": self.counters(),
            "checks": [
                {"check": e.check, "subject": e.subject, "state": e.state.name.lower(), "detail": e.detail,
                 "action": e.action.name.lower()}
                for e in self.agent.checks.states()
            ],
        }  # fmt: skip

    def counters(self) -> dict[str, int]:
        """What has been counted since this process began."""
        publisher = self.agent.publisher
        return {
            "ticks_missed": self.agent.ticker.missed,
            **{f"{beat.name}_ticks_missed": beat.missed for beat in self.agent.beats},
            "kmsg_records_lost": self.agent.log.lost,
            "events": self.agent.sink.events,
            "collective_rows": self.agent.inbox.rows,
            "collective_refused": self.agent.inbox.refused,
            "batches": self._outbox.batches,
            "spool_lost_batches": self._outbox.lost,
            "spool_bytes": self._outbox.size_bytes,
            "published": publisher.sent if publisher else 0,
            "publish_refused": publisher.refused if publisher else 0,
            "producers_rebuilt": publisher.rebuilt if publisher else 0,
        }
