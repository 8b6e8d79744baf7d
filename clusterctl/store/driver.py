"""A ClickHouse server through clickhouse-driver; the one file that imports it."""

from __future__ import annotations

import logging
import struct
from collections.abc import Mapping
from typing import Any

from clickhouse_driver import Client
from clickhouse_driver import errors as driver_errors

from clusterctl.config import StoreConfig
from clusterctl.errors import ServerError, StoreUnavailable, Unencodable
from clusterctl.store import Columns, Param, Result, param_text

UNKNOWN_DATABASE = 81
INSERT_SETTINGS = {"async_insert": 0, "deduplicate_insert": "enable"}
"""`async_insert` is on by default since ClickHouse 26.3, and had a token bug."""


def _translated(error: Exception) -> Exception:
    if isinstance(error, (driver_errors.NetworkError, driver_errors.SocketTimeoutError, EOFError, OSError)):
        return StoreUnavailable(
            f"ClickHouse does not answer: {error}".splitlines()[0],
            hint="is the server up, and store.host and store.port right?",
        )
    if isinstance(error, driver_errors.ServerException):
        return ServerError(error.code, error.message.split("Stack trace:")[0].strip())
    return Unencodable(f"{type(error).__name__}: {error}")


logging.getLogger("clickhouse_driver").setLevel(logging.CRITICAL)  # our own errors say what it would print


def _connect(config: StoreConfig, database: str) -> Client:
    return Client(
        host=config.host,
        port=config.port,
        user=config.user,
        password=config.password,
        database=database,
        secure=config.secure,
        compression="lz4",
        connect_timeout=config.timeout_s,
        send_receive_timeout=config.timeout_s,
        client_name="clusterctl",
        settings_is_important=True,
        settings={"server_side_params": True},
    )


def create_database(config: StoreConfig) -> None:
    """Create the configured database; one cannot connect to what is not there."""
    client = _connect(config, "")
    try:
        client.execute(f"CREATE DATABASE IF NOT EXISTS `{config.database.replace('`', '')}`")
    except (driver_errors.Error, EOFError, OSError) as error:
        raise _translated(error) from error
    finally:
        client.disconnect()


class DriverStore:
    """One connection. Not thread-safe. Reconnects by itself after a failure, never inside a statement."""

    def __init__(self, config: StoreConfig) -> None:
        self.database = config.database
        self._client = _connect(config, config.database)

    def query(self, sql: str, params: Mapping[str, Param] | None = None) -> Result:
        rows, columns = self._run(sql, params, with_column_types=True)
        return Result(tuple(name for name, _ in columns), tuple(kind for _, kind in columns), list(rows))

    def execute(self, sql: str, params: Mapping[str, Param] | None = None) -> None:
        self._run(sql, params)

    def _run(self, sql: str, params: Mapping[str, Param] | None, **options: Any) -> Any:
        bound = {name: param_text(value) for name, value in (params or {}).items()}
        try:
            return self._client.execute(sql, bound or None, **options)
        except (driver_errors.Error, EOFError, OSError) as error:
            self._client.disconnect()
            raise _translated(error) from error

    def insert(self, table: str, columns: Columns, token: str = "") -> None:
        # fresh lists on each call: the driver writes its encoding back into what it is given
        data = [list(values) for values in columns.values()]
        if not data or not data[0]:
            return
        settings: dict[str, Any] = {**INSERT_SETTINGS, "insert_block_size": max(1_048_576, len(data[0]))}
        if token:
            settings["insert_deduplication_token"] = token
        try:
            self._client.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES", data, columnar=True, settings=settings
            )
        except (
            driver_errors.Error,
            EOFError,
            OSError,
            struct.error,
            TypeError,
            ValueError,
            AttributeError,
            OverflowError,
        ) as error:
            self._client.disconnect()
            raise _translated(error) from error

    def close(self) -> None:
        self._client.disconnect()
