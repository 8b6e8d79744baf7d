-- Schema version 2: what a complete node agent reads. Frozen: a change is a new file.

ALTER TABLE gpu_sample
  ADD COLUMN IF NOT EXISTS power_average_mw Nullable(UInt32) CODEC(T64, ZSTD(1)) AFTER pcie_replays,
  ADD COLUMN IF NOT EXISTS memory_util_ratio Nullable(Float32) CODEC(ZSTD(1)) AFTER power_average_mw,
  ADD COLUMN IF NOT EXISTS graphics_active_ratio Nullable(Float32) CODEC(ZSTD(1)) AFTER memory_util_ratio,
  ADD COLUMN IF NOT EXISTS sm_active_ratio Nullable(Float32) CODEC(ZSTD(1)) AFTER graphics_active_ratio,
  ADD COLUMN IF NOT EXISTS sm_occupancy_ratio Nullable(Float32) CODEC(ZSTD(1)) AFTER sm_active_ratio,
  ADD COLUMN IF NOT EXISTS tensor_active_ratio Nullable(Float32) CODEC(ZSTD(1)) AFTER sm_occupancy_ratio,
  ADD COLUMN IF NOT EXISTS dram_active_ratio Nullable(Float32) CODEC(ZSTD(1)) AFTER tensor_active_ratio,
  ADD COLUMN IF NOT EXISTS pcie_tx_bytes_per_s Nullable(Float32) CODEC(ZSTD(1)) AFTER dram_active_ratio,
  ADD COLUMN IF NOT EXISTS pcie_rx_bytes_per_s Nullable(Float32) CODEC(ZSTD(1)) AFTER pcie_tx_bytes_per_s,
  ADD COLUMN IF NOT EXISTS nvlink_rx_bytes_per_s Nullable(Float32) CODEC(ZSTD(1)) AFTER pcie_rx_bytes_per_s,
  ADD COLUMN IF NOT EXISTS nvlink_tx_bytes_per_s Nullable(Float32) CODEC(ZSTD(1)) AFTER nvlink_rx_bytes_per_s,
  ADD COLUMN IF NOT EXISTS nvml_latency_us Nullable(UInt32) CODEC(ZSTD(1)) AFTER nvlink_tx_bytes_per_s,
  ADD COLUMN IF NOT EXISTS job_id LowCardinality(Nullable(String)) AFTER nvml_latency_us,
  ADD COLUMN IF NOT EXISTS job_scheduler LowCardinality(Nullable(String)) AFTER job_id;

ALTER TABLE nic_sample
  ADD COLUMN IF NOT EXISTS port_state Nullable(UInt8) CODEC(ZSTD(1)) AFTER saturated_mask,
  ADD COLUMN IF NOT EXISTS phys_state Nullable(UInt8) CODEC(ZSTD(1)) AFTER port_state,
  ADD COLUMN IF NOT EXISTS lanes Nullable(UInt8) CODEC(ZSTD(1)) AFTER phys_state;

ALTER TABLE host_sample
  ADD COLUMN IF NOT EXISTS psi_cpu_full_us Nullable(UInt64) CODEC(Delta, ZSTD(1)) AFTER ticks_missed,
  ADD COLUMN IF NOT EXISTS psi_memory_some_us Nullable(UInt64) CODEC(Delta, ZSTD(1)) AFTER psi_cpu_full_us,
  ADD COLUMN IF NOT EXISTS psi_io_some_us Nullable(UInt64) CODEC(Delta, ZSTD(1)) AFTER psi_memory_some_us,
  ADD COLUMN IF NOT EXISTS oom_kills Nullable(UInt64) CODEC(Delta, ZSTD(1)) AFTER psi_io_some_us,
  ADD COLUMN IF NOT EXISTS procs_blocked Nullable(UInt32) CODEC(ZSTD(1)) AFTER oom_kills,
  ADD COLUMN IF NOT EXISTS procs_running Nullable(UInt32) CODEC(ZSTD(1)) AFTER procs_blocked,
  ADD COLUMN IF NOT EXISTS clock_synchronized Nullable(UInt8) CODEC(ZSTD(1)) AFTER procs_running,
  ADD COLUMN IF NOT EXISTS clock_offset_us Nullable(Int32) CODEC(ZSTD(1)) AFTER clock_synchronized,
  ADD COLUMN IF NOT EXISTS clock_max_error_us Nullable(UInt32) CODEC(ZSTD(1)) AFTER clock_offset_us,
  ADD COLUMN IF NOT EXISTS temp_max_sensor LowCardinality(Nullable(String)) AFTER clock_max_error_us,
  ADD COLUMN IF NOT EXISTS agent_pss_bytes Nullable(UInt64) CODEC(ZSTD(1)) AFTER temp_max_sensor;

CREATE TABLE IF NOT EXISTS gpu_link_sample (
  cluster LowCardinality(String),
  host LowCardinality(String),
  boot_id LowCardinality(String),
  seq UInt64 CODEC(Delta, ZSTD(1)),
  ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  gpu_uuid LowCardinality(String),
  gpu_index UInt8 CODEC(ZSTD(1)),
  pci LowCardinality(String),
  pcie_replay_rollovers Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  pcie_l0_to_recovery Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  pcie_correctable_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  pcie_naks_received Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  pcie_receiver_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  pcie_bad_tlps Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  pcie_naks_sent Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  pcie_bad_dllps Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  pcie_nonfatal_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  pcie_fatal_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  pcie_unsupported_requests Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  pcie_lcrc_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  pcie_lane_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  pcie_tx_bytes Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  pcie_rx_bytes Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  sw_power_cap_ns Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  thermal_violation_ns Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  sync_boost_ns Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  sw_thermal_ns Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  hw_thermal_ns Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  hw_power_brake_ns Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  nvlink_links Nullable(UInt8) CODEC(ZSTD(1)),
  nvlink_active_mask Nullable(UInt64) CODEC(ZSTD(1)),
  nvlink_tx_bytes Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  nvlink_rx_bytes Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  nvlink_raw_tx_bytes Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  nvlink_raw_rx_bytes Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  nvlink_replays Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  nvlink_recoveries Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  nvlink_crc_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  nvlink_malformed_packets Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  nvlink_buffer_overruns Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  nvlink_rcv_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  nvlink_rcv_remote_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  nvlink_rcv_general_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  nvlink_local_integrity_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  nvlink_xmit_discards Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  nvlink_recoveries_ok Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  nvlink_recoveries_failed Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  nvlink_recovery_events Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  nvlink_effective_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  nvlink_symbol_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  c2c_error_interrupts Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  c2c_replays Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  c2c_replays_b2b Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  schema_version UInt16 CODEC(ZSTD(1)),
  bus_partition UInt16 CODEC(ZSTD(1)),
  bus_offset UInt64 CODEC(Delta, ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(ts)
ORDER BY (cluster, host, gpu_uuid, ts)
TTL toDateTime(ts) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS gpu_health (
  cluster LowCardinality(String),
  host LowCardinality(String),
  boot_id LowCardinality(String),
  seq UInt64 CODEC(Delta, ZSTD(1)),
  ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  gpu_uuid LowCardinality(String),
  gpu_index UInt8 CODEC(ZSTD(1)),
  pci LowCardinality(String),
  ecc_dram_corrected_volatile Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_dram_corrected_aggregate Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_dram_uncorrected_volatile Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_dram_uncorrected_aggregate Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_sram_corrected_volatile Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_sram_corrected_aggregate Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_sram_uncorrected_volatile Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_sram_uncorrected_aggregate Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_l1_corrected_volatile Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_l1_corrected_aggregate Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_l1_uncorrected_volatile Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_l1_uncorrected_aggregate Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_l2_corrected_volatile Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_l2_corrected_aggregate Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_l2_uncorrected_volatile Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_l2_uncorrected_aggregate Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_register_corrected_volatile Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_register_corrected_aggregate Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_register_uncorrected_volatile Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_register_uncorrected_aggregate Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_texture_corrected_volatile Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_texture_corrected_aggregate Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_texture_uncorrected_volatile Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_texture_uncorrected_aggregate Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_cbu_corrected_volatile Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_cbu_corrected_aggregate Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_cbu_uncorrected_volatile Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_cbu_uncorrected_aggregate Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  sram_parity_volatile Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  sram_secded_volatile Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  sram_parity_aggregate Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  sram_secded_aggregate Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  sram_bucket_l2 Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  sram_bucket_sm Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  sram_bucket_pcie Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  sram_bucket_mcu Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  sram_bucket_other Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  sram_threshold_exceeded Nullable(UInt8) CODEC(ZSTD(1)),
  remapped_corrected Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  remapped_uncorrected Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  remap_pending Nullable(UInt8) CODEC(ZSTD(1)),
  remap_failed Nullable(UInt8) CODEC(ZSTD(1)),
  remap_banks_max Nullable(UInt32) CODEC(ZSTD(1)),
  remap_banks_high Nullable(UInt32) CODEC(ZSTD(1)),
  remap_banks_partial Nullable(UInt32) CODEC(ZSTD(1)),
  remap_banks_low Nullable(UInt32) CODEC(ZSTD(1)),
  remap_banks_none Nullable(UInt32) CODEC(ZSTD(1)),
  retired_pages_sbe Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  retired_pages_dbe Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  retired_pending Nullable(UInt8) CODEC(ZSTD(1)),
  repair_channel_pending Nullable(UInt8) CODEC(ZSTD(1)),
  repair_tpc_pending Nullable(UInt8) CODEC(ZSTD(1)),
  fabric_state Nullable(UInt8) CODEC(ZSTD(1)),
  fabric_status Nullable(UInt32) CODEC(ZSTD(1)),
  fabric_health_mask Nullable(UInt32) CODEC(ZSTD(1)),
  fabric_health_summary Nullable(UInt8) CODEC(ZSTD(1)),
  fabric_clique Nullable(UInt32) CODEC(ZSTD(1)),
  fabric_cluster LowCardinality(Nullable(String)),
  power_limit_mw Nullable(UInt32) CODEC(ZSTD(1)),
  power_limit_default_mw Nullable(UInt32) CODEC(ZSTD(1)),
  power_limit_min_mw Nullable(UInt32) CODEC(ZSTD(1)),
  power_limit_max_mw Nullable(UInt32) CODEC(ZSTD(1)),
  power_smoothing_life_ratio Nullable(Float32) CODEC(ZSTD(1)),
  persistence Nullable(UInt8) CODEC(ZSTD(1)),
  ecc_enabled Nullable(UInt8) CODEC(ZSTD(1)),
  ecc_pending Nullable(UInt8) CODEC(ZSTD(1)),
  mig_mode Nullable(UInt8) CODEC(ZSTD(1)),
  mig_pending Nullable(UInt8) CODEC(ZSTD(1)),
  mig_devices Nullable(UInt8) CODEC(ZSTD(1)),
  pcie_gen Nullable(UInt8) CODEC(ZSTD(1)),
  pcie_gen_max Nullable(UInt8) CODEC(ZSTD(1)),
  pcie_width Nullable(UInt8) CODEC(ZSTD(1)),
  pcie_width_max Nullable(UInt8) CODEC(ZSTD(1)),
  sm_clock_max_mhz Nullable(UInt16) CODEC(ZSTD(1)),
  memory_clock_max_mhz Nullable(UInt16) CODEC(ZSTD(1)),
  temp_slowdown_c Nullable(Int16) CODEC(ZSTD(1)),
  temp_shutdown_c Nullable(Int16) CODEC(ZSTD(1)),
  temp_memory_max_c Nullable(Int16) CODEC(ZSTD(1)),
  margin_slowdown_c Nullable(Int16) CODEC(ZSTD(1)),
  margin_shutdown_c Nullable(Int16) CODEC(ZSTD(1)),
  processes Nullable(UInt16) CODEC(ZSTD(1)),
  schema_version UInt16 CODEC(ZSTD(1)),
  bus_partition UInt16 CODEC(ZSTD(1)),
  bus_offset UInt64 CODEC(Delta, ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(ts)
ORDER BY (cluster, host, gpu_uuid, ts)
TTL toDateTime(ts) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS nvlink_sample (
  cluster LowCardinality(String),
  host LowCardinality(String),
  boot_id LowCardinality(String),
  seq UInt64 CODEC(Delta, ZSTD(1)),
  ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  gpu_uuid LowCardinality(String),
  link UInt8 CODEC(ZSTD(1)),
  link_state Nullable(UInt8) CODEC(ZSTD(1)),
  remote_link Nullable(UInt8) CODEC(ZSTD(1)),
  replays Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  recoveries Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  crc_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  malformed_packets Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  buffer_overruns Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  rcv_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  rcv_remote_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  rcv_general_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  local_integrity_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  xmit_discards Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  recoveries_ok Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  recoveries_failed Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  recovery_events Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  effective_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  symbol_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  effective_ber Nullable(Float32) CODEC(ZSTD(1)),
  symbol_ber Nullable(Float32) CODEC(ZSTD(1)),
  fec_0 Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  fec_1 Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  fec_2 Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  fec_3 Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  fec_4 Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  fec_5 Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  fec_6 Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  fec_7 Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  fec_8 Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  fec_9 Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  fec_10 Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  fec_11 Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  fec_12 Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  fec_13 Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  fec_14 Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  fec_15 Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  schema_version UInt16 CODEC(ZSTD(1)),
  bus_partition UInt16 CODEC(ZSTD(1)),
  bus_offset UInt64 CODEC(Delta, ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(ts)
ORDER BY (cluster, host, gpu_uuid, link, ts)
TTL toDateTime(ts) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS mig_sample (
  cluster LowCardinality(String),
  host LowCardinality(String),
  boot_id LowCardinality(String),
  seq UInt64 CODEC(Delta, ZSTD(1)),
  ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  gpu_uuid LowCardinality(String),
  gpu_instance UInt16 CODEC(ZSTD(1)),
  compute_instance UInt16 CODEC(ZSTD(1)),
  mig_uuid LowCardinality(String),
  memory_used_bytes Nullable(UInt64) CODEC(ZSTD(1)),
  memory_total_bytes Nullable(UInt64) CODEC(ZSTD(1)),
  job_id LowCardinality(Nullable(String)),
  job_scheduler LowCardinality(Nullable(String)),
  graphics_active_ratio Nullable(Float32) CODEC(ZSTD(1)),
  sm_active_ratio Nullable(Float32) CODEC(ZSTD(1)),
  sm_occupancy_ratio Nullable(Float32) CODEC(ZSTD(1)),
  tensor_active_ratio Nullable(Float32) CODEC(ZSTD(1)),
  dram_active_ratio Nullable(Float32) CODEC(ZSTD(1)),
  schema_version UInt16 CODEC(ZSTD(1)),
  bus_partition UInt16 CODEC(ZSTD(1)),
  bus_offset UInt64 CODEC(Delta, ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(ts)
ORDER BY (cluster, host, gpu_uuid, gpu_instance, compute_instance, ts)
TTL toDateTime(ts) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS nic_link_sample (
  cluster LowCardinality(String),
  host LowCardinality(String),
  boot_id LowCardinality(String),
  seq UInt64 CODEC(Delta, ZSTD(1)),
  ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  port LowCardinality(String),
  pci LowCardinality(String),
  port_rcv_remote_physical_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  port_rcv_switch_relay_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  port_xmit_constraint_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  port_rcv_constraint_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  vl15_dropped Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  multicast_rx_packets Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  multicast_tx_packets Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  cnp_sent Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  cnp_handled Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  cnp_ignored Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecn_marked Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  out_of_sequence Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  packet_seq_err Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ack_timeout Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  rnr_nak Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  implied_nak Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  duplicate_request Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  retransmits Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  retransmit_timeouts Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  slow_restart Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  out_of_buffer Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  icrc_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  cqe_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  remote_access_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  unrecoverable_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  pfc_rx_pause Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  pfc_tx_pause Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  pfc_rx_pause_us Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  pfc_tx_pause_us Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  saturated_mask Nullable(UInt32) CODEC(ZSTD(1)),
  schema_version UInt16 CODEC(ZSTD(1)),
  bus_partition UInt16 CODEC(ZSTD(1)),
  bus_offset UInt64 CODEC(Delta, ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(ts)
ORDER BY (cluster, host, port, ts)
TTL toDateTime(ts) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS nic_health (
  cluster LowCardinality(String),
  host LowCardinality(String),
  boot_id LowCardinality(String),
  seq UInt64 CODEC(Delta, ZSTD(1)),
  ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  port LowCardinality(String),
  pci LowCardinality(String),
  phy_rx_discards Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  phy_tx_discards Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  phy_crc_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  phy_symbol_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  phy_corrected_bits Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  phy_link_downs Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  pause_storm_warnings Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  pause_storm_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  pci_stalled_reads Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  pci_stalled_writes Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  module_unplugs Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  module_overheats Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  asic_temp_c Nullable(Int16) CODEC(ZSTD(1)),
  module_temp_c Nullable(Int16) CODEC(ZSTD(1)),
  module_voltage_mv Nullable(UInt16) CODEC(ZSTD(1)),
  module_rx_power_min_uw Nullable(Float32) CODEC(ZSTD(1)),
  module_tx_power_min_uw Nullable(Float32) CODEC(ZSTD(1)),
  module_bias_max_ua Nullable(Float32) CODEC(ZSTD(1)),
  mtu_bytes Nullable(UInt32) CODEC(ZSTD(1)),
  lid Nullable(UInt16) CODEC(ZSTD(1)),
  sm_lid Nullable(UInt16) CODEC(ZSTD(1)),
  vendor Nullable(String) CODEC(ZSTD(1)),
  schema_version UInt16 CODEC(ZSTD(1)),
  bus_partition UInt16 CODEC(ZSTD(1)),
  bus_offset UInt64 CODEC(Delta, ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(ts)
ORDER BY (cluster, host, port, ts)
TTL toDateTime(ts) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS disk_sample (
  cluster LowCardinality(String),
  host LowCardinality(String),
  boot_id LowCardinality(String),
  seq UInt64 CODEC(Delta, ZSTD(1)),
  ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  device LowCardinality(String),
  read_ops Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  write_ops Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  read_bytes Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  write_bytes Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  read_ms Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  write_ms Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  busy_ms Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  in_flight Nullable(UInt32) CODEC(ZSTD(1)),
  schema_version UInt16 CODEC(ZSTD(1)),
  bus_partition UInt16 CODEC(ZSTD(1)),
  bus_offset UInt64 CODEC(Delta, ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(ts)
ORDER BY (cluster, host, device, ts)
TTL toDateTime(ts) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS filesystem_sample (
  cluster LowCardinality(String),
  host LowCardinality(String),
  boot_id LowCardinality(String),
  seq UInt64 CODEC(Delta, ZSTD(1)),
  ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  mount LowCardinality(String),
  device LowCardinality(String),
  fstype LowCardinality(String),
  size_bytes Nullable(UInt64) CODEC(ZSTD(1)),
  free_bytes Nullable(UInt64) CODEC(ZSTD(1)),
  inodes Nullable(UInt64) CODEC(ZSTD(1)),
  inodes_free Nullable(UInt64) CODEC(ZSTD(1)),
  read_only Nullable(UInt8) CODEC(ZSTD(1)),
  latency_us Nullable(UInt32) CODEC(ZSTD(1)),
  hung Nullable(UInt8) CODEC(ZSTD(1)),
  schema_version UInt16 CODEC(ZSTD(1)),
  bus_partition UInt16 CODEC(ZSTD(1)),
  bus_offset UInt64 CODEC(Delta, ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(ts)
ORDER BY (cluster, host, mount, ts)
TTL toDateTime(ts) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS job_mark (
  cluster LowCardinality(String),
  host LowCardinality(String),
  boot_id LowCardinality(String),
  seq UInt64 CODEC(Delta, ZSTD(1)),
  ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  job_id LowCardinality(String),
  mark LowCardinality(String),
  rank UInt32 CODEC(ZSTD(1)),
  count UInt32 CODEC(ZSTD(1)),
  last_ts Nullable(DateTime64(3, 'UTC')) CODEC(Delta, ZSTD(1)),
  step Nullable(UInt64) CODEC(ZSTD(1)),
  last_step Nullable(UInt64) CODEC(ZSTD(1)),
  step_max_us Nullable(UInt64) CODEC(ZSTD(1)),
  size_bytes Nullable(UInt64) CODEC(ZSTD(1)),
  schema_version UInt16 CODEC(ZSTD(1)),
  bus_partition UInt16 CODEC(ZSTD(1)),
  bus_offset UInt64 CODEC(Delta, ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (cluster, host, job_id, rank, mark, ts)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;
