"""What can be seen of a broker from outside: neutral facts, without a word of the client library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from clusterctl.bus import Partition


@dataclass(frozen=True, slots=True)
class BrokerFacts:
    """One broker of the cluster's own list. `error` says why it did not answer; empty if it did."""

    node: int
    address: str
    version: str = ""
    fenced: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """The cluster by its own account. `controller` is None when it names none."""

    cluster_id: str
    controller: int | None
    brokers: tuple[BrokerFacts, ...]


@dataclass(frozen=True, slots=True)
class PartitionFacts:
    """Where one partition lives. `leader` is None while it has none: it is offline."""

    number: int
    leader: int | None
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """One topic with its effective settings; without partitions it does not exist."""

    name: str
    partitions: tuple[PartitionFacts, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def exists(self) -> bool:
        """Whether the cluster has it."""
        return bool(self.partitions)


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a group, and what it owns."""

    name: str
    host: str
    partitions: tuple[Partition, ...]


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """A consumer group; `state` is the broker's word, such as Stable, Empty or Dead (it never was)."""

    name: str
    state: str
    members: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a group has read one partition. `committed` is None where it never committed, `newest_ms` where the
    partition is empty; times are the broker's clock."""

    partition: Partition
    begin: int
    end: int
    committed: int | None
    note: str = ""
    newest_ms: int | None = None

    @property
    def next_offset(self) -> int:
        """What a collector reads next: a group without a position begins at the oldest record."""
        return self.begin if self.committed is None else self.committed

    @property
    def unread(self) -> int:
        """Records still in the log that nobody settled."""
        return max(0, self.end - max(self.next_offset, self.begin))

    @property
    def beyond(self) -> bool:
        """The group settled offsets that this log never had."""
        return self.committed is not None and self.committed > self.end

    @property
    def lost(self) -> int:
        """Records that retention removed before they were read."""
        return max(0, self.begin - self.next_offset)
