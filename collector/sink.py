"""One attempt to store a block."""

from __future__ import annotations

from collections.abc import Sequence

from clusterctl.collector.block import Block
from clusterctl.schema import Table
from clusterctl.store import Store
from clusterctl.store.shards import shard_of, shard_token


class Sink:
    """Inserts each table of a block under its own token; a repeat of the same block changes nothing.

    With several shards a host's rows go to the shard of that host, under the token and the shard's number."""

    def __init__(self, shards: Sequence[Store]) -> None:
        self._shards = shards

    def insert(self, block: Block, stored: set[str]) -> None:
        """Adds to `stored` the name of each table that is. Raises a StoreError, which a repeat of the same block heals."""
        for table in block.tables():
            if len(self._shards) == 1:
                self._shards[0].insert(table.name, block.columns(table), block.token(table))
            else:
                self._spread(block, table)
            stored.add(table.name)

    def _spread(self, block: Block, table: Table) -> None:
        homes: dict[int, list[str]] = {}
        for host in block.hosts(table):
            homes.setdefault(shard_of(host, len(self._shards)), []).append(host)
        for shard, hosts in sorted(homes.items()):
            columns = block.columns(table, frozenset(hosts))
            self._shards[shard].insert(table.name, columns, shard_token(block.token(table), shard))

    def close(self) -> None:
        """Let the connections go."""
        for store in self._shards:
            store.close()
