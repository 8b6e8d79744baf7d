"""The other side of `serve`: a store in another process on this machine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from clusterctl.errors import ServerError, StoreError, StoreUnavailable, Unencodable
from clusterctl.frames import read_frame, socket_address, write_frame
from clusterctl.store import Bounds, Columns, Param, Result, param_text

REPLY_TIMEOUT_S = 300.0


def connect(path: Path) -> RemoteStore | None:
    """The store that listens at `path`, or None if nobody does."""
    if not path.exists():
        return None
    try:
        store = RemoteStore(path)
    except OSError:
        return None
    try:
        store.ping()
    except StoreUnavailable:
        return None
    return store


class RemoteStore:
    """One connection to the owner of an embedded store. Statements of several threads take turns."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(REPLY_TIMEOUT_S)
        try:
            self._socket.connect(socket_address(path))
        except OSError:
            self._socket.close()
            raise
        self._stream: Any = self._socket.makefile("rwb")
        self._turn = threading.Lock()
        self._path = path

    def ping(self) -> None:
        """Raises StoreUnavailable if the owner does not answer."""
        self._ask("ping", [])

    def query(self, sql: str, params: Mapping[str, Param] | None = None, bounds: Bounds | None = None) -> Result:
        limits = [bounds.timeout_s, bounds.memory_bytes, bounds.rows] if bounds else []
        names, types, rows = self._ask("query", [sql, _bound(params), limits])
        return Result(tuple(names), tuple(types), [tuple(row) for row in rows])

    def execute(self, sql: str, params: Mapping[str, Param] | None = None) -> None:
        self._ask("execute", [sql, _bound(params)])

    def insert(self, table: str, columns: Columns, token: str = "") -> None:
        self._ask("insert", [table, {name: list(values) for name, values in columns.items()}, token])

    def _ask(self, operation: str, arguments: list[Any]) -> Any:
        with self._turn:
            try:
                write_frame(self._stream, [operation, arguments])
                reply = read_frame(self._stream)
            except (OSError, EOFError, ValueError) as error:
                raise StoreUnavailable(
                    f"the process that owns the store has gone: {error}", hint="run the command again"
                ) from error
            except (TypeError, OverflowError) as error:
                raise Unencodable(str(error)) from error
        if reply[0] == "ok":
            return reply[1]
        raise _error(*reply[1:])

    def beside(self) -> RemoteStore:
        try:
            return RemoteStore(self._path)
        except OSError as error:
            raise StoreUnavailable(
                f"the process that owns the store has gone: {error}", hint="run the command again"
            ) from error

    def close(self) -> None:
        with suppress(OSError):  # an owner that has gone takes no more of a request; what failed has been told
            self._stream.close()
        self._socket.close()


def _bound(params: Mapping[str, Param] | None) -> dict[str, str]:
    return {name: param_text(value) for name, value in (params or {}).items()}


def _error(kind: str, code: int, text: str) -> StoreError:
    if kind == "server":
        return ServerError(code, text)
    if kind == "unencodable":
        return Unencodable(text)
    return StoreUnavailable(text)
