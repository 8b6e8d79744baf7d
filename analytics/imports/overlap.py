"""Two imports that state service of one fleet at one time would count it twice: refused, unless they say the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clusterctl.clock import utc
from clusterctl.errors import InputError
from clusterctl.store import Param, Store

OTHERS = """SELECT source, gpu, node, gpus, toUnixTimestamp64Milli(since), toUnixTimestamp64Milli(until)
FROM exposure FINAL
WHERE cluster = {cluster:String} AND source != {source:String} AND retired = 0 AND until > {since:DateTime64(3, 'UTC')}
  AND since < {until:DateTime64(3, 'UTC')} AND (gpu = '' OR {blocks:UInt8} = 1)
LIMIT 1000"""


def refuse_overlap(store: Store, cluster: str, source: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Raises InputError if a block of nameless GPUs overlaps with what another import states. Named GPUs of two imports
    are merged by name; the same block stated twice is one block."""
    if not rows:
        return
    since, until = min(row["since"] for row in rows), max(row["until"] for row in rows)
    blocks = any(row["gpu"] == "" for row in rows)
    asked: dict[str, Param] = {
        "cluster": cluster,
        "source": source,
        "since": utc(since),
        "until": utc(until),
        "blocks": int(blocks),
    }
    own = {(row["gpu"], row["node"], row["gpus"], row["since"], row["until"]) for row in rows}
    for other, *stated in store.query(OTHERS, asked).rows:
        if tuple(stated) not in own:
            raise InputError(
                f"{other} already states GPUs in service from {utc(stated[3]):%Y-%m-%d} to {utc(stated[4]):%Y-%m-%d}",
                hint="state a fleet's exposure once: leave --gpus away here, or give the same GPUs and period",
            )
