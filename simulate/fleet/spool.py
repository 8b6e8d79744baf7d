"""The agents' own spool, for `clusterctl collect`: presence, inventory, events, samples and marks of simulated nodes.

It is the form that the product already takes whole, with its counts, duplicates and latecomers, and that a collector stores
exactly once. Its records carry simulated times, so that the bytes depend on nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import msgspec
import numpy as np

from clusterctl import wire
from clusterctl.bus.segments import SegmentWriter
from clusterctl.clock import MS_PER_DAY
from clusterctl.packs import MAX_ROWS
from clusterctl.schema import EVENT, INVENTORY, Lane, Table
from clusterctl.simulate.fleet.columns import packed
from clusterctl.simulate.fleet.events import inventory
from clusterctl.simulate.fleet.marks import marks
from clusterctl.simulate.fleet.telemetry import Node, Rows, lives, presence, samples
from clusterctl.simulate.fleet.world import World

SEGMENT_BYTES = 64 * 1024 * 1024
BATCH_ROWS = 500
LATE_MS = 6 * 3_600_000
BATCH_HEADERS = (("v", str(wire.VERSION).encode()),)
UNBOUNDED = 1 << 62


@dataclass
class Written:
    """What went into the spool."""

    messages: int = 0
    rows: int = 0
    again: int = 0
    late: int = 0


class Spool:
    """Two logs, one a lane, with every node's batches numbered without a gap."""

    def __init__(self, world: World, root: Path, topics: Mapping[Lane, str], every_s: int) -> None:
        self._world, self._every_s = world, every_s
        self._logs = {
            lane: SegmentWriter(root / topic, UNBOUNDED, lambda: 0, SEGMENT_BYTES) for lane, topic in topics.items()
        }
        self._next: dict[tuple[int, Lane], int] = {}
        self._chance = np.random.default_rng([world.settings.seed, 14])
        self.written = Written()

    def write(
        self,
        events: Mapping[int, Sequence[msgspec.Struct]],
        sampled: Sequence[int],
        tell: Callable[[float], None],
    ) -> None:
        """All nodes' presence, inventory and events; samples of the `sampled`; the marks of jobs that begin on them."""
        for node in lives(self._world, range(self._world.settings.nodes)):
            self._node(node, events.get(node.number, ()), node.number in set(sampled))
            tell((node.number + 1) / self._world.settings.nodes)

    def close(self) -> None:
        """Everything to the disk."""
        for log in self._logs.values():
            log.close()

    def _node(self, node: Node, events: Sequence[msgspec.Struct], sampled: bool) -> None:
        settings = self._world.settings
        self._batch(
            node.number, INVENTORY, inventory(self._world.fleet, node.number, settings.start_ms), settings.start_ms
        )
        for part in _by_day(events):
            self._batch(node.number, EVENT, part, max(_last_ms(row) for row in part))
        for day_ms in range(settings.start_ms, settings.end_ms, MS_PER_DAY):
            end_ms = min(day_ms + MS_PER_DAY, settings.end_ms)
            self._pack(node.number, presence(node, day_ms, self._every_s), end_ms)
            if sampled:
                for rows in samples(node, day_ms, self._every_s, self._chance):
                    self._pack(node.number, rows, end_ms)
        for run in node.runs if sampled else ():
            for rows in marks(run, settings.end_ms) if run.nodes[0] == node.number else ():
                self._pack(node.number, rows, int(np.max(rows[1]["last_ts"])))  # type: ignore[call-overload]

    def _numbers(self, node: int, lane: Lane, count: int) -> int:
        first = self._next.get((node, lane), 0)
        self._next[node, lane] = first + count
        return first

    def _batch(self, number: int, table: Table, rows: Sequence[msgspec.Struct], sent_ms: int) -> None:
        node, lane = self._world.fleet.nodes[number], _lane(table)
        value = wire.encode(
            table, rows, cluster=self._world.fleet.cluster, host=node.name, boot_id=node.boot_id,
            seq=self._numbers(number, lane, 1), sent_ms=sent_ms,
        )  # fmt: skip
        self._send(lane, node.name, value, BATCH_HEADERS, sent_ms, len(rows))

    def _pack(self, number: int, rows: Rows, sent_ms: int) -> None:
        table, columns, count = rows
        if not count:
            return
        node, lane = self._world.fleet.nodes[number], _lane(table)
        for at in range(0, count, MAX_ROWS):
            part = {name: _cut(values, at) for name, values in columns.items()}
            size = min(count - at, MAX_ROWS)
            seqs = self._numbers(number, lane, size) + np.arange(size)
            value = packed(
                table,
                part,
                seqs,
                cluster=self._world.fleet.cluster,
                host=node.name,
                boot_id=node.boot_id,
                sent_ms=sent_ms,
            )
            self._send(lane, node.name, value, wire.PACK_HEADERS, sent_ms, size)

    def _send(
        self, lane: Lane, host: str, value: bytes, headers: tuple[tuple[str, bytes], ...], sent_ms: int, rows: int
    ) -> None:
        shape, log = self._world.settings.shape, self._logs[lane]
        late, again = self._chance.random(2) < (shape.late_share, shape.duplicate_share)
        arrives_ms = sent_ms + (int(self._chance.integers(LATE_MS)) if late else 0)
        for _ in range(1 + int(again)):
            log.append(host.encode(), value, headers, arrives_ms)
        self.written.messages += 1
        self.written.rows += rows
        self.written.again += int(again)
        self.written.late += int(late)


def _last_ms(row: msgspec.Struct) -> int:
    return int(getattr(row, "last_ts"))  # noqa: B009 - rows have no static type


def _by_day(events: Sequence[msgspec.Struct]) -> Iterator[list[msgspec.Struct]]:
    """Batches that an agent would send: of one day at most, and not too large."""
    for _, same in groupby(sorted(events, key=_last_ms), key=lambda row: _last_ms(row) // MS_PER_DAY):
        day = list(same)
        for at in range(0, len(day), BATCH_ROWS):
            yield day[at : at + BATCH_ROWS]


def _lane(table: Table) -> Lane:
    if table.lane is None:
        raise ValueError(f"{table.name} does not travel")
    return table.lane


def _cut(values: object, at: int) -> object:
    """The part of a column that one pack takes; what holds for all rows stays as it is."""
    if isinstance(values, (list, np.ndarray)):
        return values[at : at + MAX_ROWS]
    return values
