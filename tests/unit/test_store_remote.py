"""A command whose store's owner dies."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from clusterctl.errors import StoreUnavailable
from clusterctl.frames import read_frame, socket_address, write_frame
from clusterctl.store.remote import connect


def test_an_owner_that_dies_is_named_and_closing_says_nothing_more(tmp_path: Path) -> None:
    """An error of closing would be a broken pipe, which a command takes for a reader that has left, and ends in silence."""
    path = tmp_path / "store.sock"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(socket_address(path))
    listener.listen()

    def one_answer() -> None:
        taken, _ = listener.accept()
        with taken, taken.makefile("rwb") as stream:
            read_frame(stream)
            write_frame(stream, ["ok", None])

    owner = threading.Thread(target=one_answer)
    owner.start()
    store = connect(path)
    assert store is not None
    owner.join()
    listener.close()
    with pytest.raises(StoreUnavailable, match="has gone"):
        store.query("SELECT 1")
    with pytest.raises(StoreUnavailable, match="has gone"):
        store.beside()
    store.close()
