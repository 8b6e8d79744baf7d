"""What people and schedulers say of nodes and incidents, and what analytics keep between two passes."""

from __future__ import annotations

from clusterctl.schema.field import (
    FLOAT64,
    LONG_TEXT,
    TEXT,
    UINT8,
    UINT16,
    UINT32,
    Kind,
    Unit,
    gauge,
    moment,
    required,
    text,
)
from clusterctl.schema.table import VERSION, Table

NODE_STATE = Table(
    name="node_state",
    key=("cluster", "host", "source", "since"),
    version=VERSION,
    doc="State of a node from `since` until the next row of any source about it: from Slurm, Kubernetes or an operator.",
    fields=(
        text("cluster", "Cluster."),
        text("host", "Node."),
        text("source", "slurm, kubernetes, operator or import:NAME."),
        moment("since", "From when."),
        text("state", "in_service, drained, repair, planned or unknown."),
        text("raw_state", "The source's own word."),
        text("reason", "Why, as the source says; hostile text.", type_=TEXT),
        text("said_by", "Who said it, where known."),
        required("retired", UINT8, Unit.NONE, "1 if a later import took it back.", kind=Kind.STATE),
        gauge(
            "gpus", UINT16, Unit.COUNT, "GPUs of the node, as the source or the store knew then; missing if neither."
        ),
    ),
)

TOLD = Table(
    name="told",
    key=("cluster", "subject", "source", "day"),
    version=VERSION,
    doc="Of which part of a day a source told everything: there, what has no row did not happen; elsewhere it is unknown.",
    fields=(
        text("cluster", "Cluster."),
        text("subject", "jobs or states."),
        text("source", "slurm, kubernetes or import:NAME."),
        moment("day", "Start of the day, UTC."),
        moment("since", "From when on that day."),
        moment("until", "Until when, exclusive."),
    ),
)

INCIDENT_ACTION = Table(
    name="incident_action",
    key=("cluster", "incident_id", "at", "action"),
    version=VERSION,
    doc="What a person did about an incident; never changed, never recomputed.",
    fields=(
        text("cluster", "Cluster."),
        text("incident_id", "Incident.", type_=TEXT),
        moment("at", "When."),
        text("action", "ack, repair, close, reopen or note."),
        text("said_by", "Who."),
        text("node", "Root node at that time, so that the next incident there finds it."),
        text("text", "What was done, in their words.", type_=TEXT),
    ),
)

INCIDENT_JUDGED = Table(
    name="incident_judged",
    key=("cluster", "catalog_version", "incident_id"),
    version=VERSION,
    doc="What each version of the catalogue made of the events: so that two can be compared.",
    fields=(
        text("cluster", "Cluster."),
        text("catalog_version", "Version of the catalogue and of the rules."),
        text("incident_id", "Incident.", type_=TEXT),
        text("class", "As in incident."),
        text("cause", "As in incident."),
        text("impact", "As in incident."),
        text("node", "Root node, or empty."),
        moment("opened_at", "First signal."),
        required("retired", UINT8, Unit.NONE, "1 if it no longer follows under this version.", kind=Kind.STATE),
    ),
)

INCIDENT_RUN = Table(
    name="incident_run",
    key=("cluster",),
    version=VERSION,
    doc="Up to where incidents were computed, and by which rules. The version is the server's clock before it read.",
    fields=(
        text("cluster", "Cluster."),
        text("rules", "Hash of catalogue, windows and code: another one means that everything is computed anew."),
        moment("settled_at", "Whatever was stored before this is in; later rows may not be."),
    ),
)

SLOW_FINDING = Table(
    name="slow_finding",
    key=("cluster", "host", "subject", "metric", "onset"),
    version=VERSION,
    doc="A node, GPU or port measured slower than its peers under the same job, or a job slower than it was, without loss of "
    "service.",
    fields=(
        text("cluster", "Cluster."),
        text("host", "Node; empty for a job."),
        text("subject_kind", "node, gpu, port or job."),
        text("subject", "Host name, GPU UUID, port name or job id."),
        text("metric", "Reading that showed it."),
        moment("onset", "When it began."),
        text("job_id", "Job under which it was compared, or empty."),
        required(
            "slow_ratio",
            FLOAT64,
            Unit.RATIO,
            "How much slower than the peers' median, or of a job than it was: 0.1 is ten percent.",
        ),
        required("confidence_ratio", FLOAT64, Unit.RATIO, "Chance that it is no accident, after all comparisons made."),
        required("peers", UINT32, Unit.COUNT, "Peers that it was compared with."),
        required("retired", UINT8, Unit.NONE, "1 if a later computation took it back.", kind=Kind.STATE),
        text("evidence", "Numbers behind it, JSON object.", type_=LONG_TEXT),
        moment("until", "When it ended; missing while it lasts.", nullable=True),
        gauge(
            "gpu_hours_lost",
            FLOAT64,
            Unit.NONE,
            "GPU-hours that its job lost by it, counted at one finding only; missing when unknown.",
        ),
    ),
)
