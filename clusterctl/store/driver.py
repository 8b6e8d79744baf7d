"""A ClickHouse server through clickhouse-driver; the one file that imports it."""

from __future__ import annotations

import logging
import struct
from collections.abc import Mapping
from typing import Any

import lz4.block
from clickhouse_cityhash.cityhash import CityHash128
from clickhouse_driver import Client
from clickhouse_driver import errors as driver_errors
from clickhouse_driver.block import BlockInfo, RowOrientedBlock
from clickhouse_driver.protocol import ClientPacketTypes
from clickhouse_driver.varint import write_varint
from clickhouse_driver.writer import write_binary_str, write_binary_uint128

from clusterctl.config import StoreConfig
from clusterctl.errors import ServerError, StoreUnavailable, Unencodable
from clusterctl.store import INSERT_SETTINGS, Bounds, Columns, Param, Result, param_text
from clusterctl.store.columnar import Column
from clusterctl.store.native import encode, named, varint

UNKNOWN_DATABASE = 81
LZ4_METHOD = 0x82
FRAME_BYTES = 1_048_576
NO_CUSTOM_SERIALISATION = b"\0"


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


class _Arrays(list[Column]):
    """Columns that are arrays; a list of another kind, so that the driver takes it for the rows of an insert."""


class _Client(Client):  # type: ignore[misc]
    """The driver's client, which also sends arrays: as the bytes they are, in one block, past its per-value writers.

    What stands here is what the driver's `Connection.send_data` and `BlockOutputStream.write` put around a column; the
    contract suite holds it against a server with each type that we declare."""

    def send_data(self, sample_block: Any, data: Any, types_check: bool = False, columnar: bool = False) -> Any:
        if not isinstance(data, _Arrays):
            return super().send_data(sample_block, data, types_check=types_check, columnar=columnar)
        kinds = sample_block.columns_with_types
        pieces = [encode(kind, column) for (_, kind), column in zip(kinds, data, strict=True)]
        connection, rows = self.connection, len(data[0])
        write_varint(ClientPacketTypes.DATA, connection.fout)
        write_binary_str("", connection.fout)
        frames = _Frames(connection.fout)
        BlockInfo().write(frames)
        frames.write(varint(len(kinds)) + varint(rows))
        for (name, kind), column_pieces in zip(kinds, pieces, strict=True):
            frames.write(named(name, kind) + NO_CUSTOM_SERIALISATION)
            for piece in column_pieces:
                frames.write(piece)
        frames.flush()
        connection.fout.flush()
        connection.send_data(RowOrientedBlock())
        return rows


class _Frames:
    """ClickHouse's compressed frames: CityHash128 of the rest, the method, the sizes with their header and without, LZ4."""

    def __init__(self, out: Any) -> None:
        self._out = out
        self._pieces: list[bytes | memoryview] = []
        self._size = 0

    def write(self, piece: bytes | memoryview) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size >= FRAME_BYTES:
            self.flush()

    def flush(self) -> None:
        """What has been written so far, as one frame; the server takes an empty one for the end of the stream."""
        if not self._pieces:
            return
        packed = lz4.block.compress(b"".join(self._pieces), store_size=False)
        frame = struct.pack("<BII", LZ4_METHOD, 9 + len(packed), self._size) + packed
        write_binary_uint128(CityHash128(frame), self._out)
        self._out.write(frame)
        self._pieces, self._size = [], 0


def _connect(config: StoreConfig, database: str, settings: Mapping[str, Any] | None = None) -> Client:
    return _Client(
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
        settings={"server_side_params": True, **(settings or {})},
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
    """One connection. Not thread-safe. Reconnects by itself after a failure, never inside a statement.

    `settings` of ClickHouse go with every statement."""

    def __init__(self, config: StoreConfig, settings: Mapping[str, Any] | None = None) -> None:
        self.database = config.database
        self._opened_with = config, settings
        self._client = _connect(config, config.database, settings)

    def query(self, sql: str, params: Mapping[str, Param] | None = None, bounds: Bounds | None = None) -> Result:
        settings = bounds.settings() if bounds else None
        rows, columns = self._run(sql, params, with_column_types=True, settings=settings)
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
        data = _as_data(columns)
        if not data or not len(data[0]):
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

    def beside(self) -> DriverStore:
        return DriverStore(*self._opened_with)

    def close(self) -> None:
        self._client.disconnect()


def _as_data(columns: Columns) -> list[Any]:
    """Arrays as they are; of lists fresh ones on each call, since the driver writes its encoding back into them."""
    values = list(columns.values())
    if any(isinstance(column, list) for column in values):
        return [list(column) for column in values]
    return _Arrays(values)  # type: ignore[arg-type]
