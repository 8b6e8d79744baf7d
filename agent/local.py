"""The node's own sockets: jobs leave marks on one, whoever runs the agent gives orders on the other.

Marks are datagrams from anybody. Orders are frames, `[word, argument]`, and only the agent's user and root can open that
socket.
"""

from __future__ import annotations

import logging
import os
import select
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clusterctl.agent.jobs.marks import MarkSocket
from clusterctl.agent.jobs.steps import MarkBook
from clusterctl.frames import read_frame, socket_address, write_frame

log = logging.getLogger(__name__)
CONTROL = "control.sock"
"""In the data directory."""
LISTEN = 4
ANSWER_S = 1.0
ORDER_S = 40.0
"""An order about GPUs waits for a worker that is being started."""
LOOK_EVERY_S = 1.0
MARKS_AT_ONCE = 256
Order = Callable[[Any], Any]


class ControlSocket:
    """Listens for orders. Raises OSError when the socket cannot be made."""

    def __init__(self, path: Path, orders: dict[str, Order]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.unlink(missing_ok=True)
        self._orders = orders
        self._room = threading.BoundedSemaphore(LISTEN)
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            self._socket.bind(socket_address(path))
        finally:
            os.umask(before)
        self._socket.listen(LISTEN)

    def serve(self, stop: threading.Event) -> None:
        """Until stopped. Each order has a thread of its own: one that waits for the driver must not keep the next waiting."""
        waiting = select.poll()
        waiting.register(self._socket, select.POLLIN)
        while not stop.is_set():
            if not waiting.poll(LOOK_EVERY_S * 1_000):
                continue
            if not self._room.acquire(timeout=LOOK_EVERY_S):  # the kernel keeps the order until there is room
                continue
            try:
                connection, _ = self._socket.accept()
            except OSError as error:  # the other side has gone, or we are out of descriptors
                self._room.release()
                log.warning("an order could not be taken: %s", error)
                continue
            threading.Thread(target=self._one, args=(connection,), name="order", daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        """Take one order and answer it; one that makes no sense is told so."""
        try:
            with connection:
                connection.settimeout(ANSWER_S)
                with connection.makefile("rwb") as stream:
                    word, argument = read_frame(stream)
                    write_frame(stream, self._answer(str(word), argument))
        except (EOFError, OSError, ValueError, TypeError) as error:
            log.warning("an order on the control socket was not understood: %s", error)
        finally:
            self._room.release()

    def _answer(self, word: str, argument: Any) -> list[Any]:
        order = self._orders.get(word)
        if order is None:
            return ["error", "unknown order"]
        try:
            return ["ok", order(argument)]
        except (ValueError, TypeError) as error:
            return ["error", str(error)]

    def close(self) -> None:
        self._socket.close()
        self._path.unlink(missing_ok=True)


def order(path: Path, word: str, argument: Any = None) -> Any:
    """Give one order to the agent that listens at `path`; its answer. Raises OSError when nobody listens, ValueError when it
    refuses."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ORDER_S)
        connection.connect(socket_address(path))
        with connection.makefile("rwb") as stream:
            write_frame(stream, [word, argument])
            status, answer = read_frame(stream)
    if status != "ok":
        raise ValueError(str(answer))
    return answer


def gather(stop: threading.Event, marks: MarkSocket, book: MarkBook) -> None:
    """Take the marks of jobs until stopped."""
    while not stop.is_set():
        if marks.wait(LOOK_EVERY_S):
            book.take(marks.receive(MARKS_AT_ONCE))
