"""A simulated job as columns that a store takes, for where no collector runs: demonstrations and tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from clusterctl.schema import SCHEMA_VERSION
from clusterctl.simulate.noise import Array
from clusterctl.simulate.training.rows import Job, Rows, numbered

BOOT = "00000000-0000-0000-0000-000000000001"


def blocks_of(job: Job, cluster: str) -> Iterator[tuple[str, dict[str, list[Any]]]]:
    """Table and columns, of one node and table after another. The same job gives the same keys."""
    for node, host in enumerate(job.nodes):
        for rows, numbers in numbered(job, node):
            yield rows[0].name, _columns(rows, cluster, host, numbers)


def _columns(rows: Rows, cluster: str, host: str, numbers: Array) -> dict[str, list[Any]]:
    table, told, count = rows
    said: dict[str, Any] = {
        **told, "cluster": cluster, "host": host, "boot_id": BOOT, "seq": numbers,
        "schema_version": SCHEMA_VERSION, "bus_partition": 0, "bus_offset": 0,
    }  # fmt: skip
    fields = {column.name: column for column in table.columns}
    return {
        name: _values(said.get(name, None if fields[name].nullable else ""), fields[name].type.python, count)
        for name in table.inserted
    }


def _values(given: Any, kind: type, count: int) -> list[Any]:
    """As plain values of the column's kind; one for all is repeated, and what is not told is missing, text is empty."""
    values = given.tolist() if isinstance(given, np.ndarray) else given
    if not isinstance(values, list):
        values = [values] * count
    return [None if value is None else kind(value) for value in values]
