"""From stored events to incidents: the driver, the words of a line and the site's file reach the judgement."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clusterctl.analytics.incidents.refresh import refresh
from clusterctl.analytics.migrate import migrate
from clusterctl.analytics.write import insert_rows
from clusterctl.catalog import version
from clusterctl.config import AnalyticsConfig
from clusterctl.errors import ConfigError
from clusterctl.schema import EVENT
from clusterctl.store import Store

AT = 1_790_000_000_000
LINE = "NVRM: Xid (PCI:0028:01:00): 144, SAW_MVB Fatal XC0 i0 Link 01 (0x00000021 0x00000002 0x0 0x0 0x0 0x0)"


def event(host: str, kind: str, code: str, driver: str = "570.86.15", text: str = "", **given: Any) -> dict[str, Any]:
    return {
        "cluster": "c", "host": host, "boot_id": "b", "seq": 1, "ts": AT, "last_ts": AT, "count": 1, "kind": kind,
        "code": code, "severity": "fail", "source": "kmsg", "source_seq": 1, "pci": "0028:01:00.0", "gpu_uuid": "",
        "process": "", "driver_version": driver, "ts_source": "kernel", "text": text, "fields": "{}", "pid": None,
        "job_id": None, "schema_version": 1, "bus_partition": 0, "bus_offset": 0, **given,
    }  # fmt: skip


def judged(store: Store) -> dict[str, tuple[str, str, str]]:
    found = store.query("SELECT node, class, impact, catalog_version FROM incident FINAL WHERE retired = 0").rows
    return {str(node): (str(class_), str(impact), str(by)) for node, class_, impact, by in found}


def test_events_are_judged_by_driver_words_and_site(store: Store, tmp_path: Path) -> None:
    migrate(store)
    rows = [
        event("decoded", "xid", "144", text=LINE),
        event("undecoded", "xid", "144"),
        event("old-driver", "xid", "144", "550.90.07", LINE),
        event("unknown-code", "xid", "777"),
        event("gpu-missing", "check", "gpu_missing", source="agent"),
        event("hot", "check", "thermal_margin", source="agent"),
        event("contained", "xid", "94"),
    ]
    insert_rows(store, EVENT, rows)
    config = AnalyticsConfig()
    refresh(store, "c", config, AT + 1_000)
    as_shipped = judged(store)
    assert as_shipped == {
        "decoded": ("hardware", "fault", version()),
        "undecoded": ("unknown", "fault", version()),
        "unknown-code": ("unknown", "fault", version()),
        "gpu-missing": ("unknown", "fault", version()),
        "contained": ("unknown", "fault", version()),
    }
    site = tmp_path / "site.toml"
    site.write_text('[[xid]]\ncode = 94\nhw_fault_kpi = "yes"\nreason = "our memory lot"\n', encoding="utf-8")
    own = replace(config, catalog_overrides=str(site))
    refresh(store, "c", own, AT + 2_000)
    assert judged(store)["contained"][:2] == ("hardware", "fault")
    assert all(by.startswith(version() + "+site.") for _, _, by in judged(store).values())
    assert refresh(store, "c", own, AT + 3_000) == 0, "running it again changes nothing"
    refresh(store, "c", config, AT + 4_000)
    assert judged(store) == as_shipped, "without the file the shipped judgement is back"


def test_a_bad_file_changes_no_incident(store: Store, tmp_path: Path) -> None:
    migrate(store)
    insert_rows(store, EVENT, [event("contained", "xid", "94")])
    refresh(store, "c", AnalyticsConfig(), AT + 1_000)
    before = judged(store)
    site = tmp_path / "site.toml"
    site.write_text("[[xid]]\ncode = 94\n", encoding="utf-8")
    with pytest.raises(ConfigError):
        refresh(store, "c", AnalyticsConfig(catalog_overrides=str(site)), AT + 2_000)
    assert judged(store) == before
