"""The local bus: how far the collector on this machine has read the agent's spool."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from clusterctl.bus import spool_dir
from clusterctl.bus.spool import SpoolBus
from clusterctl.clock import MS_PER_S
from clusterctl.config import Config
from clusterctl.doctor.finding import Finding, fail, graded, ok, span, unknown
from clusterctl.doctor.patient import Patient
from clusterctl.doctor.registry import check, on_local_bus
from clusterctl.errors import BusError

START = "start the collector: clusterctl up, or clusterctl collect"


@dataclass(frozen=True, slots=True)
class Local:
    """One topic: the age of its oldest unread record, None when all is read; `offset` is None if nobody ever read it."""

    topic: str
    oldest_age_s: float | None
    offset: int | None
    promised: bool = False


def _local(patient: Patient) -> tuple[Local, ...]:
    config = patient.config
    bus = SpoolBus(spool_dir(config), config.agent.spool_max_bytes)
    found = []
    for topic in patient.lanes.values():
        if not (Path(bus.root) / topic).exists():
            continue
        try:
            entry, position = bus.oldest_unread(topic, config.bus.group)
        except ValueError as error:
            raise BusError(
                f"{topic}: the collector's cursor is damaged: {error}", hint="remove it: all is read again"
            ) from error
        age_s = None if entry is None else (patient.clock.now_ms() - entry.timestamp_ms) / MS_PER_S
        found.append(Local(topic, age_s, position.offset if position else None, bool(position and position.note)))
    return tuple(found)


@check("local lag", read=_local, left_out=on_local_bus, knobs=("doctor.lag_warn_s", "doctor.lag_fail_s"))
def local_lag(found: Sequence[Local], config: Config) -> Iterator[Finding]:
    """With the local bus: the age of the oldest record in the spool that the collector has not stored."""
    if not found:
        yield unknown("spool", f"nothing has been written to {spool_dir(config)}", "start the agent: clusterctl up")
    for seen in found:
        if seen.offset is None:
            yield fail(seen.topic, "no collector has ever read it", START)
        elif seen.oldest_age_s is None:
            yield ok(seen.topic, "all is read")
        else:
            waits = ", in a block that was promised" if seen.promised else ""
            yield graded(
                seen.topic,
                f"the oldest unread record is {span(seen.oldest_age_s)} old{waits}",
                START,
                seen.oldest_age_s,
                config.doctor.lag_warn_s,
                config.doctor.lag_fail_s,
            )
