"""What analytics computes of closed hours and days, and keeps for ever: sums and counts, never averages.

A row is computed whole from the rows of its period and replaced whole, never added to. What an hour had no reading of is
NULL, with a count of 0 beside it; `retired` takes back a row that no longer follows from its source.
"""

from __future__ import annotations

from clusterctl.schema.field import (
    FLOAT64,
    INT16,
    TEXT,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    ColumnType,
    Field,
    Kind,
    Unit,
    gauge,
    moment,
    required,
    state,
    text,
)
from clusterctl.schema.samples import GPM_GAUGES
from clusterctl.schema.table import VERSION, Table

RETIRED = required("retired", UINT8, Unit.NONE, "1 if the last computation took the row back.", kind=Kind.STATE)
BY_MONTH_OF_HOUR, BY_MONTH_OF_DAY = "toYYYYMM(hour)", "toYYYYMM(day)"


def _ticks(name: str, doc: str) -> Field:
    return required(name, UINT32, Unit.COUNT, doc)


def _readings(names: tuple[str, ...]) -> tuple[Field, ...]:
    return tuple(_ticks(f"{name}_count", f"Ticks with a reading of {name}.") for name in names)


def _sum(name: str, type_: ColumnType, unit: Unit) -> Field:
    return gauge(f"{name}_sum", type_, unit, f"Sum of {name} over its readings.")


def _extreme(which: str, name: str, type_: ColumnType, unit: Unit) -> Field:
    return gauge(f"{name}_{which}", type_, unit, f"{which.capitalize()}imum of {name}.")


def _grown(name: str, unit: Unit = Unit.COUNT) -> tuple[Field, Field]:
    """A counter of the source: what it grew by, and where it stood, from which the next hour goes on."""
    return (
        gauge(f"{name}_increase", UINT64, unit, f"Growth of {name} since its last reading before this hour."),
        gauge(f"{name}_last", UINT64, unit, f"Last reading of {name}."),
    )


RATIOS = ("util_ratio", "memory_util_ratio", *(name for name, unit, _ in GPM_GAUGES if unit is Unit.RATIO))
RATES = tuple(name for name, unit, _ in GPM_GAUGES if unit is Unit.BYTE_PER_S)
GPU_COUNTERS = ("energy_mj", "ecc_corrected", "ecc_uncorrected", "pcie_replays")
GPU_COUNTED = (
    "power_mw",
    "energy_mj",
    "temp_c",
    "memory_temp_c",
    "temp_margin_c",
    "sm_clock_mhz",
    "memory_clock_mhz",
    "throttle_mask",
    "memory_used_bytes",
    "ecc_uncorrected",
    "nvml_latency_us",
    *RATIOS,
    *RATES,
)
THROTTLES = {
    "sw_power_cap": 0x4,
    "hw_slowdown": 0x8,
    "sync_boost": 0x10,
    "sw_thermal": 0x20,
    "hw_thermal": 0x40,
    "hw_power_brake": 0x80,
}
"""Clock event reasons that cost speed, with NVML's bits."""

GPU_HOUR = Table(
    name="gpu_hour",
    key=("cluster", "host", "gpu_uuid", "boot_id", "hour"),
    version=VERSION,
    partition_by=BY_MONTH_OF_HOUR,
    doc="One GPU in one hour of one boot, from gpu_sample.",
    fields=(
        text("cluster", "Cluster."),
        text("host", "Host name."),
        text("gpu_uuid", "NVML UUID."),
        text("boot_id", "The kernel's boot id."),
        moment("hour", "Start of the hour."),
        moment("first_ts", "First tick."),
        moment("last_ts", "Last tick."),
        _ticks("ticks", "Ticks with a row."),
        _ticks("job_ticks", "Ticks at which a job owned the GPU."),
        _ticks("resets", "Ticks at which a counter stood lower than before: growth across them counts from zero."),
        *(
            _ticks(f"throttle_{name}_ticks", f"Ticks slowed by {name} (bit {bit:#x}).")
            for name, bit in THROTTLES.items()
        ),
        *_readings(GPU_COUNTED),
        RETIRED,
        _sum("power_mw", UINT64, Unit.MILLIWATT),
        _extreme("max", "power_mw", UINT32, Unit.MILLIWATT),
        gauge("temp_c_sum", FLOAT64, Unit.CELSIUS, "Sum of temp_c over its readings."),
        _extreme("max", "temp_c", INT16, Unit.CELSIUS),
        _extreme("max", "memory_temp_c", INT16, Unit.CELSIUS),
        _extreme("min", "temp_margin_c", INT16, Unit.CELSIUS),
        _sum("sm_clock_mhz", UINT64, Unit.MEGAHERTZ),
        _extreme("min", "sm_clock_mhz", UINT16, Unit.MEGAHERTZ),
        _extreme("max", "sm_clock_mhz", UINT16, Unit.MEGAHERTZ),
        _sum("memory_clock_mhz", UINT64, Unit.MEGAHERTZ),
        _sum("memory_used_bytes", UINT64, Unit.BYTE),
        _extreme("max", "memory_used_bytes", UINT64, Unit.BYTE),
        _sum("nvml_latency_us", UINT64, Unit.MICROSECOND),
        _extreme("max", "nvml_latency_us", UINT32, Unit.MICROSECOND),
        *(_sum(name, FLOAT64, Unit.RATIO) for name in RATIOS),
        *(_sum(name, FLOAT64, Unit.BYTE_PER_S) for name in RATES),
        state("remap_pending_max", UINT8, "1 if a row remapping waited for a reset at any tick."),
        state("remap_failed_max", UINT8, "1 if a row remapping failed."),
        state("recovery_action_max", UINT8, "Greatest recovery action asked for."),
        *_grown("energy_mj", Unit.MILLIJOULE),
        *(field for name in GPU_COUNTERS[1:] for field in _grown(name)),
    ),
)

NIC_BYTES = ("rx_bytes", "tx_bytes")
NIC_COUNTERS = (
    "carrier_changes",
    "rx_packets",
    "tx_packets",
    "rx_errors",
    "tx_errors",
    "rx_dropped",
    "tx_dropped",
    "rx_crc_errors",
    "symbol_error",
    "link_error_recovery",
    "link_downed",
    "port_rcv_errors",
    "port_xmit_discards",
    "port_xmit_wait",
    "local_link_integrity_errors",
    "excessive_buffer_overrun_errors",
)

NIC_HOUR = Table(
    name="nic_hour",
    key=("cluster", "host", "port", "boot_id", "hour"),
    version=VERSION,
    partition_by=BY_MONTH_OF_HOUR,
    doc="One network port in one hour of one boot, from nic_sample. The growth of a counter that stood at its top, or of "
    "traffic that may have wrapped, is unknown.",
    fields=(
        text("cluster", "Cluster."),
        text("host", "Host name."),
        text("port", "Interface name, or device/port for RDMA."),
        text("boot_id", "The kernel's boot id."),
        moment("hour", "Start of the hour."),
        text("link_layer", "ethernet, infiniband or roce."),
        moment("first_ts", "First tick."),
        moment("last_ts", "Last tick."),
        _ticks("ticks", "Ticks with a row."),
        _ticks("link_up_count", "Ticks that tell whether the link was up."),
        _ticks("link_up_ticks", "Ticks with the link up."),
        _ticks("resets", "Ticks at which a counter stood lower than before."),
        _ticks("saturated_ticks", "Ticks at which a counter stood at its top."),
        RETIRED,
        gauge("rate_mbps_min", UINT32, Unit.MEGABIT_PER_S, "Minimum of rate_mbps."),
        gauge("rate_mbps_max", UINT32, Unit.MEGABIT_PER_S, "Maximum of rate_mbps."),
        state("saturated_mask", UINT32, "Bit n: counter n of SATURATING stood at its top at some tick."),
        *(field for name in NIC_BYTES for field in _grown(name, Unit.BYTE)),
        *(field for name in NIC_COUNTERS for field in _grown(name)),
    ),
)


def _gpu_minutes(name: str, doc: str, *, since: int = 1) -> Field:
    return gauge(f"gpu_minutes_{name}", UINT64, Unit.COUNT, doc, since=since)


KPI_DAY = Table(
    name="kpi_day",
    key=("cluster", "host", "day"),
    version=VERSION,
    partition_by=BY_MONTH_OF_DAY,
    doc="One node on one UTC day, from presence, node_state and job: what reports sum over node-minutes.",
    fields=(
        text("cluster", "Cluster."),
        text("host", "Host name."),
        moment("day", "Start of the day, UTC."),
        moment("first_minute", "First minute with a row."),
        moment("last_minute", "Last minute with a row."),
        required("node_minutes", UINT32, Unit.COUNT, "Minutes with a row."),
        required("blind_minutes", UINT32, Unit.COUNT, "Minutes in which the agent could not see something."),
        required("ticks_expected", UINT64, Unit.COUNT, "Grid points owed."),
        required("ticks_done", UINT64, Unit.COUNT, "Grid points served."),
        required("log_records_lost", UINT64, Unit.COUNT, "Kernel-log records overwritten unread."),
        required("gpu_minutes_expected", UINT64, Unit.COUNT, "GPU-minutes that the node should have had."),
        required("gpu_minutes_known", UINT64, Unit.COUNT, "Of the expected ones, those whose service state is known."),
        required("gpus_expected_last", UINT16, Unit.COUNT, "GPUs expected in the last minute."),
        text("blind_last", "What the agent could not see in the last minute.", type_=TEXT),
        RETIRED,
        _gpu_minutes("seen", "GPU-minutes that answered; missing when none could be asked."),
        _gpu_minutes("in_service", "GPU-minutes in service; missing when never known."),
        _gpu_minutes("allocated", "GPU-minutes held by jobs; missing without a scheduler."),
        gauge("gpus_seen_last", UINT16, Unit.COUNT, "GPUs that answered in the last minute."),
        gauge(
            "node_minutes_told", UINT32, Unit.COUNT, "Minutes without a heartbeat, told of by states or jobs.", since=3
        ),
        _gpu_minutes("drained", "GPU-minutes drained or in repair; missing where nobody told states.", since=3),
        _gpu_minutes("planned", "GPU-minutes in planned maintenance; missing where nobody told states.", since=3),
        _gpu_minutes("allocation_known", "GPU-minutes of which is known whether a job held them.", since=3),
    ),
)

CLUSTER_DAY = Table(
    name="cluster_day",
    key=("cluster", "day"),
    version=VERSION,
    partition_by=BY_MONTH_OF_DAY,
    doc="One cluster on one UTC day: what cannot be summed over its nodes.",
    fields=(
        text("cluster", "Cluster."),
        moment("day", "Start of the day, UTC."),
        required("minutes", UINT32, Unit.COUNT, "Different minutes in which any node had a row."),
        RETIRED,
    ),
)

NUMBERS = ColumnType("Array(UInt64)", list)

BATCH_DAY = Table(
    name="batch_day",
    key=("cluster", "host", "boot_id", "day"),
    version=VERSION,
    partition_by=BY_MONTH_OF_DAY,
    doc="Batches of samples that arrived of one boot on one UTC day, from every table of the samples stream. Their numbers "
    "are kept as runs, so that days add up although a batch may lie in two.",
    fields=(
        text("cluster", "Cluster."),
        text("host", "Host name."),
        text("boot_id", "The kernel's boot id."),
        moment("day", "Start of the day, UTC."),
        required("batches", UINT64, Unit.COUNT, "Batches that arrived."),
        required("batches_lost", UINT64, Unit.COUNT, "Numbers missing between the first and the last of the day."),
        required("seq_from", NUMBERS, Unit.COUNT, "First number of each run."),
        required("seq_until", NUMBERS, Unit.COUNT, "Number after the last of each run."),
        RETIRED,
    ),
)

ROLLUP_RUN = Table(
    name="rollup_run",
    key=("rollup", "scope", "period"),
    version=VERSION,
    doc="What was rolled up when. The version is the server's clock, in milliseconds, before the source was read.",
    fields=(
        text("rollup", "Table that was computed."),
        text("scope", "period: one hour or day; pass: a whole pass over everything that was due."),
        moment("period", "Start of the hour or day; 1970 for a pass."),
        moment("until", "End of it: of a pass, the end of the last closed period."),
        moment("settled_at", "Whatever was stored before this is in; later rows may not be."),
        required("hosts", UINT32, Unit.COUNT, "Host-periods computed."),
        required("took_ms", UINT32, Unit.MILLISECOND, "Time it took."),
    ),
)
