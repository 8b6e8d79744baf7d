"""One attempt to store a block."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence

from clusterctl.clock import MS_PER_DAY, utc
from clusterctl.collector.block import Block
from clusterctl.schema import Table
from clusterctl.store import Store
from clusterctl.store.columnar import Column
from clusterctl.store.shards import shard_of, shard_token

log = logging.getLogger(__name__)
STORED = (
    "SELECT DISTINCT bus_offset FROM {table} WHERE host IN (SELECT arrayJoin(JSONExtract({{hosts:String}}, 'Array(String)')))"
    " AND ts >= {{since:DateTime64(3, 'UTC')}} AND ts <= {{until:DateTime64(3, 'UTC')}}"
    " AND bus_partition = {{number:UInt32}} AND bus_offset >= {{first:UInt64}} AND bus_offset <= {{last:UInt64}}"
)
"""Of a block's offsets those that have rows; the names of hosts and the times keep the read small."""


class Sink:
    """Inserts each table of a block under its own token; a repeat of the same block changes nothing.

    With several shards a host's rows go to the shard of that host, under the token and the shard's number."""

    def __init__(self, shards: Sequence[Store]) -> None:
        self._shards = shards

    def insert(self, block: Block, stored: set[str], *, doubtful: bool = False) -> None:
        """Adds to `stored` the name of each table that is. Raises a StoreError, which a repeat of the same block heals.
        `doubtful` says that an attempt may have been made before: then it is made sure that the rows are there."""
        for table in block.tables():
            if len(self._shards) == 1:
                self._put(self._shards[0], table, block.columns(table), block.token(table), doubtful=doubtful)
            else:
                self._spread(block, table, doubtful=doubtful)
            stored.add(table.name)

    def _put(self, store: Store, table: Table, columns: Mapping[str, Column], token: str, *, doubtful: bool) -> None:
        """A server that is killed between noting a token and keeping the rows takes the repeat for one that it has: rows
        that are not there after a doubtful insert go in under another token."""
        store.insert(table.name, columns, token)
        if doubtful and not _are_there(store, table, columns):
            log.warning("the server knows the token of %s but has lost its rows: they are stored again", token)
            store.insert(table.name, columns, f"{token}:again")

    def _spread(self, block: Block, table: Table, *, doubtful: bool) -> None:
        homes: dict[int, list[str]] = {}
        for host in block.hosts(table):
            homes.setdefault(shard_of(host, len(self._shards)), []).append(host)
        for shard, hosts in sorted(homes.items()):
            columns = block.columns(table, frozenset(hosts))
            token = shard_token(block.token(table), shard)
            self._put(self._shards[shard], table, columns, token, doubtful=doubtful)

    def close(self) -> None:
        """Let the connections go."""
        for store in self._shards:
            store.close()


def _are_there(store: Store, table: Table, columns: Mapping[str, Column]) -> bool:
    """Whether these rows are in the table. A part is stored whole or not at all, and has rows of one day or more; of a day
    the last message is looked for, since rows of earlier ones may have been replaced by it."""
    last: dict[int, int] = {}
    for offset, at_ms in zip(columns["bus_offset"], columns["ts"], strict=True):
        day = at_ms // MS_PER_DAY
        last[day] = max(offset, last.get(day, 0))
    times = list(columns["ts"])
    found = store.query(
        STORED.format(table=table.name),
        {
            "hosts": json.dumps(sorted(set(columns["host"]))),
            "since": utc(min(times)),
            "until": utc(max(times)),
            "number": next(iter(columns["bus_partition"])),
            "first": min(last.values()),
            "last": max(last.values()),
        },
    )
    return set(last.values()) <= {row[0] for row in found.rows}
