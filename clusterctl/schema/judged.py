"""What analytics and imports write: incidents, exposure intervals, interval limits."""

from __future__ import annotations

from clusterctl.schema.field import (
    FLOAT64,
    TEXT,
    UINT8,
    UINT32,
    Kind,
    Unit,
    gauge,
    moment,
    required,
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
        text("impact", "fault, degradation or none."),
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
