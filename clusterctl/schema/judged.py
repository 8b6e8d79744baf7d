"""What analytics and imports write: incidents, exposure intervals, interval limits."""

from __future__ import annotations

from clusterctl.schema.field import (
    FLOAT64,
    LONG_TEXT,
    NAME,
    TEXT,
    UINT8,
    UINT32,
    Kind,
    Unit,
    gauge,
    moment,
    required,
    state,
    text,
)
from clusterctl.schema.table import VERSION, Table

INCIDENT = Table(
    name="incident",
    key=("cluster", "incident_id"),
    version=VERSION,
    doc="One incident, or a published count of them. Recomputed from events: a row that no longer follows is retired.",
    fields=(
        text("cluster", "Cluster."),
        text("incident_id", "Stable hash of what opened it.", type_=TEXT),
        text("source", "events, or import:NAME."),
        text("class", "hardware, driver, network, storage, facility, maintenance, software, user, planned or unknown."),
        text("cause", "Code or published cause."),
        text("category", "The source's own grouping of causes."),
        text("impact", "fault, degradation, gap (a silent node alone) or none (it cost nothing)."),
        required("count", UINT32, Unit.COUNT, "1, or the published count that this row stands for."),
        moment("opened_at", "First signal; start of the period for published counts."),
        required(
            "dated",
            UINT8,
            Unit.NONE,
            "1 if `opened_at` is the time of the incident, 0 if only a period is known.",
            kind=Kind.STATE,
        ),
        text("node", "Root node, or empty."),
        text("gpu", "Root GPU, or empty."),
        text("repeat_of", "Incident on the same root that closed within 7 days before.", type_=TEXT),
        required("nodes_affected", UINT32, Unit.COUNT, "Nodes affected, the root included; 0 when unknown."),
        required("episodes", UINT32, Unit.COUNT, "Error episodes joined."),
        required("signals", UINT32, Unit.COUNT, "Raw signals behind them."),
        text("evidence", "First lines of evidence, JSON array.", type_=TEXT),
        text("catalog_version", "Version of the catalogue that judged it."),
        text("note", "Free text.", type_=TEXT),
        required("retired", UINT8, Unit.NONE, "1 if a later computation or import took it back.", kind=Kind.STATE),
        moment("closed_at", "When it closed; missing while open.", nullable=True),
        moment("period_until", "End of the period, for published counts.", nullable=True),
        state("element", NAME, "Fabric element that is the root (switch, PDU), or empty.", since=3),
        state("nodes", LONG_TEXT, "Nodes affected, the root first, JSON array of at most 512.", since=3),
        state("jobs", LONG_TEXT, "Jobs that it ended or hung, JSON array of at most 512.", since=3),
        state(
            "closed_by",
            NAME,
            "back_in_service, quiet, reset, operator, job_ended or given_up; missing while open.",
            since=3,
        ),
        state("action", NAME, "Recommended action, as the catalogue says.", since=3),
        state("reason", TEXT, "Why it has its class: the rule, in words.", since=3),
        state("driver_version", NAME, "Driver on the root node at that time, where known.", since=3),
        moment("last_signal_at", "Last signal of it.", nullable=True, since=3),
        moment(
            "service_lost_at", "When the first node went out of service; missing if none did.", nullable=True, since=3
        ),
        moment("service_back_at", "When the last came back; missing if none did.", nullable=True, since=3),
        gauge("jobs_ended", UINT32, Unit.COUNT, "Jobs it ended or hung; missing where no scheduler told.", since=3),
        gauge("nodes_out", UINT32, Unit.COUNT, "Nodes it took out of service; missing where nobody told.", since=3),
        gauge(
            "gap_groups_5s",
            UINT32,
            Unit.COUNT,
            "Its hardware episodes by node, joined by gaps up to 5 s alone.",
            since=3,
        ),
        gauge("gap_groups_3min", UINT32, Unit.COUNT, "The same with gaps up to 3 minutes.", since=3),
        gauge("gap_groups_15min", UINT32, Unit.COUNT, "The same with gaps up to 15 minutes.", since=3),
        state("multi_root", UINT8, "1 if several nodes had hardware episodes before one job end.", since=3),
        state("in_service_before", UINT8, "1 if the root was in service just before; missing when unknown.", since=3),
        state("allocated_before", UINT8, "1 if a job held the root just before; missing when unknown.", since=3),
        gauge(
            "gpu_hours_lost", FLOAT64, Unit.NONE, "GPU-hours that it cost, as the source states; else missing.", since=3
        ),
        gauge(
            "cost_share", FLOAT64, Unit.RATIO, "Its share of all GPU time lost, as published; else missing.", since=3
        ),
    ),
)

EXPOSURE = Table(
    name="exposure",
    key=("cluster", "source", "gpu", "node", "since"),
    version=VERSION,
    doc="GPU time that an inventory or a publication states, for fleets that no agent watched.",
    fields=(
        text("cluster", "Cluster."),
        text("source", "import:NAME."),
        text("gpu", "GPU, or empty for a block of GPUs."),
        text("node", "Node, or empty."),
        moment("since", "Start, inclusive."),
        moment("until", "End, exclusive."),
        required("gpus", UINT32, Unit.COUNT, "GPUs that the interval holds for; 1 for a named GPU."),
        required(
            "all_bases",
            UINT8,
            Unit.NONE,
            "1 if it is the exposure on all three bases (published counts), 0 if in-service time only.",
            kind=Kind.STATE,
        ),
        required(
            "divisible",
            UINT8,
            Unit.NONE,
            "1 if a window may clip it, 0 if it belongs to undated counts and only counts as a whole.",
            kind=Kind.STATE,
        ),
        required("retired", UINT8, Unit.NONE, "1 if a later import took it back.", kind=Kind.STATE),
    ),
)

POISSON_LIMIT = Table(
    name="poisson_limit",
    key=("k",),
    version=VERSION,
    doc="Garwood limits of a Poisson count at two-sided 95 %, for dashboards, which cannot compute them.",
    fields=(
        required("k", UINT32, Unit.COUNT, "Count."),
        gauge("low", FLOAT64, Unit.COUNT, "Lower limit."),
        gauge("high", FLOAT64, Unit.COUNT, "Upper limit."),
    ),
)
