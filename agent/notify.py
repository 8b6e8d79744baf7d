"""Words to systemd: ready, alive, stopping. Without a supervisor that listens, every call does nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

SOCKET_ENV, WATCHDOG_ENV, WATCHDOG_PID_ENV = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
US_PER_S = 1_000_000
MOST_STATUS = 200
SEND_TIMEOUT_S = 0.1
"""A supervisor that does not read must not stop the agent."""


class Notifier:
    """Speaks the sd_notify protocol over $NOTIFY_SOCKET. Nothing that happens to the socket is an error of the agent."""

    def __init__(self, env: Mapping[str, str] = os.environ) -> None:
        self._address = env.get(SOCKET_ENV, "")
        if self._address.startswith("@"):  # an abstract name is written with @ for its leading zero byte
            self._address = "\0" + self._address[1:]
        self._socket: socket.socket | None = None

    def ready(self) -> bool:
        """The agent is up: what waits for it may start. Whether somebody was told."""
        return self._say("READY=1")

    def watchdog(self) -> bool:
        """The agent is alive; owed at least every `watchdog_period_s`."""
        return self._say("WATCHDOG=1")

    def status(self, text: str) -> bool:
        """One line for `systemctl status`; control characters and what is too long are left out."""
        line = "".join(char if char.isprintable() else " " for char in text[:MOST_STATUS])
        return self._say(f"STATUS={line}")

    def stopping(self) -> bool:
        """The agent begins to stop."""
        return self._say("STOPPING=1")

    def close(self) -> None:
        """Let the socket go."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _say(self, message: str) -> bool:
        if not self._address.startswith(("/", "\0")):
            return False
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
                self._socket.settimeout(SEND_TIMEOUT_S)
            self._socket.sendto(message.encode("utf-8", errors="replace"), self._address)
        except (OSError, ValueError):  # gone, full, refused, or a path that cannot be one
            return False
        return True


def watchdog_period_s(env: Mapping[str, str] = os.environ, pid: int | None = None) -> float | None:
    """How often to say that we are alive: half of what the supervisor waits. None if it does not watch this process."""
    watched = env.get(WATCHDOG_PID_ENV, "")
    if watched and watched != str(os.getpid() if pid is None else pid):
        return None
    wait = env.get(WATCHDOG_ENV, "")
    if not (wait.isascii() and wait.isdigit()) or int(wait) == 0:
        return None
    return int(wait) / US_PER_S / 2
