"""What goes to Kafka as one message: an event's batch as it is, or the batches of a table as one pack."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from clusterctl import wire
from clusterctl.bus import Message, Partition, Record
from clusterctl.errors import DecodeError

MAX_BYTES = 400_000
"""Batches of a pack, together; a pack is no larger than they are by much, and Kafka's default limit is a million."""
MAX_BATCHES = 120
"""A pack of two minutes at 1 Hz; after an outage more of them go out, not larger ones."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """Entries of one partition of the spool, and the message that carries them."""

    records: tuple[Record, ...]
    message: Message

    @property
    def partition(self) -> Partition:
        return self.records[0].partition

    @property
    def place(self) -> tuple[Partition, int]:
        """Where it begins in the spool; no other parcel begins there."""
        return self.partition, self.records[0].offset

    def apart(self) -> list[Parcel]:
        """A parcel an entry, for what is too large together."""
        return [single(record) for record in self.records]


def single(record: Record) -> Parcel:
    """One entry as it is."""
    return Parcel((record,), Message(record.partition.topic, record.key, record.value, record.headers))


def parcels(records: Iterable[Record], packed: Collection[str]) -> list[Parcel]:
    """Entries as parcels, in the order of their first entries; those of the topics `packed` by table."""
    found: list[list[Record]] = []
    open_groups: dict[object, list[Record]] = {}
    for record in records:
        kind = _kind(record) if record.partition.topic in packed else None
        group = open_groups.get(kind) if kind is not None else None
        if group is None or len(group) >= MAX_BATCHES or sum(len(r.value) for r in group) >= MAX_BYTES:
            group = []
            found.append(group)
            if kind is not None:
                open_groups[kind] = group
        group.append(record)
    return [parcel for group in found for parcel in _parcels(group, packed)]


def _kind(record: Record) -> object:
    """What entries of one pack have in common; None for what is no batch, which the collector will say of it."""
    try:
        return record.partition, record.key, wire.kind_of(record.value)
    except DecodeError:
        return None


def _parcels(group: list[Record], packed: Collection[str]) -> list[Parcel]:
    first = group[0]
    if first.partition.topic not in packed:
        return [single(record) for record in group]
    try:
        value = wire.gather([record.value for record in group])
    except DecodeError:  # one that does not pass any more goes alone, and so do the others
        return [single(record) for record in group]
    return [Parcel(tuple(group), Message(first.partition.topic, first.key, value, wire.PACK_HEADERS))]
