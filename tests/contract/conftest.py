"""The three stores, each empty, for the contract suites."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clusterctl.analytics.migrate import migrate
from clusterctl.config import StoreConfig, load
from clusterctl.store import Store
from clusterctl.store.embedded import EmbeddedStore
from clusterctl.store.remote import connect
from clusterctl.store.serve import StoreServer
from tests.support.cli import unique_name


@pytest.fixture(params=["embedded", "remote", pytest.param("server", marks=pytest.mark.clickhouse)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty database: the engine in this process, in another one's hands, and on a server."""
    if request.param == "server":
        from clusterctl.store.driver import DriverStore, create_database

        config = load(None, request.getfixturevalue("clickhouse_env")).store
        create_database(config)
        server = DriverStore(config)
        yield server
        server.execute(f"DROP DATABASE {config.database}")
        server.close()
        return
    owner = EmbeddedStore(tmp_path / "store")
    if request.param == "embedded":
        yield owner
        owner.close()
        return
    listening = StoreServer(tmp_path / "store.sock", owner)
    remote = connect(tmp_path / "store.sock")
    assert remote is not None
    yield remote
    remote.close()
    listening.close()
    owner.close()


@pytest.fixture(scope="module", params=["embedded", pytest.param("server", marks=pytest.mark.clickhouse)])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A migrated database, made once a file: for suites that empty their tables between two tests."""
    if request.param == "embedded":
        made: Store = EmbeddedStore(tmp_path_factory.mktemp("engine") / "store")
    else:
        from clusterctl.store.driver import DriverStore, create_database

        host, port = request.getfixturevalue("clickhouse_address")
        config = StoreConfig(kind="clickhouse", host=host, port=port, database=unique_name())
        create_database(config)
        made = DriverStore(config)
    migrate(made)
    yield made
    made.close()
