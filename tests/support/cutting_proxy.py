"""A proxy that cuts a connection at a chosen byte, in the middle of what the client sends or before the answer to it, or
holds back what the client sends from a chosen word on."""

from __future__ import annotations

import socket
import threading

CHUNK = 4_096
END_OF_STREAM = b"\x05"
"""ClickHouse's last packet of an answer."""


class CuttingProxy:
    """Forwards to a port on this machine until it is armed; then it cuts one connection, once."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._cut_at: int | None = None
        self._only_answer = False
        self.cuts = 0
        self.held = threading.Event()
        self.go_on = threading.Event()
        self._hold_at: bytes | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_request(self, after_bytes: int) -> None:
        """The next connection ends when the client has sent this much, with the rest unsent."""
        self._cut_at, self._only_answer = after_bytes, False

    def cut_answer(self, after_bytes: int) -> None:
        """The next connection passes on all that the client sends, but not that what lies after this many bytes is done."""
        self._cut_at, self._only_answer = after_bytes, True

    def hold_at(self, word: bytes) -> None:
        """What any connection sends from `word` on waits for `go_on`; `held` says that something does."""
        self._hold_at = word

    def waits(self, data: bytes) -> None:
        """Pass by, or wait."""
        if self._hold_at is not None and self._hold_at in data:
            self.held.set()
            self.go_on.wait()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target_port))
            pair = _Pair(self, client, server, self._cut_at, self._only_answer)
            self._cut_at = None
            threading.Thread(target=pair.requests, daemon=True).start()
            threading.Thread(target=pair.answers, daemon=True).start()


class _Pair:
    """One connection."""

    def __init__(
        self, proxy: CuttingProxy, client: socket.socket, server: socket.socket, cut_at: int | None, only_answer: bool
    ) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._cut_at, self._only_answer = cut_at, only_answer
        self._sent = 0

    def requests(self) -> None:
        while data := _received(self._client):
            if self._cut_at is not None and not self._only_answer and self._sent + len(data) > self._cut_at:
                self._server.sendall(data[: self._cut_at - self._sent])
                self._cut()
                return
            self._sent += len(data)
            self._proxy.waits(data)
            try:
                self._server.sendall(data)
            except OSError:
                break
        _end(self._server)

    def answers(self) -> None:
        while data := _received(self._server):
            late = self._cut_at is not None and self._only_answer and self._sent > self._cut_at
            if late and data.endswith(END_OF_STREAM):
                self._cut()
                return
            try:
                self._client.sendall(data)
            except OSError:
                break
        _end(self._client)

    def _cut(self) -> None:
        self._proxy.cuts += 1
        _end(self._server)
        _end(self._client)


def _received(source: socket.socket) -> bytes:
    try:
        return source.recv(CHUNK)
    except OSError:
        return b""


def _end(side: socket.socket) -> None:
    try:
        side.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
