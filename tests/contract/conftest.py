"""The three stores, each empty, for the contract suites."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clusterctl.config import load
from clusterctl.store import Store
from clusterctl.store.embedded import EmbeddedStore
from clusterctl.store.remote import connect
from clusterctl.store.serve import StoreServer


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
