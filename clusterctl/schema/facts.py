"""What happened and what is there: events, inventory, presence, jobs."""

from __future__ import annotations

from clusterctl.schema.field import (
    INT32,
    TEXT,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    UINT64_DELTA,
    Kind,
    Unit,
    gauge,
    moment,
    required,
    state,
    text,
)
from clusterctl.schema.table import Lane, Table

BY_MONTH = "toYYYYMM(ts)"

EVENT = Table(
    name="event",
    key=("cluster", "host", "ts", "source", "boot_id", "source_seq", "kind", "code"),
    lane=Lane.EVENTS,
    partition_by=BY_MONTH,
    doc="One thing that happened, with its original text. A storm is one row with its count.",
    fields=(
        moment("ts", "First time it was seen."),
        moment("last_ts", "Last time it was seen."),
        required("count", UINT32, Unit.COUNT, "How often between the two."),
        text("kind", "xid, sxid, gpu_off_bus, aer, eth_link, blind and others."),
        text("code", "Xid number, or the kind's own word."),
        text("severity", "info, warn, fail or unknown."),
        text("source", "kmsg, nvml, agent, or import:NAME."),
        required(
            "source_seq",
            UINT64_DELTA,
            Unit.NONE,
            "Sequence number at the source; repeats of one are one.",
            kind=Kind.COUNTER,
        ),
        text("pci", "PCI address, dddd:bb:dd.f, or empty."),
        text("gpu_uuid", "GPU, where the address could be resolved."),
        text("process", "Process that the line names; hostile text."),
        text("driver_version", "Driver at that time; codes change meaning with it."),
        text("ts_source", "kernel, wall, or estimated: how far the time can be believed."),
        text("text", "The original text, bounded.", type_=TEXT),
        text("fields", "Parsed details as a JSON object.", type_=TEXT),
        state("pid", INT32, "Process id that the line names."),
        state("job_id", TEXT, "Owning job, where known."),
    ),
)

INVENTORY = Table(
    name="inventory",
    key=("cluster", "host", "subject_kind", "subject", "ts"),
    lane=Lane.EVENTS,
    partition_by=BY_MONTH,
    doc="What a node, GPU or port is since `ts`; a row is written at agent start and whenever something changed.",
    fields=(
        moment("ts", "Since when."),
        text("subject_kind", "node, gpu or port."),
        text("subject", "Host name, GPU UUID or port name."),
        text("model", "Product name."),
        text("serial", "Serial number."),
        text("pci", "PCI address."),
        text("firmware", "VBIOS or NIC firmware version."),
        text("driver_version", "Driver version."),
        text("rack", "Rack, from the configuration."),
        text("fields", "Further facts as a JSON object.", type_=TEXT),
    ),
)

PRESENCE = Table(
    name="presence",
    key=("cluster", "host", "ts"),
    lane=Lane.EVENTS,
    partition_by=BY_MONTH,
    doc="One node-minute: the exposure that fault rates are divided by, and what the agent could not see.",
    fields=(
        moment("ts", "Start of the minute."),
        required("gpus_expected", UINT16, Unit.COUNT, "GPUs on the PCI bus, or as configured: not what NVML sees."),
        required("ticks_expected", UINT16, Unit.COUNT, "Grid points in this minute since the agent started."),
        required("ticks_done", UINT16, Unit.COUNT, "Grid points that were served."),
        required("log_records_lost", UINT32, Unit.COUNT, "Kernel-log records overwritten before they were read."),
        text("node_state", "in_service, drained, repair, planned or unknown."),
        text("blind", "What the agent cannot see, as source:reason, comma-separated."),
        gauge("gpus_seen", UINT16, Unit.COUNT, "GPUs that answered; missing when no driver could be asked."),
        gauge("gpus_in_service", UINT16, Unit.COUNT, "GPUs schedulable or allocated; missing when unknown."),
        gauge("gpus_allocated", UINT16, Unit.COUNT, "GPUs held by running jobs; missing without a scheduler."),
    ),
)

JOB = Table(
    name="job",
    key=("cluster", "job_id", "host", "ts"),
    lane=Lane.EVENTS,
    partition_by=BY_MONTH,
    doc="One job on one node, from its start on this node.",
    fields=(
        moment("ts", "Start on this node."),
        text("job_id", "Scheduler's job id."),
        text("owner", "Who submitted it."),
        text("scheduler", "slurm, kubernetes or none."),
        required("gpus", UINT16, Unit.COUNT, "GPUs of this node that the job holds."),
        text("end_state", "Scheduler's outcome label, a label and never a cause; empty while it runs."),
        moment("ended_at", "End on this node; missing while it runs.", nullable=True),
        state("exit_code", INT32, "Exit code, where known."),
        state("wanted_end", UINT8, "1 if the owner asked for the end."),
        moment("submitted_at", "When it was submitted; missing when unknown.", nullable=True, since=3),
        moment("eligible_at", "When it could have started; missing when unknown.", nullable=True, since=3),
        state("excluded_nodes", TEXT, "Nodes that its owner excluded, comma-separated.", since=3),
    ),
)

JOB_MARK = Table(
    name="job_mark",
    key=("cluster", "host", "job_id", "rank", "mark", "ts"),
    lane=Lane.SAMPLES,
    partition_by=BY_MONTH,
    doc="What a job said of itself: steps, checkpoints, its first step. Steps of one rank are gathered: a row says how many "
    "there were between its two times.",
    fields=(
        moment("ts", "When it was marked; the first of several steps."),
        text("job_id", "Scheduler's job id, or what the job calls itself."),
        text(
            "mark",
            "step, first_step, run_begin, checkpoint_begin, _end, _durable or _failed, restore_ or data_begin, _end.",
        ),
        required("rank", UINT32, Unit.NONE, "Global rank that marked it."),
        required("count", UINT32, Unit.COUNT, "Marks in this row."),
        moment("last_ts", "When the last of them was marked.", nullable=True),
        gauge("step", UINT64, Unit.COUNT, "Step number of the first.", since=2),
        gauge("last_step", UINT64, Unit.COUNT, "Step number of the last.", since=2),
        gauge("step_max_us", UINT64, Unit.MICROSECOND, "Longest time between two steps of this row.", since=2),
        gauge("size_bytes", UINT64, Unit.BYTE, "Size of the checkpoint, if the job said it.", since=2),
    ),
)
