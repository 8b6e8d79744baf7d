"""What a node of 8 GPUs of the H100 kind, InfiniBand ports and NVMe disks tells each tick: tables, devices and readings.

A column that is not here is one that such hardware does not have, and absent in every pack.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from clusterctl.schema import GPU_SAMPLE, HOST_SAMPLE, NIC_SAMPLE, Table
from clusterctl.simulate.readings import Fixed, Flows, Follows, Grows, Number, Rare, Reading, Switches

GPU, PORT, HOST, DISK, MOUNT, LINK = "gpu", "port", "host", "disk", "mount", "link"
"""Kinds of devices; a host is its own one device."""
GIB = float(1 << 30)


@dataclass(frozen=True)
class Told:
    """One table as a node tells it. `texts` names text columns with what gives their dictionary: see `texts`."""

    table: Table
    device: str
    texts: Mapping[str, str]
    readings: Mapping[str, Reading]
    missing: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Devices of which a column has no reading."""


GPU_FAST = Told(
    GPU_SAMPLE,
    GPU,
    {"gpu_uuid": "gpu_uuid", "pci": "gpu_pci", "job_id": "job_id", "job_scheduler": "job_scheduler"},
    {
        "gpu_index": Number(),
        "power_mw": Follows(72_000, 665_000, 9_000, most=699_000),
        "energy_mj": Grows(always=72_000, computing=590_000, moving=120_000),
        "temp_c": Follows(29, 66, 1.2, slow=True),
        "memory_temp_c": Follows(36, 78, 1.2, slow=True),
        "temp_margin_c": Follows(58, 21, 1.2, slow=True),
        "sm_clock_mhz": Follows(1_980, 1_755, 20, most=1_980),
        "memory_clock_mhz": Fixed(2_619),
        "throttle_mask": Switches(1, 4),
        "util_ratio": Follows(0.0, 0.98, 0.01, most=1.0),
        "memory_used_bytes": Follows(2.1 * GIB, 71 * GIB, 4e6, slow=True),
        "memory_total_bytes": Fixed(85_520_809_984),
        "ecc_corrected": Rare(0.05),
        "ecc_uncorrected": Rare(0.0005),
        "remap_pending": Fixed(0),
        "remap_failed": Fixed(0),
        "recovery_action": Fixed(0),
        "pcie_replays": Rare(1.5),
        "power_average_mw": Follows(72_000, 665_000, 4_000, most=699_000),
        "memory_util_ratio": Follows(0.0, 0.44, 0.02, most=1.0),
        "graphics_active_ratio": Follows(0.0, 0.97, 0.01, most=1.0),
        "sm_active_ratio": Follows(0.0, 0.82, 0.02, most=1.0),
        "sm_occupancy_ratio": Follows(0.0, 0.31, 0.02, most=1.0),
        "tensor_active_ratio": Follows(0.0, 0.53, 0.03, most=1.0),
        "dram_active_ratio": Follows(0.0, 0.39, 0.02, most=1.0),
        "pcie_tx_bytes_per_s": Flows(2e5, 2.1e10, 1e8),
        "pcie_rx_bytes_per_s": Flows(2e5, 1.9e10, 1e8),
        "nvlink_rx_bytes_per_s": Follows(0.0, 1.4e11, 2e9),
        "nvlink_tx_bytes_per_s": Follows(0.0, 1.4e11, 2e9),
        "nvml_latency_us": Follows(1_150, 1_400, 130),
    },
)

NIC_FAST = Told(
    NIC_SAMPLE,
    PORT,
    {"port": "port", "link_layer": "link_layer", "pci": "port_pci"},
    {
        "link_up": Fixed(1),
        "rate_mbps": Fixed(400_000),
        "rx_bytes": Grows(always=2_000, moving=4.1e10),
        "tx_bytes": Grows(always=2_000, moving=4.1e10),
        "rx_packets": Grows(always=9, moving=1.02e7),
        "tx_packets": Grows(always=9, moving=1.02e7),
        "symbol_error": Rare(0.4),
        "link_error_recovery": Rare(0.02),
        "link_downed": Rare(0.01),
        "port_rcv_errors": Rare(0.1),
        "port_xmit_discards": Rare(0.1),
        "port_xmit_wait": Grows(moving=2.6e7),
        "local_link_integrity_errors": Fixed(0),
        "excessive_buffer_overrun_errors": Fixed(0),
        "saturated_mask": Fixed(0),
        "port_state": Fixed(4),
        "phys_state": Fixed(5),
        "lanes": Fixed(4),
    },
)

HOST_FAST = Told(
    HOST_SAMPLE,
    HOST,
    {"temp_max_sensor": "hottest"},
    {
        "period_ms": Fixed(1_000),
        "cpu_busy_ratio": Follows(0.01, 0.17, 0.01, most=1.0),
        "load_1m": Follows(1.0, 34.0, 1.5),
        "memory_total_bytes": Fixed(2_164_663_517_184),
        "memory_available_bytes": Follows(1_980 * GIB, 1_560 * GIB, 1e8, slow=True),
        "swap_used_bytes": Fixed(0),
        "disk_read_bytes": Grows(always=4_000, computing=3.1e8),
        "disk_write_bytes": Grows(always=60_000, computing=1.2e7),
        "disk_busy_ms": Grows(always=1.2, computing=180),
        "root_used_ratio": Follows(0.31, 0.32, 0.0005),
        "root_latency_us": Follows(6, 9, 2),
        "psi_cpu_some_us": Grows(always=40, computing=3_000),
        "psi_memory_full_us": Grows(always=0.2),
        "psi_io_full_us": Grows(always=30, computing=900),
        "temp_max_c": Follows(44, 71, 1.0, slow=True),
        "uptime_s": Grows(always=1.0),
        "agent_cpu_ms": Grows(always=4.1),
        "agent_rss_bytes": Follows(6.1e7, 6.1e7, 2e5),
        "spool_bytes": Follows(5.2e5, 5.2e5, 2e5),
        "spool_lost_batches": Fixed(0),
        "ticks_missed": Rare(0.2),
        "psi_cpu_full_us": Fixed(0),
        "psi_memory_some_us": Grows(always=0.4),
        "psi_io_some_us": Grows(always=50, computing=1_400),
        "oom_kills": Fixed(0),
        "procs_blocked": Follows(0, 1, 0.6),
        "procs_running": Follows(2, 40, 3),
        "clock_synchronized": Fixed(1),
        "clock_offset_us": Follows(40, 40, 12),
        "clock_max_error_us": Follows(900, 900, 120),
        "agent_pss_bytes": Follows(4.7e7, 4.7e7, 2e5),
    },
)
FAST = (HOST_FAST, NIC_FAST, GPU_FAST)
"""Each tick, in the order in which an agent numbers its batches."""
