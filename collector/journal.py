"""The promise before the act: a block's range is committed beside the group's offset before the block is inserted.

Whoever reads the partition next, after a crash at any point, finds the note, rebuilds exactly that block, and inserts it
under the same token, which ClickHouse knows if the first attempt had landed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from clusterctl.bus import Consumer, Partition, Position
from clusterctl.collector.block import Block
from clusterctl.errors import BusError


@dataclass(frozen=True, slots=True)
class Pending:
    """Where a partition stands: its next offset, and the end of a block that was promised."""

    offset: int | None
    end: int | None


class Journal:
    """Notes of the partitions that this consumer owns."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    def pending(self, partition: Partition) -> Pending:
        """What the last owner left. Raises BusError on a note that is not ours."""
        position = self._consumer.committed(partition)
        if position is None:
            return Pending(None, None)
        if not position.note:
            return Pending(position.offset, None)
        try:
            end = int(json.loads(position.note)["end"])
        except (ValueError, KeyError, TypeError) as error:
            raise BusError(
                f"{partition}: the group's note is not ours: {position.note[:80]!r}",
                hint="another program commits in bus.group: give the collectors a group of their own",
            ) from error
        return Pending(position.offset, end if end > position.offset else None)

    def intend(self, block: Block) -> None:
        """Promise the block. Raises CommitRefused if the partition is no longer ours."""
        self._consumer.commit(block.partition, Position(block.begin, json.dumps({"end": block.end})))

    def settle(self, block: Block) -> None:
        """The block is stored, and its dead letters are delivered."""
        self._consumer.commit(block.partition, Position(block.end))
