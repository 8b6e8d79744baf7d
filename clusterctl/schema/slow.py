"""Samples that need not be taken each second: links, health, disks. A table a cadence, so that a missing reading means
missing and never "not now"."""

from __future__ import annotations

from clusterctl.schema.field import (
    FLOAT32,
    INT16,
    LONG_TEXT,
    NAME,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    Unit,
    counter,
    gauge,
    moment,
    required,
    state,
    text,
)
from clusterctl.schema.samples import BY_DAY, GPM_GAUGES, RAW_TTL
from clusterctl.schema.table import Lane, Table

PCIE_COUNTERS = (
    ("pcie_replay_rollovers", "PCIe replay counter rollovers (field 95)."),
    ("pcie_l0_to_recovery", "PCIe link retrains (field 169)."),
    ("pcie_correctable_errors", "PCIe correctable errors (field 173)."),
    ("pcie_naks_received", "PCIe NAKs received (field 174)."),
    ("pcie_receiver_errors", "PCIe receiver errors (field 175)."),
    ("pcie_bad_tlps", "PCIe bad TLPs (field 176)."),
    ("pcie_naks_sent", "PCIe NAKs sent (field 177)."),
    ("pcie_bad_dllps", "PCIe bad DLLPs (field 178)."),
    ("pcie_nonfatal_errors", "PCIe non-fatal errors (field 179)."),
    ("pcie_fatal_errors", "PCIe fatal errors (field 180)."),
    ("pcie_unsupported_requests", "PCIe unsupported requests (field 181)."),
    ("pcie_lcrc_errors", "PCIe LCRC errors (field 182)."),
    ("pcie_lane_errors", "PCIe lane errors (field 183)."),
)
THROTTLE_TIMES = (
    ("sw_power_cap_ns", "Time capped for power (field 74); normal under load."),
    ("thermal_violation_ns", "Time capped for heat (field 75)."),
    ("sync_boost_ns", "Time held back for a slower peer of a sync-boost group (field 76)."),
    ("sw_thermal_ns", "Time slowed by software for heat (field moves with the driver)."),
    ("hw_thermal_ns", "Time slowed by hardware for heat (field moves with the driver)."),
    ("hw_power_brake_ns", "Time slowed by the power brake (field moves with the driver)."),
)
LINK_ERRORS = (
    ("replays", "Data-link replays (field 161; up to NVLink 4)."),
    ("recoveries", "Data-link recoveries (field 162; up to NVLink 4)."),
    ("crc_errors", "CRC errors (field 163; up to NVLink 4)."),
    ("malformed_packets", "Malformed packets (field 206; NVLink 5)."),
    ("buffer_overruns", "Buffer overruns (field 207; NVLink 5)."),
    ("rcv_errors", "Receive errors (field 208; NVLink 5)."),
    ("rcv_remote_errors", "Receive errors of the far end (field 209; NVLink 5)."),
    ("rcv_general_errors", "Other receive errors (field 210; NVLink 5)."),
    ("local_integrity_errors", "Local link-integrity errors (field 211; NVLink 5)."),
    ("xmit_discards", "Packets discarded on transmit (field 212; NVLink 5)."),
    ("recoveries_ok", "Link recoveries that succeeded (field 213; NVLink 5)."),
    ("recoveries_failed", "Link recoveries that failed (field 214; NVLink 5)."),
    ("recovery_events", "Link recoveries, all (field 215; NVLink 5)."),
    ("effective_errors", "Errors after correction (field 219; NVLink 5)."),
    ("symbol_errors", "Symbol errors (field 221; NVLink 5)."),
)
FEC_BINS = 16
ECC_PLACES = ("dram", "sram", "l1", "l2", "register", "texture", "cbu")
"""NVML's memory locations, as columns name them."""
ECC_COUNTERS = tuple(
    (
        f"ecc_{place}_{kind}_{span}",
        f"ECC errors, {kind}, {place}, {'since driver load' if span == 'volatile' else 'of a lifetime'}.",
    )
    for place in ECC_PLACES
    for kind in ("corrected", "uncorrected")
    for span in ("volatile", "aggregate")
)

GPU_LINK_SAMPLE = Table(
    name="gpu_link_sample",
    key=("cluster", "host", "gpu_uuid", "ts"),
    lane=Lane.SAMPLES,
    partition_by=BY_DAY,
    ttl=RAW_TTL,
    doc="One GPU every 10 s: PCIe, NVLink and C2C counters, and time spent throttled. Sums over links are missing when a "
    "link that should answer did not.",
    fields=(
        moment("ts", "The tick."),
        text("gpu_uuid", "NVML UUID."),
        required("gpu_index", UINT8, Unit.NONE, "NVML index at this tick."),
        text("pci", "PCI address."),
        *(counter(name, doc, since=2) for name, doc in PCIE_COUNTERS),
        counter("pcie_tx_bytes", "PCIe bytes sent (field 197); may wrap.", Unit.BYTE, since=2),
        counter("pcie_rx_bytes", "PCIe bytes received (field 198); may wrap.", Unit.BYTE, since=2),
        *(counter(name, doc, Unit.NANOSECOND, since=2) for name, doc in THROTTLE_TIMES),
        state("nvlink_links", UINT8, "NVLinks that this GPU has.", since=2),
        state("nvlink_active_mask", UINT64, "Bit n: NVLink n is up (states 1 to 3).", since=2),
        counter("nvlink_tx_bytes", "NVLink payload sent, all links (fields 138, 202).", Unit.BYTE, since=2),
        counter("nvlink_rx_bytes", "NVLink payload received, all links (fields 139, 204).", Unit.BYTE, since=2),
        counter("nvlink_raw_tx_bytes", "NVLink bytes sent with protocol overhead (field 140).", Unit.BYTE, since=2),
        counter("nvlink_raw_rx_bytes", "NVLink bytes received with protocol overhead (field 141).", Unit.BYTE, since=2),
        *(counter(f"nvlink_{name}", f"All links: {doc[0].lower()}{doc[1:]}", since=2) for name, doc in LINK_ERRORS),
        counter("c2c_error_interrupts", "Chip-to-chip link error interrupts (field 231).", since=2),
        counter("c2c_replays", "Chip-to-chip replays (field 232).", since=2),
        counter("c2c_replays_b2b", "Chip-to-chip back-to-back replays (field 233).", since=2),
    ),
)

NVLINK_SAMPLE = Table(
    name="nvlink_sample",
    key=("cluster", "host", "gpu_uuid", "link", "ts"),
    lane=Lane.SAMPLES,
    partition_by=BY_DAY,
    ttl=RAW_TTL,
    doc="One NVLink of one GPU: written when its state or an error counter has changed, and every ten minutes.",
    fields=(
        moment("ts", "The tick."),
        text("gpu_uuid", "NVML UUID."),
        required("link", UINT8, Unit.NONE, "Link number on this GPU."),
        state("link_state", UINT8, "0 inactive, 1 active, 2 sleep, 3 active with traffic off (field 165).", since=2),
        state("remote_link", UINT8, "Number of the link at its far end (field 146).", since=2),
        *(counter(name, doc, since=2) for name, doc in LINK_ERRORS),
        gauge("effective_ber", FLOAT32, Unit.NONE, "Bit error rate after correction (field 220; NVLink 5).", since=2),
        gauge("symbol_ber", FLOAT32, Unit.NONE, "Symbol error rate (field 222; NVLink 5).", since=2),
        *(
            counter(f"fec_{n}", f"Code words with {n} corrected symbols (field {235 + n}).", since=2)
            for n in range(FEC_BINS)
        ),
    ),
)

GPU_HEALTH = Table(
    name="gpu_health",
    key=("cluster", "host", "gpu_uuid", "ts"),
    lane=Lane.SAMPLES,
    partition_by=BY_DAY,
    ttl=RAW_TTL,
    doc="One GPU every 60 s: ECC by location, row remapping, fabric, limits, modes, PCIe link.",
    fields=(
        moment("ts", "The tick."),
        text("gpu_uuid", "NVML UUID."),
        required("gpu_index", UINT8, Unit.NONE, "NVML index at this tick."),
        text("pci", "PCI address."),
        *(counter(name, doc, since=2) for name, doc in ECC_COUNTERS),
        counter("sram_parity_volatile", "Uncorrected SRAM errors seen by parity since driver load.", since=2),
        counter("sram_secded_volatile", "Uncorrected SRAM errors seen by SEC-DED since driver load.", since=2),
        counter("sram_parity_aggregate", "Uncorrected SRAM errors seen by parity in a lifetime.", since=2),
        counter("sram_secded_aggregate", "Uncorrected SRAM errors seen by SEC-DED in a lifetime.", since=2),
        counter("sram_bucket_l2", "Lifetime SRAM errors in the L2 cache.", since=2),
        counter("sram_bucket_sm", "Lifetime SRAM errors in SMs.", since=2),
        counter("sram_bucket_pcie", "Lifetime SRAM errors in the PCIe unit.", since=2),
        counter("sram_bucket_mcu", "Lifetime SRAM errors in microcontrollers.", since=2),
        counter("sram_bucket_other", "Lifetime SRAM errors elsewhere.", since=2),
        state("sram_threshold_exceeded", UINT8, "1 if the GPU says that its SRAM errors are too many.", since=2),
        counter("remapped_corrected", "Rows remapped after corrected errors.", since=2),
        counter("remapped_uncorrected", "Rows remapped after uncorrected errors.", since=2),
        state("remap_pending", UINT8, "1 if a remapping waits for a reset.", since=2),
        state("remap_failed", UINT8, "1 if a remapping failed.", since=2),
        *(
            gauge(f"remap_banks_{level}", UINT32, Unit.COUNT, f"Memory banks with {level} spare rows left.", since=2)
            for level in ("max", "high", "partial", "low", "none")
        ),
        counter("retired_pages_sbe", "Pages retired for single-bit errors (before Ampere).", since=2),
        counter("retired_pages_dbe", "Pages retired for double-bit errors (before Ampere).", since=2),
        state("retired_pending", UINT8, "1 if a page retirement waits for a reboot (before Ampere).", since=2),
        state("repair_channel_pending", UINT8, "1 if a memory channel repair is pending (driver 580 on).", since=2),
        state("repair_tpc_pending", UINT8, "1 if a TPC repair is pending (driver 580 on).", since=2),
        state("fabric_state", UINT8, "0 unsupported, 1 not started, 2 in progress, 3 completed.", since=2),
        state("fabric_status", UINT32, "NVML return code of the registration; at state 3 it must be 0.", since=2),
        state(
            "fabric_health_mask",
            UINT32,
            "NVML fabric health bits, two a fact: 1 true, 2 false, 0 does not apply.",
            since=2,
        ),
        state("fabric_health_summary", UINT8, "1 healthy, 2 unhealthy, 3 limited capacity.", since=2),
        state("fabric_clique", UINT32, "Clique within the NVLink domain.", since=2),
        state("fabric_cluster", NAME, "UUID of the NVLink domain.", since=2),
        gauge("power_limit_mw", UINT32, Unit.MILLIWATT, "Power limit in force (field 190).", since=2),
        gauge("power_limit_default_mw", UINT32, Unit.MILLIWATT, "Default power limit (field 189).", since=2),
        gauge("power_limit_min_mw", UINT32, Unit.MILLIWATT, "Least power limit (field 187).", since=2),
        gauge("power_limit_max_mw", UINT32, Unit.MILLIWATT, "Greatest power limit (field 188).", since=2),
        gauge("power_smoothing_life_ratio", FLOAT32, Unit.RATIO, "Life left in the power-smoothing circuit.", since=2),
        state("persistence", UINT8, "1 if persistence mode is on.", since=2),
        state("ecc_enabled", UINT8, "1 if ECC is on.", since=2),
        state("ecc_pending", UINT8, "ECC mode after the next reset.", since=2),
        state("mig_mode", UINT8, "1 if MIG is on.", since=2),
        state("mig_pending", UINT8, "MIG mode after the next reset.", since=2),
        state("mig_devices", UINT8, "MIG devices on this GPU.", since=2),
        state("pcie_gen", UINT8, "PCIe generation now; idle GPUs lower it on purpose.", since=2),
        state("pcie_gen_max", UINT8, "Greatest PCIe generation of GPU and slot together.", since=2),
        state("pcie_width", UINT8, "PCIe lanes now.", since=2),
        state("pcie_width_max", UINT8, "Greatest PCIe width of GPU and slot together.", since=2),
        gauge("sm_clock_max_mhz", UINT16, Unit.MEGAHERTZ, "Greatest SM clock.", since=2),
        gauge("memory_clock_max_mhz", UINT16, Unit.MEGAHERTZ, "Greatest memory clock.", since=2),
        gauge(
            "temp_slowdown_c", INT16, Unit.CELSIUS, "Temperature at which hardware slows down (before Ada).", since=2
        ),
        gauge("temp_shutdown_c", INT16, Unit.CELSIUS, "Temperature at which the GPU shuts down (before Ada).", since=2),
        gauge("temp_memory_max_c", INT16, Unit.CELSIUS, "Greatest memory temperature.", since=2),
        gauge(
            "margin_slowdown_c",
            INT16,
            Unit.CELSIUS,
            "T.Limit margin at which hardware slows down (field 194).",
            since=2,
        ),
        gauge(
            "margin_shutdown_c", INT16, Unit.CELSIUS, "T.Limit margin at which the GPU shuts down (field 193).", since=2
        ),
        gauge("processes", UINT16, Unit.COUNT, "Compute processes on this GPU.", since=2),
    ),
)

MIG_SAMPLE = Table(
    name="mig_sample",
    key=("cluster", "host", "gpu_uuid", "gpu_instance", "compute_instance", "ts"),
    lane=Lane.SAMPLES,
    partition_by=BY_DAY,
    ttl=RAW_TTL,
    doc="One MIG device every 10 s.",
    fields=(
        moment("ts", "The tick."),
        text("gpu_uuid", "NVML UUID of the GPU that it is a part of."),
        required("gpu_instance", UINT16, Unit.NONE, "GPU instance id, as kernel lines name it."),
        required("compute_instance", UINT16, Unit.NONE, "Compute instance id."),
        text("mig_uuid", "NVML UUID of the MIG device."),
        gauge("memory_used_bytes", UINT64, Unit.BYTE, "Memory in use.", since=2),
        gauge("memory_total_bytes", UINT64, Unit.BYTE, "Memory of the instance.", since=2),
        state("job_id", NAME, "Job that owns it.", since=2),
        state("job_scheduler", NAME, "slurm or kubernetes; none for a process of neither.", since=2),
        *(gauge(name, FLOAT32, unit, doc, since=2) for name, unit, doc in GPM_GAUGES[:5]),
    ),
)

NIC_COUNTERS = (
    ("port_rcv_remote_physical_errors", "InfiniBand packets marked bad by the far end; 16 bits, sticks."),
    ("port_rcv_switch_relay_errors", "InfiniBand packets that a switch could not forward; 16 bits, sticks."),
    ("port_xmit_constraint_errors", "InfiniBand packets refused on transmit; 8 bits, sticks."),
    ("port_rcv_constraint_errors", "InfiniBand packets refused on receive; 8 bits, sticks."),
    ("vl15_dropped", "InfiniBand management packets dropped; 16 bits, sticks."),
    ("multicast_rx_packets", "InfiniBand multicast packets received."),
    ("multicast_tx_packets", "InfiniBand multicast packets sent."),
    ("cnp_sent", "Congestion notifications sent for marked packets that came in."),
    ("cnp_handled", "Congestion notifications that slowed this sender down."),
    ("cnp_ignored", "Congestion notifications that were ignored."),
    ("ecn_marked", "RoCE packets that came in marked for congestion."),
    ("out_of_sequence", "RDMA packets out of order; adaptive routing makes some in health."),
    ("packet_seq_err", "RDMA sequence-error NAKs received."),
    ("ack_timeout", "RDMA acknowledgements that did not come in time."),
    ("rnr_nak", "RDMA receiver-not-ready retries spent; a slow receiver makes them."),
    ("implied_nak", "RDMA NAKs implied by the order of answers."),
    ("duplicate_request", "RDMA requests received twice."),
    ("retransmits", "RDMA packets or requests sent again."),
    ("retransmit_timeouts", "RDMA retransmissions after a timeout."),
    ("slow_restart", "RoCE slow restarts."),
    ("out_of_buffer", "Packets that found no receive buffer posted."),
    ("icrc_errors", "RoCE packets with a bad invariant CRC."),
    ("cqe_errors", "RDMA completions in error, as requester or responder."),
    ("remote_access_errors", "RDMA requests refused by the far end."),
    ("unrecoverable_errors", "RDMA connections that ended in error."),
)
"""InfiniBand and RoCE counters under one name whatever the vendor; agent/probes/nic_names.py maps the vendor's."""

SATURATING_SLOW: dict[str, int] = {
    "port_rcv_remote_physical_errors": 16,
    "port_rcv_switch_relay_errors": 16,
    "port_xmit_constraint_errors": 8,
    "port_rcv_constraint_errors": 8,
    "vl15_dropped": 16,
}
"""InfiniBand counters of `nic_link_sample` that stick at the top, with their width in bits."""

NIC_LINK_SAMPLE = Table(
    name="nic_link_sample",
    key=("cluster", "host", "port", "ts"),
    lane=Lane.SAMPLES,
    partition_by=BY_DAY,
    ttl=RAW_TTL,
    doc="One network port every 10 s: rarer link errors, RDMA transport, congestion and priority flow control.",
    fields=(
        moment("ts", "The tick."),
        text("port", "Interface name, or device/port for RDMA."),
        text("pci", "PCI address of the device, empty for virtual ones."),
        *(counter(name, doc, since=2) for name, doc in NIC_COUNTERS),
        counter("pfc_rx_pause", "PFC pause frames received, all priorities.", since=2),
        counter("pfc_tx_pause", "PFC pause frames sent, all priorities.", since=2),
        counter("pfc_rx_pause_us", "Time paused by the peer, all priorities.", Unit.MICROSECOND, since=2),
        counter("pfc_tx_pause_us", "Time that the peer was paused, all priorities.", Unit.MICROSECOND, since=2),
        state(
            "saturated_mask",
            UINT32,
            "Bit n: counter n of SATURATING_SLOW stands at its top, so its growth is unknown.",
            since=2,
        ),
    ),
)

NIC_HEALTH = Table(
    name="nic_health",
    key=("cluster", "host", "port", "ts"),
    lane=Lane.SAMPLES,
    partition_by=BY_DAY,
    ttl=RAW_TTL,
    doc="One network port every 60 s: optics, temperatures, physical layer, and the vendor's own counters.",
    fields=(
        moment("ts", "The tick."),
        text("port", "Interface name, or device/port for RDMA."),
        text("pci", "PCI address of the device."),
        counter("phy_rx_discards", "Packets dropped for want of buffer at the port.", since=2),
        counter("phy_tx_discards", "Packets dropped on the way out at the port.", since=2),
        counter("phy_crc_errors", "Frames with a bad checksum at the port.", since=2),
        counter("phy_symbol_errors", "Symbol errors that were not corrected.", since=2),
        counter("phy_corrected_bits", "Bits corrected by FEC; high is normal on PAM4.", since=2),
        counter("phy_link_downs", "Link-down events that the NIC counted.", since=2),
        counter("pause_storm_warnings", "Times the NIC was paused for long.", since=2),
        counter("pause_storm_errors", "Times the NIC gave up being paused.", since=2),
        counter("pci_stalled_reads", "Share-of-time counter: reads over PCIe stalled.", since=2),
        counter("pci_stalled_writes", "Share-of-time counter: writes over PCIe stalled.", since=2),
        counter("module_unplugs", "Times the module was unplugged.", since=2),
        counter("module_overheats", "Times the module was too hot.", since=2),
        gauge("asic_temp_c", INT16, Unit.CELSIUS, "Temperature of the NIC.", since=2),
        gauge("module_temp_c", INT16, Unit.CELSIUS, "Temperature of the optical module.", since=2),
        gauge("module_voltage_mv", UINT16, Unit.MILLIVOLT, "Supply of the optical module.", since=2),
        gauge("module_rx_power_min_uw", FLOAT32, Unit.MICROWATT, "Weakest light received, over lanes.", since=2),
        gauge("module_tx_power_min_uw", FLOAT32, Unit.MICROWATT, "Weakest light sent, over lanes.", since=2),
        gauge("module_bias_max_ua", FLOAT32, Unit.MICROAMPERE, "Greatest laser bias, over lanes.", since=2),
        gauge("mtu_bytes", UINT32, Unit.BYTE, "MTU of the interface.", since=2),
        state("lid", UINT16, "InfiniBand LID.", since=2),
        state("sm_lid", UINT16, "LID of the subnet manager.", since=2),
        state("vendor", LONG_TEXT, "Counters under the vendor's own names, a JSON object; bounded.", since=2),
    ),
)

DISK_SAMPLE = Table(
    name="disk_sample",
    key=("cluster", "host", "device", "ts"),
    lane=Lane.SAMPLES,
    partition_by=BY_DAY,
    ttl=RAW_TTL,
    doc="One block device every 10 s. Latency is the growth of time over the growth of operations.",
    fields=(
        moment("ts", "The tick."),
        text("device", "Kernel name, such as nvme0n1."),
        counter("read_ops", "Reads completed.", since=2),
        counter("write_ops", "Writes completed.", since=2),
        counter("read_bytes", "Bytes read.", Unit.BYTE, since=2),
        counter("write_bytes", "Bytes written.", Unit.BYTE, since=2),
        counter("read_ms", "Time spent reading, summed over requests.", Unit.MILLISECOND, since=2),
        counter("write_ms", "Time spent writing, summed over requests.", Unit.MILLISECOND, since=2),
        counter("busy_ms", "Time with a request under way.", Unit.MILLISECOND, since=2),
        gauge("in_flight", UINT32, Unit.COUNT, "Requests under way.", since=2),
    ),
)

FILESYSTEM_SAMPLE = Table(
    name="filesystem_sample",
    key=("cluster", "host", "mount", "ts"),
    lane=Lane.SAMPLES,
    partition_by=BY_DAY,
    ttl=RAW_TTL,
    doc="One mounted file system every 60 s. One that does not answer has a row with `hung` set and no readings.",
    fields=(
        moment("ts", "The tick."),
        text("mount", "Where it is mounted; hostile text, bounded."),
        text("device", "What is mounted."),
        text("fstype", "Type of file system."),
        gauge("size_bytes", UINT64, Unit.BYTE, "Size.", since=2),
        gauge("free_bytes", UINT64, Unit.BYTE, "Space that an unprivileged user can have.", since=2),
        gauge("inodes", UINT64, Unit.COUNT, "Inodes; missing where a file system has no fixed number.", since=2),
        gauge("inodes_free", UINT64, Unit.COUNT, "Inodes left.", since=2),
        state("read_only", UINT8, "1 if mounted read-only.", since=2),
        gauge("latency_us", UINT32, Unit.MICROSECOND, "Time of one statvfs.", since=2),
        state("hung", UINT8, "1 if statvfs did not come back within its deadline.", since=2),
    ),
)
