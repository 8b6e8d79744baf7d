"""From messages to Kafka as agents send them: what a host sends at one time is one record batch, in the host's partition.

What a fleet has and one process has not is thousands of connections; requests here carry a batch for every partition.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence

from clusterctl.bus.bulk import Bulk
from clusterctl.bus.record_batch import field, headers, record_batch
from clusterctl.errors import BusError
from clusterctl.schema import Table
from clusterctl.simulate.traffic import Outgoing


class Sender:
    """Sends and counts."""

    def __init__(self, bulk: Bulk, topics: Sequence[str]) -> None:
        self._bulk = bulk
        self._partitions: dict[str, dict[str, tuple[int, bytes]]] = {topic: {} for topic in topics}
        self.messages = 0
        self.rows: Counter[Table] = Counter()
        self.again: Counter[Table] = Counter()
        """Rows whose key an earlier row has."""
        self.values = 0
        self.raw_bytes = 0
        self.sent_bytes = 0
        """Of record batches, compressed."""
        self.batches = 0
        self.acknowledged = 0
        self.refused = 0
        self.first_refusal: BusError | None = None

    def send(self, topic: str, outgoing: Iterable[Outgoing], ending: Sequence[tuple[str, bytes]], now_ms: int) -> None:
        """Messages of some hosts; waits only when too much is under way already."""
        last = headers(ending)
        by_host: dict[str, list[tuple[bytes, bytes, bytes]]] = {}
        places = self._partitions[topic]
        for one in outgoing:
            if one.host not in places:
                key = one.host.encode()
                places[one.host] = self._bulk.partition_of(topic, key), field(key)
            by_host.setdefault(one.host, []).append((places[one.host][1], one.value, last))
            self._count(one)
        queues: dict[int, deque[bytes]] = {}
        for host, messages in by_host.items():
            queues.setdefault(places[host][0], deque()).append(record_batch(messages, now_ms))
        self._post(topic, queues)

    def _count(self, one: Outgoing) -> None:
        self.messages += 1
        self.rows[one.table] += one.rows
        self.again[one.table] += one.again
        self.values += one.values
        self.raw_bytes += len(one.value)

    def _post(self, topic: str, queues: dict[int, deque[bytes]]) -> None:
        """Kafka takes one batch of each partition in a request."""
        while queues:
            batches = {partition: queue.popleft() for partition, queue in queues.items()}
            queues = {partition: queue for partition, queue in queues.items() if queue}
            self.batches += len(batches)
            self.sent_bytes += sum(map(len, batches.values()))
            self._bulk.send(topic, batches, self._verdict)

    def _verdict(self, error: BusError | None) -> None:
        if error is None:
            self.acknowledged += 1
        else:
            self.refused += 1
            self.first_refusal = self.first_refusal or error

    def settle(self, timeout_s: float) -> None:
        """Wait for what is under way, and let go."""
        self._bulk.close(timeout_s)

    def listen(self, timeout_s: float) -> None:
        """Hear verdicts for a while."""
        self._bulk.poll(timeout_s)

    @property
    def unheard(self) -> int:
        """Batches without a verdict."""
        return self.batches - self.acknowledged - self.refused
