"""What a report says, as data. This is the JSON of `clusterctl report --format json`; every other format is a view of it.

Numbers are not rounded. None means unknown, which is not zero.
"""

from __future__ import annotations

from dataclasses import dataclass

from clusterctl.analytics.reports.model_comm import Communication
from clusterctl.analytics.reports.model_faults import CauseCost, Concentration, Dispersion, Sensitivity, Split, Trend
from clusterctl.analytics.reports.model_nodes import Cohort, Lemons, NodeLine, Repair, Slow
from clusterctl.analytics.reports.model_times import Times
from clusterctl.analytics.stats import Rate, Verdict

REPORT_VERSION = 2


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open, UTC, ISO 8601. `evidence_hours` is the part of it that the cluster has evidence for."""

    since: str
    until: str
    evidence_hours: float


@dataclass(frozen=True, slots=True)
class GpuDays:
    """Exposure on the three bases."""

    in_service: float | None
    capacity: float | None
    allocated: float | None


@dataclass(frozen=True, slots=True)
class Cause:
    """Incidents of one cause."""

    cause: str
    cls: str
    category: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Group:
    """Incidents of one category of the source."""

    category: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Line:
    """A count with its rate."""

    count: int
    per_1000_gpu_days: Rate


@dataclass(frozen=True, slots=True)
class Faults:
    """The headline: unplanned incidents of the infrastructure."""

    count: int
    gpu_days: GpuDays
    per_1000_gpu_days: Rate
    by_basis: list[Rate]
    by_cause: list[Cause]
    verdicts: list[Verdict]
    unattributed: int
    unattributed_share: float | None
    out_of_service: int
    before_exposure: int
    still_open: int
    """Right-censored: counted, and open at the end of the window."""
    dispersion: Dispersion
    concentration: Concentration
    sensitivity: list[Sensitivity]
    nodes_affected: int


@dataclass(frozen=True, slots=True)
class Interruptions:
    """All unexpected incidents, software and unknown included: how published training reports count."""

    count: int
    per_1000_gpu_days: Rate
    per_1000_node_days: Rate
    gpus_per_node: int
    mtti_hours: float | None
    by_cause: list[Cause]
    by_category: list[Group]
    verdicts: list[Verdict]
    including_planned: Line
    mtti_hours_including_planned: float | None


@dataclass(frozen=True, slots=True)
class Lines:
    """What the headline leaves out, each on its own line."""

    including_software: Line
    including_unattributed: Line
    user: Line
    planned: Line
    degradations: Line
    fail_slow: Line
    telemetry_gaps: Line
    """Nodes that fell silent: candidates, not faults, until something else says so."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was watched. For imports nothing was: `source` says so, and the shares are unknown."""

    source: str
    share: float | None
    nodes: int
    node_minutes: int
    node_minutes_expected: int
    ticks_done: int
    ticks_expected: int
    batches_lost: int
    log_records_lost: int
    gpus_expected: int | None
    gpus_seen: int | None
    blind: list[str]
    summary: str
    messages_lost: int = 0
    """Deleted by the bus before they were read; of any cluster, since nobody can tell."""
    bus_gaps: int = 0
    gpu_minutes_share: float | None = None
    """GPU-minutes whose state was known, of those expected."""
    ticks_share: float | None = None
    log_share: float | None = None
    """Node-minutes of days on which a node's kernel log lost no record and could be read at the end, of those expected."""


@dataclass(frozen=True, slots=True)
class Port:
    """A network port."""

    host: str
    port: str
    link_layer: str
    link_up: int | None
    rate_mbps: int | None
    rx_bytes: int | None
    tx_bytes: int | None
    errors: int | None
    carrier_changes: int | None
    saturated_mask: int
    ticks: int


@dataclass(frozen=True, slots=True)
class Host:
    """A node at its last tick."""

    host: str
    last_tick: str
    ticks: int
    cpu_busy_ratio: float | None
    memory_available_bytes: int | None
    memory_total_bytes: int | None
    root_used_ratio: float | None
    temp_max_c: int | None
    uptime_s: int | None
    agent_cpu_ratio: float | None
    agent_rss_bytes: int | None
    spool_lost_batches: int | None


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """One dated incident."""

    opened_at: str
    closed_at: str | None
    domain: str
    cls: str
    cause: str
    impact: str
    node: str
    gpu: str
    nodes_affected: int
    episodes: int
    signals: int
    repeat_of: str
    note: str
    incident_id: str = ""
    state: str = "open"
    """open, acknowledged, in repair, closed or reopened."""
    closed_by: str = ""
    action: str = ""
    """Recommended, in words."""
    reason: str = ""
    element: str = ""
    jobs_ended: int | None = None
    tried_before: str = ""
    """What people did about the last incident on this node."""


@dataclass(frozen=True, slots=True)
class Change:
    """One number against the window compared with."""

    measure: str
    before: float | None
    after: float | None
    ratio: float | None
    p_value: float | None
    verdict: str
    """worse, better, no change shown, not enough exposure, or not tested (a measure that no test is for); after
    Benjamini-Hochberg over the comparison."""
    unit: str = ""
    """per_1000_gpu_days, share, hours or seconds."""
    before_rate: Rate | None = None
    """Where the measure is a rate: with its count, exposure and interval."""
    after_rate: Rate | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    """Limits of the ratio; a missing upper one, with a lower one, is infinite."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """This window against an earlier one."""

    since: str
    until: str
    changes: list[Change]
    new_causes: list[str]
    gone_causes: list[str]


@dataclass(frozen=True, slots=True)
class ClusterReport:
    """Everything about one cluster."""

    name: str
    window: Window
    faults: Faults
    interruptions: Interruptions
    lines: Lines
    coverage: Coverage
    hosts: list[Host]
    ports: list[Port]
    incidents: list[IncidentLine]
    """The newest of the window."""
    open_incidents: list[IncidentLine]
    """Everything that is not closed, whenever it began; the oldest unacknowledged first."""
    costs: list[CauseCost]
    splits: list[Split]
    trend: Trend
    times: Times
    lemons: list[Lemons]
    """One for nodes, one for GPUs."""
    repairs: list[Repair]
    cohorts: list[Cohort]
    slow: list[Slow]
    worst_nodes: list[NodeLine]
    communication: Communication
    comparison: Comparison | None
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class ReferenceLine:
    """A published rate, with what was counted."""

    name: str
    rate: float
    low: float | None
    high: float | None
    rule: str
    basis: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Report:
    """What `clusterctl report` gives."""

    report_version: int
    generated_at: str
    """Empty unless it was asked for: the same data and window give the same bytes."""
    clusters: list[ClusterReport]
    reference_lines: list[ReferenceLine]
    definitions: list[str]
    catalog_version: str
    clusterctl_version: str
