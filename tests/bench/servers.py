"""A broker and a server for benchmarks, gone with the block."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.servers import ClickHouseServer, KafkaServer


@contextmanager
def broker() -> Iterator[tuple[dict[str, str], KafkaServer]]:
    """A broker by itself, and the environment of an agent that sends to it."""
    with tempfile.TemporaryDirectory() as folder:
        kafka = KafkaServer(Path(folder))
        kafka.start()
        name = f"b{uuid.uuid4().hex[:8]}"
        env = {
            "CLUSTERCTL_BUS_KIND": "kafka", "CLUSTERCTL_BUS_BOOTSTRAP_SERVERS": kafka.address,
            "CLUSTERCTL_BUS_TOPIC_PREFIX": name, "CLUSTERCTL_BUS_GROUP": name,
        }  # fmt: skip
        try:
            yield env, kafka
        finally:
            kafka.stop()


@contextmanager
def both(
    java: Sequence[str] = (), *, direct: bool = False
) -> Iterator[tuple[dict[str, str], KafkaServer, ClickHouseServer]]:
    """Environment of a clusterctl that uses them, and the two. `java` has options for the broker; `direct` leaves out the
    proxy before the server, which costs time of a core."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        kafka, clickhouse = KafkaServer(home, java) if java else KafkaServer(home), ClickHouseServer(home)
        kafka.start()
        clickhouse.start()
        name = f"b{uuid.uuid4().hex[:8]}"
        env = {
            "CLUSTERCTL_SITE_DATA_DIR": str(home / "data"), "CLUSTERCTL_SITE_HOST": "bench",
            "CLUSTERCTL_BUS_KIND": "kafka", "CLUSTERCTL_BUS_BOOTSTRAP_SERVERS": kafka.address,
            "CLUSTERCTL_BUS_TOPIC_PREFIX": name, "CLUSTERCTL_BUS_GROUP": name, "CLUSTERCTL_STORE_KIND": "clickhouse",
            "CLUSTERCTL_STORE_PORT": str(clickhouse.inner_port if direct else clickhouse.port),
            "CLUSTERCTL_STORE_DATABASE": name,
            "CLUSTERCTL_COLLECTOR_METRICS_LISTEN": "",
        }  # fmt: skip
        try:
            yield env, kafka, clickhouse
        finally:
            kafka.stop()
            clickhouse.stop()


@contextmanager
def server_alone() -> Iterator[dict[str, str]]:
    """Environment of a clusterctl that uses a server, without the proxy before it."""
    with tempfile.TemporaryDirectory() as folder:
        clickhouse = ClickHouseServer(Path(folder))
        clickhouse.start()
        env = {
            "CLUSTERCTL_SITE_DATA_DIR": str(Path(folder) / "data"), "CLUSTERCTL_STORE_KIND": "clickhouse",
            "CLUSTERCTL_STORE_PORT": str(clickhouse.inner_port), "CLUSTERCTL_STORE_DATABASE": f"b{uuid.uuid4().hex[:8]}",
        }  # fmt: skip
        try:
            yield env
        finally:
            clickhouse.stop()
