"""Fixtures that all tests share: real servers, started once, and a configuration that points at them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusterctl.config import Config, load
from tests.support.cli import embedded_env, server_env, unique_name
from tests.support.fetch import Missing, unavailable
from tests.support.servers import ClickHouseServer, KafkaServer


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A broker of our own, which a test may hold or kill; skipped where Java or Maven is missing."""
    try:
        server = KafkaServer(tmp_path_factory.mktemp("kafka"))
    except Missing as missing:
        unavailable("kafka", str(missing))
        raise
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def kafka_address(request: pytest.FixtureRequest) -> str:
    """Bootstrap servers: $CLUSTERCTL_TEST_KAFKA, or the broker that we start."""
    given = os.environ.get("CLUSTERCTL_TEST_KAFKA")
    return given or str(request.getfixturevalue("kafka_server").address)


@pytest.fixture(scope="session")
def clickhouse_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseServer]:
    """A server of our own; skipped where npm is missing."""
    try:
        server = ClickHouseServer(tmp_path_factory.mktemp("clickhouse"))
    except Missing as missing:
        unavailable("clickhouse", str(missing))
        raise
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def clickhouse_address(request: pytest.FixtureRequest) -> tuple[str, int]:
    """Host and native port: $CLUSTERCTL_TEST_CLICKHOUSE as host:port, or the server that we start."""
    given = os.environ.get("CLUSTERCTL_TEST_CLICKHOUSE")
    if given:
        host, _, port = given.partition(":")
        return host, int(port or 9000)
    return "127.0.0.1", request.getfixturevalue("clickhouse_server").port


@pytest.fixture
def unique() -> str:
    """A name that no other test uses."""
    return unique_name()


@pytest.fixture
def cluster(unique: str) -> str:
    """A cluster of its own in a store that several tests share."""
    return unique


@pytest.fixture
def local_env(tmp_path: Path) -> dict[str, str]:
    """Environment of a clusterctl on the embedded defaults, in a folder of its own."""
    return embedded_env(tmp_path)


@pytest.fixture
def kafka_env(local_env: dict[str, str], kafka_address: str, unique: str) -> dict[str, str]:
    """As `local_env`, with topics and a group of its own on Kafka."""
    return {
        **local_env,
        "CLUSTERCTL_BUS_KIND": "kafka",
        "CLUSTERCTL_BUS_BOOTSTRAP_SERVERS": kafka_address,
        "CLUSTERCTL_BUS_TOPIC_PREFIX": unique,
        "CLUSTERCTL_BUS_GROUP": unique,
        "CLUSTERCTL_BUS_INSTANCE_ID": "collector-1",
        "CLUSTERCTL_BUS_SAMPLES_PARTITIONS": "4",
        "CLUSTERCTL_BUS_EVENTS_PARTITIONS": "2",
    }


@pytest.fixture
def clickhouse_env(clickhouse_address: tuple[str, int], unique: str) -> dict[str, str]:
    """A database of its own on the ClickHouse server."""
    return server_env(clickhouse_address, unique)


@pytest.fixture
def fleet_env(kafka_env: dict[str, str], clickhouse_env: dict[str, str]) -> dict[str, str]:
    """Kafka and ClickHouse together."""
    return {**kafka_env, **clickhouse_env}


@pytest.fixture
def fleet_config(fleet_env: dict[str, str]) -> Config:
    return load(None, fleet_env)
