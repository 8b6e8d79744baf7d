"""The limits that `clusterctl doctor` judges by; docs/doctor.md shows them beside the checks."""

from __future__ import annotations

from dataclasses import dataclass

from clusterctl.knob import knob


@dataclass(frozen=True)
class DoctorConfig:
    """What the doctor calls healthy in the pipeline between agent and report."""

    deadline_s: float = knob(10.0, "A check that takes longer is unknown, seconds.", least=1, most=300)
    lag_warn_s: float = knob(60.0, "Age of the oldest unread record: warn above, seconds.", least=1)
    lag_fail_s: float = knob(600.0, "Age of the oldest unread record: fail above, seconds.", least=1)
    note_warn_s: float = knob(
        60.0, "A promised block whose records are older, and that does not move while we watch: warn, seconds.", least=1
    )
    fresh_warn_s: float = knob(
        120.0,
        "Nothing new in a stream or a table written every minute or more often: warn after this, seconds.",
        least=1,
    )
    fresh_fail_s: float = knob(900.0, "Nothing new in such a stream or table: fail after this, seconds.", least=1)
    silent_after_s: float = knob(
        240.0, "A host without a presence row for this long is silent; one is written each minute, seconds.", least=60
    )
    coverage_warn_ratio: float = knob(0.95, "Share of node-minutes seen in the last hour: warn below.", least=0, most=1)
    lost_warn_ratio: float = knob(
        0.001, "Share of batches that never came in the last hour: warn above.", least=0, most=1
    )
    lost_fail_ratio: float = knob(
        0.01, "Share of batches that never came in the last hour: fail above.", least=0, most=1
    )
    sampled_hosts_count: int = knob(
        50, "Hosts whose batches are counted; all of a large fleet would take minutes.", least=1
    )
    clock_warn_s: float = knob(1.0, "Difference between two clocks: warn above, seconds.", least=0.1)
    clock_fail_s: float = knob(
        60.0, "Difference between two clocks: fail above, seconds; collector.ahead_bound_s loses rows.", least=1
    )
    parts_warn_count: int = knob(
        300, "Parts of one partition: warn above. Fail at the server's own parts_to_delay_insert.", least=1
    )
    disk_warn_ratio: float = knob(0.2, "Share of a disk of the server that is free: warn below.", least=0, most=1)
    disk_fail_ratio: float = knob(0.05, "Share of a disk of the server that is free: fail below.", least=0, most=1)
    memory_warn_ratio: float = knob(0.8, "Share of the server's memory limit in use: warn above.", least=0, most=1)
    stuck_warn_s: float = knob(
        3600.0, "A mutation or merge that is older, or a replica that is behind by more: warn, seconds.", least=1
    )
    ttl_slack_h: float = knob(48.0, "Data may outlive its retention by this, hours: whole parts are dropped.", least=1)
    dead_warn_per_h: int = knob(1, "Dead letters of the last hour: warn at or above.", least=1)
    dead_fail_per_h: int = knob(1_000, "Dead letters of the last hour: fail at or above.", least=1)
    spool_warn_ratio: float = knob(0.5, "Share of the spool in use: warn above.", least=0, most=1)
    spool_fail_ratio: float = knob(0.9, "Share of the spool in use: fail above; the oldest goes next.", least=0, most=1)
