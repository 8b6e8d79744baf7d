"""Writing to a cluster: the collector chooses the shard itself and writes to the shard's own table.

An insert through a Distributed table is stored by each shard by itself, later by default, and no token covers it as a
whole. Here a block's rows go to their shards one by one, each under a token of its own, and a retry goes where the token
is known: to the same shard, any replica of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from clickhouse_cityhash.cityhash import CityHash64

from clusterctl.config import Config, StoreConfig
from clusterctl.errors import ServerError, StoreUnavailable
from clusterctl.schema import TABLE_BY_NAME, Lane
from clusterctl.schema.cluster import is_sharded, local_name
from clusterctl.store import Bounds, Columns, Param, Result, Store, open_store
from clusterctl.store.topology import shards_of

QUORUM: Mapping[str, Any] = {"insert_quorum": "auto", "insert_quorum_parallel": 1, "insert_quorum_timeout": 20_000}
"""For events: acknowledged when most replicas have them. Samples are acknowledged by one: at 1 Hz a second lost with a
server is a gap that reports show, a lost Xid is a fault that nobody counts. The timeout is below the reply's."""

AWAY = frozenset(
    {
        242,  # this replica is read-only: it has lost its session with Keeper, or is starting
        999,  # its Keeper does not answer
    }
)
"""Refusals that concern one replica, so that another is asked."""

Open = Callable[[StoreConfig, Mapping[str, Any]], Store]
_T = TypeVar("_T")


def shard_of(host: str, shards: int) -> int:
    """The shard of a host's rows, counted from 0: the servers' own cityHash64(host) % shards, so that a row lies where
    the Distributed table would have put it. Rows of a host must meet on one shard, or FINAL could not merge repeats."""
    return int(CityHash64(host.encode())) % shards


def shard_token(token: str, shard: int) -> str:
    """The token of a block's rows for one shard; an empty one stays empty."""
    return f"{token}:s{shard}" if token else ""


class ShardStore:
    """One shard: a Store that writes local tables, and asks the next replica when one does not answer.

    Trying all replicas is one attempt: the error is the last replica's, and waiting is left to the caller. Not
    thread-safe."""

    def __init__(self, replicas: Sequence[StoreConfig], opener: Open) -> None:
        self._opened_with = replicas, opener
        self._samples = [opener(replica, {}) for replica in replicas]
        self._events = [opener(replica, QUORUM) for replica in replicas]
        self._current = 0

    def query(self, sql: str, params: Mapping[str, Param] | None = None, bounds: Bounds | None = None) -> Result:
        return self._ask(lambda replica: self._samples[replica].query(sql, params, bounds))

    def execute(self, sql: str, params: Mapping[str, Param] | None = None) -> None:
        self._ask(lambda replica: self._samples[replica].execute(sql, params))

    def insert(self, table: str, columns: Columns, token: str = "") -> None:
        """`table` is the declared name; a sharded one is written under its local name, events with a quorum."""
        declared = TABLE_BY_NAME[table]
        name = local_name(table) if is_sharded(declared) else table
        stores = self._events if declared.lane is Lane.EVENTS else self._samples
        self._ask(lambda replica: stores[replica].insert(name, columns, token))

    def _ask(self, act: Callable[[int], _T]) -> _T:
        """From the replica that answered last. A replica that was left may still have done it: the token lies in
        Keeper, where all replicas of the shard find it."""
        count = len(self._samples)
        for turn in range(count):
            replica = (self._current + turn) % count
            try:
                answer = act(replica)
            except (StoreUnavailable, ServerError) as error:
                if (isinstance(error, ServerError) and error.code not in AWAY) or turn == count - 1:
                    raise
            else:
                self._current = replica
                return answer
        raise AssertionError("a shard has at least one replica")

    def beside(self) -> ShardStore:
        return ShardStore(*self._opened_with)

    def close(self) -> None:
        for store in (*self._samples, *self._events):
            store.close()


def open_shards(config: Config) -> list[Store]:
    """A store for each shard, in the cluster's order: rows of a host go to number `shard_of(host, len(stores))`.

    Without a cluster it is the one configured store. Raises ConfigError."""
    shards = shards_of(config.store)
    if not config.store.cluster:
        return [open_store(config)]
    from clusterctl.store.driver import DriverStore

    return [ShardStore(replicas, DriverStore) for replicas in shards]
