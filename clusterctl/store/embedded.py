"""The ClickHouse engine inside this process; the one file that imports chdb.

The engine allows one process a directory. A lock file says whose it is; the owner of a long-running one also listens on
a socket (`serve`), so that other commands work beside it (docs/decisions/006).
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import chdb
import msgspec
from chdb import ChdbError

from clusterctl.clock import MS_PER_S
from clusterctl.config import Config
from clusterctl.errors import ServerError, StoreLocked, StoreUnavailable, Unencodable
from clusterctl.store import INSERT_SETTINGS, Bounds, Columns, Param, Result, Store, param_text
from clusterctl.store.columns import reader_of, time_columns
from clusterctl.store.sessions import Sessions

DATABASE = "clusterctl"
ROWS_FORMAT = "JSONCompactEachRowWithNamesAndTypes"
# timestamps in UTC whatever the machine's zone is; 64-bit integers as numbers; NaN survives
READ_SETTINGS = {
    "output_format_json_quote_64bit_integers": "0",
    "output_format_json_quote_denormals": "1",
    "session_timezone": "'UTC'",
}
_CODE = re.compile(r"Code: (\d+)\. DB::(?:\w+)?Exception: (.*)", re.DOTALL)
_INSERT = ", ".join(f"{name} = {value!r}" for name, value in INSERT_SETTINGS.items())
_json = msgspec.json.Decoder()


def store_dir(config: Config) -> Path:
    """The engine's data directory."""
    return config.site.data_path() / "store"


def socket_path(config: Config) -> Path:
    """Where the owner of the engine listens."""
    return config.site.data_path() / "store.sock"


def lock_wait_s() -> float:
    """How long a command waits for another short one to finish with the directory."""
    return float(os.environ.get("CLUSTERCTL_LOCK_WAIT_S", "20"))


def _escaped(value: str) -> str:
    """chdb reads parameters in the tab-separated escaping."""
    for raw, written in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"), ("\0", "\\0")):
        value = value.replace(raw, written)
    return value


def _translated(error: Exception) -> Exception:
    match = _CODE.search(str(error))
    if match:
        return ServerError(int(match[1]), match[2].strip())
    return StoreUnavailable(f"embedded engine: {error}")


class EmbeddedStore:
    """The engine on one directory. Statements of several threads take turns, but for reads under bounds."""

    def __init__(self, directory: Path, wait_s: float = 0.0) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._turn = threading.RLock()
        self._lock = self._acquire(directory, wait_s)
        try:
            self._directory = directory
            self._connection = self._connect()
            self.execute(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
            self._readers = Sessions(self._session)
            self._prepare(self._connection)
        except (ChdbError, RuntimeError) as error:
            self._lock.close()
            raise _translated(error) from error

    def _prepare(self, connection: Any) -> None:
        """A session's database, and how it writes what it answers."""
        self._run(f"USE {DATABASE}", None, "Null", connection)
        for name, value in READ_SETTINGS.items():
            self._run(f"SET {name} = {value}", None, "Null", connection)

    def _session(self, bounds: Bounds) -> Any:
        """A session of its own for reads under bounds: one that is read-only stays so."""
        session = self._connect()
        self._prepare(session)
        # readonly comes last: after it, how much a query may take could still be changed, but not that it only reads
        for name, value in reversed(bounds.settings().items()):
            self._run(f"SET {name} = {value}", None, "Null", session)
        return session

    def _connect(self) -> Any:
        return chdb.connect(str(self._directory / "engine"))

    @staticmethod
    def _acquire(directory: Path, wait_s: float) -> Any:
        path = directory / "owner.lock"
        lock = path.open("a")
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return lock
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    lock.close()
                    raise StoreLocked(
                        f"{directory}: another clusterctl process is using the embedded store",
                        hint="wait for it, or run `clusterctl up`, which shares the store",
                    ) from None
                time.sleep(0.05)

    def query(self, sql: str, params: Mapping[str, Param] | None = None, bounds: Bounds | None = None) -> Result:
        if bounds is None:
            raw = self._run(sql, params, ROWS_FORMAT, self._connection)
        else:
            with self._readers.one(bounds) as session:
                raw = self._run(sql, params, ROWS_FORMAT, session)
        lines = raw.splitlines()
        names, types = _json.decode(lines[0]), _json.decode(lines[1])
        readers = [(i, reader) for i, kind in enumerate(types) if (reader := reader_of(kind))]
        rows = []
        for line in lines[2:]:
            row = _json.decode(line)
            for i, reader in readers:
                if row[i] is not None:
                    row[i] = reader(row[i])
            rows.append(tuple(row))
        return Result(tuple(names), tuple(types), rows)

    def execute(self, sql: str, params: Mapping[str, Param] | None = None) -> None:
        self._run(sql, params, "Null", self._connection)

    def _run(self, sql: str, params: Mapping[str, Param] | None, output: str, connection: Any) -> bytes:
        bound = {name: _escaped(param_text(value)) for name, value in (params or {}).items()}
        with self._turn if connection is self._connection else nullcontext():
            try:
                result = connection.query(sql, output, params=bound)
            except (ChdbError, RuntimeError) as error:
                # what a failed query had written by then would stand before the answer to the next one
                connection.query("SELECT 1", "Null")
                raise _translated(error) from error
            return bytes(result.bytes())

    def insert(self, table: str, columns: Columns, token: str = "") -> None:
        if not columns or not len(next(iter(columns.values()))):
            return
        times = time_columns(table)
        try:
            data = msgspec.json.encode(
                {
                    name: [None if v is None else v / MS_PER_S for v in values] if name in times else list(values)
                    for name, values in columns.items()
                }
            ).decode()
        except (TypeError, ValueError, UnicodeError) as error:
            raise Unencodable(f"{table}: {error}") from error
        quoted = token.replace("\\", "\\\\").replace("'", "\\'")
        chosen = f", insert_deduplication_token = '{quoted}'" if token else ""
        self._run(
            f"INSERT INTO {table} ({', '.join(columns)}) SETTINGS {_INSERT}, "
            f"max_insert_block_size = 1048449{chosen} FORMAT JSONColumns {data}",
            None,
            "Null",
            self._connection,
        )

    def beside(self) -> Store:
        return _Beside(self)

    def close(self) -> None:
        self._readers.close()
        self._connection.close()
        self._lock.close()


class _Beside:
    """The engine for another thread. Closing it leaves the engine open."""

    def __init__(self, store: EmbeddedStore) -> None:
        self.query, self.execute, self.insert, self.beside = store.query, store.execute, store.insert, store.beside

    def close(self) -> None:
        """It has nothing of its own."""
