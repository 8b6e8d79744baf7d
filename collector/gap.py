"""Records that retention deleted before the collectors read them: a loud event, never a silent reset.

The collector stops when it meets such a gap, and has written an `event` row about it by then. `clusterctl collect
accept-loss` moves the group on, and not before that row is stored.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from clusterctl.bus import Bus, Partition, topic_of
from clusterctl.clock import Clock
from clusterctl.config import Config
from clusterctl.errors import OffsetsLost
from clusterctl.schema import EVENT, SCHEMA_VERSION, Lane
from clusterctl.store import Store

KIND = "offsets_lost"
"""Reports show it as coverage loss, and incidents leave it out: no GPU failed."""
HINT = "see what is gone and go on with what is left: clusterctl collect accept-loss"
MAX_COUNT = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Gap:
    """The group stands at `begin`, and the oldest record is `end`. At most what lies between was lost: a block that was
    stored and not settled lies there too."""

    partition: Partition
    bus: str
    begin: int
    end: int
    ended_ms: int | None
    """When the bus got the oldest record that is left."""

    @property
    def lost(self) -> int | None:
        """How many offsets; None if the group stands beyond the log's end, since the log is another one then."""
        return self.end - self.begin if self.end > self.begin else None

    def text(self) -> str:
        """One sentence for a person."""
        where = f"{self.partition.topic} partition {self.partition.number}"
        if self.lost is None:
            return f"{where}: the group stands at {self.begin}, beyond the end of the log, which was made anew"
        return (
            f"{where}: {self.lost} records, offsets {self.begin} to {self.end - 1}, were deleted before they were read"
        )


def gaps_of(bus: Bus, config: Config) -> list[Gap]:
    """Where the collectors' group stands outside of what the bus has."""
    found = []
    for topic in (topic_of(lane, config) for lane in Lane):
        for standing in bus.standing(topic, config.bus.group):
            position = standing.position
            if position is not None and not standing.oldest <= position.offset <= standing.end:
                gap = Gap(standing.partition, bus.identity(topic), position.offset, standing.oldest, standing.oldest_ms)
                found.append(gap)
    return found


def record(gaps: Sequence[Gap], store: Store, config: Config, clock: Clock) -> None:
    """Store one event for each gap. The same gap is stored once, however often it is met. Raises StoreError."""
    for gap in gaps:
        columns = {name: [value] for name, value in _row(gap, config, clock.now_ms()).items()}
        token = f"{KIND}:{gap.partition.topic}:{gap.bus}:{gap.partition.number}:{gap.begin}-{gap.end}"
        store.insert(EVENT.name, columns, token)


def noted(error: OffsetsLost, bus: Bus, store: Store, config: Config, clock: Clock) -> OffsetsLost:
    """Store what is gone, and give the error that the collector stops with. Raises StoreError or BusError when that
    cannot be done; the next start meets the gap again."""
    gaps = gaps_of(bus, config)
    record(gaps, store, config, clock)
    told = "; ".join(gap.text() for gap in gaps[:5]) or str(error)
    more = f"; and {len(gaps) - 5} partitions more" if len(gaps) > 5 else ""
    return OffsetsLost(told + more, hint=HINT)


def _row(gap: Gap, config: Config, now_ms: int) -> dict[str, Any]:
    """The gap ends where the oldest record begins; when it was found is the last time that it was seen."""
    partition = gap.partition
    details = {
        "topic": partition.topic,
        "partition": partition.number,
        "from": gap.begin,
        "to": gap.end,
        "lost": gap.lost,
        "bus": gap.bus,
    }
    event = EVENT.row(
        ts=now_ms if gap.ended_ms is None else gap.ended_ms,
        last_ts=now_ms,
        count=min(gap.lost or 0, MAX_COUNT),
        kind=KIND,
        code=f"{partition.topic}/{partition.number}",
        severity="fail",
        source="collector",
        source_seq=gap.begin,
        pci="",
        gpu_uuid="",
        process="",
        driver_version="",
        ts_source="wall",
        text=gap.text(),
        fields=json.dumps(details, sort_keys=True),
    )
    envelope = {"cluster": config.site.cluster, "host": config.site.host_name(), "boot_id": "", "seq": 0}
    lineage = {"schema_version": SCHEMA_VERSION, "bus_partition": partition.number, "bus_offset": gap.begin}
    named = zip((field.name for field in EVENT.fields), msgspec.structs.astuple(event), strict=True)
    return {**envelope, **dict(named), **lineage}
