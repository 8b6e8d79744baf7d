"""Samples: wide rows, one per device and tick, every reading nullable."""

from __future__ import annotations

from clusterctl.schema.field import (
    DENSE,
    FLOAT32,
    GROWING,
    INT16,
    INT32,
    NAME,
    PACKED,
    PLANES,
    STEPS,
    UINT8,
    UINT16,
    UINT32,
    UINT32_T64,
    UINT64,
    Unit,
    counter,
    gauge,
    moment,
    required,
    state,
    text,
)
from clusterctl.schema.table import Lane, Table

RAW_TTL = "toDateTime(ts) + INTERVAL 30 DAY"
BY_DAY = "toDate(ts)"
MEASURED = FLOAT32.coded(DENSE)

GPM_GAUGES = (
    ("graphics_active_ratio", Unit.RATIO, "GPM 1: share of time that graphics or compute engines were busy."),
    ("sm_active_ratio", Unit.RATIO, "GPM 2: share of time that an SM had a warp, mean over SMs."),
    ("sm_occupancy_ratio", Unit.RATIO, "GPM 3: resident warps against the most possible."),
    ("tensor_active_ratio", Unit.RATIO, "GPM 5: share of time that tensor pipes were busy."),
    ("dram_active_ratio", Unit.RATIO, "GPM 10: share of the memory bandwidth in use."),
    ("pcie_tx_bytes_per_s", Unit.BYTE_PER_S, "GPM 20: PCIe traffic from the GPU."),
    ("pcie_rx_bytes_per_s", Unit.BYTE_PER_S, "GPM 21: PCIe traffic to the GPU."),
    ("nvlink_rx_bytes_per_s", Unit.BYTE_PER_S, "GPM 60: NVLink traffic to the GPU, all links."),
    ("nvlink_tx_bytes_per_s", Unit.BYTE_PER_S, "GPM 61: NVLink traffic from the GPU, all links."),
)
"""What GPM (Hopper and later) measures between two ticks; ratios to 0.4 % of themselves, rates to 0.8 %."""

GPU_SAMPLE = Table(
    name="gpu_sample",
    key=("cluster", "host", "gpu_uuid", "ts"),
    lane=Lane.SAMPLES,
    partition_by=BY_DAY,
    ttl=RAW_TTL,
    block_bytes=256 << 10,  # 3 % fewer bytes than 64 KiB; one GPU's minutes, all columns, take 8 ms longer to read
    doc="One GPU at one tick. A GPU that did not answer still has a row, with its readings missing.",
    fields=(
        moment("ts", "The tick."),
        text("gpu_uuid", "NVML UUID; an index can be renumbered, this cannot."),
        required("gpu_index", UINT8, Unit.NONE, "NVML index at this tick."),
        text("pci", "PCI address, dddd:bb:dd.f, lower case."),
        gauge("power_mw", UINT32_T64, Unit.MILLIWATT, "Board power, as NVML reports it."),
        counter("energy_mj", "Energy since driver load; restarts at driver reload.", Unit.MILLIJOULE),
        gauge("temp_c", INT16, Unit.CELSIUS, "GPU temperature."),
        gauge("memory_temp_c", INT16, Unit.CELSIUS, "Memory temperature; many boards have none."),
        gauge("temp_margin_c", INT16, Unit.CELSIUS, "Degrees left to the maximum operating temperature."),
        gauge("sm_clock_mhz", UINT16.coded(STEPS), Unit.MEGAHERTZ, "SM clock."),
        gauge("memory_clock_mhz", UINT16, Unit.MEGAHERTZ, "Memory clock."),
        state("throttle_mask", UINT64.coded(PACKED), "Clock event reasons, NVML's bits."),
        gauge(
            "util_ratio", FLOAT32, Unit.RATIO, "Share of time with a kernel running (nvmlDeviceGetUtilizationRates)."
        ),
        gauge("memory_used_bytes", UINT64.coded(GROWING), Unit.BYTE, "Frame buffer in use."),
        gauge("memory_total_bytes", UINT64, Unit.BYTE, "Frame buffer installed."),
        counter("ecc_corrected", "Corrected ECC errors since driver load (volatile)."),
        counter("ecc_uncorrected", "Uncorrected ECC errors since driver load (volatile)."),
        state("remap_pending", UINT8, "1 if a row remapping waits for a reset."),
        state("remap_failed", UINT8, "1 if a row remapping failed."),
        state(
            "recovery_action", UINT8, "NVML field 230: 0 none, 1 GPU reset, 2 reboot, 3 drain P2P, 4 drain and reset."
        ),
        counter("pcie_replays", "PCIe replays (NVML field 94)."),
        gauge("power_average_mw", UINT32_T64, Unit.MILLIWATT, "Board power, mean of a second (field 185).", since=2),
        gauge("memory_util_ratio", MEASURED, Unit.RATIO, "Share of time that memory was read or written.", since=2),
        *(gauge(name, MEASURED, unit, doc, since=2) for name, unit, doc in GPM_GAUGES),
        gauge(
            "nvml_latency_us",
            UINT32.coded(STEPS),
            Unit.MICROSECOND,
            "Time that all NVML calls of this row took.",
            since=2,
        ),
        state("job_id", NAME, "Job that owns the GPU; several, comma-separated, if they share it.", since=2),
        state("job_scheduler", NAME, "slurm or kubernetes; none for a process of neither.", since=2),
    ),
)

NIC_SAMPLE = Table(
    name="nic_sample",
    key=("cluster", "host", "port", "ts"),
    lane=Lane.SAMPLES,
    partition_by=BY_DAY,
    ttl=RAW_TTL,
    doc="One network port at one tick: Ethernet interfaces and InfiniBand or RoCE ports.",
    fields=(
        moment("ts", "The tick."),
        text("port", "Interface name, or device/port for RDMA."),
        text("link_layer", "ethernet, infiniband or roce."),
        text("pci", "PCI address of the device, empty for virtual ones."),
        state("link_up", UINT8, "1 if the link carries, 0 if it is down."),
        gauge("rate_mbps", UINT32, Unit.MEGABIT_PER_S, "Link rate; missing while the link is down."),
        counter("carrier_changes", "Link transitions since the interface appeared."),
        counter("rx_bytes", "Bytes received.", Unit.BYTE),
        counter("tx_bytes", "Bytes sent.", Unit.BYTE),
        counter("rx_packets", "Packets received."),
        counter("tx_packets", "Packets sent."),
        counter("rx_errors", "Receive errors."),
        counter("tx_errors", "Transmit errors."),
        counter("rx_dropped", "Packets dropped on receive."),
        counter("tx_dropped", "Packets dropped on transmit."),
        counter("rx_crc_errors", "Frames with a bad checksum."),
        counter("symbol_error", "InfiniBand minor link errors; 16 bits, sticks at the top."),
        counter("link_error_recovery", "InfiniBand retrains that succeeded; 8 bits, sticks."),
        counter("link_downed", "InfiniBand retrains that failed; 8 bits, sticks."),
        counter("port_rcv_errors", "InfiniBand receive errors; 16 bits, sticks."),
        counter("port_xmit_discards", "InfiniBand discards on transmit; 16 bits, sticks."),
        counter("port_xmit_wait", "InfiniBand ticks with data but no credit; congestion."),
        counter("local_link_integrity_errors", "InfiniBand local errors over the threshold; 4 bits, sticks at 15."),
        counter("excessive_buffer_overrun_errors", "InfiniBand buffer overruns; 4 bits, sticks at 15."),
        state("saturated_mask", UINT32, "Bit n: counter n of SATURATING stands at its top, so its growth is unknown."),
        state("port_state", UINT8, "InfiniBand: 1 down, 2 init, 3 armed, 4 active, 5 active deferred.", since=2),
        state(
            "phys_state", UINT8, "InfiniBand: 2 polling, 3 disabled, 4 training, 5 link up, 6 error recovery.", since=2
        ),
        state("lanes", UINT8, "Lanes in use; fewer than usual is a degraded link.", since=2),
    ),
)

HOST_SAMPLE = Table(
    name="host_sample",
    key=("cluster", "host", "ts"),
    lane=Lane.SAMPLES,
    partition_by=BY_DAY,
    ttl=RAW_TTL,
    doc="One node at one tick, and what the agent costs it.",
    fields=(
        moment("ts", "The tick."),
        required("period_ms", UINT32, Unit.MILLISECOND, "Grid that the agent ticks on."),
        gauge("cpu_busy_ratio", MEASURED, Unit.RATIO, "Share of CPU time not idle since the last tick."),
        gauge("load_1m", FLOAT32, Unit.COUNT, "One-minute load average."),
        gauge("memory_total_bytes", UINT64, Unit.BYTE, "Memory installed."),
        gauge("memory_available_bytes", UINT64.coded(PLANES), Unit.BYTE, "Memory that can be had without swapping."),
        gauge("swap_used_bytes", UINT64, Unit.BYTE, "Swap in use."),
        counter("disk_read_bytes", "Bytes read from all disks.", Unit.BYTE),
        counter("disk_write_bytes", "Bytes written to all disks.", Unit.BYTE),
        counter("disk_busy_ms", "Time that disks were busy, summed over disks.", Unit.MILLISECOND),
        gauge(
            "root_used_ratio", FLOAT32.coded("FPC(12), ZSTD(1)"), Unit.RATIO, "Share of the root file system in use."
        ),
        gauge("root_latency_us", UINT32_T64, Unit.MICROSECOND, "Time of one statvfs on the root file system."),
        counter("psi_cpu_some_us", "Pressure stall: some task waited for CPU.", Unit.MICROSECOND),
        counter("psi_memory_full_us", "Pressure stall: all tasks waited for memory.", Unit.MICROSECOND),
        counter("psi_io_full_us", "Pressure stall: all tasks waited for I/O.", Unit.MICROSECOND),
        gauge("temp_max_c", INT16, Unit.CELSIUS, "Hottest sensor of the host."),
        gauge("uptime_s", UINT32.coded(GROWING), Unit.SECOND, "Seconds since boot."),
        counter("agent_cpu_ms", "CPU time of the agent's processes since they started.", Unit.MILLISECOND),
        gauge("agent_rss_bytes", UINT64, Unit.BYTE, "Resident memory of the agent's processes."),
        gauge("spool_bytes", UINT64.coded(GROWING), Unit.BYTE, "Size of the spool."),
        counter("spool_lost_batches", "Batches that the bounded spool dropped unsent."),
        counter("ticks_missed", "Grid points that the agent could not serve in time."),
        counter("psi_cpu_full_us", "Pressure stall: all tasks waited for CPU.", Unit.MICROSECOND, since=2),
        counter("psi_memory_some_us", "Pressure stall: some task waited for memory.", Unit.MICROSECOND, since=2),
        counter("psi_io_some_us", "Pressure stall: some task waited for I/O.", Unit.MICROSECOND, since=2),
        counter("oom_kills", "Processes that the kernel killed for memory.", since=2),
        gauge("procs_blocked", UINT32_T64, Unit.COUNT, "Tasks in uninterruptible sleep.", since=2),
        gauge("procs_running", UINT32_T64, Unit.COUNT, "Tasks that run or want to.", since=2),
        state("clock_synchronized", UINT8, "1 if the kernel's clock is disciplined, 0 if not.", since=2),
        gauge("clock_offset_us", INT32, Unit.MICROSECOND, "Offset that the time daemon last told the kernel.", since=2),
        gauge(
            "clock_max_error_us",
            UINT32,
            Unit.MICROSECOND,
            "Bound of the clock's error, as the kernel keeps it.",
            since=2,
        ),
        state("temp_max_sensor", NAME, "Chip and label of the hottest sensor.", since=2),
        gauge(
            "agent_pss_bytes", UINT64, Unit.BYTE, "Memory of the agent's processes, shared pages shared out.", since=2
        ),
    ),
)

SATURATING: dict[str, int] = {
    "symbol_error": 16,
    "link_error_recovery": 8,
    "link_downed": 8,
    "port_rcv_errors": 16,
    "port_xmit_discards": 16,
    "local_link_integrity_errors": 4,
    "excessive_buffer_overrun_errors": 4,
}
"""InfiniBand counters of `nic_sample` that stick at the top, with their width in bits (Linux,
drivers/infiniband/core/sysfs.c)."""
