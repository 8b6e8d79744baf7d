"""The latest row of everything, by table and subject: what /metrics and `agent status` show. Replaced whole, never edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from clusterctl.schema import Table


class Latest:
    """Written by the agent's threads, read by others; a reader gets a table's rows of one tick."""

    def __init__(self) -> None:
        self._rows: dict[str, Sequence[msgspec.Struct]] = {}

    def note(self, table: Table, rows: Sequence[msgspec.Struct]) -> None:
        """These are the rows of the latest tick."""
        self._rows[table.name] = rows

    def rows(self, table: Table) -> Sequence[msgspec.Struct]:
        """Rows of the latest tick that had any."""
        return self._rows.get(table.name, ())

    def every(self) -> Mapping[str, Sequence[msgspec.Struct]]:
        """All tables that have rows."""
        return dict(self._rows)
