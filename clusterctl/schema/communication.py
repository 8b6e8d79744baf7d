"""Time in communication: exact from traces and logs, estimated from telemetry, and what was learned of a job once."""

from __future__ import annotations

from clusterctl.schema.field import FLOAT64, LONG_TEXT, TEXT, UINT32, UINT64, Unit, gauge, moment, required, text
from clusterctl.schema.table import VERSION, Lane, Table

NS = Unit.NANOSECOND

COLLECTIVE = Table(
    name="collective",
    key=("cluster", "job_id", "source", "ts", "scope", "host", "rank"),
    lane=Lane.EVENTS,
    partition_by="toYYYYMM(ts)",
    doc="Time in communication of a rank, or of a job, over one window: exact from what jobs leave behind, estimated with an "
    "interval and a grade from telemetry. Never a bare point from telemetry.",
    fields=(
        moment("ts", "Start of the window."),
        moment("until", "End of the window."),
        text("job_id", "Scheduler's job id, or what whoever brought it called the job."),
        text(
            "source",
            "telemetry, kineto, nsight, nccl_inspector, nccl_profiler, flight_recorder or nccl_debug; import:NAME after a "
            "slash where it was imported.",
        ),
        text("scope", "rank, or job: over all ranks that were seen."),
        text("grade", "exact, A, B, C, D, or none: what the exposed share is worth."),
        text("reason", "Why there is no value, or no better grade.", type_=TEXT),
        text("window", "steps, gpu_span, or telemetry."),
        text("ts_source", "trace, or file: the file's own time, where the trace does not tell the date."),
        text("layout", "Parallel layout in the job's own words, such as tp8.pp4.dp16; empty if nobody said."),
        text("gpu_model", "Product name of the GPU, where known."),
        text("total_mark", "exact, sampled, upper bound, at least, or empty."),
        text("late", "Ranks that the others wait for, comma-separated.", type_=TEXT),
        text("fields", "Further facts as a JSON object: by collective, families, names not placed.", type_=LONG_TEXT),
        required("rank", UINT32, Unit.NONE, "Global rank; 0 for a job."),
        gauge("ranks", UINT32, Unit.COUNT, "Ranks that the values are of."),
        gauge("world_size", UINT32, Unit.COUNT, "Ranks of the job."),
        gauge("steps", UINT32, Unit.COUNT, "Whole steps in the window."),
        gauge("step_us", UINT64, Unit.MICROSECOND, "Mean length of a step, or the period that was detected."),
        gauge("window_ns", UINT64, NS, "Time that the shares are of."),
        gauge("compute_ns", UINT64, NS, "Compute, fused kernels included."),
        gauge("comm_ns", UINT64, NS, "All communication on the GPU."),
        gauge("exposed_ns", UINT64, NS, "Communication with no compute beside it."),
        gauge("overlap_ns", UINT64, NS, "Communication under compute."),
        gauge("memory_ns", UINT64, NS, "Copies and sets."),
        gauge("idle_ns", UINT64, NS, "Nothing on the GPU."),
        gauge("fused_ns", UINT64, NS, "Kernels that compute and communicate in one; part of compute."),
        gauge("wait_ns", UINT64, NS, "Communication that waited for a peer; missing where it was not told."),
        gauge("exposed_wait_ns", UINT64, NS, "Of exposed, waiting for a peer."),
        gauge("exposed_ratio", FLOAT64, Unit.RATIO, "Exposed share; missing where the grade has no point."),
        gauge("exposed_low_ratio", FLOAT64, Unit.RATIO, "Lower end of its 90 % interval."),
        gauge("exposed_high_ratio", FLOAT64, Unit.RATIO, "Upper end of its 90 % interval."),
        gauge("total_ratio", FLOAT64, Unit.RATIO, "Share of all communication, as `total_mark` says."),
        gauge("moving_ratio", FLOAT64, Unit.RATIO, "Below compute with bytes on a link, from telemetry."),
        gauge("silent_ratio", FLOAT64, Unit.RATIO, "Below compute without bytes: waiting or small kernels."),
        gauge("busbw_gbs", FLOAT64, Unit.NONE, "Bus bandwidth of the largest messages, 1e9 bytes/s."),
        gauge("comm_sm_ratio", FLOAT64, Unit.RATIO, "SMs that communication kernels take, of all."),
    ),
)

COMM_CALIBRATION = Table(
    name="comm_calibration",
    key=("cluster", "job_id", "layout", "world_size", "at"),
    version=VERSION,
    doc="The signature of a job and parallel configuration, from one short profile: with it telemetry gives a value.",
    fields=(
        text("cluster", "Cluster."),
        text("job_id", "Job that was profiled."),
        text("layout", "Parallel layout in the job's own words."),
        required("world_size", UINT32, Unit.COUNT, "Ranks of the job."),
        moment("at", "End of the profile."),
        required("ranks", UINT32, Unit.COUNT, "Ranks that it was learned from."),
        text("calibration", "Levels of compute and communication, JSON object.", type_=LONG_TEXT),
    ),
)
