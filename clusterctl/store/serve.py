"""The owner's side of a shared embedded store: answers queries and inserts of other processes on a Unix socket.

A request is one frame, `[operation, arguments]`; so is the answer, `["ok", result]` or `["error", kind, code, text]`.
The socket is readable by its owner alone.
"""

from __future__ import annotations

import os
import socketserver
import threading
from pathlib import Path
from typing import Any

from clusterctl.errors import ServerError, StoreError, Unencodable
from clusterctl.frames import read_frame, socket_address, write_frame
from clusterctl.store import Bounds, Store


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = self.server
        if not isinstance(server, _Server):
            raise TypeError("this handler belongs to the store's server")
        while True:
            try:
                operation, arguments = read_frame(self.rfile)
                write_frame(self.wfile, answer(server.store, operation, arguments))
            except (EOFError, OSError, ValueError):
                return  # the client has gone, or does not speak this protocol


def answer(store: Store, operation: str, arguments: list[Any]) -> list[Any]:
    """Do one operation; errors travel as data."""
    try:
        if operation == "query":
            sql, params, limits = arguments
            result = store.query(sql, params, Bounds(*limits) if limits else None)
            return ["ok", [result.names, result.types, result.rows]]
        if operation == "execute":
            store.execute(*arguments)
        elif operation == "insert":
            store.insert(*arguments)
        elif operation != "ping":
            return ["error", "unknown", 0, f"unknown operation {operation!r}"]
    except ServerError as error:
        return ["error", "server", error.code, error.text]
    except Unencodable as error:
        return ["error", "unencodable", 0, str(error)]
    except (StoreError, TypeError, ValueError) as error:
        return ["error", "unavailable", 0, str(error)]
    return ["ok", None]


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, path: str, store: Store) -> None:
        self.store = store
        super().__init__(path, _Handler)


class StoreServer:
    """Listens until closed. Only the holder of the directory's lock may start one, so a stale socket can go."""

    def __init__(self, path: Path, store: Store) -> None:
        path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            self._server = _Server(socket_address(path), store)
        finally:
            os.umask(before)
        self._path = path
        self._thread = threading.Thread(target=self._server.serve_forever, name="store-server", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._path.unlink(missing_ok=True)
        self._server.shutdown()
        self._server.server_close()
