"""One attempt to store a block."""

from __future__ import annotations

from clusterctl.collector.block import Block
from clusterctl.store import Store


class Sink:
    """Inserts each table of a block under its own token; a repeat of the same block changes nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def insert(self, block: Block) -> None:
        """Raises a StoreError; some tables of the block may be stored then, which a repeat under the same tokens heals."""
        for table in block.tables():
            self._store.insert(table.name, block.columns(table), block.token(table))
