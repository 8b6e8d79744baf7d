"""The promise before the act: a block's range is committed beside the group's offset before the block is inserted.

Whoever reads the partition next, after a crash at any point, finds the note, rebuilds exactly that block, and inserts it
under the same token, which ClickHouse knows if the first attempt had landed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clusterctl.bus import Consumer, Partition, Position
from clusterctl.collector.block import Block
from clusterctl.errors import BusError


@dataclass(frozen=True, slots=True)
class Pending:
    """Where a partition stands: its next offset, and the end of a block that was promised."""

    offset: int | None
    end: int | None
    stored: Mapping[str, int] = field(default_factory=dict)
    """Tables whose rows are stored already, each up to an offset: a block was halved, and its writer has gone."""


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
            note = json.loads(position.note)
            end = int(note["end"]) if "end" in note else position.offset
            stored = {str(table): int(until) for table, until in note.get("stored", {}).items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BusError(
                f"{partition}: the group's note is not ours: {position.note[:80]!r}",
                hint="another program commits in bus.group: give the collectors a group of their own",
            ) from error
        return Pending(position.offset, end if end > position.offset else None, stored)

    def intend(self, block: Block) -> None:
        """Promise the block. Raises CommitRefused if the partition is no longer ours."""
        note: dict[str, Any] = {"end": block.end}
        if block.stored:
            note["stored"] = dict(block.stored)
        self._consumer.commit(block.partition, Position(block.begin, json.dumps(note)))

    def settle(self, block: Block) -> None:
        """The block is stored, and its dead letters are delivered. What of its tables is stored beyond it stays in the note:
        it was a part, and an heir must leave those rows out of the rest."""
        ahead = {table: until for table, until in block.stored.items() if until > block.end}
        self._consumer.commit(block.partition, Position(block.end, json.dumps({"stored": ahead}) if ahead else ""))
