"""Orders to a running agent: who may give them, and what a stranger's noise does."""

from __future__ import annotations

import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusterctl.agent.local import ControlSocket, order


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "data" / "control.sock"
    control = ControlSocket(path, {"release": lambda seconds: {"for": seconds}, "wait": time.sleep, "refuse": int})
    stop = threading.Event()
    thread = threading.Thread(target=control.serve, args=(stop,))
    thread.start()
    yield path
    stop.set()
    thread.join()
    control.close()
    assert not path.exists()


def test_an_order_is_carried_out_and_answered(path: Path) -> None:
    assert order(path, "release", 600) == {"for": 600}


def test_an_unknown_order_is_refused(path: Path) -> None:
    with pytest.raises(ValueError, match="unknown order"):
        order(path, "explode")


def test_only_the_agents_user_can_open_the_socket(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "noise", [b"", b"\xff\xff\xff\xff", b"\x01\x00\x00\x00\xc1", b"GET / HTTP/1.1\r\n\r\n", b"\x04\x00\x00\x00\xcd"]
)
def test_noise_ends_nothing(path: Path, noise: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(path))
        stranger.sendall(noise)
    assert order(path, "release", 1) == {"for": 1}


def test_nobody_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"No such file|refused"):
        order(tmp_path / "none.sock", "status")


def test_an_order_that_waits_keeps_no_other_waiting(path: Path) -> None:
    waiting = threading.Thread(target=order, args=(path, "wait", 1.0))
    waiting.start()
    began = time.monotonic()
    assert order(path, "release", 1) == {"for": 1}
    assert time.monotonic() - began < 0.7
    waiting.join()


def test_an_order_that_is_refused_says_why(path: Path) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        order(path, "refuse", "x")
