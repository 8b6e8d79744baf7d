"""What an operator says of nodes, by hand."""

from __future__ import annotations

from collections.abc import Sequence

from clusterctl.analytics.imports.node_said import MAX_REASON, checked_name
from clusterctl.analytics.imports.node_words import IN_SERVICE, STATES
from clusterctl.analytics.imports.standing import Standing, StateRow, known_gpus
from clusterctl.analytics.query import Query
from clusterctl.analytics.write import insert_rows
from clusterctl.errors import InputError
from clusterctl.schema import NODE_STATE
from clusterctl.store import Store

SOURCE = "operator"
HISTORY = Query("imports/state_history.sql", StateRow)


def say_state(
    store: Store,
    cluster: str,
    hosts: Sequence[str],
    state: str,
    *,
    at_ms: int,
    until_ms: int | None,
    reason: str,
    said_by: str,
    version: int,
) -> int:
    """Store an operator's word about nodes; how many. With `until_ms` they are in service again from then on. Raises
    InputError for a state that there is not, or an end before the beginning."""
    if state not in STATES:
        raise InputError(f"state {state[:32]!r} is not one of {', '.join(STATES)}")
    if until_ms is not None and until_ms <= at_ms:
        raise InputError("--until is not after the beginning")
    unusable = [host for host in hosts if checked_name(host) is None]
    if unusable or not hosts:
        raise InputError(f"not a node name: {(unusable or [''])[0][:64]!r}")
    standing, gpus = Standing.at(store, cluster, at_ms), known_gpus(store, cluster)
    rows = []
    for host in hosts:
        last = standing.of(host)
        row = {
            "cluster": cluster,
            "host": host,
            "source": SOURCE,
            "raw_state": state,
            "reason": reason[:MAX_REASON],
            "said_by": said_by[:200],
            "retired": 0,
            "gpus": last.gpus if last is not None and last.gpus is not None else gpus.get(host),
            "version": version,
        }
        rows.append({**row, "since": at_ms, "state": state})
        if until_ms is not None:
            rows.append(
                {**row, "since": until_ms, "state": IN_SERVICE, "raw_state": IN_SERVICE, "reason": "as announced"}
            )
    insert_rows(store, NODE_STATE, rows)
    return len(hosts)
