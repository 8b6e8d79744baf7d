"""What a report says of units adds up: days, nodes, kinds and the whole are the same exposure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from clusterctl.analytics.migrate import migrate
from clusterctl.analytics.reports.units import exposure_of
from clusterctl.analytics.write import insert_rows
from clusterctl.clock import utc
from clusterctl.schema import INVENTORY
from clusterctl.store import Param, Store

MINUTE, DAY = 60_000, 86_400_000
START = 20_000 * DAY
ENVELOPE = {"boot_id": "b", "seq": 0, "schema_version": 3, "bus_partition": 0, "bus_offset": 0}


def watched(store: Store, cluster: str, nodes: int, days: int) -> None:
    """Eight GPUs a node, every minute."""
    ts = f"fromUnixTimestamp64Milli({START} + intDiv(number, {nodes}) * {MINUTE}, 'UTC')"
    store.execute(
        "INSERT INTO presence (cluster, host, boot_id, seq, ts, gpus_expected, ticks_expected, ticks_done, log_records_lost,"
        " node_state, blind, gpus_seen, gpus_in_service, gpus_allocated, schema_version, bus_partition, bus_offset)"
        f" SELECT '{cluster}', concat('n', toString(number % {nodes})), 'b', number, {ts}, 8, 6, 6, 0, 'in_service', '',"
        f" 8, 8, NULL, 3, 0, number FROM numbers({nodes * days * 1440})"
    )


def inventory(store: Store, cluster: str, *rows: Mapping[str, Any]) -> None:
    blank = dict.fromkeys(("model", "serial", "pci", "firmware", "driver_version", "rack"), "")
    insert_rows(store, INVENTORY, [{**ENVELOPE, **blank, "cluster": cluster, "fields": "{}", **row} for row in rows])


def test_exposure_by_day_node_and_kind_is_the_whole(store: Store) -> None:
    migrate(store)
    watched(store, "u", nodes=4, days=3)
    inventory(
        store, "u",
        *({"host": f"n{n}", "subject_kind": "gpu", "subject": f"G{n}", "ts": START - 1, "model": "H100",
           "driver_version": "1"} for n in range(4)),
        {"host": "n0", "subject_kind": "gpu", "subject": "G0", "ts": START + DAY, "model": "H100", "driver_version": "2"},
        {"host": "n1", "subject_kind": "node", "subject": "n1", "ts": START - 1, "rack": "r1",
         "fields": '{"batch": "b7", "powered_on_at": "2024-01-01T00:00:00Z"}'},
    )  # fmt: skip
    window: dict[str, Param] = {"cluster": "u", "since": utc(START), "until": utc(START + 3 * DAY)}
    parts = exposure_of(store, window, ["n2"])
    (whole,) = parts["whole"]
    assert whole.gpu_days == 4 * 8 * 3
    assert whole.allocated is None, "no scheduler told"
    for name in ("day", "node", "kind"):
        assert sum(row.gpu_days or 0 for row in parts[name]) == pytest.approx(whole.gpu_days), name
    assert [(row.node, row.gpu_days) for row in parts["node_day"]] == [("n2", 8.0)] * 3
    by_driver = {driver: sum(r.gpu_days or 0 for r in parts["kind"] if r.driver == driver) for driver in "12"}
    assert by_driver == {"1": 8 * 3 * 3 + 8, "2": 8 * 2}, "a day counts for what the node was at noon"
    (placed,) = {(row.rack, row.batch) for row in parts["kind"] if row.rack}
    assert placed == ("r1", "b7")
