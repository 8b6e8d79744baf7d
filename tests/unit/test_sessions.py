"""Reads at work when the embedded engine is closed."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from clusterctl.errors import StoreUnavailable
from clusterctl.store import Bounds
from clusterctl.store.embedded import EmbeddedStore
from clusterctl.store.sessions import READERS, Sessions

BOUNDS = Bounds(10.0, 200_000_000, 1_000)


def test_closing_waits_for_a_read_at_work_and_lets_no_other_begin(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    store.query("SELECT 1", None, BOUNDS)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(store.query, "SELECT sleep(0.5) AS s", None, BOUNDS)
        time.sleep(0.1)
        store.close()
        assert slow.result(timeout=0).rows == [(0,)]
    with pytest.raises(StoreUnavailable, match="closed"):
        store.query("SELECT 1", None, BOUNDS)
    EmbeddedStore(tmp_path).close()


class Session:
    open = 0

    def __init__(self, _bounds: Bounds) -> None:
        Session.open += 1

    def close(self) -> None:
        Session.open -= 1


def test_no_more_are_open_than_may_work_at_once() -> None:
    sessions = Sessions(Session)
    at_work, most, turn = 0, 0, threading.Lock()

    def read(number: int) -> None:
        nonlocal at_work, most
        with sessions.one(Bounds(1.0, 1, number % 5)):
            with turn:
                at_work += 1
                most = max(most, at_work)
            time.sleep(0.001)
            with turn:
                at_work -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read, range(200)))
    assert most == READERS
    assert Session.open == READERS, "the idle ones are kept"
    sessions.close()
    assert Session.open == 0
