"""sd_notify: what a supervisor hears, and that its absence hurts nobody."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterctl.agent.notify import Notifier, watchdog_period_s


@pytest.fixture(params=["path", "abstract"])
def supervisor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A socket as systemd opens it, and what it writes into the environment."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    path = str(tmp_path / "notify") if request.param == "path" else f"\0clusterctl-test-{tmp_path}"
    listening.bind(path)
    listening.settimeout(5)
    yield listening, path.replace("\0", "@", 1)
    listening.close()


def test_a_supervisor_hears_each_word(supervisor: tuple[socket.socket, str]) -> None:
    listening, address = supervisor
    notifier = Notifier({"NOTIFY_SOCKET": address})
    assert notifier.ready()
    assert notifier.watchdog()
    assert notifier.status("8 GPUs\nREADY=0 " + "x" * 500)
    assert notifier.stopping()
    heard = [listening.recv(4096).decode() for _ in range(4)]
    assert heard[:2] == ["READY=1", "WATCHDOG=1"]
    assert heard[2].startswith("STATUS=8 GPUs READY=0 xxx"), "text cannot become a word of its own"
    assert len(heard[2]) <= 7 + 200
    assert heard[3] == "STOPPING=1"
    notifier.close()
    assert notifier.watchdog(), "it opens again"
    notifier.close()


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"NOTIFY_SOCKET": ""},
        {"NOTIFY_SOCKET": "relative"},
        {"NOTIFY_SOCKET": "/no/such/socket"},
        {"NOTIFY_SOCKET": "/" + "x" * 200},
        {"NOTIFY_SOCKET": "/a\0b"},
        {"NOTIFY_SOCKET": "@nobody-listens-here"},
        {"NOTIFY_SOCKET": "vsock:2:1"},
    ],
)
def test_nobody_to_tell_is_no_error(env: dict[str, str]) -> None:
    notifier = Notifier(env)
    assert not notifier.ready()
    assert not notifier.status("text")
    notifier.close()


def test_a_supervisor_that_does_not_read_does_not_stop_the_agent(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "full"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "full")})
        for _ in range(10_000):
            if not notifier.watchdog():
                break
        else:
            pytest.fail("the queue never filled")
        notifier.close()


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_it_bites(env: dict[str, str], expected: float | None) -> None:
    assert watchdog_period_s(env, pid=7) == expected


@given(st.dictionaries(st.sampled_from(["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]), st.text(max_size=30)))
def test_any_environment_is_survived(env: dict[str, str]) -> None:
    notifier = Notifier(env)
    notifier.watchdog()
    notifier.close()
    period_s = watchdog_period_s(env, pid=7)
    assert period_s is None or period_s > 0
