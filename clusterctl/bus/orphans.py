"""Partitions that nobody reads although everybody is there: found, and given an owner.

In a cooperative rebalance a partition is given up in one round and given to its new owner in the next. When a static member
dies between the two and comes back within its session, the broker hands it its old share without a rebalance, and no second
round ever comes: the partition has no owner until the group changes for another reason. Seen on Apache Kafka 4.1.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from clusterctl.bus import Partition
from clusterctl.bus.facts import GroupFacts
from clusterctl.bus.kafka_admin import KafkaAdmin
from clusterctl.config import BusConfig
from clusterctl.errors import BusError

log = logging.getLogger(__name__)
LEAST_S = 10.0
ANSWER_S = 2.0
STABLE = "stable"


def orphans(group: GroupFacts, partitions: Collection[Partition]) -> frozenset[Partition]:
    """Those of `partitions` that no member owns, while the group is at rest."""
    if group.state.lower() != STABLE:
        return frozenset()
    owned = {partition for member in group.members for partition in member.partitions}
    return frozenset(partitions) - owned


class OrphanWatch:
    """Looks now and then. The first member by name leaves the group and joins again if the same partitions have no owner in
    two looks, a session apart: once may be the middle of a rebalance. Only static members leave orphans."""

    def __init__(self, config: BusConfig, group: str, partitions: Callable[[], Collection[Partition]]) -> None:
        self._config = config
        self._group = group
        self._partitions = partitions
        self._period_s = max(LEAST_S, config.session_timeout_s)
        self._next_s: float | None = None
        self._suspected: frozenset[Partition] = frozenset()

    def look(self, now_s: float) -> None:
        """Ask the broker if it is time to; takes some 0.1 s then, and two at most for each question."""
        if not self._config.instance_id:
            return
        if self._next_s is None or now_s < self._next_s:
            self._next_s = self._next_s or now_s + self._period_s
            return
        self._next_s = now_s + self._period_s
        try:
            with KafkaAdmin(self._config, ANSWER_S) as admin:
                self._judge(admin)
        except BusError as error:
            self._suspected = frozenset()  # nothing was seen, so nothing is suspected; the next look asks again
            log.info("could not look for partitions without an owner: %s", error)

    def _judge(self, admin: KafkaAdmin) -> None:
        group = admin.group(self._group)
        found = orphans(group, self._partitions())
        again, self._suspected = found & self._suspected, found
        if again and self._config.instance_id == min(member.name for member in group.members):
            log.warning("%d partitions have no owner: leaving the group to have them shared out again", len(again))
            admin.put_out(self._group, self._config.instance_id)
            self._suspected = frozenset()
