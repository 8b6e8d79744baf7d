"""Fleets through the command line: written, collected, imported, reported, as people do; and compared with truth.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clusterctl.bus.segments import scan, segments
from clusterctl.timetext import parse_moment
from tests.accuracy.match import EARLY_MS, INFRASTRUCTURE, LATE_MS
from tests.support.cli import Running, ok, report, wait_for

FLEET = (
    "--nodes", "32", "--days", "4", "--telemetry-nodes", "1", "--rate", "gpu=12", "--rate", "host=3", "--rate", "nic=2",
    "--rate", "switch=0.5", "--shape", "storm_share=0.2", "--shape", "lemon_share=0", "--shape", "bad_batch_factor=1",
)  # fmt: skip
GROUP = "clusterctl-collector"
COLLECT_S = 120.0
SINCE, UNTIL = "2026-01-01", "2026-01-05"
IMPORTS = (
    ("states", "states.csv", "--until", UNTIL),
    ("jobs", "jobs.txt", "--since", SINCE, "--at", UNTIL),
    ("events", "events.jsonl"),
    ("inventory", "inventory.csv"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Compared:
    """One fleet: what the report said, and what was true."""

    faults_true: int
    faults_found: int
    faults_matched: int
    gpu_days_true: Mapping[str, float]
    gpu_days_found: Mapping[str, float | None]
    rate_true: float
    low: float
    high: float

    def line(self) -> str:
        """For people."""
        days = ", ".join(
            f"{basis.replace('_', ' ')} {self.gpu_days_true['watched_' + basis]:.1f} / {self.gpu_days_found[basis]:.1f}"
            for basis in ("in_service", "capacity", "allocated")
        )
        return (
            f"{self.faults_true} faults true, {self.faults_found} reported, {self.faults_matched} the same; rate "
            f"{self.rate_true:.2f} set, {self.low:.2f} to {self.high:.2f} reported; GPU-days true / reported: {days}"
        )


def env_of(folder: Path) -> dict[str, str]:
    """Everything below the folder; samples of any age are kept."""
    return {
        "CLUSTERCTL_SITE_DATA_DIR": str(folder), "CLUSTERCTL_STORE_RAW_DAYS": "36000",
        "CLUSTERCTL_COLLECTOR_METRICS_LISTEN": "", "CLUSTERCTL_ANALYTICS_REFRESH_PERIOD_S": "3600",
    }  # fmt: skip


def through_the_command_line(seed: int, folder: Path) -> Compared:
    """Simulate, collect, import, report. The folder must not be there."""
    env = env_of(folder)
    ok(env, "simulate", "fleet", "--seed", str(seed), "--out", str(folder), *FLEET)
    with Running(env, "collect") as collector:
        assert wait_for(lambda: collected(folder), COLLECT_S), "the collector does not get through the spool"
        collector.stop()
    for what, name, *options in IMPORTS:
        ok(env, "import", what, str(folder / name), "--cluster", "sim", *options)
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    return compare(truth, report(env, "--cluster", "sim", "--since", SINCE, "--until", UNTIL)["by_name"]["sim"])


def collected(folder: Path) -> bool:
    """Whether the collector has settled every record of the spool."""
    for topic in (path for path in (folder / "spool").iterdir() if path.is_dir()):
        cursor = topic / f"cursor-{GROUP}.json"
        first, path = segments(topic)[-1]
        end = max((entry.offset + 1 for entry, _ in scan(path, first)), default=0)
        if not cursor.exists() or json.loads(cursor.read_text(encoding="utf-8"))["offset"] < end:
            return False
    return True


def compare(truth: Mapping[str, Any], cluster: Mapping[str, Any]) -> Compared:
    """Faults by root and time, and exposure."""
    true = [one for one in truth["incidents"] if one["is_fault"] and one["visible"]]
    listed = [one for one in cluster["incidents"] if one["class"] in INFRASTRUCTURE and one["impact"] == "fault"]
    left = list(listed)
    for one in true:
        found = next((other for other in left if _same(one, other)), None)
        if found is not None:
            left.remove(found)
    rate = cluster["faults"]["per_1000_gpu_days"]
    return Compared(
        len(true), cluster["faults"]["count"], len(listed) - len(left), truth["gpu_days"], cluster["faults"]["gpu_days"],
        truth["rate_per_1000_gpu_days"]["faults"], rate["low"], rate["high"],
    )  # fmt: skip


def _same(true: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    root = found["element"] == true["element"] if true["element"] else found["node"] == true["node"]
    return root and -EARLY_MS <= parse_moment(found["opened_at"], 0) - true["first_ms"] <= LATE_MS
