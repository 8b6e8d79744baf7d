-- Rollups of closed hours and days, what was rolled up when, and an index by which late rows are found. Frozen: a change is a
-- new file.

CREATE TABLE IF NOT EXISTS gpu_hour (
  cluster LowCardinality(String),
  host LowCardinality(String),
  gpu_uuid LowCardinality(String),
  boot_id LowCardinality(String),
  hour DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  first_ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  last_ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  ticks UInt32 CODEC(ZSTD(1)),
  job_ticks UInt32 CODEC(ZSTD(1)),
  resets UInt32 CODEC(ZSTD(1)),
  throttle_sw_power_cap_ticks UInt32 CODEC(ZSTD(1)),
  throttle_hw_slowdown_ticks UInt32 CODEC(ZSTD(1)),
  throttle_sync_boost_ticks UInt32 CODEC(ZSTD(1)),
  throttle_sw_thermal_ticks UInt32 CODEC(ZSTD(1)),
  throttle_hw_thermal_ticks UInt32 CODEC(ZSTD(1)),
  throttle_hw_power_brake_ticks UInt32 CODEC(ZSTD(1)),
  power_mw_count UInt32 CODEC(ZSTD(1)),
  energy_mj_count UInt32 CODEC(ZSTD(1)),
  temp_c_count UInt32 CODEC(ZSTD(1)),
  memory_temp_c_count UInt32 CODEC(ZSTD(1)),
  temp_margin_c_count UInt32 CODEC(ZSTD(1)),
  sm_clock_mhz_count UInt32 CODEC(ZSTD(1)),
  memory_clock_mhz_count UInt32 CODEC(ZSTD(1)),
  throttle_mask_count UInt32 CODEC(ZSTD(1)),
  memory_used_bytes_count UInt32 CODEC(ZSTD(1)),
  ecc_uncorrected_count UInt32 CODEC(ZSTD(1)),
  nvml_latency_us_count UInt32 CODEC(ZSTD(1)),
  util_ratio_count UInt32 CODEC(ZSTD(1)),
  memory_util_ratio_count UInt32 CODEC(ZSTD(1)),
  graphics_active_ratio_count UInt32 CODEC(ZSTD(1)),
  sm_active_ratio_count UInt32 CODEC(ZSTD(1)),
  sm_occupancy_ratio_count UInt32 CODEC(ZSTD(1)),
  tensor_active_ratio_count UInt32 CODEC(ZSTD(1)),
  dram_active_ratio_count UInt32 CODEC(ZSTD(1)),
  pcie_tx_bytes_per_s_count UInt32 CODEC(ZSTD(1)),
  pcie_rx_bytes_per_s_count UInt32 CODEC(ZSTD(1)),
  nvlink_rx_bytes_per_s_count UInt32 CODEC(ZSTD(1)),
  nvlink_tx_bytes_per_s_count UInt32 CODEC(ZSTD(1)),
  retired UInt8 CODEC(ZSTD(1)),
  power_mw_sum Nullable(UInt64) CODEC(ZSTD(1)),
  power_mw_max Nullable(UInt32) CODEC(ZSTD(1)),
  temp_c_sum Nullable(Float64) CODEC(ZSTD(1)),
  temp_c_max Nullable(Int16) CODEC(ZSTD(1)),
  memory_temp_c_max Nullable(Int16) CODEC(ZSTD(1)),
  temp_margin_c_min Nullable(Int16) CODEC(ZSTD(1)),
  sm_clock_mhz_sum Nullable(UInt64) CODEC(ZSTD(1)),
  sm_clock_mhz_min Nullable(UInt16) CODEC(ZSTD(1)),
  sm_clock_mhz_max Nullable(UInt16) CODEC(ZSTD(1)),
  memory_clock_mhz_sum Nullable(UInt64) CODEC(ZSTD(1)),
  memory_used_bytes_sum Nullable(UInt64) CODEC(ZSTD(1)),
  memory_used_bytes_max Nullable(UInt64) CODEC(ZSTD(1)),
  nvml_latency_us_sum Nullable(UInt64) CODEC(ZSTD(1)),
  nvml_latency_us_max Nullable(UInt32) CODEC(ZSTD(1)),
  util_ratio_sum Nullable(Float64) CODEC(ZSTD(1)),
  memory_util_ratio_sum Nullable(Float64) CODEC(ZSTD(1)),
  graphics_active_ratio_sum Nullable(Float64) CODEC(ZSTD(1)),
  sm_active_ratio_sum Nullable(Float64) CODEC(ZSTD(1)),
  sm_occupancy_ratio_sum Nullable(Float64) CODEC(ZSTD(1)),
  tensor_active_ratio_sum Nullable(Float64) CODEC(ZSTD(1)),
  dram_active_ratio_sum Nullable(Float64) CODEC(ZSTD(1)),
  pcie_tx_bytes_per_s_sum Nullable(Float64) CODEC(ZSTD(1)),
  pcie_rx_bytes_per_s_sum Nullable(Float64) CODEC(ZSTD(1)),
  nvlink_rx_bytes_per_s_sum Nullable(Float64) CODEC(ZSTD(1)),
  nvlink_tx_bytes_per_s_sum Nullable(Float64) CODEC(ZSTD(1)),
  remap_pending_max Nullable(UInt8) CODEC(ZSTD(1)),
  remap_failed_max Nullable(UInt8) CODEC(ZSTD(1)),
  recovery_action_max Nullable(UInt8) CODEC(ZSTD(1)),
  energy_mj_increase Nullable(UInt64) CODEC(ZSTD(1)),
  energy_mj_last Nullable(UInt64) CODEC(ZSTD(1)),
  ecc_corrected_increase Nullable(UInt64) CODEC(ZSTD(1)),
  ecc_corrected_last Nullable(UInt64) CODEC(ZSTD(1)),
  ecc_uncorrected_increase Nullable(UInt64) CODEC(ZSTD(1)),
  ecc_uncorrected_last Nullable(UInt64) CODEC(ZSTD(1)),
  pcie_replays_increase Nullable(UInt64) CODEC(ZSTD(1)),
  pcie_replays_last Nullable(UInt64) CODEC(ZSTD(1)),
  version UInt64 CODEC(ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(hour)
ORDER BY (cluster, host, gpu_uuid, boot_id, hour)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS nic_hour (
  cluster LowCardinality(String),
  host LowCardinality(String),
  port LowCardinality(String),
  boot_id LowCardinality(String),
  hour DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  link_layer LowCardinality(String),
  first_ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  last_ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  ticks UInt32 CODEC(ZSTD(1)),
  link_up_count UInt32 CODEC(ZSTD(1)),
  link_up_ticks UInt32 CODEC(ZSTD(1)),
  resets UInt32 CODEC(ZSTD(1)),
  saturated_ticks UInt32 CODEC(ZSTD(1)),
  retired UInt8 CODEC(ZSTD(1)),
  rate_mbps_min Nullable(UInt32) CODEC(ZSTD(1)),
  rate_mbps_max Nullable(UInt32) CODEC(ZSTD(1)),
  saturated_mask Nullable(UInt32) CODEC(ZSTD(1)),
  rx_bytes_increase Nullable(UInt64) CODEC(ZSTD(1)),
  rx_bytes_last Nullable(UInt64) CODEC(ZSTD(1)),
  tx_bytes_increase Nullable(UInt64) CODEC(ZSTD(1)),
  tx_bytes_last Nullable(UInt64) CODEC(ZSTD(1)),
  carrier_changes_increase Nullable(UInt64) CODEC(ZSTD(1)),
  carrier_changes_last Nullable(UInt64) CODEC(ZSTD(1)),
  rx_packets_increase Nullable(UInt64) CODEC(ZSTD(1)),
  rx_packets_last Nullable(UInt64) CODEC(ZSTD(1)),
  tx_packets_increase Nullable(UInt64) CODEC(ZSTD(1)),
  tx_packets_last Nullable(UInt64) CODEC(ZSTD(1)),
  rx_errors_increase Nullable(UInt64) CODEC(ZSTD(1)),
  rx_errors_last Nullable(UInt64) CODEC(ZSTD(1)),
  tx_errors_increase Nullable(UInt64) CODEC(ZSTD(1)),
  tx_errors_last Nullable(UInt64) CODEC(ZSTD(1)),
  rx_dropped_increase Nullable(UInt64) CODEC(ZSTD(1)),
  rx_dropped_last Nullable(UInt64) CODEC(ZSTD(1)),
  tx_dropped_increase Nullable(UInt64) CODEC(ZSTD(1)),
  tx_dropped_last Nullable(UInt64) CODEC(ZSTD(1)),
  rx_crc_errors_increase Nullable(UInt64) CODEC(ZSTD(1)),
  rx_crc_errors_last Nullable(UInt64) CODEC(ZSTD(1)),
  symbol_error_increase Nullable(UInt64) CODEC(ZSTD(1)),
  symbol_error_last Nullable(UInt64) CODEC(ZSTD(1)),
  link_error_recovery_increase Nullable(UInt64) CODEC(ZSTD(1)),
  link_error_recovery_last Nullable(UInt64) CODEC(ZSTD(1)),
  link_downed_increase Nullable(UInt64) CODEC(ZSTD(1)),
  link_downed_last Nullable(UInt64) CODEC(ZSTD(1)),
  port_rcv_errors_increase Nullable(UInt64) CODEC(ZSTD(1)),
  port_rcv_errors_last Nullable(UInt64) CODEC(ZSTD(1)),
  port_xmit_discards_increase Nullable(UInt64) CODEC(ZSTD(1)),
  port_xmit_discards_last Nullable(UInt64) CODEC(ZSTD(1)),
  port_xmit_wait_increase Nullable(UInt64) CODEC(ZSTD(1)),
  port_xmit_wait_last Nullable(UInt64) CODEC(ZSTD(1)),
  local_link_integrity_errors_increase Nullable(UInt64) CODEC(ZSTD(1)),
  local_link_integrity_errors_last Nullable(UInt64) CODEC(ZSTD(1)),
  excessive_buffer_overrun_errors_increase Nullable(UInt64) CODEC(ZSTD(1)),
  excessive_buffer_overrun_errors_last Nullable(UInt64) CODEC(ZSTD(1)),
  version UInt64 CODEC(ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(hour)
ORDER BY (cluster, host, port, boot_id, hour)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS kpi_day (
  cluster LowCardinality(String),
  host LowCardinality(String),
  day DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  first_minute DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  last_minute DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  node_minutes UInt32 CODEC(ZSTD(1)),
  blind_minutes UInt32 CODEC(ZSTD(1)),
  ticks_expected UInt64 CODEC(ZSTD(1)),
  ticks_done UInt64 CODEC(ZSTD(1)),
  log_records_lost UInt64 CODEC(ZSTD(1)),
  gpu_minutes_expected UInt64 CODEC(ZSTD(1)),
  gpu_minutes_known UInt64 CODEC(ZSTD(1)),
  gpus_expected_last UInt16 CODEC(ZSTD(1)),
  blind_last String CODEC(ZSTD(1)),
  retired UInt8 CODEC(ZSTD(1)),
  gpu_minutes_seen Nullable(UInt64) CODEC(ZSTD(1)),
  gpu_minutes_in_service Nullable(UInt64) CODEC(ZSTD(1)),
  gpu_minutes_allocated Nullable(UInt64) CODEC(ZSTD(1)),
  gpus_seen_last Nullable(UInt16) CODEC(ZSTD(1)),
  version UInt64 CODEC(ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (cluster, host, day)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS cluster_day (
  cluster LowCardinality(String),
  day DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  minutes UInt32 CODEC(ZSTD(1)),
  retired UInt8 CODEC(ZSTD(1)),
  version UInt64 CODEC(ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (cluster, day)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS batch_day (
  cluster LowCardinality(String),
  host LowCardinality(String),
  boot_id LowCardinality(String),
  day DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  batches UInt64 CODEC(ZSTD(1)),
  batches_lost UInt64 CODEC(ZSTD(1)),
  seq_from Array(UInt64) CODEC(ZSTD(1)),
  seq_until Array(UInt64) CODEC(ZSTD(1)),
  retired UInt8 CODEC(ZSTD(1)),
  version UInt64 CODEC(ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (cluster, host, boot_id, day)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS rollup_run (
  rollup LowCardinality(String),
  scope LowCardinality(String),
  period DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  until DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  settled_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  hosts UInt32 CODEC(ZSTD(1)),
  took_ms UInt32 CODEC(ZSTD(1)),
  version UInt64 CODEC(ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (rollup, scope, period)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

ALTER TABLE presence ADD INDEX IF NOT EXISTS by_ingested ingested_at TYPE minmax GRANULARITY 1;
ALTER TABLE gpu_sample ADD INDEX IF NOT EXISTS by_ingested ingested_at TYPE minmax GRANULARITY 1;
ALTER TABLE nic_sample ADD INDEX IF NOT EXISTS by_ingested ingested_at TYPE minmax GRANULARITY 1;
ALTER TABLE host_sample ADD INDEX IF NOT EXISTS by_ingested ingested_at TYPE minmax GRANULARITY 1;
ALTER TABLE gpu_link_sample ADD INDEX IF NOT EXISTS by_ingested ingested_at TYPE minmax GRANULARITY 1;
ALTER TABLE gpu_health ADD INDEX IF NOT EXISTS by_ingested ingested_at TYPE minmax GRANULARITY 1;
ALTER TABLE nvlink_sample ADD INDEX IF NOT EXISTS by_ingested ingested_at TYPE minmax GRANULARITY 1;
ALTER TABLE mig_sample ADD INDEX IF NOT EXISTS by_ingested ingested_at TYPE minmax GRANULARITY 1;
ALTER TABLE nic_link_sample ADD INDEX IF NOT EXISTS by_ingested ingested_at TYPE minmax GRANULARITY 1;
ALTER TABLE nic_health ADD INDEX IF NOT EXISTS by_ingested ingested_at TYPE minmax GRANULARITY 1;
ALTER TABLE disk_sample ADD INDEX IF NOT EXISTS by_ingested ingested_at TYPE minmax GRANULARITY 1;
ALTER TABLE filesystem_sample ADD INDEX IF NOT EXISTS by_ingested ingested_at TYPE minmax GRANULARITY 1;
ALTER TABLE job_mark ADD INDEX IF NOT EXISTS by_ingested ingested_at TYPE minmax GRANULARITY 1;
