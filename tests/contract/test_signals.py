"""A record that an agent sends again after a kill counts once, also when its time has moved by a millisecond."""

from __future__ import annotations

from typing import Any

from clusterctl.analytics.incidents.load import SIGNALS
from clusterctl.analytics.migrate import migrate
from clusterctl.clock import utc
from clusterctl.schema import EVENT
from clusterctl.store import Store

NOW_MS = 1_780_000_000_000


def event(**values: Any) -> dict[str, Any]:
    return {
        "cluster": "twice", "host": "n1", "boot_id": "b", "seq": 1, "ts": NOW_MS, "last_ts": NOW_MS, "count": 1,
        "kind": "xid", "code": "79", "severity": "fail", "source": "kmsg", "source_seq": 5, "pci": "0000:4e:00.0",
        "gpu_uuid": "", "process": "", "driver_version": "", "ts_source": "kernel", "text": "", "fields": "{}", "pid": None,
        "job_id": None, "schema_version": 1, "bus_partition": 0, "bus_offset": 0, **values}  # fmt: skip


def test_a_record_counts_once_within_its_boot(store: Store) -> None:
    migrate(store)
    rows = [
        event(),
        event(ts=NOW_MS + 1, last_ts=NOW_MS + 1),
        event(ts=NOW_MS + 2, source_seq=6),
        event(boot_id="c"),
        event(host="n2"),
        event(source="nvml"),
        event(boot_id="", source="import:x", ts=NOW_MS + 3),
        event(boot_id="", source="import:x", ts=NOW_MS + 4),
    ]
    store.insert(EVENT.name, {name: [row.get(name) for row in rows] for name in EVENT.inserted})
    found = SIGNALS.run(store, cluster="twice", hosts="", since=utc(0))
    kept = sorted((row.host, row.boot_id, row.source, round(row.ts.timestamp() * 1_000) - NOW_MS) for row in found)
    assert kept == [
        ("n1", "", "import:x", 3), ("n1", "", "import:x", 4), ("n1", "b", "kmsg", 0), ("n1", "b", "kmsg", 2),
        ("n1", "b", "nvml", 0), ("n1", "c", "kmsg", 0), ("n2", "b", "kmsg", 0)]  # fmt: skip
